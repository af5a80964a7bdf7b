"""Who waits, told on the terminal: kept up to date where that is one, repeated sparingly elsewhere."""

from __future__ import annotations

import dataclasses
import queue
from pathlib import Path
from typing import Any

import pytest
from samples import RECORD

from pytest_shared_session_scope._reporting.messages import waited_for
from pytest_shared_session_scope._reporting.waiting import Teller, Watch, look
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.fileio import create_directory
from pytest_shared_session_scope._run.journal import State
from pytest_shared_session_scope._run.share_journal import ShareJournal


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    monotonic = time


@dataclasses.dataclass
class Reporter:
    """What the terminal reporter offers, writing into a text."""

    isatty: bool
    verbosity: int = 0
    text: str = ""
    width_of_current_line: int = 1

    def write(self, text: str, *, flush: bool = False) -> None:
        self.text += text

    def ensure_newline(self) -> None:
        self.text += "<fresh>"


ERASED = "\x1b[1A\r\x1b[2K"


def test_on_a_terminal_one_line_is_kept_up_to_date() -> None:
    clock, reporter = Clock(), Reporter(isatty=True)
    teller = Teller(reporter, reporter, clock)
    for waited in (3, 4, 5):
        clock.now += 1
        teller.tell([f"{waited} s"], "db", waited)
    assert reporter.text == f"\n3 s\n{ERASED}4 s\n{ERASED}5 s\n"


@pytest.mark.parametrize(("capture", "replaced"), [("fd", True), ("no", False), ("sys", False), ("tee-sys", False)])
def test_what_workers_may_print_themselves_is_not_erased(capture: str, replaced: bool) -> None:
    """Their standard error is the terminal, which pytest keeps from them with one kind of capturing alone."""
    clock, reporter = Clock(), Reporter(isatty=True)
    teller = Teller(reporter, reporter, clock, capture)
    for waited in (3, 4, 5):
        clock.now += 1
        teller.tell([f"{waited} s"], "db", waited)
    assert (ERASED in reporter.text) is replaced
    assert reporter.text.count("\n") == (4 if replaced else 2)


def test_a_line_that_is_empty_is_used() -> None:
    reporter = Reporter(isatty=False, width_of_current_line=0)
    Teller(reporter, reporter, Clock()).tell(["3 s"], "db", 3)
    assert reporter.text == "3 s\n"


def test_what_else_is_printed_is_not_erased() -> None:
    clock, reporter = Clock(), Reporter(isatty=True)
    teller = Teller(reporter, reporter, clock)
    teller.tell(["3 s"], "db", 3)
    teller.note_output()
    for waited in (4, 5, 6, 7):
        clock.now += 1
        teller.tell([f"{waited} s"], "db", waited)
    assert reporter.text == f"\n3 s\n\n6 s\n{ERASED}7 s\n"


def test_elsewhere_it_is_repeated_sparingly() -> None:
    clock, reporter = Clock(), Reporter(isatty=False)
    teller = Teller(reporter, reporter, clock)
    for waited in range(3, 300):
        clock.now = 1000.0 + waited
        teller.tell([f"{waited} s"], "db", waited)
        teller.note_output()
    assert reporter.text.split() == [
        f"{n}" if n == "s" else n for w in (3, 6, 12, 24, 48, 96, 156, 216, 276) for n in (str(w), "s")
    ]


def test_another_fixture_is_told_at_once_and_verbose_lines_are_ended() -> None:
    reporter = Reporter(isatty=False, verbosity=1)
    teller = Teller(reporter, reporter, Clock())
    teller.tell(["a"], "a", 3)
    teller.tell(["b"], "b", 3)
    assert reporter.text == "<fresh>a\n<fresh>b\n"


def test_a_line_is_no_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    reporter = Reporter(isatty=True)
    Teller(reporter, reporter, Clock()).tell(["x" * 60, "x" * 50], "db", 3)
    assert reporter.text == "\n" + "x" * 19 + "\n"


WAITS = {
    200: "waiting for shared fixture 'db' (conftest.py:12) with the parameter 'pg': gw1 has been setting it up for 12 s; "
    "gw0, gw2 wait (and 1 more)",
    130: "waiting for shared fixture 'db' (conftest.py:12): gw1 has been setting it up for 12 s; gw0, gw2 wait (and 1 more)",
    100: "waiting for 'db' (conftest.py:12): gw1 has been setting it up for 12 s; 2 workers wait (and 1 more)",
    80: "waiting for 'db' (conftest.py:12): gw1 has been setting it up for 12 s",
    60: "waiting for 'db': gw1 has been setting it up for 12 s",
    40: "waiting for 'db': gw1 has been setting ",
}


