"""Session fixtures that are set up once for all pytest-xdist workers, typed by their annotation, cleaned up once.

The names are imported when they are first used: pytest imports this package in every run, to load the plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_shared_session_scope._fixtures.decorators import shared_json_scope_fixture, shared_session_scope_fixture
    from pytest_shared_session_scope._fixtures.legacy import shared_session_scope_json, shared_session_scope_pickle
    from pytest_shared_session_scope.errors import (
        AnnotationError,
        CodecError,
        DefinitionError,
        LockTimeoutError,
        ProtocolError,
        SetupFailedError,
        SharedFixtureError,
        StoreError,
        WaitTimeoutError,
    )
    from pytest_shared_session_scope.store import FileStore, JsonStore, LocalFileStoreMixin, PickleStore
    from pytest_shared_session_scope.types import (
        CleanupToken,
        SetupToken,
        SharedGenerator,
        SharedLock,
        Store,
        StoreValueNotExists,
    )

__all__ = [
    "AnnotationError",
    "CleanupToken",
    "CodecError",
    "DefinitionError",
    "FileStore",
    "JsonStore",
    "LocalFileStoreMixin",
    "LockTimeoutError",
    "PickleStore",
    "ProtocolError",
    "SetupFailedError",
    "SetupToken",
    "SharedFixtureError",
    "SharedGenerator",
    "SharedLock",
    "Store",
    "StoreError",
    "StoreValueNotExists",
    "WaitTimeoutError",
    "shared_json_scope_fixture",
    "shared_session_scope_fixture",
    "shared_session_scope_json",
    "shared_session_scope_pickle",
]

_HOMES: Final = ("types", "_fixtures.decorators", "store", "errors", "_fixtures.legacy")


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
