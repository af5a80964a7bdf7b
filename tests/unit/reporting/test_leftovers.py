"""What runs did not clean up is told by the next run in the same place, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_shared_session_scope._reporting.leftovers import Leftovers, end_of_dead_run
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.fileio import create_directory
from pytest_shared_session_scope._run.journal import Kind, ShareRecord, State
from pytest_shared_session_scope._run.share_journal import ShareJournal

RECORD = ShareRecord("'db' (conftest.py:1)", "db", Kind.YIELDS_TWICE, 1, "gw0", 1, "test_it.py::test_a", 1.0, shown="1")
LINE = (
    "not cleaned up: shared fixture 'db' (conftest.py:1): worker gw0 set it up in test_it.py::test_a, and the run was "
    "ended before it was cleaned up; its value is 1"
)


@pytest.fixture
def ledger(tmp_path: Path) -> Leftovers:
    (tmp_path / "ledger").mkdir()
    return Leftovers(tmp_path / "ledger")


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    directory = create_directory(tmp_path)
    files = ShareJournal(directory, "key", "gw0", RECORD.fixture)
    files.publish(State.READY, RECORD)
    return directory


def test_run_that_cleaned_up_leaves_nothing(ledger: Leftovers, run_directory: Path) -> None:
    ledger.begin("run", run_directory)
    ledger.end("run", [])
    assert ledger.tell() == []
    assert ledger.directory is not None
    assert list(ledger.directory.iterdir()) == []
    ledger.end("run", [])


def test_what_a_run_left_is_told_once(ledger: Leftovers, run_directory: Path) -> None:
    ledger.begin("b", run_directory)
    ledger.end("b", ["third"])
    ledger.end("a", ["first", "second"])
    assert ledger.tell() == ["first", "second", "third"]
    assert ledger.tell() == []


def test_run_that_goes_on_is_left_alone(ledger: Leftovers, run_directory: Path) -> None:
    workers = membership.Workers(run_directory, membership.CONTROLLER)
    workers.hold_liveness_lock()
    ledger.begin("run", run_directory)
    assert ledger.tell() == []
    assert run_directory.exists()
    workers.release_liveness_lock()
    assert ledger.tell() == [LINE]


def test_run_that_died_is_ended_by_the_next(ledger: Leftovers, run_directory: Path) -> None:
    ledger.begin("run", run_directory)
    assert ledger.tell() == [LINE]
    assert not run_directory.exists()
    assert [path.name for path in run_directory.parent.iterdir()] == ["ledger"]
    assert ledger.tell() == []


def test_run_whose_directory_is_gone_is_no_error(ledger: Leftovers, run_directory: Path) -> None:
    ledger.begin("run", run_directory / "gone")
    assert ledger.tell() == []


def test_dead_run_is_ended_by_one_process(run_directory: Path) -> None:
    assert end_of_dead_run(run_directory) == [LINE]
    with pytest.raises(FileNotFoundError):
        end_of_dead_run(run_directory)


def test_without_a_cache_nothing_is_kept(run_directory: Path) -> None:
    ledger = Leftovers(None)
    ledger.begin("run", run_directory)
    ledger.end("run", ["line"])
    assert ledger.tell() == []
