"""The waiting line: what it says, when it is due, and the thread that prints it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from samples import RECORD

from pytest_shared_session_scope._reporting import waiting
from pytest_shared_session_scope._reporting.waiting import Report, WaitingLine, describe, is_due, look
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.files import create_directory
from pytest_shared_session_scope._run.journal import State
from pytest_shared_session_scope._run.membership import Wait
from pytest_shared_session_scope._run.share_journal import ShareJournal


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def time(self) -> float:
        return self.now

    monotonic = time


# --- when it is due --------------------------------------------------------------------------------------

DUE = [
    pytest.param(Report("db", 2.9, ""), None, 1000.0, False, id="too short"),
    pytest.param(Report("db", 3.0, ""), None, 1000.0, True, id="long enough"),
    pytest.param(Report("db", 5.9, ""), Report("db", 3.0, ""), 2.9, False, id="soon after the first"),
    pytest.param(Report("db", 6.0, ""), Report("db", 3.0, ""), 3.0, True, id="after as long again"),
    pytest.param(Report("db", 150.0, ""), Report("db", 91.0, ""), 59.0, False, id="a long wait, within a minute"),
    pytest.param(Report("db", 151.0, ""), Report("db", 91.0, ""), 60.0, True, id="a long wait, every minute"),
    pytest.param(Report("other", 3.0, ""), Report("db", 91.0, ""), 1.0, True, id="another share"),
    pytest.param(Report("other", 2.0, ""), Report("db", 91.0, ""), 60.0, False, id="another share, too short"),
    pytest.param(Report("db", 2.0, ""), Report("db", 3.0, ""), 60.0, False, id="the same share anew"),
]


@pytest.mark.parametrize(("report", "last", "passed", "expected"), DUE)
def test_when_a_report_is_due(report: Report, last: Report | None, passed: float, expected: bool) -> None:
    assert is_due(report, last, passed) is expected


def test_intervals_grow_up_to_a_minute() -> None:
    printed: list[int] = []
    last = None
    for seconds in range(300):
        report = Report("db", seconds, "")
        if is_due(report, last, seconds - printed[-1] if printed else seconds):
            printed.append(seconds)
            last = report
    assert printed == [3, 6, 12, 24, 48, 96, 156, 216, 276]


# --- what it says ----------------------------------------------------------------------------------------

WAITS = [Wait("gw0", "db-1", 1001.0), Wait("gw2", "db-1", 1003.0)]
FIXTURE = "shared fixture 'db' (conftest.py:12) with the parameter 'pg'"
LINES = [
    pytest.param(WAITS[:1], 0, f"gw0 is waiting for {FIXTURE}: gw1 has been setting it up for 12 s", id="one"),
    pytest.param(WAITS, 0, f"gw0, gw2 are waiting for {FIXTURE}: gw1 has been setting it up for 12 s", id="two"),
    pytest.param(
        WAITS,
        1,
        f"gw0, gw2 are waiting for {FIXTURE}: gw1 has been setting it up for 12 s; others are waiting for 1 more",
        id="and another share",
    ),
]


@pytest.mark.parametrize(("waits", "others", "line"), LINES)
def test_line_during_a_setup(waits: list[Wait], others: int, line: str) -> None:
    assert describe(waits, RECORD, now=1012.0, others=others) == Report("db-1", 11.0, line)


def test_line_without_a_setup_in_progress() -> None:
    line = "gw0, gw2 are waiting for a shared fixture that another worker is cleaning up (4 s so far)"
    assert describe(WAITS, None, now=1005.0, others=0) == Report("db-1", 4.0, line)


# --- what it is about ------------------------------------------------------------------------------------


@pytest.fixture
def directory(run_parent: Path) -> Path:
    return create_directory(run_parent)


def _wait(directory: Path, worker: str, key: str, *, since: float, is_alive: bool = True) -> None:
    """Let a worker announce that it has been waiting for so many seconds."""
    membership.Workers(directory, worker).mark_waiting(key, time.time() - since)
    if is_alive:
        membership.Workers(directory, membership.CONTROLLER).mark(worker, membership.WorkerState.EXPECTED)


def test_nothing_to_report_without_waits(directory: Path, tmp_path: Path) -> None:
    assert look(directory) is None
    assert look(tmp_path / "gone") is None


def test_longest_wait_of_the_living_is_reported(directory: Path) -> None:
    for key in ("db-1", "other-1", "older-1"):
        record = RECORD._replace(started=time.time() - 12, fixture=f"'{key}'")
        ShareJournal(directory, key, "gw1", key).publish(State.SETTING_UP, record)
    _wait(directory, "gw0", "db-1", since=5)
    _wait(directory, "gw2", "db-1", since=9)
    _wait(directory, "gw3", "other-1", since=6)
    _wait(directory, "dead", "older-1", since=11, is_alive=False)
    report = look(directory)
    assert report
    assert report.key == "db-1"
    assert 9 <= report.seconds < 12
    assert report.line.startswith("gw0, gw2 are waiting for shared fixture 'db-1': gw1 has been setting it up for 1")
    assert report.line.endswith(" s; others are waiting for 1 more")


def test_setup_that_has_just_ended_is_not_reported(directory: Path) -> None:
    journal = ShareJournal(directory, "db-1", "gw1", "db")
    journal.publish(State.READY, RECORD)
    _wait(directory, "gw0", "db-1", since=9)
    assert look(directory) is None
    journal.move(State.READY, State.CLEANING)
    report = look(directory)
    assert report
    assert "another worker is cleaning up" in report.line


def test_garbled_journal_is_reported_without_its_setup(directory: Path) -> None:
    (directory / "shares" / "db-1").write_bytes(b"hello")
    _wait(directory, "gw0", "db-1", since=9)
    report = look(directory)
    assert report
    assert report.line.startswith("gw0 is waiting for a shared fixture ")


# --- the thread ------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_INTERVAL", 0.001)


def test_line_is_printed_until_it_is_stopped() -> None:
    reports = iter([None, Report("a", 1, "early"), Report("a", 3, "a"), Report("a", 4, "again"), Report("b", 3, "b")])
    printed: list[str] = []
    has_ended = threading.Event()

    def next_report() -> Report | None:
        report = next(reports, None)
        if report is None and printed:
            has_ended.set()
        return report

    line = WaitingLine(printed.append, next_report)
    line.start()
    assert has_ended.wait(60)
    assert line.stop() is None
    assert line.stop() is None
    assert printed == ["a", "b"]


def test_nothing_is_printed_after_it_was_stopped() -> None:
    printed: list[str] = []
    is_looking, may_return = threading.Event(), threading.Event()

    def slow_look() -> Report:
        is_looking.set()
        assert may_return.wait(60)
        return Report("a", 3, "late")

    line = WaitingLine(printed.append, slow_look)
    line.start()
    assert is_looking.wait(60)
    line.stop()  # returns although the look hangs
    may_return.set()
    line._thread.join(60)
    assert printed == []


def test_error_ends_it_with_a_message() -> None:
    def fail() -> Report | None:
        raise OSError("no disk")

    line = WaitingLine(print, fail)
    line.start()
    line._thread.join(60)
    assert line.stop() == "waits were no longer reported after OSError: no disk"
