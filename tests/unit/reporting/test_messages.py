"""The lines that users read about what was not cleaned up."""

from __future__ import annotations

import pytest

from pytest_shared_session_scope._reporting.messages import Death, not_cleaned_up
from pytest_shared_session_scope._run.journal import Kind, ShareRecord

RECORD = ShareRecord(
    fixture="'db' (conftest.py:12)",
    fixture_name="db",
    kind=Kind.YIELDS_TWICE,
    generation=1,
    worker="gw0",
    pid=4711,
    item="test_it.py::test_a",
    started=1000.0,
    shown="Port(1)",
)
UNREADY = RECORD._replace(shown=None)
BEGIN = "not cleaned up: shared fixture 'db' (conftest.py:12): worker gw0 "
LINES: dict[str, tuple[ShareRecord, dict[str, Death], str]] = {
    "its owner died": (
        RECORD,
        {"gw0": Death("12:00:01")},
        "set it up in test_it.py::test_a and died at 12:00:01; its value is Port(1)",
    ),
    "its owner died in a test": (
        RECORD,
        {"gw0": Death("12:00:01", "test_it.py::test_b"), "gw1": Death("12:00:02")},
        "set it up in test_it.py::test_a and died at 12:00:01 in test_it.py::test_b; its value is Port(1)",
    ),
    "others died": (
        RECORD,
        {"gw1": Death("12:00:01", "test_it.py::test_b"), "gw2": Death("12:00:02")},
        "set it up in test_it.py::test_a, then worker gw1 died at 12:00:01 in test_it.py::test_b and worker gw2 died "
        "at 12:00:02, and no worker was left that could clean up; its value is Port(1)",
    ),
    "nobody died": (
        RECORD,
        {},
        "set it up in test_it.py::test_a, and the run was ended before it was cleaned up; its value is Port(1)",
    ),
    "in its setup": (
        UNREADY,
        {"gw0": Death("12:00:01", "test_it.py::test_a")},
        "died at 12:00:01 in test_it.py::test_a while it set it up, asked for by test_it.py::test_a",
    ),
    "in its setup, ended": (
        UNREADY,
        {"gw1": Death("12:00:01")},
        "was ended while it set it up, asked for by test_it.py::test_a",
    ),
    "an empty text is a value": (
        RECORD._replace(shown=""),
        {},
        "set it up in test_it.py::test_a, and the run was ended before it was cleaned up; its value is ",
    ),
}


@pytest.mark.parametrize(("record", "deaths", "line"), LINES.values(), ids=list(LINES))
def test_what_was_not_cleaned_up(record: ShareRecord, deaths: dict[str, Death], line: str) -> None:
    assert not_cleaned_up(record, deaths) == BEGIN + line
