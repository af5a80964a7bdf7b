"""Which tests of the run are over, in every worker: for letting go of a share in the middle of the run.

Each worker keeps one byte a test in a file that it maps into its memory, so that marking a test costs no system call
and outlives the worker. The others read the file when they have to know.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from pytest_shared_session_scope._run import fileio

_OVER: Final = 1


class Progress:
    """The tests that are over. All workers of a run collect the same tests, so an index names a test in all of them."""

    def __init__(self, items: Sequence[pytest.Item], path: Path | None, *, is_each: bool = False) -> None:
        """Make this worker's file at `path`, among those of the other workers; None keeps the marks in this process.

        `is_each` says that every worker runs every test.
        """
        self._items = items
        self._path = path
        self._is_over = min if is_each else max
        self._index = {item: index for index, item in enumerate(items)}
        self._mine: mmap.mmap | bytearray = _mapped(path, len(items)) if path and items else bytearray(len(items))

    def mark_over(self, item: pytest.Item) -> None:
        """Say that a test will ask for nothing any more in this worker."""
        index = self._index.get(item)
        if index is not None:
            self._mine[index] = _OVER

    def is_test_left(self, is_needed_by: Callable[[pytest.Item], bool], workers: Sequence[str]) -> bool:
        """Say whether a test that needs something is not over yet, with `workers` the others that may run it."""
        marks = [bytes(self._mine), *(self._marks_of(worker) for worker in workers)]
        over = map(self._is_over, *marks) if len(marks) > 1 else marks[0]
        return any(mark != _OVER and is_needed_by(item) for mark, item in zip(over, self._items, strict=True))

    def _marks_of(self, worker: str) -> bytes:
        marks = b""
        if self._path is not None:
            with contextlib.suppress(FileNotFoundError):  # it is still being started
                marks = self._path.with_name(fileio.quoted(worker)).read_bytes()
        return marks.ljust(len(self._items), b"\0")  # it may have made its file, and not given it its length


def _mapped(path: Path, size: int) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.ftruncate(descriptor, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
