"""What happens when pytest calls a shared fixture: the three ways of writing one, each over the engine."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope import _code, _failures, _identity
from pytest_shared_session_scope._annotation import (
    UNANNOTATED,
    Kind,
    Sharing,
    admits_none,
    name_of,
    sharing_of,
    value_of_two_yields,
)
from pytest_shared_session_scope._generators import (
    FIRST_IS_NOT_SENT,
    NONE_IS_TAKEN,
    ONCE_INSTEAD,
    OneYield,
    TwoYields,
)
from pytest_shared_session_scope._share import Share, Taken
from pytest_shared_session_scope._shares import Held, shares_of
from pytest_shared_session_scope._travel import Travel
from pytest_shared_session_scope.errors import DefinitionError, ProtocolError
from pytest_shared_session_scope.store import holds_of
from pytest_shared_session_scope.types import CleanupToken, SetupToken, Store

if TYPE_CHECKING:
    import pytest

    from pytest_shared_session_scope._codec import Codec
    from pytest_shared_session_scope._shares import Shares

_PLUGIN_IS_MISSING: Final = (
    "it needs the pytest plugin shared_session_scope, which is not loaded; remove -p no:shared_session_scope, or load "
    "it with -p pytest_shared_session_scope.plugin"
)
TIMEOUT_INI: Final = "shared_session_scope_timeout"


@dataclasses.dataclass(frozen=True)
class Options:
    """What the decorator was called with."""

    store: Store[Any]
    serialize: Callable[[Any], Any] | None = None
    deserialize: Callable[[Any], Any] | None = None
    parse: Callable[[Any], Any] | None = None
    first: SetupToken | None = None
    timeout: float | None = None
    metadata_storage: Store[Any] | None = None

    @property
    def fixtures(self) -> list[str]:
        """The names of the fixtures that the stores need, each once."""
        return list(dict.fromkeys([*self.store.fixtures, *getattr(self.metadata_storage, "fixtures", ())]))

    @property
    def named_fixtures(self) -> list[str]:
        """Those of them that the shared fixture takes as parameters.

        In every test pytest looks again at each that a fixture takes, so what nobody parametrizes is asked for when the
        share is taken; `request`, the dearest (20 us in pytest 9), is handed over by the plugin.
        """
        return [name for name in self.fixtures if name != "tmp_path_factory"]


class Definition:
    """A decorated function with its options; the annotation is resolved and the codec built once, when first needed."""

    def __init__(
        self,
        function: Callable[..., Any],
        options: Options,
        names: frozenset[str],
        enclosing: Callable[[], dict[str, Any]],
        described: str,
    ) -> None:
        self.function = function
        self.options = options
        self._described = described
        self._names = names
        self._enclosing = enclosing
        self._sharing: Sharing | None = None
        self._codec: Codec | None = None
        self._value_type = ""
        self._request: pytest.FixtureRequest | None = None

    def note_request(self, request: pytest.FixtureRequest) -> None:
        """Keep the request for the call that follows."""
        self._request = request

    def sharing(self, fixture: str) -> Sharing:
        """Return how the fixture shares. Raises `DefinitionError` for an annotation that does not fit."""
        if self._sharing is None:
            sharing = sharing_of(self.function, fixture, self._enclosing())
            if self.options.first is not None and sharing.kind is Kind.YIELDS_ONCE:
                # Only the first of two yields is sent a token; the later releases had no generators but those.
                sharing = Sharing(Kind.YIELDS_TWICE, value_of_two_yields(sharing.value_type))
            self._check(sharing, fixture)
            self._sharing = sharing
            self._value_type = "" if sharing.value_type is UNANNOTATED else name_of(sharing.value_type)
            self._enclosing = dict  # the names of a function's frame are not kept alive longer than needed
        return self._sharing

    def _check(self, sharing: Sharing, fixture: str) -> None:
        if sharing.kind is not Kind.YIELDS_TWICE or self.options.first is not None:
            return
        if _code.names_setup_token(self.function):
            raise DefinitionError(fixture, FIRST_IS_NOT_SENT)
        if admits_none(sharing.value_type):
            raise DefinitionError(fixture, f"its value may be None, {NONE_IS_TAKEN}, or {ONCE_INSTEAD}")

    def codec(self, fixture: str) -> Codec:
        """Return the fixture's serializer; imports pydantic."""
        if self._codec is None:
            self._codec = self._build_codec(fixture)
        return self._codec

    def _build_codec(self, fixture: str) -> Codec:
        from pytest_shared_session_scope import _codec

        options = self.options
        holds = holds_of(options.store)
        if options.serialize is not None and options.deserialize is not None:
            return _codec.custom_codec(options.serialize, options.deserialize, fixture, holds)
        if holds == "objects":
            return _codec.object_codec()
        value_type = self.sharing(fixture).value_type
        if value_type is UNANNOTATED:
            return _codec.untyped_codec(fixture)
        return _codec.typed_codec(value_type, fixture)

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the value that tests get. Called by pytest in place of the function."""
        __tracebackhide__ = True
        request, self._request = self._request, None
        if request is None:
            raise DefinitionError(self._described, _PLUGIN_IS_MISSING)
        fixturedef = _identity.fixturedef_of(request)
        fixture = _identity.describe(self.function, fixturedef.argname, request.config.rootpath)
        shares = shares_of(request.config)
        identity = _identity.identify(request, self.function, bound=bool(args), run=shares.state.run)
        shares.note_current(request, identity.key)
        if identity.key not in shares.held:
            share = self._share(shares, request, identity, fixture, kwargs)
            own = {name: value for name, value in kwargs.items() if name in self._names}
            call = functools.partial(self.function, *args, **own)
            called = _Call(share, identity, call, self.options)
            _WAYS[share.kind](shares, request, called)
            called.parse(shares)
        return shares.held[identity.key].value

    def _share(
        self,
        shares: Shares,
        request: pytest.FixtureRequest,
        identity: _identity.Identity,
        fixture: str,
        kwargs: dict[str, Any],
    ) -> Share:
        options = self.options
        return Share(
            key=identity.key,
            fixture=identity.fixture,
            fixture_name=identity.fixture_name,
            kind=self.sharing(fixture).kind,
            item=_identity.item_of(request).nodeid,
            travel=Travel(
                fixture=identity.fixture,
                identifier=identity.key,
                codec=self.codec(fixture),
                store=options.store,
                fixture_values={
                    name: kwargs[name] if name in kwargs else request.getfixturevalue(name) for name in options.fixtures
                },
                metadata_storage=options.metadata_storage,
            ),
            describe_failure=_failures.describe_failure,
            replay=_failures.replay,
            timeout=_timeout(request.config, options),
            is_dynamic=identity.inherits and not _identity.is_named(request),
            depends_on=shares.dependencies_of(request),
            # Set by pytest-rerunfailures, which has no public way to ask.
            is_rerun=getattr(_identity.item_of(request), "execution_count", 1) > 1,
            value_type=self._value_type,
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
    identity: _identity.Identity
    function: Callable[[], Any]
    options: Options

    def keep(self, shares: Shares, request: pytest.FixtureRequest, taken: Taken, end: Any) -> None:
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
    call.keep(shares, request, shares.engine.take(call.share, call.function), None)


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
    if yielded is sent or call.share.travel.holds_objects:
        return
    from pytest_shared_session_scope import _guard, _words

    difference = _guard.difference(sent, yielded)
    if difference is not None:
        raise ProtocolError(
            call.share.fixture,
            f"it yielded another value in worker {worker} than it was sent: {_words.change(difference)}; yield the "
            f"value that the first yield returned, and use parse= to make something of it in each worker",
        )


_WAYS: Final = {Kind.RETURNS: _return, Kind.YIELDS_ONCE: _yield_once, Kind.YIELDS_TWICE: _yield_twice}


def _take(
    shares: Shares,
    request: pytest.FixtureRequest,
    call: _Call,
    set_up: Callable[[], object],
    end: Callable[[CleanupToken], None],
) -> Taken:
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
        return shares.engine.take(call.share, set_up_and_note, lambda taken: call.keep(shares, request, taken, end))
    except BaseException:
        if is_set_up and call.share.key not in shares.held:
            end(CleanupToken.LAST)
        raise
