"""The engine's clock, and the timings that a worker keeps for reports: in memory while it runs, in one file at its end.

Acquiring a share is the hot path: it reads the clock, which is not a system call, and touches no further file.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from pytest_shared_session_scope._run import files

if TYPE_CHECKING:
    from pytest_shared_session_scope._engine.values import Acquired
    from pytest_shared_session_scope._run.journal import ShareRecord

# Seconds between two looks at another worker's progress: short at first, for setups that take no time, then a
# compromise between waking late and using a core (aim: 95 % wake within 10 ms, at most 2 % of a core). Checking
# whether a share is ready costs less than checking which workers are left.
FIRST_PAUSE: Final = 0.002
LONGEST_PAUSE: Final = 0.008
LONGEST_ACQUIRE_PAUSE: Final = 0.004


class Clock(Protocol):
    """The clock that the engine is given; all in seconds. `waiting` is entered while a worker waits for others."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
    def waiting(self) -> AbstractContextManager[None]: ...


def pauses(longest: float = LONGEST_PAUSE) -> Iterator[float]:
    """Yield the seconds of each pause, without end."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, longest)


class AcquireOutcome(enum.Enum):
    """The three ways in which an acquire ends."""

    SET_UP = "set up"
    READ = "read"
    NOTHING = "nothing"
    """The setup raised, here or in another worker, or the worker gave up waiting."""


class Acquisition(NamedTuple):
    """One acquire of a share by one worker.

    `at` is in seconds since the epoch, `waited` the seconds spent waiting for other workers, `seconds` those spent on
    the setup, or on reading the value. `generation` is 0 if the outcome is NOTHING.
    """

    key: str
    item: str
    at: float
    waited: float
    outcome: AcquireOutcome
    seconds: float = 0.0
    generation: int = 0


class AcquireTimer:
    """Times one acquire, from its construction to `stop`."""

    def __init__(self, key: str, item: str, clock: Clock) -> None:
        self._key = key
        self._item = item
        self._clock = clock
        self._at = clock.time()
        self._began = clock.monotonic()

    def stop(self, acquired: Acquired | None) -> Acquisition:
        """Return the acquisition; `acquired` is None if the acquire raised."""
        passed = self._clock.monotonic() - self._began
        if acquired is None:
            return Acquisition(self._key, self._item, self._at, passed, AcquireOutcome.NOTHING)
        outcome = AcquireOutcome.SET_UP if acquired.is_owner else AcquireOutcome.READ
        waited = max(passed - acquired.seconds, 0.0)
        return Acquisition(self._key, self._item, self._at, waited, outcome, acquired.seconds, acquired.generation)


class CleanupTimer:
    """Times one cleanup, from its construction on.

    `since` is the monotonic time at which its worker began to release the share, `item` the node id of the test whose
    teardown it delays.
    """

    def __init__(self, clock: Clock, since: float, item: str) -> None:
        self._clock = clock
        self._item = item
        self._at = clock.time()
        self._began = clock.monotonic()
        self._waited = self._began - since

    def add_to(self, record: ShareRecord, worker: str, error: BaseException | None) -> ShareRecord:
        """Return the record with the cleanup that ends now: its worker, its times and what it raised."""
        return record._replace(
            cleaned_by=worker,
            cleanup_waited=self._waited,
            cleanup_item=self._item,
            cleanup_started=self._at,
            cleanup_seconds=self._clock.monotonic() - self._began,
            cleanup_error=None if error is None else f"{type(error).__name__}: {error}",
        )


def write(directory: Path, worker: str, acquisitions: Sequence[Acquisition]) -> None:
    """Write a worker's acquisitions into the run's directory."""
    fields = [each._asdict() | {"outcome": each.outcome.value} for each in acquisitions]
    path = directory / "timings" / f"{files.quoted(worker)}.json"
    files.write_atomic(path, json.dumps(fields).encode("utf-8", "surrogatepass"))


def read(directory: Path) -> dict[str, list[Acquisition]]:
    """Return the acquisitions of a run by worker; a worker that died has written none."""
    found: dict[str, list[Acquisition]] = {}
    for path in sorted((directory / "timings").glob("*.json")):
        fields: list[dict[str, Any]] = json.loads(path.read_text("utf-8", "surrogatepass"))
        for each in fields:
            each["outcome"] = AcquireOutcome(each["outcome"])
        found[files.unquoted(path.stem)] = [Acquisition(**each) for each in fields]
    return found
