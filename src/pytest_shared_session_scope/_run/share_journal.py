"""One share on disk: a journal to which its workers append, and a lock. Decides nothing."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from pytest_shared_session_scope._run import fileio, records
from pytest_shared_session_scope._run.journal import Journal, line, place_of, value_in, with_value
from pytest_shared_session_scope._run.journal_file import shared_file
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from typing_extensions import Self

    from pytest_shared_session_scope._run.records import ShareRecord


class ShareJournal:
    """The files of one share: its journal, which is also what is locked, where a locked file can be read.

    Everything that becomes of a share is one line, appended whole or not at all: its holders, and its states. `ready`
    and `failed` are published, `cleaning` is `ready` renamed, `setting-up` is there while the owner's setup runs,
    `cleaned-N` and `lost-N` tell the end of the N-th setup. One file rather than one for each state and holder in a
    directory of the share's own: on ext4 that made a setup three times as dear, for new directories and files there
    are spread over the disk.
    """

    def __init__(self, directory: Path | str, key: str, me: str, fixture: str) -> None:
        self.key = key
        self.worker = me
        self.fixture = fixture
        self._me = fileio.quoted(me)
        # Text, since to make a `Path` of it would cost more than a system call.
        self._directory = str(directory)
        self._file = shared_file(f"{directory}{os.sep}shares{os.sep}{key}")
        self._journal = Journal()

    def __enter__(self) -> Self:
        """Keep the journal open, inside."""
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, traceback)

    def of(self, key: str) -> ShareJournal:
        """Return the files of another share of the run."""
        return ShareJournal(self._directory, key, self.worker, self.fixture)

    @property
    def path(self) -> Path:
        """The share's journal."""
        return Path(self._file.path)

    def try_lock(self) -> bool:
        """Try once to take the share's lock: for setting up and for deciding who is last."""
        return self._file.try_lock()

    def unlock(self) -> None:
        """Give the share's lock back, where I have it."""
        self._file.unlock()

    def is_locked(self) -> bool:
        """Say whether a worker has the share's lock, more cheaply than by trying it."""
        try:
            return self._file.is_locked()
        except FileNotFoundError:
            return False

    def hold(self) -> None:
        """Become a holder."""
        self._note("hold", self._me)

    def is_holding(self) -> bool:
        """Say whether I am seen as a holder."""
        return self._me in self._look().holders

    def unhold(self) -> None:
        """Stop being a holder."""
        self._note("free", self._me)

    def other_holders(self) -> list[str]:
        """Return the workers that hold the share, without me, dead or alive."""
        return [fileio.unquoted(name) for name in self._look().holders if name != self._me]

    def leave(self) -> None:
        """Stop being a holder, but be seen as `leaving` while the fixture's own code ends."""
        self._note("leave", self._me)

    def unleave(self) -> None:
        """Be seen no more."""
        self._note("free", self._me)

    def leaving(self) -> list[str]:
        """Return the workers that are leaving, dead or alive."""
        return [fileio.unquoted(name) for name in self._look().leaving]

    def drop_holder(self, worker: str) -> None:
        """Remove what a dead worker left of its holding."""
        self._note("free", fileio.quoted(worker))

    def note_dynamic(self) -> None:
        """Note that a test asks for the share without naming it: who else may do so is not known."""
        self._note("dynamic")

    def add_dependent(self, key: str) -> None:
        """Note that another share depends on this one, until it is cleaned up."""
        self._note("depend", key)

    def drop_dependent(self, key: str) -> None:
        """Note that another share does not depend on this one any more."""
        self._note("undepend", key)

    def dependents(self) -> list[str]:
        """Return the keys of the shares that depend on this one and are not cleaned up."""
        return list(self._look().dependents)

    def may_be_needed(self) -> bool:
        """Say whether the share may be needed by more than the tests that name it."""
        journal = self._look()
        return journal.is_dynamic or bool(journal.dependents)

    def has(self, state: str) -> bool:
        """Say whether the share is in a state."""
        return state in self._look().states

    def read(self, state: str) -> ShareRecord | None:
        """Return the record of a state, None where the share is not in it. Raises `StoreError` for a garbled one."""
        text = self._look().states.get(state)
        try:
            return None if text is None else records.parse(text)
        except ValueError as error:
            raise self._garbled(error) from error

    def value(self) -> str | None:
        """Return the short value of the share that is ready, as it was when last looked at; None if it is in its store.

        Raises `StoreError` for a garbled one.
        """
        checked = self._journal.checked
        try:
            return None if checked is None else value_in(checked)
        except ValueError as error:
            raise self._garbled(error) from error

    def wipe_value(self) -> bool:
        """Overwrite the short value of the share that was ready when last looked at, and nobody reads any more.

        Return whether it has one.
        """
        checked = self._journal.checked
        if checked is None:
            return False
        place = place_of(checked, self._file.read_on(0))
        if place is not None:
            self._file.overwrite(place, b" " * len(checked))
        return True

    def publish(self, state: str, record: ShareRecord, *, instead_of: str | None = None) -> None:
        """Put the share into a state, with the record of it, and in the same moment out of another."""
        self._note("publish", state, instead_of or "-", records.encode(record))

    def publish_ready(self, record: ShareRecord, *, is_held: bool, value: str | None = None) -> None:
        """Make the share that is being set up ready, with its short value, and me in the same moment its holder."""
        holding = line("hold", self._me) if is_held else b""
        ready = line("publish", "ready", "setting-up", with_value(records.encode(record), value))
        self._file.append(holding + ready)

    def publish_cleaned(self, record: ShareRecord) -> None:
        """Note that the share is cleaned up, and in the same moment that I am no holder of it."""
        cleaned = line("publish", f"cleaned-{record.generation}", "cleaning", records.encode(record))
        self._file.append(cleaned + line("free", self._me))

    def rename(self, state: str, to: str) -> None:
        """Move the share from one state to another. Called under the share's lock, or where no worker is left."""
        if not self.has(state):
            raise StoreError(self.fixture, f"it is no longer {state}, though only this worker may change that")
        self._note("rename", state, to)

    def discard(self, state: str) -> None:
        """Remove the record of a state."""
        self._note("discard", state)

    def is_open(self) -> bool:
        """Say whether the share is set up, or being cleaned up."""
        states = self._look().states
        return "ready" in states or "cleaning" in states

    def states(self) -> list[str]:
        """Return every state of which there is a record."""
        return sorted(self._look().states)

    def put_aside(self) -> int:
        """Put aside as `lost-N` what a dead worker left; return how many setups have come to their end by then.

        Its short value goes: who still reads it finds out that it has died.
        """
        states = self._look().states
        if "ready" in states or "cleaning" in states:
            self.wipe_value()
        ended = sum(state.startswith(("cleaned-", "lost-")) for state in states)
        for state in [state for state in ("setting-up", "ready", "cleaning") if state in states]:
            ended += 1
            self.rename(state, f"lost-{ended}")
        return ended

    def _note(self, *words: str) -> None:
        self._file.append(line(*words))

    def has_news(self) -> bool:
        """Say whether a worker has noted anything since the last look, more cheaply than by looking."""
        try:
            return self._file.length() != self._journal.length
        except FileNotFoundError:
            return False  # nobody has noted anything yet

    def _look(self) -> Journal:
        """Return what the share's lines come to by now. Raises `StoreError` for what no worker has written."""
        journal = self._journal
        try:
            journal.read_on(self._file.read_on(journal.length))
        except FileNotFoundError:
            pass  # nobody has asked for the share
        except BaseException as error:
            self._journal = Journal()  # else what was read before an interrupt would be taken in twice
            if isinstance(error, ValueError):  # what is no UTF-8 is one, too
                raise self._garbled(error) from error
            raise
        return journal

    def _garbled(self, error: Exception) -> StoreError:
        return StoreError(
            self.fixture,
            f"what its workers noted is garbled: {error}; nothing but the plugin may write to {self._file.path}",
        )
