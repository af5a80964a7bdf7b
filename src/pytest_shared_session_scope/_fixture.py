"""What happens when pytest calls a shared fixture: the three ways of writing one, each over the engine."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope import _failures, _identity
from pytest_shared_session_scope._annotation import UNANNOTATED, Kind, Sharing, admits_none, sharing_of
from pytest_shared_session_scope._engine import Share
from pytest_shared_session_scope._shares import Held, shares_of
from pytest_shared_session_scope._travel import Travel
from pytest_shared_session_scope.errors import DefinitionError, ProtocolError
from pytest_shared_session_scope.types import CleanupToken, SetupToken, Store

if TYPE_CHECKING:
    import pytest

    from pytest_shared_session_scope._codec import Codec
    from pytest_shared_session_scope._shares import Shares

TIMEOUT_INI: Final = "shared_session_scope_timeout"
_ONCE_INSTEAD: Final = "annotate it -> Iterator[T] to share an ordinary fixture that yields once"
_TWICE_INSTEAD: Final = "annotate it -> SharedGenerator[T] to yield twice"


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


class Definition:
    """A decorated function with its options; the annotation is resolved and the codec built once, when first needed."""

    def __init__(self, function: Callable[..., Any], options: Options, names: frozenset[str], enclosing: Any) -> None:
        self.function = function
        self.options = options
        self._names = names
        self._enclosing = enclosing
        self._sharing: Sharing | None = None
        self._codec: Codec | None = None

    def sharing(self, fixture: str) -> Sharing:
        """Return how the fixture shares. Raises `DefinitionError` for an annotation that does not fit."""
        if self._sharing is None:
            sharing = sharing_of(self.function, fixture, self._enclosing())
            self._check(sharing, fixture)
            self._sharing = sharing
            self._enclosing = dict  # the names of a function's frame are not kept alive longer than needed
        return self._sharing

    def _check(self, sharing: Sharing, fixture: str) -> None:
        twice = sharing.kind is Kind.YIELDS_TWICE
        if twice and self.options.first is None and admits_none(sharing.value_type):
            raise DefinitionError(
                fixture,
                "its value may be None, which the first yield gets where the value has yet to be set up; pass "
                f"first=SetupToken.FIRST to get that token instead, or {_ONCE_INSTEAD}",
            )

    def codec(self, fixture: str) -> Codec:
        """Return the fixture's serializer; imports pydantic."""
        if self._codec is None:
            self._codec = self._build_codec(fixture)
        return self._codec

    def _build_codec(self, fixture: str) -> Codec:
        from pytest_shared_session_scope import _codec

        options = self.options
        holds = getattr(options.store, "holds", "objects")
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
        request: pytest.FixtureRequest = kwargs["request"]
        fixturedef = _identity.fixturedef_of(request)
        fixture = _identity.describe(self.function, fixturedef.argname, request.config.rootpath)
        shares = shares_of(request.config, fixture)
        identity = _identity.identify(request, self.function, bound=bool(args), run=shares.state.run)
        shares.note_current(request, identity.key)
        if identity.key not in shares.held:
            share = self._share(request, identity, fixture, kwargs)
            own = {name: value for name, value in kwargs.items() if name in self._names}
            call = functools.partial(self.function, *args, **own)
            _WAYS[share.kind](self, shares, request, _Call(share, identity, call, self.options))
        return shares.held[identity.key].value

    def _share(
        self, request: pytest.FixtureRequest, identity: _identity.Identity, fixture: str, kwargs: dict[str, Any]
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
                fixture_values={name: kwargs[name] for name in options.fixtures},
                metadata_storage=options.metadata_storage,
            ),
            describe_failure=_failures.describe_failure,
            replay=_failures.replay,
            timeout=_timeout(request.config, options),
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

    def hold(self, shares: Shares, request: pytest.FixtureRequest, data: object, is_owner: bool, end: Any) -> None:
        """Keep the share with what tests get: the data, or what `parse` makes of it in this worker."""
        __tracebackhide__ = True
        held = Held(self.share, self.identity, data, is_owner, end)
        shares.add(request, held)
        if self.options.parse is not None:
            held.value = self.options.parse(data)


