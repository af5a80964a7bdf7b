"""A file that processes append to, read and lock through one descriptor while it is in use. Decides nothing.

An acquire accesses a share's journal a dozen times. Opening it each time made three quarters of its system calls.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope._run import files

if TYPE_CHECKING:
    from filelock import BaseFileLock
    from typing_extensions import Self


class JournalFile:
    """One process's descriptor of a file, which exists from the first append or lock on.

    The descriptor is kept inside `with`, and while the lock is held; otherwise each call opens the file anew. It is
    closed in a process that is forked meanwhile, such as a fixture's server, which would keep the file locked.

    Locked by `flock`, as filelock does, but without filelock: that makes five times as many system calls, for features
    that are not needed here (it detects deadlocks, and can be entered twice).
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
        """Append to the file in one write, so that a reader of whole lines sees all of it or nothing."""
        descriptor = self._open(os.O_CREAT)
        try:
            if os.write(descriptor, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
        finally:
            self._close_if_unneeded()

    def read_from(self, begin: int) -> bytes:
        """Return the content from byte `begin` on. Raises `FileNotFoundError` if the file does not exist yet."""
        descriptor = self._open()
        try:
            return files.read_from(descriptor, begin)
        finally:
            self._close_if_unneeded()

    def length(self) -> int:
        """Return the number of bytes; cheaper than opening the file. Raises `FileNotFoundError`, see `read_from`."""
        return os.stat(self.path if self._descriptor is None else self._descriptor).st_size

    def try_lock(self) -> bool:
        """Try once to lock the file. True if this process holds the lock already, e.g. after an interrupted release."""
        import fcntl

        if self._may_be_locked:
            return True
        descriptor = self._open(os.O_CREAT)
        # Set the flag first: after an interrupt the file must not be locked without this process knowing.
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
        """Release the lock if this process holds it, whatever processes were forked meanwhile."""
        import fcntl

        if self._may_be_locked:
            self._may_be_locked = False  # first: if interrupted here, closing the descriptor releases the lock
            try:
                if self._descriptor is not None:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            finally:
                self._close_if_unneeded()

    def is_locked(self) -> bool:
        """Whether any process holds the lock; cheaper than trying to acquire it."""
        return files.is_locked(self.path)

    def close(self) -> None:
        """Close the descriptor. The file stays locked if another process has inherited the descriptor."""
        self._may_be_locked = False
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            _OPEN.discard(self)
            os.close(descriptor)

    def _open(self, flags: int = 0) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | flags | files.BINARY, 0o600)
            _OPEN.add(self)
        return self._descriptor

    def _close_if_unneeded(self) -> None:
        if not self._is_kept and not self._may_be_locked:
            self.close()


_OPEN: Final = set[JournalFile]()


def _close_all() -> None:
    for file in list(_OPEN):
        file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all)


class _WindowsJournalFile(JournalFile):  # pragma: no cover - Windows
    """On Windows a locked file cannot be read by others, and an append seeks the end first and writes second."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        directory, name = os.path.split(path)
        self._lock_path = Path(directory).with_name("locks") / name
        self._lock: BaseFileLock | None = None

    def append(self, content: bytes) -> None:
        with files.new_lock(self._lock_path.with_name(f"{self._lock_path.name}.append")):
            super().append(content)

    def try_lock(self) -> bool:
        if self._lock is None:
            self._lock = files.new_lock(self._lock_path)
        return self._lock.is_locked or files.wait_lock(self._lock, 0)

    def unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()

    def is_locked(self) -> bool:
        return files.is_locked(self._lock_path)


def journal_file(path: str) -> JournalFile:
    """Return the file at `path`, for this platform."""
    return JournalFile(path) if sys.platform != "win32" else _WindowsJournalFile(path)


# The signals whose handlers raise in the main thread: Ctrl-C, a request to terminate, pytest-timeout's alarm.
_RAISING: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGALRM", "SIGINT") if hasattr(signal, name)]


@contextlib.contextmanager
def held_back() -> Generator[None, None, None]:
    """Let no signal handler raise inside: signals that arrive are handled at the end.

    The signal mask would not do: the kernel delivers a signal to any thread that does not mask it, and Python runs the
    handler in the main thread all the same.
    """
    if threading.current_thread() is not threading.main_thread():  # handlers never run in other threads
        yield
        return
    pending = _Pending()
    with contextlib.ExitStack() as stack:
        stack.callback(pending.handle)
        for number in _RAISING:
            pending.hold_back(number, stack)
        stack.callback(pending.stop)
        yield


class _Pending:
    """The signals that have arrived, with the handlers that are still to run."""

    def __init__(self) -> None:
        self._handlers: list[Callable[[], object]] = []
        self._is_over = False

    def hold_back(self, number: int, stack: contextlib.ExitStack) -> None:
        """Note a signal instead of handling it, until the stack is unwound."""
        handler: Any = signal.getsignal(number)
        if callable(handler):

            def note(number: int, frame: FrameType | None) -> None:
                # If a handler raises while the handlers are restored, this one may stay in place.
                if self._is_over:
                    handler(number, frame)
                else:
                    self._handlers.append(lambda: handler(number, frame))

            stack.callback(signal.signal, number, handler)
            signal.signal(number, note)

    def stop(self) -> None:
        """Handle further signals at once."""
        self._is_over = True

    def handle(self) -> None:
        """Run the handler of every signal that has arrived, even if the first of them raises."""
        with contextlib.ExitStack() as stack:
            for handler in reversed(self._handlers):
                stack.callback(handler)
