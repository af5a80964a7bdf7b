"""The membership of a run on disk: its workers' states, liveness locks, long waits and finished tests.

Every state is a marker file that appears or vanishes whole, and markers are only ever added (`draining` alone may be
removed). A directory listing made while others write can miss a file that is renamed, but never one that existed
before the listing began; so a listing never forgets a worker.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import mmap
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from pytest_shared_session_scope._run import files
from pytest_shared_session_scope._run.files import hold_for_life, is_locked

Item = TypeVar("Item")

# The controller's id among the workers'.
CONTROLLER: Final = "controller"
# Markers of the controller that concern the whole run.
_CLOSED: Final = "closed"
_ORPHANED: Final = "orphaned"
_LIVENESS_LOCK: Final = "lock"


class WorkerState(enum.Enum):
    """The states of a worker. It is in the last of them that it has a marker of."""

    EXPECTED = "expected"
    """It has been announced by the controller and has acquired nothing yet."""
    RUNNING = "running"
    """It has acquired a share."""
    DRAINING = "draining"
    """It has begun to tear down its session, and acquires nothing any more."""
    GONE = "gone"
    """The controller has seen it end, and has replaced it or never will. Covers clean exits and crashes."""


_STATES: Final = {state.value: state for state in WorkerState}
_RANKS: Final = {state: rank for rank, state in enumerate(WorkerState)}


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The membership at one moment.

    `is_closed`: the controller starts no more workers and hands out no more tests. `has_orphans`: a worker has
    released a share in the middle of the run that nobody else held.
    """

    states: dict[str, WorkerState]
    is_closed: bool = False
    has_orphans: bool = False


class Wait(NamedTuple):
    """A worker's wait for the share with this key; `since` is in seconds since the epoch."""

    worker: str
    key: str
    since: float


class Workers:
    """The run's workers, as the worker `me` or the controller sees them."""

    def __init__(self, directory: Path, me: str) -> None:
        self.run_directory = directory
        self.directory = directory / "workers"
        self.me = me
        self._prefix = os.path.join(self.directory, "")
        self._wait_path = directory / "waiting" / f"{files.quoted(me)}.json"
        self._unlock: Callable[[], object] | None = None

    # -- states

    def mark(self, worker: str, state: WorkerState) -> None:
        """Put a worker into a state. Workers mark themselves; EXPECTED and GONE are the controller's."""
        files.touch(self._path(worker, state.value))

    def unmark(self, worker: str, state: WorkerState) -> None:
        """Take a worker out of a state."""
        files.remove(self._path(worker, state.value))

    def close_run(self) -> None:
        """Announce that no more workers are started, and no more tests handed out."""
        files.touch(self._path(CONTROLLER, _CLOSED))

    def is_run_closed(self) -> bool:
        """Whether the controller starts no more workers and hands out no more tests."""
        return os.path.exists(self._path(CONTROLLER, _CLOSED))

    def note_orphan(self) -> None:
        """Announce that a share is orphaned."""
        files.touch(self._path(CONTROLLER, _ORPHANED))

    def snapshot(self) -> Snapshot:
        """Return the membership, from one listing of the directory."""
        states: dict[str, WorkerState] = {}
        of_run: set[str] = set()
        for entry in os.listdir(self.directory):
            name, _, marker = entry.rpartition(".")
            worker, state = files.unquoted(name), _STATES.get(marker)
            if worker == CONTROLLER:
                of_run.add(marker)
            elif state is not None and (worker not in states or _RANKS[state] > _RANKS[states[worker]]):
                states[worker] = state
        return Snapshot(states, _CLOSED in of_run, _ORPHANED in of_run)

    def state_of(self, worker: str) -> WorkerState:
        """Return the state of a worker that is in the snapshot, without listing the others."""
        markers = (state for state in reversed(WorkerState) if os.path.exists(self._path(worker, state.value)))
        return next(markers, WorkerState.EXPECTED)

    # -- liveness locks

    def hold_liveness_lock(self) -> None:
        """Hold my liveness lock, which proves that I am alive for as long as this process lives."""
        if self._unlock is None:
            self._unlock = hold_for_life(self._path(self.me, _LIVENESS_LOCK))

    def release_liveness_lock(self) -> None:
        """Release my liveness lock, at the end of the process."""
        if self._unlock is not None:
            self._unlock()
            self._unlock = None

    def is_liveness_lock_held(self, worker: str) -> bool:
        """Whether the worker's process has acquired its liveness lock and lives."""
        try:
            return is_locked(self._path(worker, _LIVENESS_LOCK))
        except FileNotFoundError:
            return False

    def is_alive(self, worker: str) -> bool:
        """Whether the worker's process lives: it holds its liveness lock and the controller has not marked it GONE."""
        if worker == self.me:
            return True
        if os.path.exists(self._path(worker, WorkerState.GONE.value)):
            return False
        try:
            return is_locked(self._path(worker, _LIVENESS_LOCK))
        except FileNotFoundError:
            # It has not acquired its liveness lock yet, or never will: nothing proves its death.
            return os.path.exists(self._path(worker, WorkerState.EXPECTED.value))

    def is_any_alive(self) -> bool:
        """Whether any process of the run lives, the controller included."""
        return any(is_locked(path) for path in self.directory.glob(f"*.{_LIVENESS_LOCK}"))

    # -- waits, for the controller's waiting line

    def mark_waiting(self, key: str, since: float) -> None:
        """Announce that I have been waiting for a share since then (seconds since the epoch)."""
        with contextlib.suppress(OSError):  # it serves the waiting line alone, which must never fail a run
            files.write_atomic(self._wait_path, json.dumps([key, since]).encode())

    def unmark_waiting(self) -> None:
        """Announce that I wait no more."""
        with contextlib.suppress(OSError):
            files.remove(self._wait_path)

    def waits(self) -> list[Wait]:
        """Return every announced wait, including those of workers that died while they waited."""
        found: list[Wait] = []
        for name in sorted(os.listdir(self._wait_path.parent)):
            if name.endswith(".json"):
                with contextlib.suppress(FileNotFoundError):  # the wait has just ended
                    key, since = json.loads(self._wait_path.with_name(name).read_bytes())
                    found.append(Wait(files.unquoted(name.removesuffix(".json")), key, since))
        return found

    def _path(self, worker: str, marker: str) -> str:
        return f"{self._prefix}{files.quoted(worker)}.{marker}"


