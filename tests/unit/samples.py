"""One setup of a shared fixture as a run records it, for the tests of what is reported."""

from __future__ import annotations

from pytest_shared_session_scope._engine.timings import AcquireOutcome, Acquisition
from pytest_shared_session_scope._reporting import outcome
from pytest_shared_session_scope._reporting.outcome import Setup
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
TAKES = (
    ("gw1", Acquisition("db-1", "test_a.py::test_one", 1000.0, 0.0, AcquireOutcome.SET_UP, 2.5, 1)),
    ("gw0", Acquisition("db-1", "test_b.py::test_two", 1000.1, 2.4, AcquireOutcome.READ, 0.001, 1)),
    ("gw2", Acquisition("db-1", "test_c.py::test_three", 1001.0, 1.5, AcquireOutcome.READ, 0.001, 1)),
)
SETUP = Setup("db-1", RECORD, outcome.CLEANED_UP, TAKES)
FAILURE = Failure("error", "OSError", "no route\nto the host", "")
