"""Operating-system locks between the processes of a run, and the named locks of the fixture `shared_lock`.

filelock is imported when its first lock is needed: a run that shares nothing never needs one.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_shared_session_scope._run import fileio
from pytest_shared_session_scope.errors import LockTimeoutError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__tracebackhide__ = True  # pytest shows users their own frames


def new_lock(path: Path) -> BaseFileLock:
    """Return a lock that the operating system releases when its process ends, however it ends."""
    import filelock

    return filelock.FileLock(path, mode=0o600)


def is_locked(path: str | Path) -> bool:
    """Whether a process holds the lock at `path`. Raises `FileNotFoundError` if there is no such file.

    Probed with a shared lock where the platform has one, so that two workers that probe at the same time do not take
    each other for the holder. Windows has none: there such a clash makes a dead worker look alive until the next probe.
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


def hold_for_life(path: str) -> Callable[[], object]:
    """Lock a file until the process ends; return a function that unlocks it earlier.

    Uses no filelock where the platform has `flock`: a controller holds its liveness lock in runs that share nothing.
    """
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows
        lock = new_lock(Path(path))
        lock.acquire()  # pyright: ignore[reportUnknownMemberType] - filelock's own annotation
        return functools.partial(lock.release, force=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # blocks while another process probes it
    return functools.partial(os.close, descriptor)


def wait_lock(lock: BaseFileLock, timeout: float | None = None) -> bool:
    """Acquire the lock, polling every two milliseconds; return False after `timeout` seconds (None: no limit)."""
    import filelock

    try:
        seconds = -1 if timeout is None else timeout
        lock.acquire(seconds, poll_interval=0.002)  # pyright: ignore[reportUnknownMemberType] - filelock's
    except filelock.Timeout:
        return False
    return True


class NamedLock:
    """A lock between the run's workers that is identified by a name; see `SharedLock`.

    While a worker holds it, a note beside the lock says which worker and which test, for the message of a worker that
    waits for it too long.
    """

    def __init__(self, directory: Path, worker: str, name: str, timeout: float | None) -> None:
        import hashlib  # loads OpenSSL: not in runs without a named lock

        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        self._worker = worker
        self._name = name
        self._timeout = timeout
        self._lock = new_lock(directory / "locks" / digest)
        self._note = directory / "locks" / f"{digest}.json"

    def __enter__(self) -> None:
        if not wait_lock(self._lock, self._timeout):
            raise LockTimeoutError(repr(self._name), self._waited_too_long(self._timeout or 0.0))
        try:
            self._write_note()
        except BaseException:  # an interrupt: nobody would call __exit__
            self._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            with contextlib.suppress(OSError):
                fileio.remove(self._note)
        finally:
            self._lock.release()

    def _write_note(self) -> None:
        note = {"worker": self._worker, "since": time.time(), "test": os.environ.get("PYTEST_CURRENT_TEST", "")}
        with contextlib.suppress(OSError):  # the note serves a message alone: a full disk must not fail the test
            fileio.write_atomic(self._note, json.dumps(note).encode())

    def _waited_too_long(self, waited: float) -> str:
        begin = f"worker {self._worker} waited {waited:g} s for it"
        suggestion = "raise timeout= or look at what is done under the lock"
        try:
            note: dict[str, Any] = json.loads(self._note.read_bytes())
        except (OSError, ValueError):  # the lock is changing hands
            return f"{begin}: another worker holds it; {suggestion}"
        since = f"for {max(time.time() - note['since'], 0.0):.1f} s, since {note['test']}"
        if note["worker"] == self._worker:
            return f"{begin}, and has held it itself {since}; a named lock cannot be entered twice: leave it first"
        return f"{begin}: worker {note['worker']} has held it {since}; {suggestion}"
