"""The membership on disk: states, liveness locks between real processes, waits and finished tests."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_shared_session_scope._run.files import create_directory
from pytest_shared_session_scope._run.membership import (
    CONTROLLER,
    Progress,
    Snapshot,
    Wait,
    Workers,
    WorkerState,
    progress_path,
)

EXPECTED, RUNNING, DRAINING, GONE = WorkerState

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return create_directory(tmp_path)


HOLD_LOCK = """
import sys
from pathlib import Path
from pytest_shared_session_scope._run.membership import Workers, WorkerState

workers = Workers(Path(sys.argv[1]), sys.argv[2])
workers.hold_liveness_lock()
workers.mark(workers.me, WorkerState.RUNNING)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(directory: Path) -> Iterator[Start]:
    """Start a worker's process, which lives until it is killed."""
    with contextlib.ExitStack() as stack:

        def start(worker: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", HOLD_LOCK, str(directory), worker]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield start


def test_liveness_lock_lives_and_dies_with_its_process(directory: Path, start: Start) -> None:
    workers = Workers(directory, "gw1")
    assert not workers.is_alive("gw0")
    process = start("gw0")
    assert workers.is_alive("gw0")
    assert workers.is_any_alive()
    process.kill()
    process.wait()
    assert not workers.is_alive("gw0")
    assert not workers.is_any_alive()
    assert workers.snapshot().states == {"gw0": RUNNING}


def test_probing_a_liveness_lock_does_not_hold_it(directory: Path) -> None:
    holder = Workers(directory, "gw0")
    holder.hold_liveness_lock()
    holder.hold_liveness_lock()  # a second time changes nothing
    assert Workers(directory, "gw1").is_alive("gw0")
    holder.release_liveness_lock()
    holder.release_liveness_lock()
    assert not Workers(directory, "gw1").is_alive("gw0")
    holder.hold_liveness_lock()
    assert Workers(directory, "gw1").is_alive("gw0")
    holder.release_liveness_lock()


def test_worker_without_a_liveness_lock(directory: Path) -> None:
    """Nothing proves the death of a worker that is being started; an unknown worker is not alive."""
    workers = Workers(directory, "gw0")
    assert workers.is_alive("gw0"), "this worker is alive"
    assert not workers.is_alive("gw1")
    workers.mark("gw1", EXPECTED)
    assert workers.is_alive("gw1")
    workers.mark("gw1", GONE)
    assert not workers.is_alive("gw1")


def test_worker_that_is_gone_is_dead_whatever_its_lock(directory: Path) -> None:
    holder = Workers(directory, "gw0")
    holder.hold_liveness_lock()
    workers = Workers(directory, CONTROLLER)
    workers.mark("gw0", GONE)
    assert not workers.is_alive("gw0")
    holder.release_liveness_lock()


@pytest.mark.parametrize(
    ("marks", "state"),
    [
        ([EXPECTED], EXPECTED),
        ([EXPECTED, RUNNING], RUNNING),
        ([RUNNING], RUNNING),
        ([EXPECTED, DRAINING], DRAINING),
        ([EXPECTED, RUNNING, DRAINING], DRAINING),
        ([DRAINING, RUNNING], DRAINING),
        ([EXPECTED, RUNNING, DRAINING, GONE], GONE),
        ([GONE, RUNNING, EXPECTED], GONE),
    ],
)
def test_worker_is_in_the_last_state_that_it_has_a_marker_of(
    directory: Path, marks: list[WorkerState], state: WorkerState
) -> None:
    workers = Workers(directory, "gw0")
    for mark in marks:
        workers.mark("gw0", mark)
    assert workers.snapshot() == Snapshot({"gw0": state})


def test_state_that_is_removed(directory: Path) -> None:
    workers = Workers(directory, "gw0")
    workers.mark("gw0", RUNNING)
    workers.mark("gw0", DRAINING)
    workers.unmark("gw0", DRAINING)
    workers.unmark("gw0", DRAINING)
    assert workers.snapshot().states == {"gw0": RUNNING}


def test_snapshot_of_the_run(directory: Path) -> None:
    workers = Workers(directory, CONTROLLER)
    assert workers.snapshot() == Snapshot({})
    workers.hold_liveness_lock()
    assert workers.snapshot() == Snapshot({}), "a liveness lock is not a state"
    workers.note_orphan()
    assert workers.snapshot() == Snapshot({}, has_orphans=True)
    workers.close_run()
    assert workers.snapshot() == Snapshot({}, is_closed=True, has_orphans=True)
    workers.release_liveness_lock()


@pytest.mark.parametrize("worker", ["gw0", "a.running", "../gw0", "ä/b", "x!leaving", "controller.closed", "%2e"])
def test_workers_may_have_any_name(directory: Path, worker: str) -> None:
    """Ids come from `--tx id=...`."""
    workers = Workers(directory, "gw99")
    workers.mark(worker, DRAINING)
    assert workers.snapshot() == Snapshot({worker: DRAINING})
    assert len(list((directory / "workers").iterdir())) == 1
    assert progress_path(directory, worker).parent == directory / "progress"


def test_state_of_one_worker_is_that_of_the_snapshot(directory: Path) -> None:
    workers = Workers(directory, "gw0")
    for state in (EXPECTED, RUNNING, DRAINING, GONE):
        workers.mark("gw1", state)
        assert workers.state_of("gw1") == workers.snapshot().states["gw1"] == state
    assert not workers.is_run_closed()
    workers.close_run()
    assert workers.is_run_closed() == workers.snapshot().is_closed is True


def test_waits_are_announced_and_taken_back(directory: Path) -> None:
    workers, controller = Workers(directory, "gw/0"), Workers(directory, CONTROLLER)
    assert controller.waits() == []
    workers.mark_waiting("db-1", 1000.0)
    assert controller.waits() == [Wait("gw/0", "db-1", 1000.0)]
    workers.mark_waiting("db-2", 1001.0)
    assert controller.waits() == [Wait("gw/0", "db-2", 1001.0)]
    workers.unmark_waiting()
    workers.unmark_waiting()
    assert controller.waits() == []


def test_announced_waits_never_fail_a_run(directory: Path) -> None:
    (directory / "waiting").rmdir()
    workers = Workers(directory, "gw0")
    workers.mark_waiting("db-1", 1000.0)
    workers.unmark_waiting()


def test_waits_that_end_while_they_are_read_are_skipped(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "listdir", lambda _: ["gw0.json", "gw1.json.new"])
    assert Workers(directory, CONTROLLER).waits() == []


# -- finished tests

A, B, C = "a", "b", "c"
ITEMS: Any = [A, B, C]  # items are only compared


def is_any(_: object) -> bool:
    return True


def is_b(item: object) -> bool:
    return item == B


def test_progress_without_other_workers(tmp_path: Path) -> None:
    progress = Progress(ITEMS, None)
    assert progress.is_test_left(is_any, [])
    for item in ITEMS:
        assert progress.is_test_left(is_any, [])
        progress.mark_finished(item)
    assert not progress.is_test_left(is_any, [])
    assert not list(tmp_path.iterdir())


def test_only_tests_that_need_the_share_count() -> None:
    progress = Progress(ITEMS, None)
    progress.mark_finished(ITEMS[1])
    assert not progress.is_test_left(is_b, [])
    assert progress.is_test_left(is_any, [])


def test_test_that_was_not_collected_is_ignored() -> None:
    progress = Progress(ITEMS, None)
    stranger: Any = "made while the run goes on"
    progress.mark_finished(stranger)
    assert progress.is_test_left(is_any, [])


def test_run_without_tests(tmp_path: Path) -> None:
    assert not Progress([], tmp_path / "gw0").is_test_left(is_any, [])


@pytest.mark.parametrize(
    ("is_each", "first", "second", "is_left"),
    [
        (False, [], [], True),
        (False, [A, B], [], True),
        (False, [A, B], [C], False),
        (False, [A, B, C], [], False),
        (True, [A, B], [C], True),
        (True, [A, B, C], [], True),
        (True, [A, B, C], [A, B], True),
        (True, [A, B, C], [A, B, C], False),
    ],
)
def test_test_is_finished_once_any_worker_has_run_it_or_all_have(
    tmp_path: Path, is_each: bool, first: list[Any], second: list[Any], is_left: bool
) -> None:
    workers = {name: Progress(ITEMS, tmp_path / name, is_each=is_each) for name in ("gw0", "gw1")}
    for name, items in (("gw0", first), ("gw1", second)):
        for item in items:
            workers[name].mark_finished(item)
    assert workers["gw0"].is_test_left(is_any, ["gw1"]) is is_left
    assert workers["gw1"].is_test_left(is_any, ["gw0"]) is is_left


def test_worker_that_is_starting_has_finished_no_test(tmp_path: Path) -> None:
    progress = Progress(ITEMS, tmp_path / "gw0", is_each=True)
    for item in ITEMS:
        progress.mark_finished(item)
    assert progress.is_test_left(is_any, ["gw7"])
    assert not progress.is_test_left(is_any, [])


@pytest.mark.parametrize("is_each", [True, False])
def test_worker_that_has_just_created_its_file_has_finished_no_test(tmp_path: Path, is_each: bool) -> None:
    progress = Progress(ITEMS, tmp_path / "gw0", is_each=is_each)
    (tmp_path / "gw1").touch()
    for item in ITEMS:
        assert progress.is_test_left(is_any, ["gw1"])
        progress.mark_finished(item)
    assert progress.is_test_left(is_any, ["gw1"]) is is_each


@pytest.mark.parametrize("worker", ["a/b", "..", "w\u00f6rker 1"])
def test_worker_with_an_odd_id_is_found(tmp_path: Path, worker: str) -> None:
    """Ids come from `--tx id=...`."""
    (tmp_path / "progress").mkdir()
    odd = Progress(ITEMS, progress_path(tmp_path, worker))
    for item in ITEMS:
        odd.mark_finished(item)
    assert not Progress(ITEMS, progress_path(tmp_path, "gw0")).is_test_left(is_any, [worker])


def test_marks_outlive_the_worker(tmp_path: Path) -> None:
    progress = Progress(ITEMS, tmp_path / "gw0")
    progress.mark_finished(ITEMS[0])
    del progress
    later = Progress(ITEMS, tmp_path / "gw1")
    later.mark_finished(ITEMS[1])
    later.mark_finished(ITEMS[2])
    assert not later.is_test_left(is_any, ["gw0"])


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_only_its_user_can_read_the_progress(tmp_path: Path) -> None:
    Progress(ITEMS, tmp_path / "gw0")
    assert stat.S_IMODE((tmp_path / "gw0").stat().st_mode) == 0o600
