"""The outcome of a run: every setup of a shared fixture, its acquisitions, waits and cleanup, and the crashed workers.

Read from the run's directory when the run is over: its journals, and the timings that each worker wrote at its end.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_shared_session_scope._engine import timings
from pytest_shared_session_scope._engine.timings import NOTHING, READ, Take
from pytest_shared_session_scope._run.directory import share_keys
from pytest_shared_session_scope._run.records import Kind
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_shared_session_scope._run.records import ShareRecord


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
    acquisitions: tuple[tuple[str, Take], ...] = ()
    holders: tuple[str, ...] = ()

    @property
    def users(self) -> list[str]:
        """The workers whose tests got the value."""
        acquired = {worker for worker, acquisition in self.acquisitions if acquisition.outcome != NOTHING}
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
    def waits(self) -> list[tuple[str, Take]]:
        """The acquisitions that waited for this setup; the owner, if it waited, waited for the previous one."""
        return [pair for pair in self.acquisitions if pair[1].outcome in (READ, NOTHING)]

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
    by_key: dict[str, list[tuple[str, Take]]] = {}
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


def _acquisitions(directory: Path, garbled: list[str]) -> dict[str, list[Take]]:
    try:
        return timings.read(directory)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        garbled.append(f"the timings that the workers wrote to {directory} cannot be read: {error}")
        return {}


def _keys(directory: Path) -> list[str]:
    try:
        return share_keys(directory)
    except FileNotFoundError:  # a test or a process from outside has removed the run's directory
        return []


def _setups_of(journal: ShareJournal, acquisitions: list[tuple[str, Take]], garbled: list[str]) -> list[Setup]:
    setups: list[Setup] = []
    records = _records_of(journal, garbled)
    last = "failed" if "failed" in records else max(records, key=lambda state: records[state].generation, default="")
    for state, record in records.items():
        is_open = state in ("ready", "cleaning", "setting-up") or state.startswith("lost-")
        own = [pair for pair in acquisitions if _belongs(*pair, record, is_last=state == last)]
        holders = journal.other_holders() + journal.leaving() if state in ("ready", "cleaning") else []
        setups.append(Setup(journal.key, record, _end(state, record, is_open=is_open), tuple(own), tuple(holders)))
    return setups


def _records_of(journal: ShareJournal, garbled: list[str]) -> dict[str, ShareRecord]:
    records = {state: _record_of(journal, state, garbled) for state in journal.states()}
    # A worker that is still running may have changed the state in the meantime, so a record may be missing.
    return {state: record for state, record in records.items() if record is not None}


def _record_of(journal: ShareJournal, state: str, garbled: list[str]) -> ShareRecord | None:
    try:
        return journal.read(state)
    except StoreError as error:
        garbled.append(str(error))
        return None


def _belongs(worker: str, acquisition: Take, record: ShareRecord, *, is_last: bool) -> bool:
    if acquisition.outcome == NOTHING:
        # The setup raised, or the worker gave up waiting for it.
        return is_last and worker != record.worker
    return acquisition.generation == record.generation


def _end(state: str, record: ShareRecord, *, is_open: bool) -> End:
    if state == "failed":
        return End.FAILED
    if not is_open:
        return End.CLEANED_UP
    if record.kind != Kind.RETURNS.value:
        return End.NOT_CLEANED_UP
    return End.KEPT if state == "ready" else End.CUT_OFF


def _by_number(worker: str) -> tuple[int, str]:
    return len(worker), worker
