"""Session fixtures that are set up once for all pytest-xdist workers, typed by their annotation, cleaned up once.

A name is imported when it is first used, because pytest imports this package in every run, to load the plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pytest_shared_session_scope._fixtures.decorators import (
        shared_json_scope_fixture,
        shared_session_scope_fixture,
        shared_session_scope_json,
        shared_session_scope_pickle,
    )
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

    __version__: str

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

_MODULES: Final = {
    "AnnotationError": "errors",
    "CleanupToken": "types",
    "CodecError": "errors",
    "DefinitionError": "errors",
    "FileStore": "store",
    "JsonStore": "store",
    "LocalFileStoreMixin": "store",
    "LockTimeoutError": "errors",
    "PickleStore": "store",
    "ProtocolError": "errors",
    "SetupFailedError": "errors",
    "SetupToken": "types",
    "SharedFixtureError": "errors",
    "SharedGenerator": "types",
    "SharedLock": "types",
    "Store": "types",
    "StoreError": "errors",
    "StoreValueNotExists": "types",
    "WaitTimeoutError": "errors",
    "shared_json_scope_fixture": "_fixtures.decorators",
    "shared_session_scope_fixture": "_fixtures.decorators",
    "shared_session_scope_json": "_fixtures.decorators",
    "shared_session_scope_pickle": "_fixtures.decorators",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("pytest-shared-session-scope")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    return globals().setdefault(name, getattr(module, name))


def __dir__() -> list[str]:
    return __all__