def _return(_: Definition, shares: Shares, request: pytest.FixtureRequest, call: _Call) -> None:
    __tracebackhide__ = True
    taken = shares.engine.take(call.share, call.function)
    call.hold(shares, request, taken.value, taken.is_owner, None)


def _yield_once(_: Definition, shares: Shares, request: pytest.FixtureRequest, call: _Call) -> None:
    __tracebackhide__ = True
    run = _OneYield(call.share.fixture, call.function)
    taken = _take(shares, call, run.set_up, run.end)
    call.hold(shares, request, taken.value, taken.is_owner, run.end if taken.is_owner else None)


def _yield_twice(_: Definition, shares: Shares, request: pytest.FixtureRequest, call: _Call) -> None:
    __tracebackhide__ = True
    run = _TwoYields(call.share.fixture, call.function)
    taken = _take(shares, call, functools.partial(run.set_up, call.options.first), run.end)
    if not taken.is_owner:
        try:
            run.set_up(taken.value)
        except BaseException:
            shares.engine.abandon(call.share)
            raise
    call.hold(shares, request, taken.value, taken.is_owner, run.end)


_WAYS: Final = {Kind.RETURNS: _return, Kind.YIELDS_ONCE: _yield_once, Kind.YIELDS_TWICE: _yield_twice}


def _take(shares: Shares, call: _Call, set_up: Callable[[], object], end: Callable[[CleanupToken], None]) -> Any:
    """Take the share; what was set up but cannot be shared is cleaned up at once, for nobody else can."""
    __tracebackhide__ = True
    is_set_up = False

    def set_up_and_note() -> object:
        nonlocal is_set_up
        __tracebackhide__ = True
        value = set_up()
        is_set_up = True
        return value

    try:
        return shares.engine.take(call.share, set_up_and_note)
    except BaseException:
        if is_set_up:
            end(CleanupToken.LAST)
        raise


class _OneYield:
    """The generator of a fixture that yields once; only its owner runs it."""

    def __init__(self, fixture: str, function: Callable[[], Generator[Any, Any, None]]) -> None:
        self._fixture = fixture
        self._function = function

    def set_up(self) -> object:
        __tracebackhide__ = True
        self._generator = self._function()
        try:
            return next(self._generator)
        except StopIteration:
            raise ProtocolError(self._fixture, "it did not yield; it must yield exactly once") from None

    def end(self, _: CleanupToken | None) -> None:
        __tracebackhide__ = True
        try:
            next(self._generator)
        except StopIteration:
            return
        self._generator.close()
        raise ProtocolError(self._fixture, f"it must yield exactly once, and yielded again; {_TWICE_INSTEAD}")


class _TwoYields:
    """The generator of a fixture that yields twice; every worker that takes the share runs one."""

    def __init__(self, fixture: str, function: Callable[[], Generator[Any, Any, None]]) -> None:
        self._fixture = fixture
        self._function = function

    def set_up(self, sent: object) -> object:
        """Run to the second yield, sending the value or what says that there is none yet; return what is yielded."""
        __tracebackhide__ = True
        self._generator = self._function()
        try:
            next(self._generator)
            return self._generator.send(sent)
        except StopIteration:
            raise ProtocolError(
                self._fixture,
                "it must yield exactly twice: once for the value or None, once for the value that tests get; "
                f"{_ONCE_INSTEAD}",
            ) from None

    def end(self, token: CleanupToken | None) -> None:
        __tracebackhide__ = True
        try:
            self._generator.send(token)
        except StopIteration:
            return
        self._generator.close()
        raise ProtocolError(self._fixture, "it must yield exactly twice, and yielded a third time; remove that yield")


def frame_names(frame: types.FrameType | None) -> Callable[[], dict[str, Any]]:
    """Return a function that gives the names of a function's or class's body; of a module's there is no need."""
    if frame is None or frame.f_locals is frame.f_globals:
        return dict
    return lambda: dict(frame.f_locals)
