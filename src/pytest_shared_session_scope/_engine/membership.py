"""Who takes part in the run, as one worker sees it, and what it tells the others of itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from pytest_shared_session_scope._engine.decisions import can_ask
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.membership import DRAINING, EXPECTED, GONE, RUNNING, Workers
from pytest_shared_session_scope._run.share_journal import ShareJournal


class Presence:
    """One worker among the others. It registers itself with its first share, so that a run without any pays nothing."""

    def __init__(self, workers: Workers, is_controller_dead: Callable[[], bool] = lambda: False) -> None:
        self.worker = workers.me
        self.workers = workers
        self.is_draining = False
        self._is_registered = False
        self._is_controller_dead = is_controller_dead
        # Who could still ask when last looked at.
        self._witness: str | None = None

    def register(self) -> None:
        """Say that this worker lives, and takes shares."""
        if not self._is_registered:
            # The lease first: who is seen as running must be provably alive.
            self.workers.hold_lease()
            self.workers.mark(self.worker, RUNNING)
            self._is_registered = True
        if self.is_draining:
            # A plugin runs a test again after the session was torn down.
            self.is_draining = False
            self.workers.unmark(self.worker, DRAINING)

    def drain(self) -> None:
        """Say that this worker takes nothing any more. Called before the first fixture of the session ends."""
        if not self.is_draining:
            self.is_draining = True
            self.workers.mark(self.worker, DRAINING)

    def is_anybody_left(self) -> bool:
        """Say whether a worker beside this one may still ask for a share.

        Who could when last looked at is asked first: as long as it can, the others need no look.
        """
        if self._witness is not None:
            is_closed = self.workers.is_closed() or self._is_controller_dead()
            if self._can_ask(self._witness, self.workers.state_of(self._witness), closed=is_closed):
                return True
        roster = self.workers.roster()
        is_closed = roster.closed or self._is_controller_dead()
        others = ((worker, state) for worker, state in roster.states.items() if worker != self.worker)
        self._witness = next((each[0] for each in others if self._can_ask(*each, closed=is_closed)), None)
        return self._witness is not None

    def _can_ask(self, worker: str, state: str, *, closed: bool) -> bool:
        return can_ask(state, closed=closed, alive=functools.partial(self._is_alive, worker, state))

    def _is_alive(self, worker: str, state: str) -> bool:
        # One that is expected takes its lease once it has collected its tests, and is sent none before.
        return self.workers.is_lease_held(worker) if state == EXPECTED else self.workers.is_alive(worker)

    def others(self) -> list[str]:
        """Return the workers beside this one that are not gone."""
        states = self.workers.roster().states
        return [worker for worker, state in states.items() if worker != self.worker and state != GONE]

    def note_unheld(self) -> None:
        """Note that a share is left which nobody holds."""
        self.workers.mark(membership.CONTROLLER, membership.UNHELD)

    def may_be_unheld(self) -> bool:
        """Say whether there may be a share which nobody holds: one was left so, or a worker is dead.

        Who is gone has ended or died: it is not told from the marks, and worth a look at the shares.
        """
        roster = self.workers.roster()
        return roster.unheld or any(
            state == GONE or (state in (RUNNING, DRAINING) and not self.workers.is_alive(worker))
            for worker, state in roster.states.items()
        )

    def is_any_alive(self, files: ShareJournal, workers: Iterable[str]) -> bool:
        """Say whether one of a share's holders lives; what the dead ones before it left is removed."""
        for worker in workers:
            if self.workers.is_alive(worker):
                return True
            files.drop_holder(worker)
        return False
