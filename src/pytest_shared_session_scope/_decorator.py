"""The decorators, and what can be checked when they are called. Imports neither pydantic nor filelock."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

import pytest

from pytest_shared_session_scope import _identity
from pytest_shared_session_scope._fixture import Definition, Options, frame_names
from pytest_shared_session_scope.errors import AnnotationError, DefinitionError
from pytest_shared_session_scope.store import FileStore, JsonStore
from pytest_shared_session_scope.types import SetupToken, Store

if TYPE_CHECKING:
    import types

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")
DataT = TypeVar("DataT")

_Ids = Sequence[object | None] | Callable[[Any], object | None]


class SharedFixtureDecorator(Protocol):
    """Turns a function into a shared fixture, whatever the type of its value."""

    @overload
    def __call__(self, function: Callable[P, Generator[T | None, Any, None]], /) -> Callable[P, T]: ...
    @overload
    def __call__(self, function: Callable[P, Iterator[T]], /) -> Callable[P, T]: ...
    @overload
    def __call__(self, function: Callable[P, T], /) -> Callable[P, T]: ...


class TypedFixtureDecorator(Protocol[T, U]):
    """Turns a function whose value is a `T` into a shared fixture whose tests get a `U`."""

    @overload
    def __call__(self, function: Callable[P, Generator[T | None, Any, None]], /) -> Callable[P, U]: ...
    @overload
    def __call__(self, function: Callable[P, Iterator[T]], /) -> Callable[P, U]: ...
    @overload
    def __call__(self, function: Callable[P, T], /) -> Callable[P, U]: ...


@overload
def shared_session_scope_fixture(
    store: Callable[P, Generator[T | None, Any, None]],
) -> Callable[P, T]: ...
@overload
def shared_session_scope_fixture(store: Callable[P, Iterator[T]]) -> Callable[P, T]: ...
@overload
def shared_session_scope_fixture(store: Callable[P, T]) -> Callable[P, T]: ...
@overload
def shared_session_scope_fixture(
    store: Store[DataT] | None = ...,
    *,
    serialize: Callable[[T], DataT],
    deserialize: Callable[[DataT], T],
    parse: Callable[[T], U],
    first: SetupToken | None = ...,
    timeout: float | None = ...,
    metadata_storage: Store[Any] | None = ...,
    params: Iterable[object] | None = ...,
    ids: _Ids | None = ...,
    autouse: bool = ...,
    name: str | None = ...,
) -> TypedFixtureDecorator[T, U]: ...
@overload
def shared_session_scope_fixture(
    store: Store[DataT] | None = ...,
    *,
    serialize: Callable[[T], DataT],
    deserialize: Callable[[DataT], T],
    first: SetupToken | None = ...,
    timeout: float | None = ...,
    metadata_storage: Store[Any] | None = ...,
    params: Iterable[object] | None = ...,
    ids: _Ids | None = ...,
    autouse: bool = ...,
    name: str | None = ...,
) -> TypedFixtureDecorator[T, T]: ...
@overload
def shared_session_scope_fixture(
    store: Store[Any] | None = ...,
    *,
    parse: Callable[[T], U],
    first: SetupToken | None = ...,
    timeout: float | None = ...,
    metadata_storage: Store[Any] | None = ...,
    params: Iterable[object] | None = ...,
    ids: _Ids | None = ...,
    autouse: bool = ...,
    name: str | None = ...,
) -> TypedFixtureDecorator[T, U]: ...
@overload
def shared_session_scope_fixture(
    store: Store[Any] | None = ...,
    *,
    first: SetupToken | None = ...,
    timeout: float | None = ...,
    metadata_storage: Store[Any] | None = ...,
    params: Iterable[object] | None = ...,
    ids: _Ids | None = ...,
    autouse: bool = ...,
    name: str | None = ...,
) -> SharedFixtureDecorator: ...
def shared_session_scope_fixture(
    store: Any = None,
    *,
    serialize: Callable[[Any], Any] | None = None,
    deserialize: Callable[[Any], Any] | None = None,
    parse: Callable[[Any], Any] | None = None,
    first: SetupToken | None = None,
    timeout: float | None = None,
    metadata_storage: Store[Any] | None = None,
    params: Iterable[object] | None = None,
    ids: _Ids | None = None,
    autouse: bool = False,
    name: str | None = None,
    scope: None = None,
) -> Any:
    """Make a session-scoped fixture that is set up once for all pytest-xdist workers of a run, and cleaned up once.

    Use it bare, or call it with options. A function that returns is computed by one worker and read by the others. A
    generator annotated `-> Iterator[T]` (or `Iterable[T]`, `Generator[T, None, None]`) is an ordinary fixture that one
    worker runs. One annotated `-> SharedGenerator[T]`, or not at all, yields twice and is run by every worker: the
    first yield gets None where the value has yet to be set up, else the value; what the second yields is what tests
    get, and it gets `CleanupToken.LAST` in the one worker that has to clean up.

    The value travels by its annotated type, through pydantic; every worker is handed the re-loaded copy.

    Args:
        store: where values are kept; files in the run's directory by default.
        serialize: with `deserialize`, opts out of the annotation: returns what the store is to hold.
        deserialize: returns the value from what the store holds.
        parse: makes what tests get out of the value, in each worker.
        first: `SetupToken.FIRST`, to send that to the first yield instead of None.
        timeout: how long to wait for another worker's setup, in seconds; by default the ini option
            `shared_session_scope_timeout`, else for ever.
        metadata_storage: a store that is handed, for information, what the plugin notes about each setup.
        params: as for `pytest.fixture`.
        ids: as for `pytest.fixture`.
        autouse: as for `pytest.fixture`.
        name: as for `pytest.fixture`.
        scope: is refused: the scope is the session.

    Raises:
        DefinitionError: what is decorated or passed is wrong. Names that the annotation uses need to be there only when
            the fixture is first used.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - CPython's; the annotation may name what only the caller's body knows
    is_bare = callable(store) and not isinstance(store, type) and not hasattr(store, "read")
    options = {"params": params, "ids": ids, "autouse": autouse, "name": name}

    def decorate(function: Any) -> Any:
        fixture = _describe(function, name)
        _check_function(function, fixture)
        _check_options(fixture, store=None if is_bare else store, timeout=timeout, scope=scope, first=first)
        _check_pair(fixture, serialize, deserialize)
        given = Options(
            store=FileStore() if store is None or is_bare else store,
            serialize=serialize,
            deserialize=deserialize,
            parse=parse,
            first=first,
            timeout=timeout,
            metadata_storage=metadata_storage,
        )
        return _make_fixture(function, given, fixture, frame, options)

    if is_bare or _is_fixture(store):
        return decorate(store)
    return decorate


