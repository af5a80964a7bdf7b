"""How the value of one share goes through its codec into its store, and back. Knows nothing of pytest."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pytest_shared_session_scope import _records
from pytest_shared_session_scope.errors import SharedFixtureError, StoreError
from pytest_shared_session_scope.store import LocalFileStoreMixin
from pytest_shared_session_scope.types import Store, StoreValueNotExists

if TYPE_CHECKING:
    from pytest_shared_session_scope._codec import Codec
    from pytest_shared_session_scope._records import ShareRecord


@dataclasses.dataclass(frozen=True)
class Travel:
    """The way of one share's value; every failure names the fixture."""

    fixture: str
    identifier: str
    codec: Codec
    store: Store[Any]
    fixture_values: dict[str, Any]
    metadata_storage: Store[Any] | None = None

    def write(self, value: object) -> object:
        """Store the value and return the copy that every worker is handed. Raises `CodecError`, `StoreError`."""
        data, copy = self.codec.dump(value)
        try:
            self.store.write(self.identifier, data, self.fixture_values)
        except SharedFixtureError:
            raise
        except Exception as error:
            raise StoreError(self.fixture, f"its value could not be written to {self._store}: {_say(error)}") from error
        return copy

    def read(self) -> object:
        """Return the value that another worker stored. Raises `CodecError`, `StoreError`."""
        try:
            data = self.store.read(self.identifier, self.fixture_values)
        except StoreValueNotExists as error:
            raise StoreError(
                self.fixture,
                f"its value is gone from {self._store}, though no worker has cleaned it up; "
                f"was the run's directory removed while it is in use?",
            ) from error
        except StoreError as error:
            raise StoreError(self.fixture, f"its value cannot be read: {error.reason}") from error
        except Exception as error:
            raise StoreError(self.fixture, f"its value could not be read from {self._store}: {_say(error)}") from error
        return self.codec.load(data)

    def delete(self) -> None:
        """Remove the value from its store, where the store can."""
        delete = getattr(self.store, "delete", None)
        if delete is not None:
            delete(self.identifier, self.fixture_values)

    def lock(self) -> AbstractContextManager[Any]:
        """Return the store's lock, to be held while the value is set up; none where the engine's own is enough."""
        if getattr(type(self.store), "lock", None) is LocalFileStoreMixin.lock:
            return contextlib.nullcontext()
        return self.store.lock(self.identifier, self.fixture_values)

    def note(self, record: ShareRecord) -> None:
        """Keep what the engine wrote about the share in the metadata storage, if there is one."""
        if self.metadata_storage is not None:
            text = _records.encode(record)
            holds_text = getattr(self.metadata_storage, "holds", "objects") == "text"
            self.metadata_storage.write(
                f"{self.identifier}-metadata", text if holds_text else json.loads(text), self.fixture_values
            )

    @property
    def _store(self) -> str:
        return type(self.store).__name__


def _say(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