class Progress(Generic[Item]):
    """The tests that are finished, in every worker; decides whether a share can be released in the middle of the run.

    All workers of a run collect the same tests, so an index identifies a test in all of them. Each worker maps a file
    with one byte per test into its memory: marking a test costs no system call and outlives the worker. The others
    read the file when they need to.
    """

    def __init__(self, items: Sequence[Item], path: Path | None, *, is_each: bool = False) -> None:
        """Create this worker's file at `path`, among those of the others; None keeps the marks in this process.

        `is_each`: every worker runs every test.
        """
        self._items = items
        self._path = path
        self._is_finished = min if is_each else max
        self._index = {item: index for index, item in enumerate(items)}
        self._mine: mmap.mmap | bytearray = _mapped(path, len(items)) if path and items else bytearray(len(items))

    def mark_finished(self, item: Item) -> None:
        """Note that a test acquires nothing any more in this worker."""
        index = self._index.get(item)
        if index is not None:
            self._mine[index] = 1

    def is_test_left(self, is_needed_by: Callable[[Item], bool], workers: Sequence[str]) -> bool:
        """Whether a test that needs something is not finished yet; `workers` are the others that may run it."""
        marks = [bytes(self._mine), *(self._marks_of(worker) for worker in workers)]
        finished = map(self._is_finished, *marks) if len(marks) > 1 else marks[0]
        return any(not mark and is_needed_by(item) for mark, item in zip(finished, self._items, strict=True))

    def _marks_of(self, worker: str) -> bytes:
        marks = b""
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):  # the worker is still starting
                marks = self._path.with_name(files.quoted(worker)).read_bytes()
        return marks.ljust(len(self._items), b"\0")  # it may have created its file and not given it its length yet


def progress_path(directory: Path, worker: str) -> Path:
    """Return the path of the file in which a worker marks its finished tests."""
    return directory / "progress" / files.quoted(worker)


def _mapped(path: Path, size: int) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(descriptor, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
