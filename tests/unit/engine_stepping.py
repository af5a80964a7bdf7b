"""Threads of simulated workers that stop before every step, so that a test decides the order of the steps.

A step is a call of a method that touches a file; see `STEPPED`. Only one thread runs at a time. A worker that crashes
stays where it stopped: the kernel's part of its end is simulated, and none of its `finally` blocks runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import inspect
import os
import threading
from collections.abc import Callable, Generator
from typing import Any, TypeVar
from unittest import mock

from pytest_shared_session_scope._run import files, share_journal
from pytest_shared_session_scope._run.journal import State
from pytest_shared_session_scope._run.journal_file import JournalFile
from pytest_shared_session_scope._run.membership import Workers
from pytest_shared_session_scope._run.share_journal import ShareJournal

T = TypeVar("T")

IDLE = "idle"
# The methods of these classes are a worker's steps. Other processes cannot observe what happens between two steps.
STEPPED = (ShareJournal, Workers)
# Public methods of these classes that touch no file.
PURE = {"of"}
# Functions that touch files. A simulated worker that calls one of them outside of a step fails its test.
_FILE_FUNCTIONS = [
    (os, ("open", "write", "read", "pread", "stat", "listdir", "scandir", "mkdir", "unlink", "replace", "rename")),
    (os.path, ("exists",)),
    (fcntl, ("flock",)),
]


def steps_of(cls: type) -> list[str]:
    """Return the names of a class's public methods, except those that touch no file."""
    return [
        name for name, value in vars(cls).items() if inspect.isfunction(value) and name[0] != "_" and name not in PURE
    ]


class EndOfSimulationError(BaseException):
    """Ends the thread of a worker that the test no longer needs."""


class Thread:
    """One worker's thread of control, which continues only when a test steps it."""

    def __init__(self) -> None:
        self.where = IDLE
        self.files: list[JournalFile] = []
        # The number of nested calls of stepped methods.
        self.depth = 0
        self._is_over = False
        self._error: BaseException | None = None
        # Locks that one side acquires and the other releases: the fastest way to hand over control.
        self._go = _acquired_lock()
        self._stopped = _acquired_lock()
        self._thread: threading.Thread | None = None

    def begin(self, operation: Callable[[], None]) -> None:
        """Let the worker begin an operation: it stops before its first step."""
        assert self.where == IDLE
        self.where = "begin"
        self._thread = threading.Thread(target=self._run, args=(operation,), daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Let the worker continue to its next step, or to the end of its operation; raise its error."""
        assert self.where != IDLE
        self._go.release()
        assert self._stopped.acquire(timeout=60), f"a worker hangs outside the simulation, after {self.where}"
        if self._error is not None:
            raise self._error

    def stop(self, where: str) -> None:
        """Stop here until the test steps the worker again. Called in the worker's thread."""
        self._check()  # a `finally` block of the ending thread must not stop again
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


def _acquired_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


_CURRENT = threading.local()


def current() -> Thread | None:
    """Return the simulated worker in whose thread this is called."""
    thread: Thread | None = getattr(_CURRENT, "thread", None)
    return thread


def _recorded_file(path: str) -> JournalFile:
    """Return a file that is closed when its worker crashes."""
    file = JournalFile(path)
    thread = current()
    if thread is not None:
        thread.files.append(file)
    return file


def _text(argument: object) -> str:
    return argument.value if isinstance(argument, State) else repr(argument)


def _stopping(method: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(method)
    def stop_first(*args: Any, **kwargs: Any) -> T:
        thread = current()
        if thread is None:
            return method(*args, **kwargs)
        thread.stop(f"{method.__name__}({', '.join(map(_text, args[1:]))})")
        thread.depth += 1
        try:
            return method(*args, **kwargs)
        finally:
            thread.depth -= 1

    return stop_first


def _guarded(function: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(function)
    def call_inside_a_step(*args: Any, **kwargs: Any) -> T:
        thread = current()
        if thread is not None and thread.depth == 0:
            raise AssertionError(f"{function.__name__}{args} is called outside of a step, after {thread.where}")
        return function(*args, **kwargs)

    return call_inside_a_step


@contextlib.contextmanager
def stepped() -> Generator[None, None, None]:
    """Make every simulated worker stop, inside, before each step."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(share_journal, "journal_file", _recorded_file))
        for cls in STEPPED:
            for name in steps_of(cls):
                stack.enter_context(mock.patch.object(cls, name, _stopping(getattr(cls, name))))
        # The engine's only file access beside these classes.
        stack.enter_context(mock.patch.object(files, "share_keys", _stopping(files.share_keys)))
        for module, functions in _FILE_FUNCTIONS:
            for name in functions:
                stack.enter_context(mock.patch.object(module, name, _guarded(getattr(module, name))))
        yield
