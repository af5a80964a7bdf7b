"""The section at the end of a run, as tables: from an outcome to lines."""

from __future__ import annotations

import dataclasses

import pytest
from samples import ACQUISITIONS, FAILURE, RECORD, SETUP, altered, outcome_of

from pytest_shared_session_scope._engine.timings import AcquireOutcome, Acquisition
from pytest_shared_session_scope._reporting import summary
from pytest_shared_session_scope._reporting.outcome import Death, End, Outcome, Setup
from pytest_shared_session_scope._run.journal import Failure, Kind, ShareRecord, encode, parse


def _texts(outcome: Outcome, width: int = 80, durations: int | None = None) -> list[str]:
    return [line.text for line in summary.lines(outcome, width, durations)]


def test_one_setup() -> None:
    assert _texts(outcome_of(SETUP)) == [
        "'db' (conftest.py:12) with backend='pg', yields twice, Database, 1.2 kB",
        "  set up by gw1 in 2.50 s; used by 3 workers; saved 5.00 s of setup;",
        "    longest wait 2.40 s; cleaned up by gw0 in 50 ms",
        "1 shared fixture; set up in 2.50 s; saved 5.00 s of setup;",
        "  all workers together waited 3.90 s; cleaned up in 50 ms",
        "these tests are not slow; --durations counts this as their setup or teardown:",
        "  2.50 s setting up 'db' in gw1, test_a.py::test_one",
        "  2.40 s waiting for 'db' in gw0, test_b.py::test_two",
        "  1.50 s waiting for 'db' in gw2, test_c.py::test_three",
    ]


def test_a_wide_terminal_gets_fewer_lines() -> None:
    assert _texts(outcome_of(SETUP), width=200)[1:3] == [
        "  set up by gw1 in 2.50 s; used by 3 workers; saved 5.00 s of setup; longest wait 2.40 s; "
        "cleaned up by gw0 in 50 ms",
        "1 shared fixture; set up in 2.50 s; saved 5.00 s of setup; all workers together waited 3.90 s; "
        "cleaned up in 50 ms",
    ]


@pytest.mark.parametrize("width", range(50, 160))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    texts = _texts(outcome_of(SETUP), width)
    assert [text for text in texts[:-4] if len(text) > width] == []


def test_a_run_in_one_process_names_no_worker() -> None:
    alone = dataclasses.replace(altered(worker="master", cleaned_by="master", parameters=""), acquisitions=())
    assert _texts(outcome_of(alone)) == [
        "'db' (conftest.py:12), yields twice, Database, 1.2 kB",
        "  set up in 2.50 s; cleaned up in 50 ms",
        "1 shared fixture; set up in 2.50 s; cleaned up in 50 ms",
    ]


NOT = "not cleaned up: shared fixture 'db' (conftest.py:12) with the parameter 'pg': worker gw1 "
RED = [
    pytest.param(
        altered(end=End.NOT_CLEANED_UP, cleaned_by=None),
        {"gw1": Death("12:00:01", "test_a.py::test_one")},
        NOT
        + "set it up in test_a.py::test_one and crashed at 12:00:01 in test_a.py::test_one; its value is 'postgres'",
        id="died",
    ),
    pytest.param(
        altered(end=End.NOT_CLEANED_UP, cleaned_by=None, shown=None),
        {},
        NOT + "ended while setting it up for test_a.py::test_one",
        id="inside its setup",
    ),
    pytest.param(
        altered(end=End.FAILED, failure=FAILURE, cleaned_by=None),
        {},
        "  setup failed in gw1 after 2.50 s: OSError: no route",
        id="failed",
    ),
    pytest.param(
        altered(cleanup_error="OSError: gone"),
        {},
        "  cleanup failed in gw0 after 50 ms: OSError: gone",
        id="cleanup",
    ),
    pytest.param(
        altered(kind=Kind.RETURNS, end=End.CUT_OFF),
        {},
        "  setup was cut off: the process of gw1 ended during it",
        id="cut off",
    ),
]


@pytest.mark.parametrize(("setup", "deaths", "text"), RED)
def test_trouble_is_red(setup: Setup, deaths: dict[str, Death], text: str) -> None:
    outcome = outcome_of(setup, **deaths)
    red = [line.text for line in summary.lines(outcome, 80) if line.markup.get("red")]
    assert red == [text]
    assert outcome.went_wrong


def test_skip_in_a_setup_is_not_red() -> None:
    outcome = outcome_of(altered(end=End.FAILED, failure=Failure("skip", "Skipped", "no docker", ""), cleaned_by=None))
    assert not outcome.went_wrong
    assert "  setup ended with skip in gw1 after 2.50 s; longest wait 2.40 s" in _texts(outcome)


def test_a_record_that_cannot_be_read_is_red() -> None:
    outcome = Outcome((), (), {}, ("shared fixture db-1: what a worker noted is garbled",))
    assert outcome.went_wrong
    assert summary.lines(outcome, 80)[0] == summary.Line(outcome.garbled[0], {"red": True})
    assert summary.not_cleaned_up(outcome) == [*outcome.garbled]


def test_nothing_was_shared() -> None:
    assert _texts(Outcome((), (), {})) == ["no fixture was shared"]


