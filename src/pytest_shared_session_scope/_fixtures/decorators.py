"""The four decorators. Must not import pydantic or filelock: every process that collects imports this module."""

from __future__ import annotations

import functools
import inspect
import json
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from typing_extensions import Never

from pytest_shared_session_scope._fixtures import definition
from pytest_shared_session_scope._fixtures.consumers import check_parameters
from pytest_shared_session_scope._fixtures.definition import Definition, Options
from pytest_shared_session_scope._fixtures.signatures import Ids, SharedSessionScopeFixture
from pytest_shared_session_scope._session.worker import DEFINITION, collection_checks
from pytest_shared_session_scope.errors import DefinitionError
from pytest_shared_session_scope.store import FileStore, JsonStore, PickleStore
from pytest_shared_session_scope.types import SetupToken, Store

__tracebackhide__ = True  # pytest shows users their own frames

collection_checks.append(check_parameters)


# These three give the decorators their types for checkers: the default store, and the type of the option `first`.
def _with_file_store(function: Callable[..., Any]) -> SharedSessionScopeFixture[FileStore, SetupToken | None]:
    return function


def _with_json_store(function: Callable[..., Any]) -> SharedSessionScopeFixture[JsonStore, SetupToken | None]:
    return function


def _with_its_own_store(function: Callable[..., Any]) -> SharedSessionScopeFixture[JsonStore | PickleStore, Never]:
    return function


@_with_file_store
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

    Use it bare, or call it with options. The value of a function that returns is computed by one worker and read by
    the others. A generator annotated `-> Iterator[T]` (or `Iterable[T]`, `Generator[T, None, None]`) is an ordinary
    fixture that one worker runs. A generator annotated `-> SharedGenerator[T]`, or not at all, yields twice and runs
    in every worker: the first yield returns the value, or None if it is not set up yet; the second yields the value
    that tests get, and returns `CleanupToken.LAST` in the one worker that has to clean up.

    Pydantic converts the value by its annotated type; every worker gets the re-loaded copy.

    For type checkers a decorated function returns the value that tests get. Python's types cannot express four things:
    that a generator is annotated `-> Iterable[T]` (checkers see a function that returns one; write `Iterator[T]`),
    that the `T` of a `SharedGenerator[T]` admits None (checkers see a `T` without None), that the two yields return
    different types, and that a given `FileStore` holds only text or bytes, as the default store does.

    Args:
        store: stores the values; by default, files in the run's directory.
        serialize: with `deserialize`, replaces the annotation: converts the value to what the store holds.
        deserialize: converts what the store holds to the value.
        parse: converts the value to what tests get, in each worker.
        first: `SetupToken.FIRST`, to make the first yield return that token instead of None; a generator then yields
            twice, whatever its annotation.
        timeout: how long to wait for another worker's setup, in seconds; by default the ini option
            `shared_session_scope_timeout`, else without limit.
        metadata_storage: a store that receives, for information, the record of each setup.
        params: as for `pytest.fixture`.
        ids: as for `pytest.fixture`.
        autouse: as for `pytest.fixture`.
        name: as for `pytest.fixture`.
        scope: is refused, because the scope is the session.

    Raises:
        DefinitionError: if the decorated object or an option is wrong. Names in the annotation may be undefined until
            the fixture is first used.
    """
    frame = _caller()
    is_bare = definition.is_fixture(store) or (callable(store) and not hasattr(store, "read"))
    given_store: Any = None if is_bare else store
    fixture_options = {"params": params, "ids": ids, "autouse": autouse, "name": name}

    def decorate(function: Any) -> Any:
        described = definition.describe(function, name)
        definition.check_function(function, described)
        definition.check_options(described, store=given_store, timeout=timeout, scope=scope, first=first)
        definition.check_pair(described, serialize, deserialize)
        options = Options(
            store=FileStore() if given_store is None else given_store,
            serialize=serialize,
            deserialize=deserialize,
            parse=parse,
            first=first,
            timeout=timeout,
            metadata_storage=metadata_storage,
        )
        return _make_fixture(function, options, described, frame, fixture_options)

    return decorate(store) if is_bare else decorate


@_with_json_store
def shared_json_scope_fixture(
    store: Any = None,
    *,
    serialize: Callable[[Any], Any] | None = None,
    deserialize: Callable[[Any], Any] | None = None,
    **options: Any,
) -> Any:
    """Make a shared fixture: `shared_session_scope_fixture` under its name in the first release.

    `serialize` may return any JSON value.
    """
    if store is None and (serialize is not None or deserialize is not None):
        store = JsonStore()
    return _untyped(store, serialize=serialize, deserialize=deserialize, **options)


@_with_its_own_store
def shared_session_scope_json(function: Any = None, /, **options: Any) -> Any:
    """Make a shared fixture whose value is stored as JSON and whose generator, if it is one, yields twice.

    This is `shared_session_scope_fixture(JsonStore(), first=SetupToken.FIRST)` under its name in the later releases of
    0.x: the first yield returns that token if the value is not set up yet. A generator yields twice whatever its
    annotation. The options are the same without `store` and `first`. One of `serialize` and `deserialize` may be
    omitted; type checkers want both.
    """
    return _decorate(JsonStore(), function, options, serialize=_json_copy)


@_with_its_own_store
def shared_session_scope_pickle(function: Any = None, /, **options: Any) -> Any:
    """Make a shared fixture whose value is pickled and whose generator, if it is one, yields twice.

    This is `shared_session_scope_fixture(PickleStore(), first=SetupToken.FIRST)`; see `shared_session_scope_json`.
    Loading a pickle can run code, so the value is trusted as much as the run's directory: only its user can write
    there.
    """
    return _decorate(PickleStore(), function, options, serialize=_unchanged)


# For calls with options that are only known at run time.
_untyped: Callable[..., Any] = shared_session_scope_fixture


def _decorate(store: Any, function: Any, options: dict[str, Any], serialize: Callable[[Any], Any]) -> Any:
    if function is not None and not inspect.isfunction(function) and not definition.is_fixture(function):
        raise DefinitionError(
            definition.describe(function, None),
            "only a function can be a fixture; to parse with it, pass parse= by name",
        )
    if (options.get("serialize") is None) != (options.get("deserialize") is None):
        given = {name: value for name, value in options.items() if value is not None}
        options = {"serialize": serialize, "deserialize": _unchanged} | given
    decorate = _untyped(store, first=SetupToken.FIRST, **options)
    return decorate if function is None else decorate(function)


def _json_copy(value: Any) -> Any:
    """Return the value as JSON would load it, because the fixture's `deserialize` expects that: a list for a tuple."""
    return json.loads(json.dumps(value))


