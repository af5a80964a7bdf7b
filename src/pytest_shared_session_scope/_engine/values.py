"""A share as the engine is given it, and the channel of its value: through the codec into the store and back."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from pytest_shared_session_scope._codec.formatting import value_text
from pytest_shared_session_scope._run import journal
from pytest_shared_session_scope._run.share_journal import is_short
from pytest_shared_session_scope.errors import SharedFixtureError, StoreError
from pytest_shared_session_scope.store import FileStore, LocalFileStoreMixin, PickleStore, holds_of
from pytest_shared_session_scope.types import Store, StoreValueNotExists

if TYPE_CHECKING:
    from pytest_shared_session_scope._codec.codec import Codec
    from pytest_shared_session_scope._run.journal import Failure, Kind, ShareRecord

__tracebackhide__ = True  # pytest shows users their own frames


class Share(NamedTuple):
    """A share as the engine is given it.

    `item` is the node id of the test that acquires it. `describe_failure` and `replay` turn a setup's exception into a
    `Failure`, and raise that in another worker (arguments: the failure, the fixture, the worker that failed). `timeout`
    is in seconds, None for no limit. `is_rerun`: a plugin runs the test again because it failed. `is_dynamic`: the
    share may end in the middle of the run, and the test does not name it. `depends_on` has the keys of the shares that
    it depends on. `value_type` and `parameters` (names and values) are for reports.
    """

    key: str
    fixture: str
    fixture_name: str
    kind: Kind
    item: str
    channel: ValueChannel
    describe_failure: Callable[[BaseException], Failure]
    replay: Callable[[Failure, str, str], NoReturn]
    timeout: float | None = None
    is_rerun: bool = False
    is_dynamic: bool = False
    depends_on: tuple[str, ...] = ()
    value_type: str = ""
    parameters: tuple[tuple[str, object], ...] = ()


class Acquired(NamedTuple):
    """The value of a share that has been acquired, and whether this worker is its owner.

    `generation` is the setup's, `seconds` the duration of the setup, or of reading the value.
    """

    value: object
    is_owner: bool
    generation: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class ValueChannel:
    """The path of one share's value through its codec into its store and back; every failure names the fixture."""

    fixture: str
    identifier: str
    codec: Codec
    store: Store[Any]
    fixture_values: dict[str, Any]
    metadata_storage: Store[Any] | None = None

    def write(self, value: object) -> tuple[object, str | None]:
        """Store the value; return the copy that every worker gets, and the value's text if it goes into the journal.

        That is so if the text is short and the store is the file store: on ext4 a file for each value took up to half
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
            raise StoreError(
                self.fixture, f"its value could not be written to {self._explain(error, 'write')}"
            ) from error
        return copy, None

    def read(self, short: str | None) -> object:
        """Return the value from the text in the journal, or from the store. Raises `CodecError`, `StoreError`."""
        if short is not None:
            return self.codec.load(short)
        try:
            data = self.store.read(self.identifier, self.fixture_values)
        except StoreValueNotExists as error:
            raise StoreError(
                self.fixture,
                f"its value is gone from {self._store}, though no worker has cleaned it up; "
                f"was the run's directory removed while it was in use?",
            ) from error
        except StoreError as error:
            raise StoreError(self.fixture, f"its value cannot be read: {error.reason}") from error
        except Exception as error:
            raise StoreError(
                self.fixture, f"its value could not be read from {self._explain(error, 'read')}"
            ) from error
        return self.codec.load(data)

    def delete(self) -> None:
        """Delete the value from its store, if the store can do so. Raises `StoreError`."""
        delete = getattr(self.store, "delete", None)
        if delete is None:
            return
        try:
            delete(self.identifier, self.fixture_values)
        except Exception as error:
            raise StoreError(
                self.fixture,
                f"it was cleaned up, but its value could not be deleted from {self._explain(error, 'delete')}",
            ) from error

    def size(self) -> int | None:
        """Return the number of bytes that are stored, if the store keeps a local file."""
        if not isinstance(self.store, LocalFileStoreMixin):
            return None
        with contextlib.suppress(Exception):  # a store may name its files differently; the size is for reports alone
            return self.store.size(self.identifier, self.fixture_values)
        return None

    def lock(self) -> AbstractContextManager[Any]:
        """Return the store's lock, to be held during the setup; a null context if the engine's own lock suffices."""
        if getattr(type(self.store), "lock", None) is LocalFileStoreMixin.lock:
            return contextlib.nullcontext()
        return self.store.lock(self.identifier, self.fixture_values)

    def note(self, record: ShareRecord) -> None:
        """Keep the share's record in the metadata storage, if there is one."""
        if self.metadata_storage is not None:
            fields = journal.fields_of(record)
            # A store without `holds` was written for the earlier releases, which gave it text.
            holds_text = getattr(self.metadata_storage, "holds", "text") == "text"
            self.metadata_storage.write(
                f"{self.identifier}-metadata", json.dumps(fields) if holds_text else fields, self.fixture_values
            )

    def shown(self, value: object) -> str:
        """Return a short text for the value, without secrets."""
        with contextlib.suppress(Exception):  # the repr of a user's class may raise anything
            return value_text(value)
        return f"{type(value).__name__}(...)"

    @property
    def holds_objects(self) -> bool:
        """Whether the store is responsible for returning a value equal to the one it was given."""
        return holds_of(self.store) == "objects"

    @property
    def _store(self) -> str:
        return type(self.store).__name__

    def _explain(self, error: Exception, step: str) -> str:
        """Return the store's name, its error and, unless the error says it, what to do."""
        text = f"{self._store}: {type(error).__name__}: {error}"
        if isinstance(error, OSError):
            return text
        if isinstance(self.store, PickleStore):
            return f"{text}; share what can be pickled, and make the rest of it with parse= in each worker"
        return f"{text}; check the store's {step}()"
