"""The decorators. Imports neither pydantic nor filelock.

Each name's overloads are written out: only so do checkers name the decorator, and the option, in what they report.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, cast, overload

import pytest
from typing_extensions import Unpack

from pytest_shared_session_scope._fixtures import validation
from pytest_shared_session_scope._fixtures.consumers import check_parameters
from pytest_shared_session_scope._fixtures.definition import Definition, Options
from pytest_shared_session_scope._fixtures.signatures import (
    DeserializeWithoutSerialize,
    FixtureOptions,
    Ids,
    OptionsAndParse,
    P,
    ParsedFixtureDecorator,
    ParsedT,
    ScopeIsNoOption,
    SerializedT,
    SerializeWithoutDeserialize,
    SharedFixtureDecorator,
    TextOrBytesT,
    TypedFixtureDecorator,
    ValueT,
)
from pytest_shared_session_scope._session.worker import DEFINITION, collection_checks
from pytest_shared_session_scope.store import FileStore, JsonStore
from pytest_shared_session_scope.types import CleanupToken, SetupToken, Store

collection_checks.append(check_parameters)


@overload
def shared_session_scope_fixture(
    function: Callable[P, Generator[ValueT | None, CleanupToken, None]], /
) -> Callable[P, ValueT]: ...
@overload
def shared_session_scope_fixture(function: Callable[P, Iterator[ValueT]], /) -> Callable[P, ValueT]: ...
@overload
def shared_session_scope_fixture(function: Callable[P, ValueT], /) -> Callable[P, ValueT]: ...
@overload
def shared_session_scope_fixture(
    store: FileStore | None = None, **options: Unpack[FixtureOptions]
) -> SharedFixtureDecorator: ...
@overload
def shared_session_scope_fixture(
    store: Store[ValueT], **options: Unpack[FixtureOptions]
) -> TypedFixtureDecorator[ValueT, ValueT]: ...
@overload
def shared_session_scope_fixture(
    store: Store[Any] | None = None, *, parse: Callable[[ValueT], ParsedT], **options: Unpack[FixtureOptions]
) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
@overload
def shared_session_scope_fixture(
    store: Store[SerializedT],
    *,
    serialize: Callable[[ValueT], SerializedT],
    deserialize: Callable[[SerializedT], ValueT],
    **options: Unpack[FixtureOptions],
) -> TypedFixtureDecorator[ValueT, ValueT]: ...
@overload
def shared_session_scope_fixture(
    store: None = None,
    *,
    serialize: Callable[[ValueT], TextOrBytesT],
    deserialize: Callable[[TextOrBytesT], ValueT],
    **options: Unpack[FixtureOptions],
) -> TypedFixtureDecorator[ValueT, ValueT]: ...
@overload
def shared_session_scope_fixture(
    store: Store[SerializedT],
    *,
    serialize: Callable[[ValueT], SerializedT],
    deserialize: Callable[[SerializedT], ValueT],
    parse: Callable[[ValueT], ParsedT],
    **options: Unpack[FixtureOptions],
) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
@overload
def shared_session_scope_fixture(
    store: None = None,
    *,
    serialize: Callable[[ValueT], TextOrBytesT],
    deserialize: Callable[[TextOrBytesT], ValueT],
    parse: Callable[[ValueT], ParsedT],
    **options: Unpack[FixtureOptions],
) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
@overload
def shared_session_scope_fixture(
    store: Store[Any] | None = None, *, serialize: Callable[..., Any], **options: Unpack[OptionsAndParse]
) -> SerializeWithoutDeserialize: ...
@overload
def shared_session_scope_fixture(
    store: Store[Any] | None = None, *, deserialize: Callable[..., Any], **options: Unpack[OptionsAndParse]
) -> DeserializeWithoutSerialize: ...
@overload
def shared_session_scope_fixture(
    store: Store[Any] | None = None, *, scope: object, **options: Unpack[OptionsAndParse]
) -> ScopeIsNoOption: ...
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
    ids: Ids | None = None,
    autouse: bool = False,
    name: str | None = None,
    scope: object = None,
) -> Any:
    """Make a session-scoped fixture that is set up once for all pytest-xdist workers of a run, and cleaned up once.

    Use it bare, or call it with options. A function that returns is computed by one worker and read by the others. A
    generator annotated `-> Iterator[T]` (or `Iterable[T]`, `Generator[T, None, None]`) is an ordinary fixture that one
    worker runs. One annotated `-> SharedGenerator[T]`, or not at all, yields twice and is run by every worker: the
    first yield gets None where the value has yet to be set up, else the value; what the second yields is what tests
    get, and it gets `CleanupToken.LAST` in the one worker that has to clean up.

    The value travels by its annotated type, through pydantic; every worker is handed the re-loaded copy.

    For type checkers a decorated function returns what tests get. What they cannot be told: that a generator is
    annotated `-> Iterable[T]` (they take it for a function that returns one; write `Iterator[T]`), that the `T` of a
    `SharedGenerator[T]` admits None (they say that tests get a `T` without it), what is sent to which of two yields,
    and that a given `FileStore` holds only text or bytes, as the default store does.

    Args:
        store: where values are kept; files in the run's directory by default.
        serialize: with `deserialize`, opts out of the annotation: returns what the store is to hold.
        deserialize: returns the value from what the store holds.
        parse: makes what tests get out of the value, in each worker.
        first: `SetupToken.FIRST`, to send that to the first yield instead of None; a generator then yields twice,
            whatever its annotation.
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
    __tracebackhide__ = True
    frame = _caller()
    is_bare = validation.is_fixture(store) or (callable(store) and not hasattr(store, "read"))
    given_store: Any = None if is_bare else store
    fixture_options = {"params": params, "ids": ids, "autouse": autouse, "name": name}

    def decorate(function: Any) -> Any:
        __tracebackhide__ = True
        fixture = validation.describe(function, name)
        validation.check_function(function, fixture)
        validation.check_options(fixture, store=given_store, timeout=timeout, scope=scope, first=first)
        validation.check_pair(fixture, serialize, deserialize)
        options = Options(
            store=FileStore() if given_store is None else given_store,
            serialize=serialize,
            deserialize=deserialize,
            parse=parse,
            first=first,
            timeout=timeout,
            metadata_storage=metadata_storage,
        )
        return _make_fixture(function, options, fixture, frame, fixture_options)

    if is_bare:
        return decorate(store)
    return decorate


