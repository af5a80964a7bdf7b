"""The JSON report and the trace: keys, types and values, and files that cannot be written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
from samples import ACQUISITIONS, FAILURE, RECORD, SETUP, altered, outcome_of

from pytest_shared_session_scope._engine.timings import AcquireOutcome
from pytest_shared_session_scope._reporting import exports
from pytest_shared_session_scope._reporting.outcome import Death, End

DEATH = Death("12:00:01", "test_c.py::test_three", 1004.0)
REPORT = {"version": int, "run": str, "workers": list, "deaths": list, "setups": list}
SETUP_TYPES = {
    "fixture": str,
    "name": str,
    "kind": str,
    "type": str,
    "parameters": str,
    "key": str,
    "setup": int,
    "worker": str,
    "test": str,
    "at": float,
    "seconds": float,
    "bytes": (int, NoneType),
    "end": str,
    "taken_by": list,
    "waited": (float, int),
    "saved": float,
    "takes": list,
    "cleanup": (dict, NoneType),
    "failure": (dict, NoneType),
}


def _check(data: dict[str, Any], types: dict[str, Any]) -> None:
    assert list(data) == list(types)
    for key, kind in types.items():
        assert isinstance(data[key], kind), key


def test_json_report(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.json"
    failed = dataclasses.replace(
        altered(end=End.FAILED, failure=FAILURE, cleaned_by=None, size=None),
        acquisitions=(("gw3", ACQUISITIONS[1][1]._replace(outcome=AcquireOutcome.NOTHING, generation=0)),),
    )
    assert exports.write_json(path, outcome_of(SETUP, failed, gw2=DEATH), "c0ffee") is None
    report = json.loads(path.read_text("utf-8"))
    _check(report, REPORT)
    assert (report["version"], report["run"], report["workers"]) == (1, "c0ffee", ["gw0", "gw1", "gw2", "gw3"])
    assert report["deaths"] == [{"worker": "gw2", "at": 1004.0, "test": "test_c.py::test_three"}]
    setup, failed_setup = report["setups"]
    for data in (setup, failed_setup):
        _check(data, SETUP_TYPES)
    assert setup["fixture"] == "'db' (conftest.py:12)"
    assert (setup["end"], setup["taken_by"], setup["saved"]) == ("cleaned up", ["gw0", "gw1", "gw2"], 5.0)
    assert setup["takes"][1] == {
        "worker": "gw0",
        "test": "test_b.py::test_two",
        "at": 1000.1,
        "waited": 2.4,
        "seconds": 0.001,
        "outcome": "read",
    }
    assert setup["cleanup"] == {
        "worker": "gw0",
        "test": "test_b.py::test_end",
        "at": 1003.0,
        "waited": 0.0,
        "seconds": 0.05,
        "error": None,
    }
    assert setup["failure"] is failed_setup["cleanup"] is failed_setup["bytes"] is None
    assert failed_setup["failure"] == {"outcome": "error", "type": "OSError", "message": "no route\nto the host"}
    assert (failed_setup["end"], failed_setup["taken_by"]) == ("failed", [])
    assert (failed_setup["takes"][0]["outcome"], failed_setup["takes"][0]["seconds"]) == ("nothing", 0.0)


def test_trace_has_rows_spans_and_crashes(tmp_path: Path) -> None:
    assert exports.write_trace(tmp_path / "trace.json", outcome_of(SETUP, gw2=DEATH)) is None
    events = json.loads((tmp_path / "trace.json").read_text("utf-8"))["traceEvents"]
    assert [event["args"]["name"] for event in events if event["ph"] == "M"] == ["gw0", "gw1", "gw2"]
    spans = [(e["name"], e["tid"], e["ts"], e["dur"]) for e in events if e["ph"] == "X"]
    assert spans == [
        ("set up 'db'", 2, 0, 2_500_000),
        ("wait for 'db'", 1, 100_000, 2_400_000),
        ("read 'db'", 1, 2_500_000, 1000),
        ("wait for 'db'", 3, 1_000_000, 1_500_000),
        ("read 'db'", 3, 2_500_000, 1000),
        ("clean up 'db'", 1, 3_000_000, 50_000),
    ]
    [death] = [event for event in events if event["ph"] == "i"]
    assert (death["name"], death["tid"], death["ts"], death["args"]) == (
        "gw2 died",
        3,
        4_000_000,
        {"test": "test_c.py::test_three"},
    )
    assert {event["pid"] for event in events} == {1}


def test_odd_text_is_written(tmp_path: Path) -> None:
    """A path that is not UTF-8 is in a test's name as a lone surrogate."""
    setup = dataclasses.replace(SETUP, record=RECORD._replace(item="test_\udcff.py::test_é"))
    for write in (lambda path: exports.write_json(path, outcome_of(setup), "run"), _write_trace_of(setup)):
        assert write(tmp_path / "file") is None
        assert "test_\\udcff.py" in (tmp_path / "file").read_text("utf-8")


def _write_trace_of(setup: Any) -> Any:
    return lambda path: exports.write_trace(path, outcome_of(setup))


@pytest.mark.parametrize("name", ["", "file/below", "nul\0"], ids=["a directory", "below a file", "no name"])
def test_file_that_cannot_be_written_is_a_message(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    for message in (
        exports.write_json(tmp_path / name, outcome_of(SETUP), "run"),
        exports.write_trace(tmp_path / name, outcome_of(SETUP)),
    ):
        assert message
        assert message.startswith(f"cannot write {tmp_path / name}: ")
