"""The outcome of a run: every setup of a shared fixture, its acquisitions, waits and cleanup, and the crashed workers.

Read from the run's directory when the run is over: its journals, and the timings that each worker wrote at its end.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_shared_session_scope._engine import timings
from pytest_shared_session_scope._engine.timings import AcquireOutcome, Acquisition
from pytest_shared_session_scope._run.files import share_keys
from pytest_shared_session_scope._run.journal import Kind, State
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_shared_session_scope._run.journal import ShareRecord


class End(enum.Enum):
    """The end of a setup. The JSON report contains the text, so the text must not change."""

    KEPT = "kept"  # it returned, so there is nothing to clean up
    CLEANED_UP = "cleaned up"
    NOT_CLEANED_UP = "not cleaned up"
    FAILED = "failed"
    CUT_OFF = "cut off"  # the process ended during the setup of a fixture that returns


@dataclasses.dataclass(frozen=True)
class Death:
    """A worker's crash: the time of day, the test that it was running if known, and the seconds since the epoch."""

    at: str
    item: str | None = None
    moment: float = 0.0

    def __str__(self) -> str:
        return f"crashed at {self.at}" + (f" in {self.item}" if self.item else "")


@dataclasses.dataclass(frozen=True)
class Setup:
    """One setup of a share, its end, and the workers that acquired it.

    `acquisitions` are pairs of a worker and its timings, including the workers that got no value because the setup
    failed. `holders` are workers that held the share and crashed before they could write their timings.
    """

    key: str
    record: ShareRecord
    end: End
    acquisitions: tuple[tuple[str, Acquisition], ...] = ()
    holders: tuple[str, ...] = ()

    @property
    def users(self) -> list[str]:
        """The workers whose tests got the value."""
        acquired = {
            worker for worker, acquisition in self.acquisitions if acquisition.outcome is not AcquireOutcome.NOTHING
        }
        return sorted({self.record.worker, *acquired, *self.holders}) if self.has_value else []

    @property
    def has_value(self) -> bool:
        """Whether the setup produced a value."""
        return self.end not in (End.FAILED, End.CUT_OFF) and (
            self.end is not End.NOT_CLEANED_UP or self.record.shown is not None
        )

    @property
    def failure(self) -> str | None:
        """The outcome of a setup that raised: `error`, `fail`, `skip`, `xfail` or `exit`."""
        return None if self.record.failure is None else self.record.failure.outcome

    @property
    def waits(self) -> list[tuple[str, Acquisition]]:
        """The acquisitions that waited for this setup; the owner, if it waited, waited for the previous one."""
        return [pair for pair in self.acquisitions if pair[1].outcome is not AcquireOutcome.SET_UP]

    @property
    def waited(self) -> float:
        """The seconds that all workers together waited for the setup."""
        return sum(acquisition.waited for _, acquisition in self.waits)

    @property
    def saved(self) -> float:
        """The seconds that setting it up in each of the other workers would have taken."""
        return self.record.seconds * max(len(self.users) - 1, 0)

    @property
    def cost(self) -> float:
        """The seconds that all workers together spent on the setup, on waiting for it, and on its cleanup."""
        return self.record.seconds + self.waited + self.record.cleanup_seconds

    @property
    def went_wrong(self) -> bool:
        """Whether the setup or its cleanup failed or is missing. A skip is not a failure."""
        return (
            self.end in (End.NOT_CLEANED_UP, End.CUT_OFF)
            or self.record.cleanup_error is not None
            or self.failure in ("error", "fail")
        )


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The setups of a run, the most expensive first, its workers, and the crashed ones.

    `garbled` are messages about files of the run that cannot be read.
    """

    setups: tuple[Setup, ...]
    workers: tuple[str, ...]
    deaths: Mapping[str, Death]
    garbled: tuple[str, ...] = ()

    @property
    def went_wrong(self) -> bool:
        """Whether a setup or a cleanup failed or is missing, or its record cannot be read."""
        return bool(self.garbled) or any(setup.went_wrong for setup in self.setups)


def read(directory: Path, deaths: Mapping[str, Death]) -> Outcome:
    """Return the outcome of a run that is over."""
    garbled: list[str] = []
    acquisitions = _acquisitions(directory, garbled)
    by_key: dict[str, list[tuple[str, Acquisition]]] = {}
    for worker, some in acquisitions.items():
        for acquisition in some:
            by_key.setdefault(acquisition.key, []).append((worker, acquisition))
    setups: list[Setup] = []
    for key in _keys(directory):
        try:
            with ShareJournal(directory, key, "", key) as journal:
                setups += _setups_of(journal, by_key.get(key, []), garbled)
        except (StoreError, OSError) as error:
            garbled.append(str(error))
    named = {worker for setup in setups for worker in (setup.record.worker, setup.record.cleaned_by) if worker}
    workers = named | acquisitions.keys() | deaths.keys()
    setups.sort(key=lambda setup: (-setup.cost, setup.record.started))
    return Outcome(tuple(setups), tuple(sorted(workers, key=_by_number)), deaths, tuple(garbled))


def _acquisitions(directory: Path, garbled: list[str]) -> dict[str, list[Acquisition]]:
    try:
        return timings.read(directory)
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        garbled.append(f"the timings that the workers wrote to {directory} cannot be read: {error}")
        return {}


def _keys(directory: Path) -> list[str]:
    try:
        return share_keys(directory)
    except FileNotFoundError:  # a test or a process from outside has removed the run's directory
        return []


def _setups_of(journal: ShareJournal, acquisitions: list[tuple[str, Acquisition]], garbled: list[str]) -> list[Setup]:
    setups: list[Setup] = []
    found, errors = journal.setups()
    garbled += map(str, errors)
    last = next((one for one in found if one.state is State.FAILED), None) or (found[-1] if found else None)
    for one in found:
        own = [pair for pair in acquisitions if _belongs(*pair, one.record, is_last=one is last)]
        is_open = one.state in (State.READY, State.CLEANING)
        holders = journal.other_holders() + journal.other_leavers() if is_open else []
        setups.append(Setup(journal.key, one.record, _end(one.state, one.record), tuple(own), tuple(holders)))
    return setups


def _belongs(worker: str, acquisition: Acquisition, record: ShareRecord, *, is_last: bool) -> bool:
    if acquisition.outcome is AcquireOutcome.NOTHING:
        # The setup raised, or the worker gave up waiting for it.
        return is_last and worker != record.worker
    return acquisition.generation == record.generation


def _end(state: State, record: ShareRecord) -> End:
    if state is State.FAILED:
        return End.FAILED
    if state is State.CLEANED:
        return End.CLEANED_UP
    if record.kind is not Kind.RETURNS:
        return End.NOT_CLEANED_UP
    return End.KEPT if state is State.READY else End.CUT_OFF


def _by_number(worker: str) -> tuple[int, str]:
    return len(worker), worker