def _unchanged(value: Any) -> Any:
    return value


def _caller() -> types.FrameType | None:
    """Return the frame that decorates, because an annotation may use names that only a function or class body knows."""
    frame: types.FrameType | None = sys._getframe(2)  # noqa: SLF001 - CPython's; inspect.stack() reads every source file
    while frame is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    return frame


def _local_names(frame: types.FrameType | None) -> Callable[[], dict[str, Any]]:
    """Return a function that returns the names of a function or class body; empty for a module's body."""
    if frame is None or frame.f_locals is frame.f_globals:
        return dict
    return lambda: dict(frame.f_locals)


def _make_fixture(
    function: Callable[..., Any],
    options: Options,
    described: str,
    frame: types.FrameType | None,
    fixture_options: Any,
) -> Any:
    signature = inspect.signature(function)
    defined = Definition(function, options, frozenset(signature.parameters), _local_names(frame), described)
    defined.check_annotation()

    @functools.wraps(function)
    def shared_fixture(*args: Any, **kwargs: Any) -> Any:
        return defined.value(args, kwargs)

    shared_fixture.__signature__ = _with_names(signature, options.named_fixtures)  # type: ignore[attr-defined]
    vars(shared_fixture)[DEFINITION] = defined
    to_fixture = cast("Callable[..., Any]", pytest.fixture)
    return to_fixture(shared_fixture, scope="session", **fixture_options)


def _with_names(signature: inspect.Signature, names: Iterable[str]) -> inspect.Signature:
    """Return the signature with the names of more fixtures, so that pytest passes their values."""
    parameters = list(signature.parameters.values())
    new = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names if name not in signature.parameters
    ]
    return signature.replace(parameters=[*parameters, *new])
