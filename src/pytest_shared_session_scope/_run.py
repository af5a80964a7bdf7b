"""The run's directory: who works in it, and who is alive.

It knows nothing of pytest: the plugin tells it where the directory is and who the worker is. filelock is imported when
the first lock of its own is needed, never at import time.

Every state is a file that appears or vanishes whole. A worker's state is the presence of marker files that are only
ever added (`draining` may be taken back): a directory listing made while others write can miss a renamed file, never
one that was there before the listing began, so a listing never forgets a worker.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_shared_session_scope import _small_files

if TYPE_CHECKING:
    from filelock import BaseFileLock

NAME: Final = "shared-session-scope"
CONTROLLER: Final = "controller"

EXPECTED: Final = "expected"
RUNNING: Final = "running"
DRAINING: Final = "draining"
GONE: Final = "gone"
CLOSED: Final = "closed"
UNHELD: Final = "unheld"
# A worker's state is the last of these whose marker is there.
_STATES: Final = (EXPECTED, RUNNING, DRAINING, GONE)


@dataclasses.dataclass(frozen=True)
class Roster:
    """Who takes part in the run, at one moment.

    `states` has each worker's state: `expected` (it has asked for nothing yet), `running`, `draining` (it takes
    nothing any more) or `gone` (it ended, or died and is replaced or never will be). `closed` says that the
    controller starts no worker and hands out no test any more, `unheld` that in the middle of the run a share was left
    which nobody holds.
    """

    states: dict[str, str]
    closed: bool
    unheld: bool = False


def create_directory(parent: Path) -> Path:
    """Create the run's directory inside `parent` where it is not there yet, readable by its user alone."""
    directory = parent / NAME
    directory.mkdir(mode=0o700, exist_ok=True)
    for name in ("workers", "progress", "shares", "values", "locks", "observed", "waiting"):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    return directory


def progress_path(directory: Path, worker: str) -> Path:
    """Return the path of the file in which a worker marks the tests that are over."""
    return directory / "progress" / _small_files.quoted(worker)


def remove_directory(directory: Path) -> None:
    """Remove the run's directory with everything in it."""
    shutil.rmtree(directory, ignore_errors=True)


def new_lock(path: Path) -> BaseFileLock:
    """Return a lock that the operating system frees when its process dies, however it dies."""
    import filelock

    return filelock.FileLock(path, mode=0o600)


def is_locked(path: str | Path) -> bool:
    """Say whether a process holds the lock at `path`, which `new_lock` made.

    Asked with a shared lock where there are any, so that two workers that ask at once do not take each other for the
    holder. Windows has none: there such a clash makes a dead worker look alive until it is asked for again.
    """
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows
        probe = new_lock(Path(path))
        if not wait_lock(probe, 0):
            return True
        probe.release()
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_for_life(path: str) -> Callable[[], object]:
    """Lock a file until the process ends, or what is returned is called.

    Without filelock where there is `flock`: a controller takes its lease in runs that share nothing, too.
    """
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows
        lock = new_lock(Path(path))
        lock.acquire()  # pyright: ignore[reportUnknownMemberType] - filelock's own annotation
        return functools.partial(lock.release, force=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # waits for those who are probing it just now
    return functools.partial(os.close, descriptor)


def wait_lock(lock: BaseFileLock, timeout: float | None = None) -> bool:
    """Take the lock, or return False after `timeout` seconds. Who waits looks every two milliseconds."""
    import filelock

    try:
        seconds = -1 if timeout is None else timeout
        lock.acquire(seconds, poll_interval=0.002)  # pyright: ignore[reportUnknownMemberType] - filelock's
    except filelock.Timeout:
        return False
    return True


class Workers:
    """The run's workers as one of them, or the controller, sees them."""

    def __init__(self, directory: Path, me: str) -> None:
        self.run_directory = directory
        self.directory = directory / "workers"
        self.me = me
        self._prefix = os.path.join(self.directory, "")
        self._release: Callable[[], object] | None = None

    def mark(self, worker: str, state: str) -> None:
        """Put a worker into a state. Called by the worker itself; `expected` and `gone` by the controller."""
        _small_files.touch(self._marker(worker, state))

    def unmark(self, worker: str, state: str) -> None:
        """Take a state back."""
        _small_files.remove(self._marker(worker, state))

    def hold_lease(self) -> None:
        """Take my lease, which proves for as long as this process lives that I am alive."""
        if self._release is None:
            self._release = _lock_for_life(self._marker(self.me, "lease"))

    def release_lease(self) -> None:
        """Give my lease back, at the end of the process."""
        if self._release is not None:
            self._release()
            self._release = None

    def is_any_alive(self) -> bool:
        """Say whether a process that takes part in the run lives, the controller among them."""
        return any(is_locked(path) for path in self.directory.glob("*.lease"))

    def is_alive(self, worker: str) -> bool:
        """Say whether the worker's process lives: it holds its lease, and the controller has not declared it gone."""
        if worker == self.me:
            return True
        if os.path.exists(self._marker(worker, GONE)):
            return False
        try:
            return is_locked(self._marker(worker, "lease"))
        except FileNotFoundError:
            # It has not taken its lease yet, or never will: nothing proves its death.
            return os.path.exists(self._marker(worker, EXPECTED))

    def is_lease_held(self, worker: str) -> bool:
        """Say whether the worker's process has taken its lease, and lives."""
        try:
            return is_locked(self._marker(worker, "lease"))
        except FileNotFoundError:
            return False

    def roster(self) -> Roster:
        """Return who takes part, from one listing of the directory."""
        states: dict[str, str] = {}
        of_run: set[str] = set()
        for entry in os.listdir(self.directory):
            quoted, _, state = entry.rpartition(".")
            worker = _small_files.unquoted(quoted)
            if worker == CONTROLLER:
                of_run.add(state)
            elif state in _STATES and _STATES.index(state) >= _STATES.index(states.get(worker, EXPECTED)):
                states[worker] = state
        return Roster(states, CLOSED in of_run, UNHELD in of_run)

    def state_of(self, worker: str) -> str:
        """Return the state of a worker that is in the roster, without a look at the others."""
        return next((state for state in reversed(_STATES) if os.path.exists(self._marker(worker, state))), EXPECTED)

    def is_closed(self) -> bool:
        """Say whether the controller starts no worker and hands out no test any more."""
        return os.path.exists(self._marker(CONTROLLER, CLOSED))

    def _marker(self, worker: str, state: str) -> str:
        return f"{self._prefix}{_small_files.quoted(worker)}.{state}"


def share_keys(directory: Path) -> list[str]:
    """Return the key of every share that somebody has asked for in the run."""
    return sorted(os.listdir(directory / "shares"))
