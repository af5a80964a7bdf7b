"""From facts to lines: tables, in memory."""

from __future__ import annotations

import dataclasses

import pytest
from samples import FAILURE, RECORD, SETUP, TAKES

from pytest_shared_session_scope._engine.timings import AcquireOutcome, Acquisition
from pytest_shared_session_scope._reporting import outcome, summary, trace
from pytest_shared_session_scope._reporting.messages import Death
from pytest_shared_session_scope._reporting.outcome import Outcome, Setup
from pytest_shared_session_scope._run.journal import Failure, Kind, encode, parse


def _facts_of(*setups: Setup, **deaths: Death) -> Outcome:
    workers = {worker for setup in setups for worker, _ in setup.takes} | {s.record.worker for s in setups}
    return Outcome(setups, tuple(sorted(workers)), deaths)


def _altered(setup: Setup = SETUP, end: str = outcome.CLEANED_UP, **fields: object) -> Setup:
    record = setup.record._replace(**fields)  # type: ignore[arg-type]
    return dataclasses.replace(setup, record=record, end=end)


def _texts(facts: Outcome, width: int = 80, durations: int | None = None) -> list[str]:
    return [line.text for line in summary.lines(facts, width, durations)]


def test_one_setup() -> None:
    assert _texts(_facts_of(SETUP)) == [
        "'db' (conftest.py:12) with backend='pg', yields twice, Database, 1.2 kB",
        "  set up by gw1 in 2.50 s; taken by 3 workers; 5.00 s of setting up saved;",
        "    waited for 2.40 s at most; cleaned up by gw0 in 50 ms",
        "1 shared fixture; set up in 2.50 s; 5.00 s of setting up saved;",
        "  waited for 3.90 s by all workers together; cleaned up in 50 ms",
        "these tests are not slow; what --durations counts as their setup or teardown:",
        "  2.50 s in gw1 test_a.py::test_one set up 'db'",
        "  2.40 s in gw0 test_b.py::test_two waited for 'db'",
        "  1.50 s in gw2 test_c.py::test_three waited for 'db'",
    ]


def test_a_wide_terminal_gets_fewer_lines() -> None:
    assert _texts(_facts_of(SETUP), width=200)[1:3] == [
        "  set up by gw1 in 2.50 s; taken by 3 workers; 5.00 s of setting up saved; waited for 2.40 s at most; "
        "cleaned up by gw0 in 50 ms",
        "1 shared fixture; set up in 2.50 s; 5.00 s of setting up saved; waited for 3.90 s by all workers together; "
        "cleaned up in 50 ms",
    ]


@pytest.mark.parametrize("width", range(50, 160))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    texts = _texts(_facts_of(SETUP), width)
    assert [text for text in texts[:-4] if len(text) > width] == []


def test_a_run_in_one_process_names_no_worker() -> None:
    alone = dataclasses.replace(_altered(worker="master", cleaned_by="master", parameters=""), takes=())
    assert _texts(_facts_of(alone)) == [
        "'db' (conftest.py:12), yields twice, Database, 1.2 kB",
        "  set up in 2.50 s; cleaned up in 50 ms",
        "1 shared fixture; set up in 2.50 s; cleaned up in 50 ms",
    ]


NOT = "not cleaned up: shared fixture 'db' (conftest.py:12) with the parameter 'pg': worker gw1 "
RED = [
    pytest.param(
        _altered(end=outcome.NOT_CLEANED_UP, cleaned_by=None),
        {"gw1": Death("12:00:01", "test_a.py::test_one")},
        NOT + "set it up in test_a.py::test_one and died at 12:00:01 in test_a.py::test_one; its value is 'postgres'",
        id="died",
    ),
    pytest.param(
        _altered(end=outcome.NOT_CLEANED_UP, cleaned_by=None, shown=None),
        {},
        NOT + "was ended while it set it up, asked for by test_a.py::test_one",
        id="inside its setup",
    ),
    pytest.param(
        _altered(end=outcome.FAILED, failure=FAILURE, cleaned_by=None),
        {},
        "  its setup failed in gw1 after 2.50 s: OSError: no route",
        id="failed",
    ),
    pytest.param(
        _altered(cleanup_error="OSError: gone"),
        {},
        "  its cleanup failed in gw0 after 50 ms: OSError: gone",
        id="cleanup",
    ),
    pytest.param(
        _altered(kind=Kind.RETURNS, end=outcome.CUT_OFF),
        {},
        "  its setup in gw1 was cut off: the process was ended inside it",
        id="cut off",
    ),
]


