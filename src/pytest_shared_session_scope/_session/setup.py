"""What happens when pytest calls a shared fixture: the three ways of writing one, each over the engine."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope._engine.values import Acquired, Share, ValueChannel
from pytest_shared_session_scope._fixtures.generators import OneYield, TwoYields
from pytest_shared_session_scope._run.journal import Kind
from pytest_shared_session_scope._session import failures
from pytest_shared_session_scope._session.held import Held, shares_of
from pytest_shared_session_scope._session.identity import describe, identify, is_named, item_of
from pytest_shared_session_scope.errors import DefinitionError, ProtocolError
from pytest_shared_session_scope.types import CleanupToken

if TYPE_CHECKING:
    import pytest

    from pytest_shared_session_scope._fixtures.definition import Definition, Options
    from pytest_shared_session_scope._session.held import Shares
    from pytest_shared_session_scope._session.identity import Identity

_PLUGIN_IS_MISSING: Final = (
    "it needs the pytest plugin shared_session_scope, which is not loaded; remove -p no:shared_session_scope, or load "
    "it with -p pytest_shared_session_scope.plugin"
)
TIMEOUT_INI: Final = "shared_session_scope_timeout"


def value_of(definition: Definition, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the value that tests get. Called by pytest in place of the decorated function."""
    __tracebackhide__ = True
    request = definition.take_request()
    if request is None:
        raise DefinitionError(definition.described, _PLUGIN_IS_MISSING)
    shares = shares_of(request.config)
    identity = identify(request, definition.function, bound=bool(args), run=shares.state.run)
    shares.note_current(request, identity.key)
    if identity.key not in shares.held:
        share = _share(definition, shares, request, identity, kwargs)
        own = {name: value for name, value in kwargs.items() if name in definition.names}
        call = functools.partial(definition.function, *args, **own)
        called = _Call(share, identity, call, definition.options)
        _WAYS[share.kind](shares, request, called)
        called.parse(shares)
    return shares.held[identity.key].value


def _share(
    definition: Definition,
    shares: Shares,
    request: pytest.FixtureRequest,
    identity: Identity,
    kwargs: dict[str, Any],
) -> Share:
    item = item_of(request)
    fixture = describe(definition.function, identity.fixture_name, request.config.rootpath)
    options = definition.options
    return Share(
        key=identity.key,
        fixture=identity.fixture,
        fixture_name=identity.fixture_name,
        kind=definition.sharing(fixture).kind,
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
        describe_failure=failures.describe_failure,
        replay=failures.replay,
        timeout=_timeout(request.config, options),
        is_dynamic=identity.inherits and not is_named(request),
        depends_on=shares.dependencies_of(request),
        # Set by pytest-rerunfailures, which has no public way to ask.
        is_rerun=getattr(item, "execution_count", 1) > 1,
        value_type=definition.value_type,
        parameters=tuple((parameter.fixture_name, parameter.value) for parameter in identity.parameters),
    )


def _timeout(config: pytest.Config, options: Options) -> float | None:
    if options.timeout is not None:
        return options.timeout
    text: str = config.getini(TIMEOUT_INI)
    return float(text) if text else None


@dataclasses.dataclass(frozen=True)
class _Call:
    """One call of a shared fixture whose share this worker does not hold yet."""

    share: Share
    identity: Identity
    function: Callable[[], Any]
    options: Options

    def keep(self, shares: Shares, request: pytest.FixtureRequest, taken: Acquired, end: Any) -> None:
        """Keep the share until it is let go of."""
        shares.add(request, Held(self.share, self.identity, taken.value, taken.is_owner, end))

    def parse(self, shares: Shares) -> None:
        """Make of the share's value what tests get in this worker."""
        __tracebackhide__ = True
        if self.options.parse is not None:
            held = shares.held[self.share.key]
            held.value = self.options.parse(held.value)


def _return(shares: Shares, request: pytest.FixtureRequest, call: _Call) -> None:
    __tracebackhide__ = True
    call.keep(shares, request, shares.engine.acquire(call.share, call.function), None)


def _yield_once(shares: Shares, request: pytest.FixtureRequest, call: _Call) -> None:
    __tracebackhide__ = True
    run = OneYield(call.share.fixture, call.function)
    taken = _take(shares, request, call, run.set_up, run.end)
    if not taken.is_owner:
        call.keep(shares, request, taken, None)


def _yield_twice(shares: Shares, request: pytest.FixtureRequest, call: _Call) -> None:
    __tracebackhide__ = True
    run = TwoYields(call.share.fixture, call.function, call.options.first)
    taken = _take(shares, request, call, run.create, run.end)
    if not taken.is_owner:
        try:
            _check_yielded(call, run.set_up(taken.value), taken.value, shares.engine.worker)
        except BaseException:
            shares.engine.abandon(call.share)
            raise
        call.keep(shares, request, taken, run.end)


def _check_yielded(call: _Call, yielded: object, sent: object, worker: str) -> None:
    """Every worker's tests get the same value; what a worker makes of it must not be dropped in silence."""
    __tracebackhide__ = True
    if yielded is sent or call.share.channel.holds_objects:
        return
    from pytest_shared_session_scope._codec import compare, formatting

    difference = compare.difference(sent, yielded)
    if difference is not None:
        raise ProtocolError(
            call.share.fixture,
            f"it yielded another value in worker {worker} than it was sent: {formatting.change(difference)}; yield the "
            f"value that the first yield returned, and use parse= to make something of it in each worker",
        )


_WAYS: Final = {Kind.RETURNS: _return, Kind.YIELDS_ONCE: _yield_once, Kind.YIELDS_TWICE: _yield_twice}


def _take(
    shares: Shares,
    request: pytest.FixtureRequest,
    call: _Call,
    set_up: Callable[[], object],
    end: Callable[[CleanupToken], None],
) -> Acquired:
    """Take the share, and keep it if it is set up here.

    What was set up but cannot be shared is cleaned up at once, for nobody else can.
    """
    __tracebackhide__ = True
    is_set_up = False

    def set_up_and_note() -> object:
        nonlocal is_set_up
        __tracebackhide__ = True
        value = set_up()
        is_set_up = True
        return value

    try:
        return shares.engine.acquire(call.share, set_up_and_note, lambda taken: call.keep(shares, request, taken, end))
    except BaseException:
        if is_set_up and call.share.key not in shares.held:
            end(CleanupToken.LAST)
        raise
