"""The facts of a run for machines: the models of the JSON report. Imports pydantic, so it is imported when asked for.

A field may be added within a version; one that goes, or means something else, makes a new version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from pytest_shared_session_scope._engine.timings import AcquireOutcome

if TYPE_CHECKING:
    from pytest_shared_session_scope._engine.timings import Acquisition
    from pytest_shared_session_scope._reporting import outcome


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TakeReport(_Model):
    """One worker asked for the value. Times are in seconds, since the epoch where it says when."""

    worker: str
    test: str
    at: float
    waited: float
    seconds: float = Field(description="for setting it up, or reading it")
    outcome: Literal["set up", "read", "nothing"]


class CleanupReport(_Model):
    """How a setup was cleaned up; `waited` is how long its worker waited until nobody could ask any more."""

    worker: str
    test: str = Field(description="whose teardown it was part of")
    at: float
    waited: float
    seconds: float
    error: str | None


class FailureReport(_Model):
    """What a setup raised, and what that means to pytest."""

    outcome: Literal["error", "fail", "skip", "xfail", "exit"]
    type: str
    message: str


class SetupReport(_Model):
    """One setup of a shared fixture, and what became of it."""

    fixture: str
    name: str
    kind: Literal["returns", "yields once", "yields twice"]
    type: str
    parameters: str
    key: str
    setup: int = Field(description="which setup of this share it was, counted from 1")
    worker: str
    test: str
    at: float
    seconds: float
    bytes: int | None
    end: Literal["kept", "cleaned up", "not cleaned up", "failed", "cut off"]
    taken_by: list[str]
    waited: float = Field(description="by all workers together")
    saved: float = Field(description="what setting it up in each of these workers would have taken in addition")
    takes: list[TakeReport]
    cleanup: CleanupReport | None
    failure: FailureReport | None


class DeathReport(_Model):
    """A worker that died."""

    worker: str
    at: float
    test: str | None


class Report(_Model):
    """What a run shared; the setup that cost most is the first."""

    version: Literal[1] = 1
    run: str
    workers: list[str]
    deaths: list[DeathReport]
    setups: list[SetupReport]


def report(facts: outcome.Outcome, run: str) -> Report:
    """Return the report of a run with the id `run`."""
    return Report(
        run=run,
        workers=list(facts.workers),
        deaths=[DeathReport(worker=w, at=death.moment, test=death.item) for w, death in facts.deaths.items()],
        setups=[_setup(setup) for setup in facts.setups],
    )


def _setup(setup: outcome.Setup) -> SetupReport:
    record = setup.record
    return SetupReport.model_validate(
        {
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
            "end": setup.end,
            "taken_by": setup.takers,
            "waited": setup.waited,
            "saved": setup.saved,
            "takes": [_take(worker, take) for worker, take in setup.takes],
            "cleanup": _cleanup(setup),
            "failure": _failure(setup),
        }
    )


def _take(worker: str, take: Acquisition) -> TakeReport:
    return TakeReport.model_validate(
        {
            "worker": worker,
            "test": take.item,
            "at": take.at,
            "waited": take.waited,
            "seconds": 0.0 if take.outcome is AcquireOutcome.NOTHING else take.seconds,
            "outcome": take.outcome.value,
        }
    )


def _cleanup(setup: outcome.Setup) -> dict[str, object] | None:
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


def _failure(setup: outcome.Setup) -> dict[str, object] | None:
    failure = setup.record.failure
    if failure is None:
        return None
    return {"outcome": failure.outcome, "type": failure.type_name, "message": failure.message}
