"""A file that processes append to, read on and lock, through one descriptor while it is in use. Decides nothing.

A take asks a dozen things of a share's journal. To open it for each made three quarters of a take's system calls.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from pytest_shared_session_scope._run import fileio, locks

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from typing_extensions import Self


class JournalFile:
    """One process's descriptor of a file, which is there from the first append or lock on.

    It is kept inside `with`, and for as long as the lock is held; outside of both, each call opens it anew. A process
    that is forked off meanwhile, such as a fixture's server, does not have it: it would go on holding the lock.

    Locked by `flock`, as filelock does it, without filelock: that makes five times as many system calls, for what is
    not needed here: it looks for deadlocks, and may be entered twice.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._is_kept = False
        self._may_be_locked = False

    def __enter__(self) -> Self:
        self._is_kept = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_kept = False
        self._close_if_unneeded()

    def append(self, content: bytes) -> None:
        """Append to the file, whole or not at all for whoever reads whole lines of it."""
        descriptor = self._open(os.O_CREAT)
        try:
            if os.write(descriptor, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
        finally:
            self._close_if_unneeded()

    def overwrite(self, begin: int, content: bytes) -> None:
        """Write over what the file holds from a byte on; its length stays."""
        # One that is opened to append to appends, wherever it is told to write.
        descriptor = os.open(self.path, os.O_WRONLY | fileio.BINARY)
        try:
            os.lseek(descriptor, begin, os.SEEK_SET)
            os.write(descriptor, content)
        finally:
            os.close(descriptor)

    def read_on(self, begin: int) -> bytes:
        """Return what the file holds from a byte on. Raises `FileNotFoundError` where it is not there yet."""
        descriptor = self._open()
        try:
            return fileio.read_on(descriptor, begin)
        finally:
            self._close_if_unneeded()

    def length(self) -> int:
        """Return how many bytes it has, more cheaply than by opening it. Raises `FileNotFoundError`, see `read_on`."""
        return os.stat(self.path if self._descriptor is None else self._descriptor).st_size

    def try_lock(self) -> bool:
        """Try once to lock it; who has locked it, has: an interrupt may have kept it from being unlocked."""
        import fcntl

        if self._may_be_locked:
            return True
        descriptor = self._open(os.O_CREAT)
        # Before it is: an interrupt must not leave it locked and nobody knowing.
        self._may_be_locked = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:
            self.unlock()
            if isinstance(error, BlockingIOError):
                return False
            raise
        return True

    def unlock(self) -> None:
        """Give the lock back, where it is held, whoever was forked off in the meantime."""
        import fcntl

        if self._may_be_locked:
            self._may_be_locked = False  # first: who is interrupted here unlocks it by closing it
            try:
                if self._descriptor is not None:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            finally:
                self._close_if_unneeded()

    def is_locked(self) -> bool:
        """Say whether any process has locked it, more cheaply than by trying it."""
        return locks.is_locked(self.path)

    def close(self) -> None:
        """Forget the file in this process: it stays locked where another one has it open."""
        self._may_be_locked = False
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            _OPEN.discard(self)
            os.close(descriptor)

    def _open(self, flags: int = 0) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | flags | fileio.BINARY, 0o600)
            _OPEN.add(self)
        return self._descriptor

    def _close_if_unneeded(self) -> None:
        if not self._is_kept and not self._may_be_locked:
            self.close()


_OPEN: Final = set[JournalFile]()


def _forget_files() -> None:
    for file in list(_OPEN):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_files)


class _WindowsJournalFile(JournalFile):  # pragma: no cover - Windows
    """What is locked there can be read by nobody else, and to append is to look for the end first and write second."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        directory, name = os.path.split(path)
        self._lock_path = Path(directory).with_name("locks") / name
        self._lock: BaseFileLock | None = None

    def append(self, content: bytes) -> None:
        with locks.new_lock(self._lock_path.with_name(f"{self._lock_path.name}.append")):
            super().append(content)

    def try_lock(self) -> bool:
        if self._lock is None:
            self._lock = locks.new_lock(self._lock_path)
        return self._lock.is_locked or locks.wait_lock(self._lock, 0)

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def is_locked(self) -> bool:
        return locks.is_locked(self._lock_path)


def shared_file(path: str) -> JournalFile:
    """Return the file at `path`, in one of the run's directories."""
    return JournalFile(path) if sys.platform != "win32" else _WindowsJournalFile(path)
