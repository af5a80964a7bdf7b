"""Runs each simulated worker in a thread that stops before every look at the disk, so that a test orders the steps.

Only one thread runs at a time. A worker that dies stays where it stopped, and what the kernel frees with a process is
freed: no `finally` of it is run.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar
from unittest import mock

from pytest_shared_session_scope._run import share_journal
from pytest_shared_session_scope._run.journal_file import JournalFile
from pytest_shared_session_scope._run.membership import Workers
from pytest_shared_session_scope._run.share_journal import ShareJournal

T = TypeVar("T")

IDLE = "idle"
_STEPS: dict[type, list[str]] = {
    ShareJournal: [
        *("discard", "drop_holder", "has", "has_news", "hold", "is_holding", "is_locked", "leave", "leaving"),
        *("other_holders", "publish", "publish_cleaned", "publish_ready", "put_aside", "read", "rename", "try_lock"),
        *("unhold", "unleave", "wipe_value"),
    ],
    Workers: ["hold_lease", "is_alive", "is_closed", "mark", "roster", "state_of", "unmark"],
}


class EndOfSimulationError(BaseException):
    """Ends the thread of a worker that the test has no more use for."""


class Thread:
    """One worker's thread of control, which goes on only when it is told to."""

    def __init__(self) -> None:
        self.where = IDLE
        self.files: list[JournalFile] = []
        self._is_over = False
        self._error: BaseException | None = None
        # Locks that one side takes and the other releases: the fastest way to hand on who runs.
        self._go = _taken_lock()
        self._stopped = _taken_lock()
        self._thread: threading.Thread | None = None

    def begin(self, operation: Callable[[], None]) -> None:
        """Let the worker begin an operation: it stops before the first step of it."""
        assert self.where == IDLE
        self.where = "begin"
        self._thread = threading.Thread(target=self._run, args=(operation,), daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Let the worker go on to its next step, or to the end of its operation; raise what it raised."""
        assert self.where != IDLE
        self._go.release()
        assert self._stopped.acquire(timeout=60), f"a worker hangs outside the simulation, after {self.where}"
        if self._error is not None:
            raise self._error

    def stop(self, where: str) -> None:
        """Stop here until the test lets the worker go on. Called in the worker's thread."""
        self._check()  # what the ending thread does in a `finally` must not stop again
        self.where = where
        self._stopped.release()
        self._go.acquire()
        self._check()

    def close(self) -> None:
        """End the thread."""
        self._is_over = True
        if self._thread is not None and self.where != IDLE:
            self._go.release()
            self._thread.join(60)
        for file in self.files:
            file.close()

    def _check(self) -> None:
        if self._is_over:
            raise EndOfSimulationError

    def _run(self, operation: Callable[[], None]) -> None:
        _CURRENT.thread = self
        self._go.acquire()
        try:
            self._check()
            operation()
        except EndOfSimulationError:
            return
        except BaseException as error:  # noqa: BLE001 - the test that steps the worker raises it
            self._error = error
        self.where = IDLE
        self._stopped.release()


def _taken_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


_CURRENT = threading.local()


def current() -> Thread | None:
    """Return the simulated worker in whose thread this is called."""
    thread: Thread | None = getattr(_CURRENT, "thread", None)
    return thread


def _noted(path: str) -> JournalFile:
    """Return a file whose descriptor a death closes from outside."""
    file = JournalFile(path)
    thread = current()
    if thread is not None:
        thread.files.append(file)
    return file


def _stopping(method: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(method)
    def stop_first(*args: Any, **kwargs: Any) -> T:
        thread = current()
        if thread is not None:
            thread.stop(f"{method.__name__}{args[1:]}")
        return method(*args, **kwargs)

    return stop_first


@contextlib.contextmanager
def stepped() -> Generator[None, None, None]:
    """Make every simulated worker stop, inside, before each look at the disk."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(share_journal, "shared_file", _noted))
        for cls, names in _STEPS.items():
            for name in names:
                stack.enter_context(mock.patch.object(cls, name, _stopping(getattr(cls, name))))
        yield
