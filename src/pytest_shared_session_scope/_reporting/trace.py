"""From the facts of a run to a trace in the Trace Event format, which Perfetto and chrome://tracing open. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope._engine.timings import AcquireOutcome

if TYPE_CHECKING:
    from pytest_shared_session_scope._reporting.outcome import Outcome, Setup

# The format counts in microseconds.
_MICROSECONDS: Final = 1_000_000
_PROCESS: Final = 1


def trace(facts: Outcome) -> dict[str, Any]:
    """Return the trace: a row for each worker, with its setups, waits, loads and cleanups, and its death."""
    rows = {worker: row for row, worker in enumerate(facts.workers, start=1)}
    spans = [span for setup in facts.setups for span in _spans(setup)]
    begin = min([span[2] for span in spans], default=0.0)
    events = [_row(worker, row) for worker, row in rows.items()]
    events += [
        {
            "name": f"{what} {setup.record.fixture_name!r}",
            "cat": what,
            "ph": "X",
            "ts": _micro(at - begin),
            "dur": _micro(took),
            "pid": _PROCESS,
            "tid": rows[worker],
            "args": {"fixture": setup.record.fixture, "test": item, "setup": setup.record.generation},
        }
        for setup, what, at, took, worker, item in spans
    ]
    events += [
        {
            "name": f"{worker} died",
            "cat": "death",
            "ph": "i",
            "s": "t",
            "ts": max(_micro(death.moment - begin), 0),
            "pid": _PROCESS,
            "tid": rows[worker],
            "args": {"test": death.item or ""},
        }
        for worker, death in facts.deaths.items()
    ]
    return {"traceEvents": events, "displayTimeUnit": "ms"}


def _row(worker: str, row: int) -> dict[str, Any]:
    return {"name": "thread_name", "ph": "M", "pid": _PROCESS, "tid": row, "args": {"name": worker}}


def _spans(setup: Setup) -> Iterator[tuple[Setup, str, float, float, str, str]]:
    """Yield what was done, when, for how long, by which worker and in which test; times in seconds."""
    record = setup.record
    yield setup, "set up", record.started, record.seconds, record.worker, record.item
    for worker, take in setup.takes:
        if take.waited and take.outcome is not AcquireOutcome.SET_UP:
            yield setup, "wait for", take.at, take.waited, worker, take.item
        if take.outcome is AcquireOutcome.READ:
            yield setup, "read", take.at + take.waited, take.seconds, worker, take.item
    if record.cleaned_by is not None:
        yield setup, "clean up", record.cleanup_started, record.cleanup_seconds, record.cleaned_by, record.cleanup_item


def _micro(seconds: float) -> int:
    return round(seconds * _MICROSECONDS)
