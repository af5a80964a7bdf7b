"""The next run in the same rootdir reports, once, what earlier runs did not clean up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_shared_session_scope._reporting import outcome, summary
from pytest_shared_session_scope._reporting.leftovers import Leftovers, end_dead_run
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.files import create_directory
from pytest_shared_session_scope._run.journal import Kind, ShareRecord, State
from pytest_shared_session_scope._run.share_journal import ShareJournal

RECORD = ShareRecord("'db' (conftest.py:1)", "db", Kind.YIELDS_TWICE, 1, "gw0", 1, "test_it.py::test_a", 1.0, shown="1")
LINE = (
    "not cleaned up: shared fixture 'db' (conftest.py:1): worker gw0 set it up in test_it.py::test_a, and the run "
    "ended before it was cleaned up; its value is 1"
)


def left_in(directory: Path) -> list[str]:
    return summary.not_cleaned_up(outcome.read(directory, {}))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "cache"
    directory.mkdir()
    return directory


@pytest.fixture
def leftovers(directory: Path) -> Leftovers:
    return Leftovers(directory)


@pytest.fixture
def run_directory(tmp_path: Path) -> Path:
    directory = create_directory(tmp_path)
    journal = ShareJournal(directory, "key", "gw0", RECORD.fixture)
    journal.publish(State.READY, RECORD)
    return directory


def test_run_that_cleaned_up_leaves_nothing(leftovers: Leftovers, directory: Path, run_directory: Path) -> None:
    assert leftovers.begin("run", run_directory) is None
    assert leftovers.end("run", []) is None
    assert leftovers.report(left_in) == []
    assert list(directory.iterdir()) == []
    assert leftovers.end("run", []) is None


def test_lines_are_reported_once(leftovers: Leftovers, run_directory: Path) -> None:
    leftovers.begin("b", run_directory)
    leftovers.end("b", ["third"])
    leftovers.end("a", ["first", "second"])
    assert leftovers.report(left_in) == ["first", "second", "third"]
    assert leftovers.report(left_in) == []


def test_run_in_progress_is_left_alone(leftovers: Leftovers, run_directory: Path) -> None:
    workers = membership.Workers(run_directory, membership.CONTROLLER)
    workers.hold_liveness_lock()
    leftovers.begin("run", run_directory)
    assert leftovers.report(left_in) == []
    assert run_directory.exists()
    workers.release_liveness_lock()
    assert leftovers.report(left_in) == [LINE]


def test_dead_run_is_ended_by_the_next_run(leftovers: Leftovers, directory: Path, run_directory: Path) -> None:
    leftovers.begin("run", run_directory)
    assert leftovers.report(left_in) == [LINE]
    assert [path.name for path in run_directory.parent.iterdir()] == [directory.name]
    assert leftovers.report(left_in) == []


def test_dead_run_without_its_directory_is_forgotten(
    leftovers: Leftovers, directory: Path, run_directory: Path
) -> None:
    leftovers.begin("run", run_directory / "gone" / run_directory.name)
    assert leftovers.report(left_in) == []
    assert list(directory.iterdir()) == []


def test_dead_run_is_ended_by_one_process(run_directory: Path) -> None:
    assert end_dead_run(run_directory, left_in) == [LINE]
    with pytest.raises(FileNotFoundError):
        end_dead_run(run_directory, left_in)


def test_dead_run_that_had_hardly_begun(leftovers: Leftovers, tmp_path: Path) -> None:
    (tmp_path / "shared-session-scope").mkdir()
    leftovers.begin("run", tmp_path / "shared-session-scope")
    assert leftovers.report(left_in) == []


def test_run_id_may_be_any_text(leftovers: Leftovers, directory: Path) -> None:
    """The option --testrunuid of xdist sets it."""
    assert leftovers.end("../build/17", ["line"]) is None
    assert [path.parent for path in directory.iterdir()] == [directory]
    assert leftovers.report(left_in) == ["line"]


def test_without_a_cache_nothing_is_kept(run_directory: Path) -> None:
    leftovers = Leftovers.in_cache(None)
    assert leftovers.begin("run", run_directory) is None
    assert leftovers.end("run", ["line"]) is None
    assert leftovers.report(left_in) == []


def test_cache_that_cannot_be_written_is_none() -> None:
    class Cache:
        def mkdir(self, _name: str) -> Path:
            raise PermissionError

    assert Leftovers.in_cache(Cache()).directory is None


GARBLED = {
    "zero-length": b"",
    "cut short": b'{"lines": ["first',
    "not UTF-8": b'{"lines": ["\xff"]}',
    "another type": b"[]",
    "another key": b'{"line": "first"}',
    "another line": b'{"lines": ["first", 2]}',
    "another directory": b'{"directory": 5}',
}


@pytest.mark.parametrize("content", GARBLED.values(), ids=list(GARBLED))
def test_garbled_file_is_reported_and_kept(leftovers: Leftovers, directory: Path, content: bytes) -> None:
    (directory / "a.json").write_bytes(content)
    leftovers.end("b", ["line"])
    [problem, line] = leftovers.report(left_in)
    assert problem.startswith(f"cannot report what it did not clean up: {directory / 'a.json'}: ")
    assert problem.endswith("; delete that file")
    assert line == "line"
    assert (directory / "a.json").read_bytes() == content


def test_foreign_directory_is_not_removed(leftovers: Leftovers, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (directory / "a.json").write_text(json.dumps({"directory": str(tmp_path / "home")}))
    [problem] = leftovers.report(left_in)
    assert "it was not written by pytest_shared_session_scope" in problem
    assert (tmp_path / "home").exists()


def test_file_that_cannot_be_written_is_a_message(leftovers: Leftovers, directory: Path, run_directory: Path) -> None:
    (directory / "run.json").mkdir()
    (directory / "run.json" / "file").touch()
    for message in (leftovers.begin("run", run_directory), leftovers.end("run", ["line"]), leftovers.end("run", [])):
        assert message
        assert message.startswith("the next run may report wrongly what this run has not cleaned up: cannot write")
    [problem] = leftovers.report(left_in)
    assert problem.startswith("cannot report what it did not clean up")
