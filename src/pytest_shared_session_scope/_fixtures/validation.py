"""What can be checked when a decorator is called. Imports neither pydantic nor filelock."""

from __future__ import annotations

import contextlib
import inspect
import types
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_shared_session_scope._fixtures.definition import Definition
from pytest_shared_session_scope._session import identity
from pytest_shared_session_scope.errors import AnnotationError, DefinitionError
from pytest_shared_session_scope.types import SetupToken


def describe(function: Any, name: str | None) -> str:
    """Return how messages name what is decorated, whatever it is."""
    real = inspect.unwrap(function) if callable(function) else function
    if not inspect.isfunction(real):
        return repr(name or getattr(function, "__name__", type(function).__name__))
    return identity.describe(real, name or real.__name__, Path.cwd())


# Since 8.4 pytest makes an object of a fixture, before it marked the function; neither has a public name.
_FIXTURE: Final[type] = type(pytest.fixture(lambda: None))


def is_fixture(function: object) -> bool:
    """Say whether pytest was told already that this is a fixture."""
    if issubclass(_FIXTURE, types.FunctionType):
        return hasattr(function, "_pytestfixturefunction")
    return isinstance(function, _FIXTURE)


def check_function(function: object, fixture: str) -> None:
    """Refuse what cannot be a shared fixture."""
    if is_fixture(function):
        raise DefinitionError(fixture, "it is a fixture already; remove the other fixture decorator")
    if not inspect.isfunction(function):
        raise DefinitionError(fixture, f"only a function can be a fixture, not a {type(function).__name__}")
    if function.__code__.co_filename == contextlib.__file__:
        raise DefinitionError(
            fixture, "@contextmanager made a context manager of it; remove it: pytest runs the generator itself"
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(
            fixture,
            "an `async def` fixture cannot be shared: its event loop belongs to one worker; share the data from a "
            "plain function (asyncio.run may make it) and open the connection in an async fixture that takes it",
        )


def check_options(fixture: str, *, store: Any, timeout: Any, scope: Any, first: Any) -> None:
    """Refuse options that have no meaning, and a store that is none (None: the default store)."""
    if scope is not None:
        raise DefinitionError(fixture, f"scope={scope!r} is not an option: it is shared for the session; remove it")
    if isinstance(store, type):
        raise DefinitionError(fixture, f"the store is a class; pass an instance: {store.__name__}()")
    missing = [name for name in ("fixtures", "read", "write", "lock") if not hasattr(store, name)]
    if store is not None and missing:
        raise DefinitionError(
            fixture,
            f"{type(store).__name__} is no store: it has no {', '.join(missing)}; see the protocol types.Store",
        )
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout <= 0):
        raise DefinitionError(fixture, f"timeout={timeout!r} is no number of seconds above 0")
    if first is not None and first is not SetupToken.FIRST:
        raise DefinitionError(fixture, f"first={first!r} is neither None nor SetupToken.FIRST")


def check_pair(fixture: str, serialize: object, deserialize: object) -> None:
    """Refuse one without the other."""
    if (serialize is None) != (deserialize is None):
        given, missing = ("serialize", "deserialize") if deserialize is None else ("deserialize", "serialize")
        raise DefinitionError(fixture, f"it has {given} but no {missing}; pass both, or neither")


def check_annotation(definition: Definition, fixture: str) -> None:
    """Check the annotation now where its names are there already."""
    try:
        definition.sharing(fixture)
    except NameError:
        pass  # in the value of a `type` statement, which is evaluated only now; see below
    except AnnotationError as error:
        if not isinstance(error.__cause__, NameError):
            raise
        # The name may be defined further down; the fixture's first use checks again.