def shared_json_scope_fixture(
    store: Any = None,
    *,
    serialize: Callable[[Any], Any] | None = None,
    deserialize: Callable[[Any], Any] | None = None,
    **options: Any,
) -> Any:
    """Make a shared fixture: `shared_session_scope_fixture` under the name that the first release had.

    What `serialize` returns may be any JSON value.
    """
    if store is None and (serialize is not None or deserialize is not None):
        store = JsonStore()
    return shared_session_scope_fixture(store, serialize=serialize, deserialize=deserialize, **options)


def _describe(function: Any, name: str | None) -> str:
    real = inspect.unwrap(function) if callable(function) else function
    if not inspect.isfunction(real):
        return repr(name or getattr(function, "__name__", type(function).__name__))
    return _identity.describe(real, name or real.__name__, Path.cwd())


def _is_fixture(function: object) -> bool:
    # pytest 8.4 made fixtures objects of their own; before that it marked the function.
    kind = getattr(pytest, "FixtureFunctionDefinition", ())
    return isinstance(function, kind) or hasattr(function, "_pytestfixturefunction")


def _check_function(function: object, fixture: str) -> None:
    if _is_fixture(function):
        raise DefinitionError(fixture, "it is a fixture already; remove the other fixture decorator")
    if not inspect.isfunction(function):
        raise DefinitionError(fixture, f"only a function can be a fixture, not a {type(function).__name__}")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(
            fixture,
            "an `async def` fixture cannot be shared: its event loop belongs to one worker; share the data from a plain "
            "function (asyncio.run may make it) and open the connection in an async fixture that takes it",
        )


def _check_options(fixture: str, *, store: Any, timeout: Any, scope: Any, first: Any) -> None:
    if scope is not None:
        raise DefinitionError(fixture, f"scope={scope!r} is not an option: it is shared for the session; remove it")
    if isinstance(store, type):
        raise DefinitionError(fixture, f"the store is a class; pass an instance: {store.__name__}()")
    missing = [name for name in ("fixtures", "read", "write", "lock") if not hasattr(store, name)]
    if store is not None and missing:
        raise DefinitionError(
            fixture, f"{type(store).__name__} is no store: it has no {', '.join(missing)}; see the protocol types.Store"
        )
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0):
        raise DefinitionError(fixture, f"timeout={timeout!r} is no number of seconds above 0")
    if first is not None and first is not SetupToken.FIRST:
        raise DefinitionError(fixture, f"first={first!r} is neither None nor SetupToken.FIRST")


def _check_pair(fixture: str, serialize: object, deserialize: object) -> None:
    if (serialize is None) != (deserialize is None):
        given, missing = ("serialize", "deserialize") if deserialize is None else ("deserialize", "serialize")
        raise DefinitionError(fixture, f"it has {given} but no {missing}; pass both, or neither")


def _make_fixture(
    function: Callable[..., Any], options: Options, fixture: str, frame: types.FrameType, fixture_options: Any
) -> Any:
    signature = inspect.signature(function)
    definition = Definition(function, options, frozenset(signature.parameters), frame_names(frame))
    _check_annotation(definition, fixture)

    @functools.wraps(function)
    def shared_fixture(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return definition.call(args, kwargs)

    added = dict.fromkeys(["request", *options.fixtures])
    shared_fixture.__signature__ = _with_names(signature, added)  # type: ignore[attr-defined]
    return pytest.fixture(scope="session", **fixture_options)(shared_fixture)


def _check_annotation(definition: Definition, fixture: str) -> None:
    """Check the annotation now where its names are there already."""
    try:
        definition.sharing(fixture)
    except AnnotationError as error:
        if not isinstance(error.__cause__, NameError):
            raise
        # The name may be defined further down; the fixture's first use checks again.


def _with_names(signature: inspect.Signature, names: Iterable[str]) -> inspect.Signature:
    """Return the signature with the names of more fixtures, so that pytest passes their values."""
    parameters = list(signature.parameters.values())
    new = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names if name not in signature.parameters
    ]
    return signature.replace(parameters=[*parameters, *new])
