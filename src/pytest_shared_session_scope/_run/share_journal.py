"""One share on disk: a journal that its workers append to, which is also the share's lock. Decides nothing."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_shared_session_scope._run import files
from pytest_shared_session_scope._run.journal import (
    Entry,
    Journal,
    ShareRecord,
    State,
    line,
    parse,
    publication,
    value_in,
)
from pytest_shared_session_scope._run.journal_file import journal_file
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from typing_extensions import Self


# The longest value that a journal holds, in characters: a page of memory.
_SHORT: Final = 4096


class Setup(NamedTuple):
    """One setup of a share as its journal has it: its state, its record, and its value if that is short."""

    state: State
    record: ShareRecord
    value: str | None = None


def is_short(value: object) -> bool:
    """Whether a journal can hold the value: a short ASCII text without the characters that delimit lines.

    A subclass of `str` is refused, because it may format itself as another text.
    """
    return type(value) is str and len(value) <= _SHORT and value.isascii() and value.isprintable()


class ShareJournal:
    """The journal of one share, as the worker `me` reads and writes it.

    Everything that happens to a share is one line, appended completely or not at all: its holders, and the states of
    its setups. One file, instead of one for each state and holder in a directory of the share's own: on ext4 that made
    a setup three times as expensive, because new directories and files there are spread over the disk.

    Changes of state are made under the share's lock, or where no other worker is left.
    """

    def __init__(self, directory: Path | str, key: str, me: str, fixture: str) -> None:
        self.key = key
        self.fixture = fixture
        self._worker = me
        self._me = files.quoted(me)
        self._directory = str(directory)
        self._file = journal_file(f"{directory}{os.sep}shares{os.sep}{key}")
        self._journal = Journal()

    def __enter__(self) -> Self:
        """Keep the file open, inside."""
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, traceback)

    def of(self, key: str) -> ShareJournal:
        """Return the journal of another share of the run."""
        return ShareJournal(self._directory, key, self._worker, self.fixture)

    # -- the lock: for setting up, and for deciding which worker is last

    def try_lock(self) -> bool:
        """Try once to acquire the share's lock. True if this process holds it already."""
        return self._file.try_lock()

    def unlock(self) -> None:
        """Release the share's lock if I hold it."""
        self._file.unlock()

    def is_locked(self) -> bool:
        """Whether a worker holds the share's lock; cheaper than trying to acquire it."""
        try:
            return self._file.is_locked()
        except FileNotFoundError:
            return False

    # -- holders

    def hold(self) -> None:
        """Become a holder."""
        self._append("hold", self._me)

    def leave(self) -> None:
        """Stop being a holder, but count as leaving until the fixture's own code has ended."""
        self._append("leave", self._me)

    def drop_holder(self, worker: str | None = None) -> None:
        """Remove a worker from the holders and the leaving workers: me, or one that died."""
        self._append("free", self._me if worker is None else files.quoted(worker))

    def is_holding(self) -> bool:
        """Whether the journal names me as a holder."""
        return self._me in self._read().holders

    def other_holders(self) -> list[str]:
        """Return the other workers that hold the share, dead or alive."""
        return [files.unquoted(name) for name in self._read().holders if name != self._me]

    def other_leavers(self) -> list[str]:
        """Return the other workers whose fixture is ending, dead or alive."""
        return [files.unquoted(name) for name in self._read().leaving if name != self._me]

    # -- shares that depend on this one, and tests that acquire it without naming it

    def note_dynamic(self) -> None:
        """Note that a test acquires the share without naming it, so that any other test may do so, too."""
        self._append("dynamic")

    def add_dependent(self, key: str) -> None:
        """Note that another share depends on this one, until it is cleaned up."""
        self._append("depend", key)

    def drop_dependent(self, key: str) -> None:
        """Note that another share no longer depends on this one."""
        self._append("undepend", key)

    def dependents(self) -> list[str]:
        """Return the keys of the shares that depend on this one and have not been cleaned up."""
        return list(self._read().dependents)

    def may_be_needed(self) -> bool:
        """Whether more than the tests that name the share may need it."""
        journal = self._read()
        return journal.is_dynamic or bool(journal.dependents)

    # -- setups

    def has_news(self) -> bool:
        """Whether the journal has grown since it was last read; cheaper than reading it."""
        try:
            return self._file.length() != self._journal.length
        except FileNotFoundError:
            return False  # no worker has written to it yet

    def state(self) -> State | None:
        """Return the state of the setup that is not over; None if there is none."""
        setup = self._read().setup
        return None if setup is None else setup.state

    def setup(self) -> Setup | None:
        """Return the setup that is not over, with its record and value. Raises `StoreError` for garbled ones."""
        return self._parsed(self._read().setup)

    def failure(self) -> ShareRecord | None:
        """Return the record of a setup that raised and has not been run again successfully."""
        setup = self._parsed(self._read().failure)
        return setup and setup.record

    def setups(self) -> tuple[list[Setup], list[StoreError]]:
        """Return every setup whose record is readable, and an error for each of the others."""
        journal = self._read()
        setups: list[Setup] = []
        errors: list[StoreError] = []
        for entry in (*journal.ended.values(), journal.failure, journal.setup):
            try:
                # Without its value, which may be garbled: the report does not show it.
                setup = self._parsed(entry and entry._replace(value=None))
            except StoreError as error:
                errors.append(error)
            else:
                setups += [setup] if setup else []
        return setups, errors

    def publish(self, state: State, record: ShareRecord) -> None:
        """Put the setup with this record into a state."""
        self._file.append(publication(state, record))

    def publish_ready(self, record: ShareRecord, *, is_held: bool, value: str | None = None) -> None:
        """Make the setup ready, with its short value, and me at the same moment its holder."""
        holding = line("hold", self._me) if is_held else b""
        self._file.append(holding + publication(State.READY, record, value))

    def publish_cleaned(self, record: ShareRecord) -> None:
        """Note that the setup has been cleaned up, and that at the same moment I stop holding it."""
        self._file.append(publication(State.CLEANED, record) + line("free", self._me))

    def move(self, before: State, after: State) -> None:
        """Move the setup from one state to another."""
        if self.state() is not before:
            raise StoreError(self.fixture, f"it is no longer {before.value}, though only this worker may change that")
        self._append("move", before.value, after.value)

    def discard_setup(self) -> None:
        """Forget the setup that I am running, because it was interrupted."""
        self._append("discard")

    def put_aside(self) -> int:
        """Mark as lost the setup that a dead worker left; return the generation of the next one."""
        journal = self._read()
        if journal.setup is None:
            return len(journal.ended) + 1
        self.move(journal.setup.state, State.LOST)
        return len(journal.ended) + 2

    def _append(self, *words: str) -> None:
        self._file.append(line(*words))

    def _parsed(self, entry: Entry | None) -> Setup | None:
        try:
            if entry is None:
                return None
            return Setup(entry.state, parse(entry.record), None if entry.value is None else value_in(entry.value))
        except ValueError as error:
            raise self._garbled(error) from error

    def _read(self) -> Journal:
        """Return what the journal adds up to by now. Raises `StoreError` for anything that no worker has written."""
        journal = self._journal
        try:
            journal.read_on(self._file.read_from(journal.length))
        except FileNotFoundError:
            pass  # no worker has written to it yet
        except BaseException as error:
            self._journal = Journal()  # after an interrupt, lines that were applied would be applied twice
            if isinstance(error, ValueError):  # undecodable bytes included
                raise self._garbled(error) from error
            raise
        return journal

    def _garbled(self, error: Exception) -> StoreError:
        return StoreError(
            self.fixture,
            f"its journal is garbled: {error}; nothing but the plugin may write to {self._file.path}",
        )
