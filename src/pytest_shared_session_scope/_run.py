"""The run's directory: who works in it, who is alive, and the files of each share.

With `store.py` the only module that touches files. It knows nothing of pytest: the plugin tells it where the
directory is and who the worker is. filelock is imported when the first lock is needed, never at import time.

Every state is a file that appears or vanishes whole. A worker's state is the presence of marker files that are only
ever added (`draining` may be taken back): a directory listing made while others write can miss a renamed file, never
one that was there before the listing began, so a listing never forgets a worker.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from pytest_shared_session_scope import _records
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from pytest_shared_session_scope._records import ShareRecord

NAME: Final = "shared-session-scope"
CONTROLLER: Final = "controller"

EXPECTED: Final = "expected"
RUNNING: Final = "running"
DRAINING: Final = "draining"
GONE: Final = "gone"
CLOSED: Final = "closed"
# A worker's state is the last of these whose marker is there.
_STATES: Final = (EXPECTED, RUNNING, DRAINING, GONE)
# Follows a quoted worker id in the name of a holder file; quoting leaves no `!` in an id.
_LEAVING: Final = "!leaving"


@dataclasses.dataclass(frozen=True)
class Roster:
    """Who takes part in the run, at one moment.

    `states` has each worker's state: `expected` (its process is being started), `running`, `draining` (it takes
    nothing any more) or `gone` (it ended, or died and is replaced or never will be). `closed` says that the
    controller starts no worker and hands out no test any more.
    """

    states: dict[str, str]
    closed: bool


def create_directory(parent: Path) -> Path:
    """Create the run's directory inside `parent` where it is not there yet, readable by its user alone."""
    directory = parent / NAME
    directory.mkdir(mode=0o700, exist_ok=True)
    for name in ("workers", "progress", "shares", "values", "locks"):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    return directory


def progress_path(directory: Path, worker: str) -> Path:
    """Return the path of the file in which a worker marks the tests that are over."""
    return directory / "progress" / quote(worker, safe="")


def remove_directory(directory: Path) -> None:
    """Remove the run's directory with everything in it."""
    shutil.rmtree(directory, ignore_errors=True)


def new_lock(path: Path) -> BaseFileLock:
    """Return a lock that the operating system frees when its process dies, however it dies."""
    import filelock

    return filelock.FileLock(path, mode=0o600)


def is_locked(path: Path) -> bool:
    """Say whether a process holds the lock at `path`, which `new_lock` made.

    Asked with a shared lock where there are any, so that two workers that ask at once do not take each other for the
    holder. Windows has none: there such a clash makes a dead worker look alive until it is asked for again.
    """
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows
        probe = new_lock(path)
        if not try_lock(probe):
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


def try_lock(lock: BaseFileLock) -> bool:
    """Try once to take the lock."""
    return wait_lock(lock, 0)


def wait_lock(lock: BaseFileLock, timeout: float | None = None) -> bool:
    """Take the lock, or return False after `timeout` seconds. Who waits looks every two milliseconds."""
    import filelock

    try:
        lock.acquire(-1 if timeout is None else timeout, poll_interval=0.002)
    except filelock.Timeout:
        return False
    return True


class Workers:
    """The run's workers as one of them, or the controller, sees them."""

    def __init__(self, directory: Path, me: str) -> None:
        self.directory = directory / "workers"
        self.me = me
        self._lease: BaseFileLock | None = None

    def mark(self, worker: str, state: str) -> None:
        """Put a worker into a state. Called by the worker itself; `expected` and `gone` by the controller."""
        _touch(self._marker(worker, state))

    def unmark(self, worker: str, state: str) -> None:
        """Take a state back."""
        self._marker(worker, state).unlink(missing_ok=True)

    def hold_lease(self) -> None:
        """Take my lease, which proves for as long as this process lives that I am alive."""
        if self._lease is None:
            self._lease = new_lock(self._marker(self.me, "lease"))
            wait_lock(self._lease)  # another worker may be probing it

    def release_lease(self) -> None:
        """Give my lease back, at the end of the process."""
        if self._lease is not None:
            self._lease.release(force=True)
            self._lease = None

    def is_alive(self, worker: str) -> bool:
        """Say whether the worker's process lives: it holds its lease, and the controller has not declared it gone."""
        if worker == self.me:
            return True
        if self._marker(worker, GONE).exists():
            return False
        lease = self._marker(worker, "lease")
        if not lease.exists():
            # It has not taken its lease yet, or never will: nothing proves its death.
            return self._marker(worker, EXPECTED).exists()
        return is_locked(lease)

    def roster(self) -> Roster:
        """Return who takes part, from one listing of the directory."""
        states: dict[str, str] = {}
        closed = False
        for entry in os.listdir(self.directory):
            quoted, _, state = entry.rpartition(".")
            worker = unquote(quoted)
            if worker == CONTROLLER:
                closed = closed or state == CLOSED
            elif state in _STATES and _STATES.index(state) >= _STATES.index(states.get(worker, EXPECTED)):
                states[worker] = state
        return Roster(states, closed)

    def _marker(self, worker: str, state: str) -> Path:
        return self.directory / f"{quote(worker, safe='')}.{state}"


