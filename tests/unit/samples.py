"""One setup of a shared fixture and its acquisitions, as a run records them, for the tests of the reports."""

from __future__ import annotations

import dataclasses

from pytest_shared_session_scope._engine.timings import AcquireOutcome, Acquisition
from pytest_shared_session_scope._reporting.outcome import Death, End, Outcome, Setup
from pytest_shared_session_scope._run.journal import Failure, Kind, ShareRecord

RECORD = ShareRecord(
    fixture="'db' (conftest.py:12) with the parameter 'pg'",
    fixture_name="db",
    kind=Kind.YIELDS_TWICE,
    generation=1,
    worker="gw1",
    pid=4711,
    item="test_a.py::test_one",
    started=1000.0,
    seconds=2.5,
    shown="'postgres'",
    cleaned_by="gw0",
    value_type="Database",
    parameters="backend='pg'",
    size=1234,
    cleanup_item="test_b.py::test_end",
    cleanup_started=1003.0,
    cleanup_seconds=0.05,
)
ACQUISITIONS = (
    ("gw1", Acquisition("db-1", "test_a.py::test_one", 1000.0, 0.0, AcquireOutcome.SET_UP, 2.5, 1)),
    ("gw0", Acquisition("db-1", "test_b.py::test_two", 1000.1, 2.4, AcquireOutcome.READ, 0.001, 1)),
    ("gw2", Acquisition("db-1", "test_c.py::test_three", 1001.0, 1.5, AcquireOutcome.READ, 0.001, 1)),
)
SETUP = Setup("db-1", RECORD, End.CLEANED_UP, ACQUISITIONS)
FAILURE = Failure("error", "OSError", "no route\nto the host", "")


def outcome_of(*setups: Setup, **deaths: Death) -> Outcome:
    """Return the outcome of a run with these setups and crashes."""
    workers = {worker for setup in setups for worker, _ in setup.acquisitions} | {s.record.worker for s in setups}
    return Outcome(setups, tuple(sorted(workers)), deaths)


def altered(setup: Setup = SETUP, end: End = End.CLEANED_UP, **fields: object) -> Setup:
    """Return the setup with another end, and other fields in its record."""
    record = setup.record._replace(**fields)  # type: ignore[arg-type]
    return dataclasses.replace(setup, record=record, end=end)