def test_cleanup_of_the_last_test_is_listed() -> None:
    setup = altered(cleanup_waited=4.0, cleanup_seconds=3.0)
    waited, cleaned = _texts(outcome_of(setup), durations=2)[-3:-1]
    assert waited == "  4.00 s waiting to clean up 'db' in gw0, test_b.py::test_end"
    assert cleaned == "  3.00 s cleaning up 'db' in gw0, test_b.py::test_end"


def test_short_durations_are_listed_on_request() -> None:
    outcome = outcome_of(dataclasses.replace(altered(seconds=0.05), acquisitions=ACQUISITIONS[:1]), SETUP)
    assert "  50 ms setting up 'db' in gw1, test_a.py::test_one" in _texts(outcome, durations=0)
    assert not [text for text in _texts(outcome) if text.startswith("  50 ms set") or "more;" in text]


def test_durations_in_one_worker_are_not_listed() -> None:
    assert _texts(outcome_of(dataclasses.replace(SETUP, acquisitions=ACQUISITIONS[:1])), durations=0)[-1].startswith(
        "1 shared"
    )


@pytest.mark.parametrize(("durations", "listed"), [(None, 3), (2, 2), (0, 5)])
def test_as_many_waits_are_listed_as_durations_asks_for(durations: int | None, listed: int) -> None:
    acquisitions = tuple(
        (f"gw{i}", Acquisition("db-1", f"test_{i}", 0.0, 1.0 + i, AcquireOutcome.NOTHING)) for i in range(5)
    )
    setup = dataclasses.replace(
        altered(end=End.FAILED, failure=FAILURE, seconds=0.0, cleaned_by=None), acquisitions=acquisitions
    )
    texts = _texts(outcome_of(setup), durations=durations)
    waits = [text for text in texts if " waiting for 'db' in " in text]
    assert len(waits) == listed
    assert waits[0] == "  5.00 s waiting for 'db' in gw4, test_4"
    more = [text for text in texts if "more" in text]
    assert more == ([] if listed == 5 else [f"  and {5 - listed} more; --durations=0 lists all of them"])


SIZES = {0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 34_500_000: "34.5 MB", 2 * 10**12: "2000.0 GB"}
SECONDS = {0.0: "0 ms", 0.0994: "99 ms", 0.5: "0.50 s", 12.34: "12.3 s", 600.0: "600.0 s"}


@pytest.mark.parametrize(("number", "text"), SIZES.items())
def test_sizes(number: int, text: str) -> None:
    assert summary.size(number) == text


@pytest.mark.parametrize(("number", "text"), SECONDS.items())
def test_seconds(number: float, text: str) -> None:
    assert summary.seconds(number) == text


def test_a_record_comes_back_whole() -> None:
    assert parse(encode(RECORD)) == RECORD


# --- what was not cleaned up -----------------------------------------------------------------------------

LEFT = RECORD._replace(fixture="'db' (conftest.py:12)", worker="gw0", item="test_it.py::test_a", shown="Port(1)")
UNREADY = LEFT._replace(shown=None)
LINES: dict[str, tuple[ShareRecord, dict[str, Death], str]] = {
    "its owner crashed": (
        LEFT,
        {"gw0": Death("12:00:01")},
        "set it up in test_it.py::test_a and crashed at 12:00:01; its value is Port(1)",
    ),
    "its owner crashed in a test": (
        LEFT,
        {"gw0": Death("12:00:01", "test_it.py::test_b"), "gw1": Death("12:00:02")},
        "set it up in test_it.py::test_a and crashed at 12:00:01 in test_it.py::test_b; its value is Port(1)",
    ),
    "others crashed": (
        LEFT,
        {"gw1": Death("12:00:01", "test_it.py::test_b"), "gw2": Death("12:00:02")},
        "set it up in test_it.py::test_a, then worker gw1 crashed at 12:00:01 in test_it.py::test_b and worker gw2 "
        "crashed at 12:00:02, and no worker was left to clean it up; its value is Port(1)",
    ),
    "no worker crashed": (
        LEFT,
        {},
        "set it up in test_it.py::test_a, and the run ended before it was cleaned up; its value is Port(1)",
    ),
    "during its setup": (
        UNREADY,
        {"gw0": Death("12:00:01", "test_it.py::test_a")},
        "crashed at 12:00:01 in test_it.py::test_a while setting it up for test_it.py::test_a",
    ),
    "during its setup, ended": (
        UNREADY,
        {"gw1": Death("12:00:01")},
        "ended while setting it up for test_it.py::test_a",
    ),
    "an empty text is a value": (
        LEFT._replace(shown=""),
        {},
        "set it up in test_it.py::test_a, and the run ended before it was cleaned up; its value is ",
    ),
}


@pytest.mark.parametrize(("record", "deaths", "line"), LINES.values(), ids=list(LINES))
def test_line_about_a_setup_that_was_not_cleaned_up(record: ShareRecord, deaths: dict[str, Death], line: str) -> None:
    begin = "not cleaned up: shared fixture 'db' (conftest.py:12): worker gw0 "
    assert summary.not_cleaned_up_line(record, deaths) == begin + line


def test_leftovers_are_in_the_order_of_their_setups() -> None:
    later = altered(end=End.NOT_CLEANED_UP, started=2000.0, worker="gw2")
    earlier = altered(end=End.NOT_CLEANED_UP, started=1000.0, worker="gw1")
    [first, second] = summary.not_cleaned_up(outcome_of(later, earlier))
    assert "worker gw1" in first
    assert "worker gw2" in second
