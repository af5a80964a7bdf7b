"""A lock is held by one process at a time, and a named lock says which worker holds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_shared_session_scope._run import files
from pytest_shared_session_scope._run.files import NamedLock, create_directory
from pytest_shared_session_scope.errors import LockTimeoutError


def test_lock_is_waited_for_until_the_timeout(tmp_path: Path) -> None:
    lock, other = (files.new_lock(tmp_path / "a") for _ in range(2))
    assert files.wait_lock(lock, 0)
    assert files.is_locked(tmp_path / "a")
    assert not files.wait_lock(other, 0)
    assert not files.wait_lock(other, 0.01)
    lock.release()
    assert not files.is_locked(tmp_path / "a")
    assert files.wait_lock(other)
    other.release()


def test_named_lock_names_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = create_directory(tmp_path)
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "test_it.py::test_it (call)")
    with NamedLock(directory, "gw0", "clone", None):
        with pytest.raises(LockTimeoutError) as of_other, NamedLock(directory, "gw1", "clone", 0.0):
            pass
        with pytest.raises(LockTimeoutError) as of_holder, NamedLock(directory, "gw0", "clone", 0.0):
            pass
        with NamedLock(directory, "gw0", "another", 0.0):
            pass
    assert (
        "'clone': worker gw1 waited 0 s for it: worker gw0 has held it for 0.0 s, since test_it.py::test_it (call); "
        in (str(of_other.value))
    )
    assert "and has held it itself for 0.0 s" in str(of_holder.value)
    assert not list((directory / "locks").glob("*.json")), "the note goes with the lock"
    with NamedLock(directory, "gw1", "clone", 0.0):
        pass


@pytest.mark.parametrize("note", [None, b"{"])
def test_named_lock_without_a_readable_note_is_just_held(tmp_path: Path, note: bytes | None) -> None:
    directory = create_directory(tmp_path)
    with NamedLock(directory, "gw0", "clone", None):
        [path] = (directory / "locks").glob("*.json")
        path.unlink() if note is None else path.write_bytes(note)
        with pytest.raises(LockTimeoutError, match="waited 0 s for it: another worker holds it; raise timeout="):
            NamedLock(directory, "gw1", "clone", 0.0).__enter__()


def test_interrupt_after_entering_a_named_lock_releases_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = create_directory(tmp_path)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(NamedLock, "_write_note", interrupt)
        with pytest.raises(KeyboardInterrupt):
            NamedLock(directory, "gw0", "clone", None).__enter__()
    with NamedLock(directory, "gw1", "clone", 0.0):
        pass


def test_full_disk_does_not_keep_a_named_lock_from_being_entered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = create_directory(tmp_path)

    def write(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr(files, "write_atomic", write)
    with NamedLock(directory, "gw0", "clone", None):
        pass
