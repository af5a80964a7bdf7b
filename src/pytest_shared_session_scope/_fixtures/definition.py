"""The definition of a shared fixture: a decorated function with its options, and the checks made when it is defined.

Must not import pydantic, filelock or the engine, which only processes that acquire a share need.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._codec.type_hints import type_name
from pytest_shared_session_scope._fixtures.annotations import (
    UNANNOTATED,
    Sharing,
    admits_none,
    sharing_of,
    undefined,
    value_of_two_yields,
)
from pytest_shared_session_scope._fixtures.generators import (
    NONE_IS_TAKEN,
    ONCE_INSTEAD,
    Returns,
    YieldsOnce,
    YieldsTwice,
)
from pytest_shared_session_scope._run.journal import Kind
from pytest_shared_session_scope._session import identity
from pytest_shared_session_scope.errors import DefinitionError
from pytest_shared_session_scope.store import holds_of
from pytest_shared_session_scope.types import SetupToken, Store

if TYPE_CHECKING:
    from pytest_shared_session_scope._codec.codec import Codec

__tracebackhide__ = True  # pytest shows users their own frames

# A fixture of the installed pytest: before 8.4 a function with attributes, since then an object of a class of its own.
_PYTEST_FIXTURE: Final[object] = pytest.fixture(lambda: None)
_FIRST_IS_NOT_SENT: Final = (
    "its code names SetupToken, but its first yield returns None if the value is not set up yet; pass "
    "first=SetupToken.FIRST to get that token, or compare with None"
)


@dataclasses.dataclass(frozen=True)
class Options:
    """The options that the decorator was called with."""

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
        """The stores' fixtures that the shared fixture takes as parameters.

        pytest checks each parameter of a fixture again in every test, so `tmp_path_factory`, which is never
        parametrized, is requested when the share is acquired. The plugin passes `request` (20 us in pytest 9).
        """
        return [name for name in self.fixtures if name != "tmp_path_factory"]


class Definition:
    """A decorated function with its options. Resolves the annotation and builds the codec once, when first needed.

    `described` names the fixture in messages before pytest calls it, `names` are the parameters of the function,
    `value_type` is the annotated type as text once the annotation is resolved.
    """

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
        self.described = described
        self.names = names
        self.value_type = ""
        self._enclosing = enclosing
        self._sharing: Sharing | None = None
        self._codec: Codec | None = None
        self._request: tuple[pytest.FixtureDef[Any], pytest.FixtureRequest] | None = None

    def note_request(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
        """Keep the request, and the definition pytest made of the fixture, for the call that follows."""
        self._request = fixturedef, request

    def take_request(self) -> tuple[pytest.FixtureDef[Any], pytest.FixtureRequest] | None:
        """Return the noted request, once; None if the plugin is not loaded."""
        request, self._request = self._request, None
        return request

    def value(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the value that tests get. pytest calls this in place of the decorated function."""
        # Saves 25 ms in processes that only collect, such as the controller.
        from pytest_shared_session_scope._session.setup import value_of

        return value_of(self, args, kwargs)

    def check_annotation(self) -> None:
        """Check the annotation, unless it uses names that may be defined later: the first use checks those."""
        with contextlib.suppress(NameError):
            self._resolve(self.described)

    def sharing(self, fixture: str) -> Sharing:
        """Return how the fixture shares. Raises `DefinitionError` for a wrong annotation."""
        try:
            return self._resolve(fixture)
        except NameError as error:
            raise undefined(fixture, error) from None

    def _resolve(self, fixture: str) -> Sharing:
        if self._sharing is None:
            sharing = sharing_of(self.function, fixture, self._enclosing())
            if self.options.first is not None and sharing.kind is Kind.YIELDS_ONCE:
                # Only the first of two yields can return a token; in the later releases of 0.x all generators did so.
                sharing = Sharing(Kind.YIELDS_TWICE, value_of_two_yields(sharing.value_type))
            self._check_first_yield(sharing, fixture)
            self._sharing = sharing
            self.value_type = "" if sharing.value_type is UNANNOTATED else type_name(sharing.value_type)
            self._enclosing = dict  # do not keep the names of a function's frame alive longer than needed
        return self._sharing

    def _check_first_yield(self, sharing: Sharing, fixture: str) -> None:
        if sharing.kind is not Kind.YIELDS_TWICE or self.options.first is not None:
            return
        if names_setup_token(self.function):
            raise DefinitionError(fixture, _FIRST_IS_NOT_SENT)
        if admits_none(sharing.value_type):
            raise DefinitionError(fixture, f"its value may be None, {NONE_IS_TAKEN}, or {ONCE_INSTEAD}")

    def kind(self, fixture: str) -> Kind:
        """Return the fixture's style. Raises `DefinitionError` if the annotation does not fit the function."""
        return self.sharing(fixture).kind

    def start(self, fixture: str, call: Callable[[], Any]) -> Returns | YieldsOnce | YieldsTwice:
        """Return an object that runs one call of the function in the fixture's style."""
        kind = self.kind(fixture)
        if kind is Kind.RETURNS:
            return Returns(fixture, call)
        if kind is Kind.YIELDS_ONCE:
            return YieldsOnce(fixture, call)
        return YieldsTwice(fixture, call, self.options.first)

    def codec(self, fixture: str) -> Codec:
        """Return the fixture's codec; imports pydantic."""
        if self._codec is None:
            self._codec = self._build_codec(fixture)
        return self._codec

    def _build_codec(self, fixture: str) -> Codec:
        # Saves 95 ms, most of it for pydantic, in processes that acquire no typed share.
        from pytest_shared_session_scope._codec.codec import CustomCodec, ObjectCodec, TypedCodec

        options = self.options
        holds = holds_of(options.store)
        if options.serialize is not None and options.deserialize is not None:
            return CustomCodec(options.serialize, options.deserialize, fixture, holds)
        if holds == "objects":
            return ObjectCodec()
        value_type = self.sharing(fixture).value_type
        if value_type is UNANNOTATED:
            return TypedCodec(Any, fixture, is_annotated=False)
        return TypedCodec(value_type, fixture)


