"""The decorators' names in the later releases of 0.x: the one decorator, with a store and `SetupToken.FIRST`."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Generator, Iterator
from typing import Any, overload

from typing_extensions import Unpack

from pytest_shared_session_scope._fixtures import validation
from pytest_shared_session_scope._fixtures.decorators import shared_session_scope_fixture
from pytest_shared_session_scope._fixtures.signatures import (
    FixtureOptionsButFirst,
    P,
    ParsedFixtureDecorator,
    ParsedT,
    SerializedT,
    SharedFixtureDecorator,
    TypedFixtureDecorator,
    ValueT,
)
from pytest_shared_session_scope.errors import DefinitionError
from pytest_shared_session_scope.store import JsonStore, PickleStore
from pytest_shared_session_scope.types import CleanupToken, SetupToken


@overload
def shared_session_scope_json(
    function: Callable[P, Generator[ValueT | None, CleanupToken, None]], /
) -> Callable[P, ValueT]: ...
@overload
def shared_session_scope_json(function: Callable[P, Iterator[ValueT]], /) -> Callable[P, ValueT]: ...
@overload
def shared_session_scope_json(function: Callable[P, ValueT], /) -> Callable[P, ValueT]: ...
@overload
def shared_session_scope_json(**options: Unpack[FixtureOptionsButFirst]) -> SharedFixtureDecorator: ...
@overload
def shared_session_scope_json(
    *, parse: Callable[[ValueT], ParsedT], **options: Unpack[FixtureOptionsButFirst]
) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
@overload
def shared_session_scope_json(
    *,
    serialize: Callable[[ValueT], SerializedT],
    deserialize: Callable[[SerializedT], ValueT],
    **options: Unpack[FixtureOptionsButFirst],
) -> TypedFixtureDecorator[ValueT, ValueT]: ...
@overload
def shared_session_scope_json(
    *,
    serialize: Callable[[ValueT], SerializedT],
    deserialize: Callable[[SerializedT], ValueT],
    parse: Callable[[ValueT], ParsedT],
    **options: Unpack[FixtureOptionsButFirst],
) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
def shared_session_scope_json(function: Any = None, /, **options: Any) -> Any:
    """Make a shared fixture whose value is kept as JSON, and whose generator, if it is one, yields twice.

    It is `shared_session_scope_fixture(JsonStore(), first=SetupToken.FIRST)`: the first yield gets that token where the
    value has yet to be set up. A generator yields twice whatever its annotation. It takes the same options but for
    `store` and `first`. Of `serialize` and `deserialize` one may be left out; type checkers want both.
    """
    __tracebackhide__ = True
    return _decorate(JsonStore(), function, options, serialize=_as_json_has_it)


@overload
def shared_session_scope_pickle(
    function: Callable[P, Generator[ValueT | None, CleanupToken, None]], /
) -> Callable[P, ValueT]: ...
@overload
def shared_session_scope_pickle(function: Callable[P, Iterator[ValueT]], /) -> Callable[P, ValueT]: ...
@overload
def shared_session_scope_pickle(function: Callable[P, ValueT], /) -> Callable[P, ValueT]: ...
@overload
def shared_session_scope_pickle(**options: Unpack[FixtureOptionsButFirst]) -> SharedFixtureDecorator: ...
@overload
def shared_session_scope_pickle(
    *, parse: Callable[[ValueT], ParsedT], **options: Unpack[FixtureOptionsButFirst]
) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
@overload
def shared_session_scope_pickle(
    *,
    serialize: Callable[[ValueT], SerializedT],
    deserialize: Callable[[SerializedT], ValueT],
    **options: Unpack[FixtureOptionsButFirst],
) -> TypedFixtureDecorator[ValueT, ValueT]: ...
@overload
def shared_session_scope_pickle(
    *,
    serialize: Callable[[ValueT], SerializedT],
    deserialize: Callable[[SerializedT], ValueT],
    parse: Callable[[ValueT], ParsedT],
    **options: Unpack[FixtureOptionsButFirst],
) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
def shared_session_scope_pickle(function: Any = None, /, **options: Any) -> Any:
    """Make a shared fixture whose value is pickled, and whose generator, if it is one, yields twice.

    It is `shared_session_scope_fixture(PickleStore(), first=SetupToken.FIRST)`; see `shared_session_scope_json`.
    Loading a pickle can run code, so the value is trusted as far as the run's directory is: only its user can write
    there.
    """
    __tracebackhide__ = True
    return _decorate(PickleStore(), function, options, serialize=_as_it_is)


def _decorate(store: Any, function: Any, options: dict[str, Any], serialize: Callable[[Any], Any]) -> Any:
    __tracebackhide__ = True
    if function is not None and not inspect.isfunction(function) and not validation.is_fixture(function):
        raise DefinitionError(
            validation.describe(function, None),
            "only a function can be a fixture; to parse with it, pass parse= by name",
        )
    if (options.get("serialize") is None) != (options.get("deserialize") is None):
        options = {"serialize": serialize, "deserialize": _as_it_is} | _given(options)
    decorator: Any = shared_session_scope_fixture  # which overload it is was decided by who calls
    decorate = decorator(store, first=SetupToken.FIRST, **options)
    return decorate if function is None else decorate(function)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _as_json_has_it(value: Any) -> Any:
    """Return what JSON makes of a value, which its `deserialize` is there to make good: a list of a tuple."""
    return json.loads(json.dumps(value))


def _as_it_is(value: Any) -> Any:
    return value
