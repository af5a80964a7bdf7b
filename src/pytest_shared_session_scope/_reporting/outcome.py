"""What a run shared, read from its directory at its end: the records on disk, and what each worker has noted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pytest_shared_session_scope._engine import timings
from pytest_shared_session_scope._engine.timings import AcquireOutcome, Acquisition
from pytest_shared_session_scope._run.fileio import share_keys
from pytest_shared_session_scope._run.journal import Kind, State
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_shared_session_scope._reporting.messages import Death
    from pytest_shared_session_scope._run.journal import ShareRecord

# What became of a setup. `kept`: it returned, so there is nothing to clean up.
KEPT: Final = "kept"
CLEANED_UP: Final = "cleaned up"
NOT_CLEANED_UP: Final = "not cleaned up"
FAILED: Final = "failed"
# The process died inside the setup of a fixture that returns.
CUT_OFF: Final = "cut off"


@dataclasses.dataclass(frozen=True)
class Setup:
    """One setup of a share, what became of it, and who asked for it.

    `takes` are what the workers noted, by worker, with those that got nothing where the setup failed. `holders` are
    workers that held it, and died before they could note anything.
    """

    key: str
    record: ShareRecord
    end: str
    takes: tuple[tuple[str, Acquisition], ...] = ()
    holders: tuple[str, ...] = ()

    @property
    def takers(self) -> list[str]:
        """The workers whose tests got the value."""
        took = {worker for worker, take in self.takes if take.outcome is not AcquireOutcome.NOTHING}
        return sorted({self.record.worker, *took, *self.holders}) if self.is_shared else []

    @property
    def is_shared(self) -> bool:
        """Whether a value came of it."""
        return self.end not in (FAILED, CUT_OFF) and (self.end != NOT_CLEANED_UP or self.record.shown is not None)

    @property
    def waits(self) -> list[tuple[str, Acquisition]]:
        """Who waited for it; not the worker that set it up, if it waited for the one before."""
        return [(worker, take) for worker, take in self.takes if take.outcome is not AcquireOutcome.SET_UP]

    @property
    def waited(self) -> float:
        """How long all workers waited for it, in seconds."""
        return sum(take.waited for _, take in self.waits)

    @property
    def saved(self) -> float:
        """How long its setups would have taken in the workers that did not have to, in seconds."""
        return self.record.seconds * max(len(self.takers) - 1, 0)

    @property
    def cost(self) -> float:
        """How much time went into it in all workers, in seconds."""
        return self.record.seconds + self.waited + self.record.cleanup_seconds


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a run shared: its setups, what cost most first; its workers; and those that died.

    `garbled` are the messages about records that cannot be read.
    """

    setups: tuple[Setup, ...]
    workers: tuple[str, ...]
    deaths: Mapping[str, Death]
    garbled: tuple[str, ...] = ()

    @property
    def went_wrong(self) -> bool:
        """Whether there is something to look at: a setup or a cleanup that failed, or is missing."""
        return bool(self.garbled) or any(
            setup.end in (NOT_CLEANED_UP, CUT_OFF)
            or setup.record.cleanup_error is not None
            or (setup.record.failure is not None and setup.record.failure.outcome in ("error", "fail"))
            for setup in self.setups
        )


def read(directory: Path, deaths: Mapping[str, Death], mine: Mapping[str, list[Acquisition]]) -> Outcome:
    """Return the facts of a run that is over; `mine` are the takes of this process, if it is a worker."""
    noted = {**timings.read(directory), **mine}
    takes: dict[str, list[tuple[str, Acquisition]]] = {}
    for worker, some in noted.items():
        for take in some:
            takes.setdefault(take.key, []).append((worker, take))
    setups: list[Setup] = []
    garbled: list[str] = []
    for key in share_keys(directory):
        try:
            with ShareJournal(directory, key, "", key) as files:
                setups += _setups_of(files, takes.get(key, []), garbled)
        except StoreError as error:
            garbled.append(str(error))
    named = {worker for setup in setups for worker in (setup.record.worker, setup.record.cleaned_by) if worker}
    workers = named | noted.keys() | deaths.keys()
    setups.sort(key=lambda setup: (-setup.cost, setup.record.started))
    return Outcome(tuple(setups), tuple(sorted(workers, key=_by_number)), deaths, tuple(garbled))


def _setups_of(files: ShareJournal, takes: list[tuple[str, Acquisition]], garbled: list[str]) -> list[Setup]:
    found, errors = files.setups()
    garbled += map(str, errors)
    last = next((one for one in found if one.state is State.FAILED), None) or (found[-1] if found else None)
    setups: list[Setup] = []
    for one in found:
        own = [(worker, take) for worker, take in takes if _belongs(worker, take, one.record, is_last=one is last)]
        holders = files.other_holders() + files.other_leavers() if one.state in (State.READY, State.CLEANING) else []
        setups.append(Setup(files.key, one.record, _end(one.state, one.record), tuple(own), tuple(holders)))
    return setups


def _belongs(worker: str, take: Acquisition, record: ShareRecord, *, is_last: bool) -> bool:
    if take.outcome is AcquireOutcome.NOTHING:
        # The setup raised, or the worker gave up waiting for it.
        return is_last and worker != record.worker
    return take.generation == record.generation


def _end(state: State, record: ShareRecord) -> str:
    if state is State.FAILED:
        return FAILED
    if state is State.CLEANED:
        return CLEANED_UP
    if record.kind is not Kind.RETURNS:
        return NOT_CLEANED_UP
    return KEPT if state is State.READY else CUT_OFF


def _by_number(worker: str) -> tuple[int, str]:
    return len(worker), worker
