"""A journal file keeps its descriptor while it is in use, and its lock belongs to one process."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("descriptors are counted, and processes forked", allow_module_level=True)

import fcntl

from pytest_shared_session_scope._run.journal_file import JournalFile


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "journal")


@pytest.fixture
def file(path: str) -> JournalFile:
    return JournalFile(path)


@pytest.fixture
def opened(path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The file's descriptors that are open in this process."""
    found: list[int] = []
    open_, close = os.open, os.close

    def noting_open(name: str, flags: int, mode: int = 0o777) -> int:
        descriptor = open_(name, flags, mode)
        if name == path:
            found.append(descriptor)
        return descriptor

    def noting_close(descriptor: int) -> None:
        if descriptor in found:
            found.remove(descriptor)
        close(descriptor)

    monkeypatch.setattr(os, "open", noting_open)
    monkeypatch.setattr(os, "close", noting_close)
    yield found
    monkeypatch.undo()
    assert found == [], "no descriptor is left open"


def test_each_call_opens_and_closes_the_file(file: JournalFile, opened: list[int]) -> None:
    with pytest.raises(FileNotFoundError):
        file.read_from(0)
    with pytest.raises(FileNotFoundError):
        file.length()
    file.append(b"abc")
    assert opened == []
    assert (file.read_from(1), file.read_from(3), file.length()) == (b"bc", b"", 3)
    assert opened == []


def test_file_is_opened_once_inside_with_and_closed_at_the_end(file: JournalFile, opened: list[int]) -> None:
    with file:
        file.append(b"abc")
        [descriptor] = opened
        assert (file.read_from(0), file.length(), file.try_lock()) == (b"abc", 3, True)
        file.unlock()
        assert opened == [descriptor]
    assert opened == []


def test_descriptor_is_kept_while_the_file_is_locked(file: JournalFile, path: str, opened: list[int]) -> None:
    with file:
        assert file.try_lock()
        assert file.try_lock(), "this process holds it already"
    assert len(opened) == 1
    other = JournalFile(path)
    assert other.is_locked()
    assert not other.try_lock()
    with file:
        file.append(b"abc")
    assert other.is_locked()
    assert len(opened) == 1
    file.unlock()
    assert opened == []
    file.unlock()
    assert not other.is_locked()
    assert other.try_lock()
    other.unlock()


def test_content_longer_than_one_read_is_read_whole(file: JournalFile) -> None:
    content = bytes(range(256)) * 1024
    file.append(content)
    assert file.read_from(0) == content
    assert file.read_from(5) == content[5:]


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("operation", [fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_UN])
def test_interrupt_leaves_the_file_unlocked(
    path: str, opened: list[int], monkeypatch: pytest.MonkeyPatch, operation: int, is_kept: bool
) -> None:
    file, other = JournalFile(path), JournalFile(path)
    flock = fcntl.flock

    def interrupted(descriptor: int, asked: int) -> None:
        flock(descriptor, asked)
        if asked == operation:
            monkeypatch.setattr(fcntl, "flock", flock)
            raise KeyboardInterrupt

    monkeypatch.setattr(fcntl, "flock", interrupted)
    with pytest.raises(KeyboardInterrupt), file if is_kept else contextlib.nullcontext():  # noqa: PT012 - either call may be interrupted
        file.try_lock()
        file.unlock()
    assert not other.is_locked()
    assert other.try_lock()
    assert not file.try_lock(), "it knows that it no longer holds the lock"
    other.unlock()
    assert opened == []


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("is_locked_before", [True, False])
def test_forked_process_does_not_hold_the_lock(path: str, is_locked_before: bool) -> None:
    """A fixture's server, forked while its share is set up, must neither keep the lock nor release it."""
    file, other = JournalFile(path), JournalFile(path)
    with file:
        file.append(b"abc")
        if is_locked_before:
            assert file.try_lock()
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            file.unlock()
            os.write(tell, b"L" if file.is_locked() else b"-")
            signal.pause()
        try:
            assert os.read(told, 1) == (b"L" if is_locked_before else b"-"), "the child does not release it"
            assert file.try_lock()
            assert not other.try_lock()
            file.close()  # as the death of this process would
            assert other.try_lock(), "the child no longer holds it"
            other.unlock()
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(told)
            os.close(tell)
