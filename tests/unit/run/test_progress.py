"""Which tests are over: noted by each worker, known to all."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_shared_session_scope._run.directory import progress_path
from pytest_shared_session_scope._run.progress import Progress

A, B, C = "a", "b", "c"
ITEMS: Any = [A, B, C]  # an item is only compared


def is_any(_: object) -> bool:
    return True


def is_b(item: object) -> bool:
    return item == B


def test_without_other_workers(tmp_path: Path) -> None:
    progress = Progress(ITEMS, None)
    assert progress.is_test_left(is_any, [])
    for item in ITEMS:
        assert progress.is_test_left(is_any, [])
        progress.mark_over(item)
    assert not progress.is_test_left(is_any, [])
    assert not list(tmp_path.iterdir())


def test_only_tests_that_need_it_count() -> None:
    progress = Progress(ITEMS, None)
    progress.mark_over(ITEMS[1])
    assert not progress.is_test_left(is_b, [])
    assert progress.is_test_left(is_any, [])


def test_test_that_is_not_among_the_collected_is_ignored() -> None:
    progress = Progress(ITEMS, None)
    stranger: Any = "made while the run goes on"
    progress.mark_over(stranger)
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
def test_each_test_is_over_once_any_worker_had_it_or_all(
    tmp_path: Path, is_each: bool, first: list[Any], second: list[Any], is_left: bool
) -> None:
    workers = {name: Progress(ITEMS, tmp_path / name, is_each=is_each) for name in ("gw0", "gw1")}
    for name, items in (("gw0", first), ("gw1", second)):
        for item in items:
            workers[name].mark_over(item)
    assert workers["gw0"].is_test_left(is_any, ["gw1"]) is is_left
    assert workers["gw1"].is_test_left(is_any, ["gw0"]) is is_left


def test_worker_that_is_being_started_has_no_test_over(tmp_path: Path) -> None:
    progress = Progress(ITEMS, tmp_path / "gw0", is_each=True)
    for item in ITEMS:
        progress.mark_over(item)
    assert progress.is_test_left(is_any, ["gw7"])
    assert not progress.is_test_left(is_any, [])


@pytest.mark.parametrize("is_each", [True, False])
def test_worker_that_makes_its_file_just_now_has_no_test_over(tmp_path: Path, is_each: bool) -> None:
    progress = Progress(ITEMS, tmp_path / "gw0", is_each=is_each)
    (tmp_path / "gw1").touch()
    for item in ITEMS:
        assert progress.is_test_left(is_any, ["gw1"])
        progress.mark_over(item)
    assert progress.is_test_left(is_any, ["gw1"]) is is_each


@pytest.mark.parametrize("worker", ["a/b", "..", "w\u00f6rker 1"])
def test_worker_with_an_odd_id_is_found(tmp_path: Path, worker: str) -> None:
    """Ids come from `--tx id=...`."""
    (tmp_path / "progress").mkdir()
    odd = Progress(ITEMS, progress_path(tmp_path, worker))
    for item in ITEMS:
        odd.mark_over(item)
    assert not Progress(ITEMS, progress_path(tmp_path, "gw0")).is_test_left(is_any, [worker])


def test_marks_outlive_the_worker(tmp_path: Path) -> None:
    progress = Progress(ITEMS, tmp_path / "gw0")
    progress.mark_over(ITEMS[0])
    del progress
    later = Progress(ITEMS, tmp_path / "gw1")
    later.mark_over(ITEMS[1])
    later.mark_over(ITEMS[2])
    assert not later.is_test_left(is_any, ["gw0"])


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_only_its_user_can_read_it(tmp_path: Path) -> None:
    Progress(ITEMS, tmp_path / "gw0")
    assert stat.S_IMODE((tmp_path / "gw0").stat().st_mode) == 0o600