def share_keys(directory: Path) -> list[str]:
    """Return the key of every share that somebody has asked for in the run."""
    return sorted(os.listdir(directory / "shares"))


class ShareFiles:
    """The files of one share.

    `ready.json` and `failed.json` are published by a rename, `cleaning.json` is `ready.json` renamed, `setting-up.json`
    is there while the owner's setup runs, `cleaned-N.json` and `lost-N.json` tell the end of the N-th setup. States
    are names rather than contents because replacing a file forces it to the disk on some file systems (ext4), which
    costs more than all the rest of a take.
    """

    def __init__(self, directory: Path, key: str, me: str, fixture: str) -> None:
        self.fixture = fixture
        self.directory = directory / "shares" / key
        self._holders = self.directory / "holders"
        self._me = quote(me, safe="")
        self._lock: BaseFileLock | None = None

    @property
    def lock(self) -> BaseFileLock:
        """The share's lock: for setting up and for deciding who is last."""
        if self._lock is None:
            self._lock = new_lock(self.directory / "lock")
        return self._lock

    def is_locked(self) -> bool:
        """Say whether a worker has the share's lock, more cheaply than by trying it."""
        try:
            return is_locked(self.directory / "lock")
        except FileNotFoundError:
            return False

    def exists(self) -> bool:
        """Say whether the share's directories are there."""
        return self._holders.exists()

    def create(self) -> None:
        """Create the share's directories where they are not there yet."""
        with contextlib.suppress(FileExistsError):
            self.directory.mkdir(mode=0o700)
        with contextlib.suppress(FileExistsError):
            self._holders.mkdir(mode=0o700)

    def hold(self, test: str) -> bool:
        """Become a holder. Returns False where nobody has asked for the share before."""
        try:
            _write_whole(self._holders / self._me, test)
        except FileNotFoundError:
            return False
        return True

    def unhold(self) -> None:
        """Stop being a holder."""
        (self._holders / self._me).unlink(missing_ok=True)

    def other_holders(self) -> list[str]:
        """Return the workers that hold the share, without me, dead or alive."""
        names = os.listdir(self._holders)
        return [unquote(name) for name in names if name != self._me and not name.endswith(_LEAVING)]

    def leave(self) -> None:
        """Stop being a holder, but be seen as `leaving` while the fixture's own code ends."""
        (self._holders / self._me).rename(self._holders / (self._me + _LEAVING))

    def unleave(self) -> None:
        """Be seen no more."""
        (self._holders / (self._me + _LEAVING)).unlink(missing_ok=True)

    def leaving(self) -> list[str]:
        """Return the workers that are leaving, dead or alive."""
        names = os.listdir(self._holders)
        return [unquote(name.removesuffix(_LEAVING)) for name in names if name.endswith(_LEAVING)]

    def drop_holder(self, worker: str) -> None:
        """Remove what a dead worker left of its holding."""
        name = quote(worker, safe="")
        (self._holders / name).unlink(missing_ok=True)
        (self._holders / (name + _LEAVING)).unlink(missing_ok=True)

    def has(self, state: str) -> bool:
        """Say whether the share is in a state."""
        return (self.directory / f"{state}.json").exists()

    def read(self, state: str) -> ShareRecord | None:
        """Return the record of a state, None where the share is not in it. Raises `StoreError` for a garbled one."""
        try:
            text = (self.directory / f"{state}.json").read_text("utf-8", "surrogatepass")
        except FileNotFoundError:
            return None
        try:
            return _records.parse(text)
        except ValueError as error:
            raise StoreError(
                self.fixture,
                f"what a worker noted in {state}.json is garbled: {error}; nothing but the plugin may write to the run's "
                f"directory {self.directory}",
            ) from error

    def publish(self, state: str, record: ShareRecord) -> None:
        """Write the record of a state, whole or not at all."""
        temporary = self.directory / f".{state}.{self._me}"
        _write_whole(temporary, _records.encode(record))
        temporary.replace(self.directory / f"{state}.json")

    def rename(self, state: str, to: str) -> None:
        """Move the share from one state to another."""
        (self.directory / f"{state}.json").rename(self.directory / f"{to}.json")

    def discard(self, state: str) -> None:
        """Remove the record of a state."""
        (self.directory / f"{state}.json").unlink(missing_ok=True)

    def ended(self) -> int:
        """Return how many setups of the share have come to their end."""
        return sum(name.startswith(("cleaned-", "lost-")) for name in os.listdir(self.directory))


def _touch(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def _write_whole(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