@overload
def shared_json_scope_fixture(
    function: Callable[P, Generator[ValueT | None, CleanupToken, None]], /
) -> Callable[P, ValueT]: ...
@overload
def shared_json_scope_fixture(function: Callable[P, Iterator[ValueT]], /) -> Callable[P, ValueT]: ...
@overload
def shared_json_scope_fixture(function: Callable[P, ValueT], /) -> Callable[P, ValueT]: ...
@overload
def shared_json_scope_fixture(
    store: FileStore | None = None, **options: Unpack[FixtureOptions]
) -> SharedFixtureDecorator: ...
@overload
def shared_json_scope_fixture(
    store: Store[ValueT], **options: Unpack[FixtureOptions]
) -> TypedFixtureDecorator[ValueT, ValueT]: ...
@overload
def shared_json_scope_fixture(
    store: Store[Any] | None = None, *, parse: Callable[[ValueT], ParsedT], **options: Unpack[FixtureOptions]
) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
@overload
def shared_json_scope_fixture(
    store: Store[SerializedT] | None = None,
    *,
    serialize: Callable[[ValueT], SerializedT],
    deserialize: Callable[[SerializedT], ValueT],
    **options: Unpack[FixtureOptions],
) -> TypedFixtureDecorator[ValueT, ValueT]: ...
@overload
def shared_json_scope_fixture(
    store: Store[SerializedT] | None = None,
    *,
    serialize: Callable[[ValueT], SerializedT],
    deserialize: Callable[[SerializedT], ValueT],
    parse: Callable[[ValueT], ParsedT],
    **options: Unpack[FixtureOptions],
) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
@overload
def shared_json_scope_fixture(
    store: Store[Any] | None = None, *, serialize: Callable[..., Any], **options: Unpack[OptionsAndParse]
) -> SerializeWithoutDeserialize: ...
@overload
def shared_json_scope_fixture(
    store: Store[Any] | None = None, *, deserialize: Callable[..., Any], **options: Unpack[OptionsAndParse]
) -> DeserializeWithoutSerialize: ...
@overload
def shared_json_scope_fixture(
    store: Store[Any] | None = None, *, scope: object, **options: Unpack[OptionsAndParse]
) -> ScopeIsNoOption: ...
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
    __tracebackhide__ = True
    if store is None and (serialize is not None or deserialize is not None):
        store = JsonStore()
    decorator: Any = shared_session_scope_fixture  # which overload it is was decided by who calls
    return decorator(store, serialize=serialize, deserialize=deserialize, **options)


def _caller() -> types.FrameType | None:
    """Return the frame that decorates: an annotation may name what only a function's or class's body knows."""
    frame: types.FrameType | None = sys._getframe(2)  # noqa: SLF001 - CPython's; inspect.stack() reads every source file
    while frame is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    return frame


def _names(frame: types.FrameType | None) -> Callable[[], dict[str, Any]]:
    """Return a function that gives the names of a function's or class's body; of a module's there is no need."""
    if frame is None or frame.f_locals is frame.f_globals:
        return dict
    return lambda: dict(frame.f_locals)


def _make_fixture(
    function: Callable[..., Any],
    options: Options,
    fixture: str,
    frame: types.FrameType | None,
    fixture_options: Any,
) -> Any:
    signature = inspect.signature(function)
    definition = Definition(function, options, frozenset(signature.parameters), _names(frame), fixture)
    validation.check_annotation(definition, fixture)

    @functools.wraps(function)
    def shared_fixture(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        # Here: whoever only collects, such as the controller, needs no engine.
        from pytest_shared_session_scope._session.setup import value_of

        return value_of(definition, args, kwargs)

    shared_fixture.__signature__ = _with_names(signature, options.named_fixtures)  # type: ignore[attr-defined]
    vars(shared_fixture)[DEFINITION] = definition
    to_fixture = cast("Callable[..., Any]", pytest.fixture)
    return to_fixture(shared_fixture, scope="session", **fixture_options)


def _with_names(signature: inspect.Signature, names: Iterable[str]) -> inspect.Signature:
    """Return the signature with the names of more fixtures, so that pytest passes their values."""
    parameters = list(signature.parameters.values())
    new = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names if name not in signature.parameters
    ]
    return signature.replace(parameters=[*parameters, *new])
