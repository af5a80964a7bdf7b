"""What happens when pytest calls a shared fixture: the share is acquired, and the value goes to the tests.

One path serves the three ways of writing a fixture; the differences are in its `Style`.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol

import pytest

from pytest_shared_session_scope._codec import compare, formatting
from pytest_shared_session_scope._engine.values import Acquired, Share, ValueChannel
from pytest_shared_session_scope._run.journal import Failure, Kind
from pytest_shared_session_scope._session.held import Held, Shares, shares_of
from pytest_shared_session_scope._session.identity import Identity, describe, identify
from pytest_shared_session_scope._session.worker import WORKER
from pytest_shared_session_scope.errors import DefinitionError, ProtocolError, SetupFailedError
from pytest_shared_session_scope.types import CleanupToken

if TYPE_CHECKING:
    from pytest_shared_session_scope._codec.codec import Codec

__tracebackhide__ = True  # pytest shows users their own frames

TIMEOUT_INI: Final = "shared_session_scope_timeout"
_PLUGIN_IS_MISSING: Final = (
    "it needs the pytest plugin shared_session_scope, which is not loaded; remove -p no:shared_session_scope, or load "
    "it with -p pytest_shared_session_scope.plugin"
)
_PACKAGE: Final = Path(__file__).parents[1]


class Style(Protocol):
    """One call of a fixture's function, in the way it is written.

    `is_set_up` is true from a successful `create` on: then `end` has something to clean up.
    """

    is_set_up: bool

    def create(self) -> object:
        """Set the value up in this worker, and return it."""
        ...

    def receive(self, value: object) -> object:
        """Go on with the value that another worker set up; return what the function yields for it."""
        ...

    def end(self, token: CleanupToken | None) -> None:
        """Run the code after the last yield."""
        ...


class Definition(Protocol):
    """A decorated function with its options, as far as a setup needs it."""

    function: Callable[..., Any]
    options: Any
    described: str
    names: frozenset[str]
    value_type: str

    def kind(self, fixture: str) -> Kind: ...
    def codec(self, fixture: str) -> Codec: ...
    def start(self, fixture: str, call: Callable[[], Any]) -> Style: ...
    def take_request(self) -> tuple[pytest.FixtureDef[Any], pytest.FixtureRequest] | None: ...


def value_of(definition: Definition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the value that tests get. pytest calls this in place of the decorated function."""
    call = definition.take_request()
    if call is None or WORKER not in call[1].config.stash:
        raise DefinitionError(definition.described, _PLUGIN_IS_MISSING)
    try:
        return _value_of(definition, *call, args, kwargs)
    except (KeyboardInterrupt, SystemExit):
        # A take-over may have to set the fixture up again, which pytest 9.2 refuses after an interrupted setup.
        fixturedef, request = call
        fixturedef.cached_result = (None, None, None)
        fixturedef.finish(request)  # type: ignore[arg-type] # pytest's hooks hand it on as its base class
        raise


