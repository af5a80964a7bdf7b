"""The history of the shares in a simulated run, checked at every step against the engine's promises."""

from __future__ import annotations

import dataclasses
from typing import Any

from pytest_shared_session_scope._run.journal import Kind


@dataclasses.dataclass(eq=False)
class Setup:
    """One setup of a share, its value being its number.

    `state` is `begun`, `done` (the engine has published it), `failed`, `interrupted` or `clean`. `holders` are the
    workers whose tests have the value. `cleaner` is the last worker that began to clean it up.
    """

    key: str
    kind: Kind
    number: int
    owner: Any
    state: str = "begun"
    holders: set[Any] = dataclasses.field(default_factory=set)
    cleaner: Any = None
    cleaned_at: int = 0
    left_at: int = 0

    def __repr__(self) -> str:
        return f"{self.key}#{self.number} by {self.owner.name}: {self.state}"


class History:
    """The setups of each share, in order."""

    def __init__(self) -> None:
        self.setups: dict[str, list[Setup]] = {}
        self.now = 0

    def begin(self, key: str, kind: Kind, worker: Any) -> Setup:
        earlier = self.setups.setdefault(key, [])
        for setup in earlier:
            assert is_over(setup, worker), f"{worker.name} sets up {key} again, after {setup}"
        setup = Setup(key, kind, sum(map(len, self.setups.values())) + 1, worker)
        earlier.append(setup)
        return setup

    def acquired(self, key: str, number: object, worker: Any, since: int) -> Setup:
        setup = next(setup for setup in self.setups[key] if setup.number == number)
        if setup.state == "begun":
            setup.state = "done"  # published, but its owner was stopped or crashed before recording that
        assert setup.state == "done", f"{worker.name} got the value of {setup}"
        is_left = setup.cleaner is None or (not setup.cleaner.is_alive and worker.is_taking_over)
        assert is_left, f"{worker.name} got the value of {setup}, which is being cleaned up"
        if setup.kind is Kind.YIELDS_ONCE:
            died = setup.owner.died_at
            assert died is None or died >= since, f"{worker.name} got the value of {setup}, whose owner was dead"
        if setup.kind is not Kind.RETURNS:
            setup.holders.add(worker)
        return setup

    def released(self, setup: Setup, worker: Any) -> None:
        """Note that a worker has released a share, or is dead."""
        setup.holders.discard(worker)
        self.now += 1
        setup.left_at = self.now

    def begin_cleanup(self, setup: Setup, worker: Any) -> None:
        assert setup.state == "done", f"{worker.name} cleans up {setup}"
        assert not setup.cleaner or not setup.cleaner.is_alive, (
            f"{worker.name} and {setup.cleaner.name} clean up {setup}"
        )
        assert setup.kind is Kind.YIELDS_TWICE or worker is setup.owner, f"{worker.name} cleans up {setup}"
        others = [holder.name for holder in setup.holders if holder is not worker and holder.is_alive]
        assert not others or worker.is_impatient, f"{worker.name} cleans up {setup}, which {others} hold"
        setup.cleaner = worker
        self.now += 1
        setup.cleaned_at = self.now

    def end_cleanup(self, setup: Setup) -> None:
        assert setup.state == "done", f"the cleanup of {setup} ends"
        setup.state = "clean"

    def all(self) -> list[Setup]:
        return [setup for setups in self.setups.values() for setup in setups]


def is_over(setup: Setup, acquirer: Any) -> bool:
    """Whether a worker that acquires the share may set it up again after this setup."""
    if setup.state == "begun":
        return not setup.owner.is_alive
    if setup.state == "interrupted":
        return True
    if setup.kind is Kind.YIELDS_ONCE and setup.state == "done" and not setup.cleaner:
        return not setup.owner.is_alive
    if setup.cleaner is not None and (setup.state == "clean" or not setup.cleaner.is_alive):
        # Too late for this setup: a worker that acquires again after it began to tear down, or a replacement of one.
        return bool(acquirer.has_torn_down or acquirer.started_at > setup.cleaned_at or setup.cleaner.is_impatient)
    return False