def describe(function: Any, name: str | None) -> str:
    """Return the name of a decorated object in messages, with its place if it is a function."""
    real = inspect.unwrap(function) if callable(function) else function
    if inspect.isfunction(real):
        return identity.describe(real, name or real.__name__, Path.cwd())
    return repr(name or getattr(function, "__name__", type(function).__name__))


def is_fixture(function: object) -> bool:
    """Whether `pytest.fixture` has already been applied."""
    return isinstance(function, type(_PYTEST_FIXTURE)) and vars(_PYTEST_FIXTURE).keys() <= vars(function).keys()


def names_setup_token(function: Callable[..., Any]) -> bool:
    """Whether the function's code, or that of a function inside of it, names `SetupToken`; not under another name."""
    return any(_names_setup_token(one.__code__) for one in (function, inspect.unwrap(function)))


def _names_setup_token(code: types.CodeType) -> bool:
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return SetupToken.__name__ in (*code.co_names, *code.co_freevars) or any(map(_names_setup_token, inner))


def check_function(function: object, fixture: str) -> None:
    """Refuse objects that cannot be a shared fixture."""
    if is_fixture(function):
        raise DefinitionError(fixture, "it is a fixture already; remove the other fixture decorator")
    if not inspect.isfunction(function):
        raise DefinitionError(fixture, f"only a function can be a fixture, not a {type(function).__name__}")
    if function.__code__.co_filename == contextlib.__file__:
        raise DefinitionError(
            fixture, "@contextmanager has made it a context manager; remove it: pytest runs the generator itself"
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(
            fixture,
            "an `async def` fixture cannot be shared: its event loop belongs to one worker; share the data from a "
            "plain function (asyncio.run may make it) and open the connection in an async fixture that takes it",
        )


def check_options(fixture: str, *, store: Any, timeout: Any, scope: Any, first: Any) -> None:
    """Refuse options without meaning and objects that do not implement `Store`. None is the default store."""
    if scope is not None:
        raise DefinitionError(fixture, f"scope={scope!r} is not an option: the scope is the session; remove it")
    if isinstance(store, type):
        raise DefinitionError(fixture, f"the store is a class; pass an instance: {store.__name__}()")
    missing = [name for name in ("fixtures", "read", "write", "lock") if not hasattr(store, name)]
    if store is not None and missing:
        lack = f"the store, a {type(store).__name__}, has no {', '.join(missing)}"
        raise DefinitionError(fixture, f"{lack}; implement the protocol types.Store")
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0):
        raise DefinitionError(fixture, f"timeout must be a positive number of seconds, got {timeout!r}")
    if first is not None and first is not SetupToken.FIRST:
        raise DefinitionError(fixture, f"first must be None or SetupToken.FIRST, got {first!r}")


def check_pair(fixture: str, serialize: object, deserialize: object) -> None:
    """Refuse `serialize` without `deserialize`, and the reverse."""
    if (serialize is None) != (deserialize is None):
        given, missing = ("serialize", "deserialize") if deserialize is None else ("deserialize", "serialize")
        raise DefinitionError(fixture, f"it has {given} but no {missing}; pass both, or neither")
