"""How the value of one share goes through its codec into its store, and back. Knows nothing of pytest."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pytest_shared_session_scope._run import records
from pytest_shared_session_scope._run.journal import is_short
from pytest_shared_session_scope.errors import SharedFixtureError, StoreError
from pytest_shared_session_scope.store import FileStore, LocalFileStoreMixin, PickleStore, holds_of
from pytest_shared_session_scope.types import Store, StoreValueNotExists

if TYPE_CHECKING:
    from pytest_shared_session_scope._codec.codec import Codec
    from pytest_shared_session_scope._run.records import ShareRecord


@dataclasses.dataclass(frozen=True)
class ValueChannel:
    """The way of one share's value; every failure names the fixture."""

    fixture: str
    identifier: str
    codec: Codec
    store: Store[Any]
    fixture_values: dict[str, Any]
    metadata_storage: Store[Any] | None = None

    def write(self, value: object) -> tuple[object, str | None]:
        """Store the value; return the copy that every worker is handed, and what the share's journal is to hold.

        That is the value where it is short and for the file store, else None: on ext4 a file of its own took up to half
        of a setup's processor time (tests/benchmarks/README.md). Raises `CodecError`, `StoreError`.
        """
        data, copy = self.codec.dump(value)
        if type(self.store) is FileStore and is_short(data):
            return copy, data
        try:
            self.store.write(self.identifier, data, self.fixture_values)
        except SharedFixtureError:
            raise
        except Exception as error:
            raise StoreError(self.fixture, f"its value could not be written to {self._say(error, 'write')}") from error
        return copy, None

    def read(self, short: str | None) -> object:
        """Return the value that another worker stored, or left in the journal. Raises `CodecError`, `StoreError`."""
        if short is not None:
            return self.codec.load(short)
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
            raise StoreError(self.fixture, f"its value could not be read from {self._say(error, 'read')}") from error
        return self.codec.load(data)

    def delete(self) -> None:
        """Remove the value from its store, where the store can. Raises `StoreError`."""
        delete = getattr(self.store, "delete", None)
        if delete is None:
            return
        try:
            delete(self.identifier, self.fixture_values)
        except Exception as error:
            raise StoreError(
                self.fixture,
                f"it was cleaned up, but its value could not be deleted from {self._say(error, 'delete')}",
            ) from error

    def size(self) -> int | None:
        """Return how many bytes are stored, where the store keeps a local file."""
        if not isinstance(self.store, LocalFileStoreMixin):
            return None
        with contextlib.suppress(Exception):  # a store may give its files other names; it is for the report alone
            return self.store.size(self.identifier, self.fixture_values)
        return None

    def lock(self) -> AbstractContextManager[Any]:
        """Return the store's lock, to be held while the value is set up; none where the engine's own is enough."""
        if getattr(type(self.store), "lock", None) is LocalFileStoreMixin.lock:
            return contextlib.nullcontext()
        return self.store.lock(self.identifier, self.fixture_values)

    def note(self, record: ShareRecord) -> None:
        """Keep what the engine wrote about the share in the metadata storage, if there is one."""
        if self.metadata_storage is not None:
            fields = records.fields_of(record)
            # A store that does not say what it holds was written for the earlier releases, which gave it text.
            holds_text = getattr(self.metadata_storage, "holds", "text") == "text"
            self.metadata_storage.write(
                f"{self.identifier}-metadata", json.dumps(fields) if holds_text else fields, self.fixture_values
            )

    def shown(self, value: object) -> str:
        """Return a short text for the value, without secrets."""
        from pytest_shared_session_scope._codec.formatting import value_text

        with contextlib.suppress(Exception):  # what a class does when it is looked at is its own affair
            return value_text(value)
        return f"{type(value).__name__}(...)"

    @property
    def holds_objects(self) -> bool:
        """Whether the store takes responsibility for what a value is when it comes back."""
        return holds_of(self.store) == "objects"

    @property
    def _store(self) -> str:
        return type(self.store).__name__

    def _say(self, error: Exception, step: str) -> str:
        """Return what a step of the store raised, and what to do where that does not say it."""
        told = f"{self._store}: {type(error).__name__}: {error}"
        if isinstance(error, OSError):
            return told
        if isinstance(self.store, PickleStore):
            return f"{told}; share what can be pickled, and make the rest of it with parse= in each worker"
        return f"{told}; look at the store's {step}"
