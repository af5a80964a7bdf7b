"""Operating-system locks between the processes of a run. filelock is imported when its first lock is needed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock


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


def hold_for_life(path: str) -> Callable[[], object]:
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


class NamedLock:
    def __init__(self, directory, worker, name, timeout):
        import hashlib

        from pytest_shared_session_scope._run import lock_holder

        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        self._name = name
        self._timeout = timeout
        self._lock = new_lock(directory / "locks" / digest)
        self._holder = lock_holder.Note(directory / "locks" / f"{digest}.json", worker)

    def __enter__(self) -> None:
        __tracebackhide__ = True
        if not wait_lock(self._lock, self._timeout):
            from pytest_shared_session_scope.errors import LockTimeoutError

            raise LockTimeoutError(repr(self._name), self._holder.told(self._timeout or 0.0))
        try:
            self._holder.write()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self._holder.remove()
        finally:
            self._lock.release()