def _value_of(
    definition: Definition,
    fixturedef: pytest.FixtureDef[Any],
    request: pytest.FixtureRequest,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    shares = shares_of(request.config.stash[WORKER])
    identity = identify(request, fixturedef, shares.item, definition.function, bound=bool(args), run=shares.worker.run)
    shares.note_current(fixturedef, identity.key)
    if identity.key not in shares.held:
        share = _share(definition, shares, request, fixturedef, identity, kwargs)
        own = {name: value for name, value in kwargs.items() if name in definition.names}
        style = definition.start(identity.fixture, functools.partial(definition.function, *args, **own))
        _acquire(shares, request, fixturedef, Held(share, identity, style))
        if definition.options.parse is not None:
            held = shares.held[identity.key]
            held.value = definition.options.parse(held.value)
    return shares.held[identity.key].value


def _share(
    definition: Definition,
    shares: Shares,
    request: pytest.FixtureRequest,
    fixturedef: pytest.FixtureDef[Any],
    identity: Identity,
    kwargs: dict[str, Any],
) -> Share:
    item = shares.item
    fixture = describe(definition.function, identity.fixture_name, request.config.rootpath)
    options = definition.options
    kind = definition.kind(fixture)
    return Share(
        key=identity.key,
        fixture=identity.fixture,
        fixture_name=identity.fixture_name,
        kind=kind,
        item=item.nodeid,
        channel=ValueChannel(
            fixture=identity.fixture,
            identifier=identity.key,
            codec=definition.codec(fixture),
            store=options.store,
            fixture_values={
                name: kwargs[name] if name in kwargs else request.getfixturevalue(name) for name in options.fixtures
            },
            metadata_storage=options.metadata_storage,
        ),
        describe_failure=describe_failure,
        replay=replay,
        timeout=_timeout(request.config, options.timeout),
        is_dynamic=identity.inherits and not identity.is_named_by(item),
        depends_on=shares.dependencies_of(request, fixturedef),
        # Set by pytest-rerunfailures, which offers no public way to ask.
        is_rerun=getattr(item, "execution_count", 1) > 1,
        value_type=definition.value_type,
        parameters=tuple((parameter.fixture_name, parameter.value) for parameter in identity.parameters),
    )


def _timeout(config: pytest.Config, timeout: float | None) -> float | None:
    if timeout is not None:
        return timeout
    text: str = config.getini(TIMEOUT_INI)
    return float(text) if text else None


def _acquire(shares: Shares, request: pytest.FixtureRequest, fixturedef: pytest.FixtureDef[Any], held: Held) -> None:
    """Acquire the share and hold it until pytest ends the fixture.

    A value that was set up here but cannot be shared is cleaned up at once, for no other worker can do so.
    """
    share, style = held.share, held.style

    def keep(acquired: Acquired) -> None:
        held.value, held.is_owner = acquired.value, acquired.is_owner
        shares.add(request, fixturedef, held)

    try:
        acquired = shares.engine.acquire(share, style.create, keep)
    except BaseException:
        if style.is_set_up and share.key not in shares.held:
            style.end(CleanupToken.LAST)
        raise
    if acquired.is_owner:
        return
    try:
        _check_yielded(share, style.receive(acquired.value), acquired.value, shares.engine.worker)
    except BaseException:
        shares.engine.abandon(share)
        raise
    keep(acquired)


def _check_yielded(share: Share, yielded: object, sent: object, worker: str) -> None:
    """Refuse a value that differs from the one this worker was sent: every worker's tests get the same value."""
    if yielded is sent or share.channel.holds_objects:
        return
    difference = compare.difference(sent, yielded)
    if difference is not None:
        raise ProtocolError(
            share.fixture,
            f"it yielded another value in worker {worker} than it was sent: {formatting.change(difference)}; yield the "
            f"value that the first yield returned, and use parse= to make something of it in each worker",
        )


def describe_failure(error: BaseException) -> Failure:
    """Return what other workers need to know of an exception, its traceback cut to the user's own frames."""
    return Failure(
        outcome=_outcome(error),
        type_name=_type_name(error),
        message=str(getattr(error, "msg", None) or error),
        traceback="".join(_user_traceback(error)),
    )


def replay(failure: Failure, fixture: str, worker: str) -> NoReturn:
    """Raise in this worker what the failure means to pytest."""
    if failure.outcome == "skip":
        pytest.skip(failure.message)
    if failure.outcome == "xfail":
        pytest.xfail(failure.message)
    if failure.outcome == "exit":
        pytest.exit(failure.message)
    if failure.outcome == "fail":
        pytest.fail(f"shared fixture {fixture} failed in worker {worker}: {failure.message}", pytrace=False)
    raise SetupFailedError(
        fixture,
        f"its setup failed in worker {worker}, so it is not tried again: {failure.type_name}: {failure.message}\n\n"
        f"{failure.traceback}",
        worker,
        failure.type_name,
        failure.traceback,
    )


def _outcome(error: BaseException) -> str:
    # `xfail.Exception` is a kind of `fail.Exception`, so it comes first.
    for exception, outcome in (
        (pytest.skip.Exception, "skip"),
        (pytest.xfail.Exception, "xfail"),
        (pytest.fail.Exception, "fail"),
        (pytest.exit.Exception, "exit"),
    ):
        if isinstance(error, exception):
            return outcome
    return "error"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _user_traceback(error: BaseException) -> list[str]:
    whole = traceback.TracebackException.from_exception(error)
    frames = [frame for frame in whole.stack if _PACKAGE not in Path(frame.filename).parents]
    whole.stack = traceback.StackSummary.from_list(frames)
    return list(whole.format())