@pytest.mark.parametrize("columns", WAITS)
def test_a_narrow_terminal_is_told_the_most_that_fits(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    reporter = Reporter(isatty=True, width_of_current_line=0)
    texts = waited_for(RECORD, ["gw0", "gw2"], now=1012.0, waited=11.0, others=1)
    Teller(reporter, reporter, Clock()).tell(texts, "db", 11)
    assert reporter.text == WAITS[columns] + "\n"


def test_nothing_is_told_of_those_who_are_about_to_wake(run_parent: Path) -> None:
    directory, clock, reporter = create_directory(run_parent), Clock(), Reporter(isatty=False)
    workers = membership.Workers(directory, membership.CONTROLLER)
    workers.mark("gw0", membership.WorkerState.EXPECTED)
    files = ShareJournal(directory, "db-1", "gw1", "db")
    files.publish(State.READY, RECORD)
    membership.Workers(directory, "gw0").mark_waiting("db-1", clock.now)
    clock.now += 9
    look(directory, workers, Teller(reporter, reporter, clock), clock)
    assert reporter.text == ""
    files.move(State.READY, State.CLEANING)
    look(directory, workers, Teller(reporter, reporter, clock), clock)
    assert "another worker is cleaning it up" in reporter.text


def test_a_wait_for_what_is_garbled_is_told_without_a_record(run_parent: Path) -> None:
    directory, clock, reporter = create_directory(run_parent), Clock(), Reporter(isatty=False)
    workers = membership.Workers(directory, membership.CONTROLLER)
    workers.mark("gw0", membership.WorkerState.EXPECTED)
    (directory / "shares" / "db-1").write_bytes(b"hello")
    membership.Workers(directory, "gw0").mark_waiting("db-1", clock.now)
    clock.now += 9
    look(directory, workers, Teller(reporter, reporter, clock), clock)
    assert reporter.text.startswith("\ngw0 waits for a shared fixture, for 9 s: ")


def test_the_longest_wait_of_the_living_is_told(run_parent: Path) -> None:
    directory, clock, reporter = create_directory(run_parent), Clock(), Reporter(isatty=False)
    workers = membership.Workers(directory, membership.CONTROLLER)
    for worker, key in (("gw0", "db-1"), ("gw2", "db-1"), ("gw3", "other-1"), ("dead", "older-1")):
        files = ShareJournal(directory, key, worker, key)
        files.publish(State.SETTING_UP, RECORD)
        membership.Workers(directory, worker).mark_waiting(key, clock.now)
        if worker != "dead":
            workers.mark(worker, membership.WorkerState.EXPECTED)
    clock.now += 2.5
    teller = Teller(reporter, reporter, clock)
    look(directory, workers, teller, clock)
    assert reporter.text == ""
    clock.now += 9.5
    look(directory, workers, teller, clock)
    assert reporter.text == (
        "\nwaiting for shared fixture 'db' (conftest.py:12) with the parameter 'pg': gw1 has been setting it up for "
        "12 s; gw0, gw2 wait (and 1 more)\n"
    )


def test_without_a_setup_that_goes_on() -> None:
    assert waited_for(None, ["gw0"], now=0.0, waited=4.0, others=0) == [
        "gw0 waits for a shared fixture, for 4 s: another worker is cleaning it up, or decides about it",
        "gw0 waits for a shared fixture, for 4 s",
    ]


def test_the_queue_is_still_one(run_parent: Path) -> None:
    events: queue.Queue[Any] = queue.Queue()
    directory = create_directory(run_parent)
    teller = Teller(Reporter(isatty=False), Reporter(isatty=False), Clock())
    get = Watch(events.get, directory, membership.Workers(directory, membership.CONTROLLER), teller).get
    with pytest.raises(queue.Empty):
        get(timeout=0.01)
    with pytest.raises(queue.Empty):
        get(block=False)
    for index in range(3):
        events.put(index)
    assert [get(timeout=2.0), get(), get(block=False)] == [0, 1, 2]
