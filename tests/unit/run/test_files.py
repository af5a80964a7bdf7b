"""The run's directory is private, made once and removed whole; small files are written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from pytest_shared_session_scope._run import files
from pytest_shared_session_scope._run.files import create_directory, remove_directory, share_keys, write_atomic
from pytest_shared_session_scope._run.membership import Workers, WorkerState
from pytest_shared_session_scope._run.share_journal import ShareJournal


def test_directory_is_made_once_and_removed_whole(tmp_path: Path) -> None:
    directory = create_directory(tmp_path)
    for key in ("b", "a"):
        ShareJournal(directory, key, "gw0", key).hold()
    assert create_directory(tmp_path) == directory
    assert share_keys(directory) == ["a", "b"]
    remove_directory(directory)
    assert list(tmp_path.iterdir()) == []
    remove_directory(directory)


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_only_its_user_can_read_the_directory(tmp_path: Path) -> None:
    directory = create_directory(tmp_path)
    workers = Workers(directory, "gw0")
    workers.hold_liveness_lock()
    workers.mark("gw0", WorkerState.RUNNING)
    workers.mark_waiting("db-1", 1.0)
    lock = files.new_lock(directory / "locks" / "a")
    assert files.wait_lock(lock, 0)
    for path in [directory, *directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    lock.release()
    workers.release_liveness_lock()


@pytest.mark.parametrize("is_text", [True, False])
def test_file_is_replaced_whole(tmp_path: Path, is_text: bool) -> None:
    path = tmp_path / "file"
    for parts in ((b"long" * 1000,), (b"in", b"", b" parts")):
        write_atomic(str(path) if is_text else path, *parts)
        assert path.read_bytes() == b"".join(parts)
    assert list(tmp_path.iterdir()) == [path]


def test_file_stays_as_it_was_if_it_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(tmp_path / "file", b"before")

    def write(*_: object) -> int:
        raise OSError("full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write)
        with pytest.raises(OSError, match="full"):
            write_atomic(tmp_path / "file", b"after")
    assert (tmp_path / "file").read_bytes() == b"before"


@pytest.mark.parametrize("name", ["gw0", "a.running", "../gw0", "\xe4/b", "x!leaving", "%2e", "", "a b"])
def test_any_name_has_a_file_name(name: str) -> None:
    quoted = files.quoted(name)
    assert files.unquoted(quoted) == name
    assert not {*quoted} & {"/", "."}
