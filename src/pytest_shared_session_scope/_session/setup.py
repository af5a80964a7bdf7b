"""What happens when pytest calls a shared fixture: the share is acquired, and the value goes to the tests.

One path serves the three ways of writing a fixture; the differences are in its `Style`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._codec import compare, formatting
from pytest_shared_session_scope._engine.share import Acquired, Share
from pytest_shared_session_scope._engine.values import ValueChannel
from pytest_shared_session_scope._run.records import Kind
from pytest_shared_session_scope._session import failures
from pytest_shared_session_scope._session.held import Held, shares_of
from pytest_shared_session_scope._session.identity import describe, identify, is_named, item_of
from pytest_shared_session_scope.errors import DefinitionError, ProtocolError
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
    fixturedef, request = call
    shares = shares_of(request.config.stash[WORKER])
    identity = identify(request, fixturedef, shares.item, definition.function, bound=bool(args), run=shares.worker.run)
    shares.note_current(fixturedef, identity.key)
    if identity.key not in shares.held:
        share = _share(definition, shares, request, fixturedef, identity, kwargs)
        own = {name: value for name, value in kwargs.items() if name in definition.names}
        call = functools.partial(definition.function, *args, **own)
        called = _Call(share, identity, definition.start(share.fixture, call), definition.options)
        _WAYS[share.kind](shares, request, called)
        called.parse(shares)
    return shares.held[identity.key].value


def _share(
    definition: Definition,
    shares: Shares,
    request: pytest.FixtureRequest,
    fixturedef: pytest.FixtureDef[Any],
    identity: Identity,
    kwargs: dict[str, Any],
) -> Share:
    """Return the description of the share for the engine."""
    item = shares.item
    fixture = describe(definition.function, identity.fixture_name, request.config.rootpath)
    options = definition.options
    kind = definition.kind(fixture)
    return Share(
        key=identity.key,
        fixture=identity.fixture,
        fixture_name=identity.fixture_name,
        kind=definition.kind(fixture),
        item=item.nodeid,
        travel=ValueChannel(
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

    share: Share
    identity: Identity
    style: Any
    options: Options

    def keep(acquired: Acquired) -> None:
        held.value, held.is_owner = acquired.value, acquired.is_owner
        shares.add(request, fixturedef, held)

    def parse(self, shares: Shares) -> None:
        """Make of the share's value what tests get in this worker."""
        __tracebackhide__ = True
        if self.options.parse is not None:
            held = shares.held[self.share.key]
            held.value = self.options.parse(held.value)


def _return(shares: Shares, request: pytest.FixtureRequest, call: _Call) -> None:
    __tracebackhide__ = True
    call.keep(shares, request, shares.engine.take(call.share, call.style.create), None)


def _yield_once(shares: Shares, request: pytest.FixtureRequest, call: _Call) -> None:
    __tracebackhide__ = True
    taken = _take(shares, request, call)
    if not taken.is_owner:
        call.keep(shares, request, taken, None)


def _yield_twice(shares: Shares, request: pytest.FixtureRequest, call: _Call) -> None:
    __tracebackhide__ = True
    taken = _take(shares, request, call)
    if not taken.is_owner:
        try:
            _check_yielded(call, call.style.receive(taken.value), taken.value, shares.engine.worker)
        except BaseException:
            shares.engine.abandon(call.share)
            raise
        call.keep(shares, request, taken, call.style.end)


def _check_yielded(call: _Call, yielded: object, sent: object, worker: str) -> None:
    """Every worker's tests get the same value; what a worker makes of it must not be dropped in silence."""
    __tracebackhide__ = True
    if yielded is sent or call.share.travel.holds_objects:
        return
    try:
        _check_yielded(share, style.receive(acquired.value), acquired.value, shares.engine.worker)
    except BaseException:
        shares.engine.abandon(share)
        raise
    keep(acquired)


def _check_yielded(share: Share, yielded: object, sent: object, worker: str) -> None:
    """Refuse a value that differs from the one this worker was sent: every worker's tests get the same value."""
    if yielded is sent or share.travel.holds_objects:
        return
    difference = compare.difference(sent, yielded)
    if difference is not None:
        raise ProtocolError(
            share.fixture,
            f"it yielded another value in worker {worker} than it was sent: {formatting.change(difference)}; yield the "
            f"value that the first yield returned, and use parse= to make something of it in each worker",
        )


# --- a setup that raised, as the other workers see it -----------------------------------------------------


def _take(shares: Shares, request: pytest.FixtureRequest, call: _Call) -> Acquired:
    """Take the share, and keep it if it is set up here.

    What was set up but cannot be shared is cleaned up at once, for nobody else can.
    """
    __tracebackhide__ = True
    style = call.style
    try:
        return shares.engine.take(call.share, style.create, lambda taken: call.keep(shares, request, taken, style.end))
    except BaseException:
        if style.is_set_up and call.share.key not in shares.held:
            style.end(CleanupToken.LAST)
        raise
