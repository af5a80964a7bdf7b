"""The outcome of a run as files for other programs: the JSON report, and a trace.

The trace uses the Trace Event format, which Perfetto and chrome://tracing open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_shared_session_scope._engine.timings import AcquireOutcome

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_shared_session_scope._engine.timings import Acquisition
    from pytest_shared_session_scope._reporting.outcome import Outcome, Setup

# Within a version fields are only added; a field that is removed or changes its meaning makes a new version.
_VERSION: Final = 1
_MICROSECONDS: Final = 1_000_000  # the trace's unit of time
_PROCESS: Final = 1


def write_json(path: Path, outcome: Outcome, run: str) -> str | None:
    """Write the JSON report of the run with the id `run`; return a message if that is impossible."""
    return _write(path, json.dumps(report(outcome, run), indent=2) + "\n")


def write_trace(path: Path, outcome: Outcome) -> str | None:
    """Write the trace of a run; return a message if that is impossible."""
    return _write(path, json.dumps(trace(outcome)))


def _write(path: Path, text: str) -> str | None:
    # Not atomically: the path is the user's, and may be a pipe, a device, or a file with permissions of its own.
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except (OSError, ValueError) as error:
        return f"cannot write {path}: {error}"
    return None


# --- the JSON report -------------------------------------------------------------------------------------


def report(outcome: Outcome, run: str) -> dict[str, Any]:
    """Return the report. Times are in seconds, moments in seconds since the epoch; README.md documents each field."""
    return {
        "version": _VERSION,
        "run": run,
        "workers": list(outcome.workers),
        "deaths": [{"worker": w, "at": death.moment, "test": death.item} for w, death in outcome.deaths.items()],
        "setups": [_setup(setup) for setup in outcome.setups],
    }


def _setup(setup: Setup) -> dict[str, Any]:
    record = setup.record
    return {
        "fixture": record.definition,
        "name": record.fixture_name,
        "kind": record.kind.value,
        "type": record.value_type,
        "parameters": record.parameters,
        "key": setup.key,
        "setup": record.generation,
        "worker": record.worker,
        "test": record.item,
        "at": record.started,
        "seconds": record.seconds,
        "bytes": record.size,
        "end": setup.end.value,
        "taken_by": setup.users,
        "waited": setup.waited,
        "saved": setup.saved,
        "takes": [_acquisition(worker, acquisition) for worker, acquisition in setup.acquisitions],
        "cleanup": _cleanup(setup),
        "failure": _failure(setup),
    }


def _acquisition(worker: str, acquisition: Acquisition) -> dict[str, Any]:
    return {
        "worker": worker,
        "test": acquisition.item,
        "at": acquisition.at,
        "waited": acquisition.waited,
        "seconds": 0.0 if acquisition.outcome is AcquireOutcome.NOTHING else acquisition.seconds,
        "outcome": acquisition.outcome.value,
    }


def _cleanup(setup: Setup) -> dict[str, Any] | None:
    record = setup.record
    if record.cleaned_by is None:
        return None
    return {
        "worker": record.cleaned_by,
        "test": record.cleanup_item,
        "at": record.cleanup_started,
        "waited": record.cleanup_waited,
        "seconds": record.cleanup_seconds,
        "error": record.cleanup_error,
    }


def _failure(setup: Setup) -> dict[str, Any] | None:
    failure = setup.record.failure
    if failure is None:
        return None
    return {"outcome": failure.outcome, "type": failure.type_name, "message": failure.message}


# --- the trace -------------------------------------------------------------------------------------------


class _Span(NamedTuple):
    """Something that a worker did for a setup, and for how long (seconds)."""

    setup: Setup
    activity: str
    at: float
    seconds: float
    worker: str
    item: str


def trace(outcome: Outcome) -> dict[str, Any]:
    """Return the trace: one row per worker, with its setups, waits, reads and cleanups, and its crash."""
    rows = {worker: {"pid": _PROCESS, "tid": row} for row, worker in enumerate(outcome.workers, start=1)}
    spans = [span for setup in outcome.setups for span in _spans(setup)]
    begin = min([span.at for span in spans], default=0.0)
    events: list[dict[str, Any]] = [
        {"name": "thread_name", "ph": "M", "args": {"name": worker}, **row} for worker, row in rows.items()
    ]
    events += [_event(span, begin) | rows[span.worker] for span in spans]
    events += [
        {
            "name": f"{worker} died",
            "cat": "death",
            "ph": "i",
            "s": "t",
            "ts": max(_micro(death.moment - begin), 0),
            "args": {"test": death.item or ""},
            **rows[worker],
        }
        for worker, death in outcome.deaths.items()
    ]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _event(span: _Span, begin: float) -> dict[str, Any]:
    record = span.setup.record
    return {
        "name": f"{span.activity} {record.fixture_name!r}",
        "cat": span.activity,
        "ph": "X",
        "ts": _micro(span.at - begin),
        "dur": _micro(span.seconds),
        "args": {"fixture": record.fixture, "test": span.item, "setup": record.generation},
    }


def _spans(setup: Setup) -> Iterator[_Span]:
    record = setup.record
    yield _Span(setup, "set up", record.started, record.seconds, record.worker, record.item)
    for worker, acquisition in setup.acquisitions:
        at, waited, item = acquisition.at, acquisition.waited, acquisition.item
        if waited and acquisition.outcome is not AcquireOutcome.SET_UP:
            yield _Span(setup, "wait for", at, waited, worker, item)
        if acquisition.outcome is AcquireOutcome.READ:
            yield _Span(setup, "read", at + waited, acquisition.seconds, worker, item)
    if record.cleaned_by is not None:
        at, took = record.cleanup_started, record.cleanup_seconds
        yield _Span(setup, "clean up", at, took, record.cleaned_by, record.cleanup_item)


def _micro(seconds: float) -> int:
    return round(seconds * _MICROSECONDS)
