"""Files, directories and locks: the operations on which everything else in this package is built.

Paths on the way of every acquire are text: building a `Path` costs more than the system call that it is for. filelock
is imported when its first lock is needed: a run that shares nothing never needs one.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope.errors import LockTimeoutError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__tracebackhide__ = True  # pytest shows users their own frames

# The name of the run's directory, inside pytest's base temporary directory.
NAME: Final = "shared-session-scope"
# Windows translates line ends in a descriptor that is opened without this flag.
BINARY: Final[int] = getattr(os, "O_BINARY", 0)
_BLOCK: Final = 1 << 16


def create_directory(parent: Path) -> Path:
    """Create the run's directory inside `parent` if it does not exist yet, readable by its user alone."""
    directory = parent / NAME
    directory.mkdir(mode=0o700, exist_ok=True)
    for name in ("workers", "waiting", "progress", "shares", "values", "locks", "timings"):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    return directory


def remove_directory(directory: Path) -> None:
    """Remove the run's directory and everything in it."""
    shutil.rmtree(directory, ignore_errors=True)


def share_keys(directory: Path) -> list[str]:
    """Return the key of every share that a worker has tried to acquire in the run."""
    return sorted(os.listdir(directory / "shares"))


def quoted(name: str) -> str:
    """Return a file name for any name."""
    if name.isascii() and name.isalnum():
        return name
    # Imported here: it takes 8 ms, in every worker, and most names need no quoting.
    from urllib.parse import quote

    return quote(name, safe="").replace(".", "%2E")  # `.` and `..` are names of directories


def unquoted(name: str) -> str:
    """Return the name that `quoted` turned into a file name."""
    if "%" not in name:
        return name
    from urllib.parse import unquote

    return unquote(name)


def touch(path: str | Path) -> None:
    """Create an empty file, readable by its user alone, if it does not exist yet."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def remove(path: str | Path) -> None:
    """Remove a file if it exists."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def write_atomic(path: str | Path, *parts: bytes) -> None:
    """Write a file, readable by its user alone, so that readers see all of it or none.

    It is written as `<path>.new` and then renamed. Five system calls for one part; `open` alone makes seven.
    """
    temporary = f"{path}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY, 0o600)
    try:
        for part in parts:
            left = memoryview(part)
            while left:
                left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)
    os.replace(temporary, path)


def read_from(descriptor: int, begin: int) -> bytes:
    """Return the content of an open file from byte `begin` on, in one system call if it is short."""
    content = block = _read_block(descriptor, begin)
    while len(block) == _BLOCK:
        block = _read_block(descriptor, begin + len(content))
        content += block
    return content


if sys.platform != "win32":

    def _read_block(descriptor: int, begin: int) -> bytes:
        return os.pread(descriptor, _BLOCK, begin)

else:  # pragma: no cover - Windows

    def _read_block(descriptor: int, begin: int) -> bytes:
        os.lseek(descriptor, begin, os.SEEK_SET)
        return os.read(descriptor, _BLOCK)


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
                remove(self._note)
        finally:
            self._lock.release()

    def _write_note(self) -> None:
        note = {"worker": self._worker, "since": time.time(), "test": os.environ.get("PYTEST_CURRENT_TEST", "")}
        with contextlib.suppress(OSError):  # the note serves a message alone: a full disk must not fail the test
            write_atomic(self._note, json.dumps(note).encode())

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