@pytest.mark.parametrize(("setup", "deaths", "text"), RED)
def test_what_went_wrong_is_red(setup: Setup, deaths: dict[str, Death], text: str) -> None:
    facts = _facts_of(setup, **deaths)
    red = [line.text for line in summary.lines(facts, 80) if line.markup.get("red")]
    assert red == [text]
    assert facts.went_wrong


def test_a_skip_in_a_setup_is_no_trouble() -> None:
    facts = _facts_of(
        _altered(end=outcome.FAILED, failure=Failure("skip", "Skipped", "no docker", ""), cleaned_by=None)
    )
    assert not facts.went_wrong
    assert "  its setup ended in skip in gw1 after 2.50 s; waited for 2.40 s at most" in _texts(facts)


def test_a_record_that_cannot_be_read_is_red() -> None:
    facts = Outcome((), (), {}, ("shared fixture db-1: what a worker noted is garbled",))
    assert facts.went_wrong
    assert summary.lines(facts, 80)[0] == summary.Line(facts.garbled[0], {"red": True})
    assert summary.not_cleaned_up(facts) == [*facts.garbled]


def test_nothing_was_shared() -> None:
    assert _texts(Outcome((), (), {})) == ["no fixture was shared"]


def test_what_the_last_tests_did_is_listed() -> None:
    setup = _altered(cleanup_waited=4.0, cleanup_seconds=3.0)
    waited, cleaned = _texts(_facts_of(setup), durations=2)[-3:-1]
    assert waited == "  4.00 s in gw0 test_b.py::test_end waited to clean up 'db'"
    assert cleaned == "  3.00 s in gw0 test_b.py::test_end cleaned up 'db'"


def test_what_is_short_is_listed_where_durations_are_asked_for() -> None:
    facts = _facts_of(dataclasses.replace(_altered(seconds=0.05), takes=TAKES[:1]), SETUP)
    assert "  50 ms in gw1 test_a.py::test_one set up 'db'" in _texts(facts, durations=0)
    assert not [text for text in _texts(facts) if text.startswith("  50 ms in") or text.endswith("more")]


def test_nobody_else_is_to_be_told_whose_setup_it_was() -> None:
    assert _texts(_facts_of(dataclasses.replace(SETUP, takes=TAKES[:1])), durations=0)[-1].startswith("1 shared")


@pytest.mark.parametrize(("durations", "listed"), [(None, 3), (2, 2), (0, 5)])
def test_as_many_waits_are_listed_as_durations_asks_for(durations: int | None, listed: int) -> None:
    takes = tuple((f"gw{i}", Acquisition("db-1", f"test_{i}", 0.0, 1.0 + i, AcquireOutcome.NOTHING)) for i in range(5))
    setup = dataclasses.replace(
        _altered(end=outcome.FAILED, failure=FAILURE, seconds=0.0, cleaned_by=None), takes=takes
    )
    texts = _texts(_facts_of(setup), durations=durations)
    waits = [text for text in texts if text.endswith("waited for 'db'")]
    assert len(waits) == listed
    assert waits[0] == "  5.00 s in gw4 test_4 waited for 'db'"
    more = [text for text in texts if "more" in text]
    assert more == ([] if listed == 5 else [f"  and {5 - listed} more, which --durations=0 lists"])


def test_what_cost_most_can_be_told() -> None:
    assert SETUP.cost == pytest.approx(2.5 + 3.9 + 0.05)
    assert SETUP.takers == ["gw0", "gw1", "gw2"]


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


def test_a_trace_has_rows_spans_and_deaths() -> None:
    facts = _facts_of(SETUP, gw2=Death("12:00:01", "test_c.py::test_three", 1004.0))
    events = trace.trace(facts)["traceEvents"]
    assert [event["args"]["name"] for event in events if event["ph"] == "M"] == ["gw0", "gw1", "gw2"]
    spans = [(e["name"], e["tid"], e["ts"], e["dur"]) for e in events if e["ph"] == "X" and e["cat"] != "clean up"]
    assert spans == [
        ("set up 'db'", 2, 0, 2_500_000),
        ("wait for 'db'", 1, 100_000, 2_400_000),
        ("read 'db'", 1, 2_500_000, 1000),
        ("wait for 'db'", 3, 1_000_000, 1_500_000),
        ("read 'db'", 3, 2_500_000, 1000),
    ]
    [death] = [event for event in events if event["ph"] == "i"]
    assert (death["name"], death["tid"], death["ts"], death["args"]) == (
        "gw2 died",
        3,
        4_000_000,
        {"test": "test_c.py::test_three"},
    )
