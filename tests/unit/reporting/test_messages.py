"""The lines that users read about what was not cleaned up, and about what a worker waits for."""

from __future__ import annotations

import pytest

from pytest_shared_session_scope._engine.engine import _waited_too_long as waited_too_long
from pytest_shared_session_scope._reporting.messages import Death, not_cleaned_up
from pytest_shared_session_scope._run.records import ShareRecord

RECORD = ShareRecord(
    fixture="'db' (conftest.py:12)",
    fixture_name="db",
    kind="yields twice",
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


@pytest.mark.parametrize(
    ("record", "is_alive", "who"),
    [
        (None, True, "another worker holds its lock"),
        (
            RECORD,
            True,
            "worker gw0 (pid 4711, which is alive) has been setting it up for 2.5 s, in test_it.py::test_a",
        ),
        (
            RECORD,
            False,
            "worker gw0 (pid 4711, which is dead) has been setting it up for 2.5 s, in test_it.py::test_a",
        ),
    ],
)
def test_what_was_waited_for(record: ShareRecord | None, is_alive: bool, who: str) -> None:
    assert waited_too_long("gw2", 1.5, record, now=1002.49, is_alive=is_alive) == (
        f"worker gw2 waited 1.5 s for its value: {who}; raise the timeout (timeout= or the ini option "
        "shared_session_scope_timeout) or look at what that setup is waiting for"
    )
