"""The membership of the run as one worker sees it, and the shares that are open: set up and not cleaned up."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING

from pytest_shared_session_scope._run import files
from pytest_shared_session_scope._run.journal import Kind, State
from pytest_shared_session_scope._run.membership import Workers, WorkerState
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pytest_shared_session_scope._run.journal import ShareRecord


def can_acquire(state: WorkerState, *, is_closed: bool, is_alive: Callable[[], bool]) -> bool:
    """Whether a worker in this state, or its replacement, may still acquire a share.

    A worker that died may be replaced, until the controller has done so or never will and marks it GONE, or closes the
    run. In a closed run live workers still run the tests that they have been sent; a worker that has been sent none
    yet has no liveness lock, and does not count as alive. `is_alive` is called only if it matters, because it probes a
    lock.
    """
    if state is WorkerState.GONE:
        return False
    if state is WorkerState.DRAINING:
        return not is_closed and not is_alive()
    return not is_closed or is_alive()


class Membership:
    """One worker among the others.

    It registers with its first acquire, so that a run that shares nothing pays nothing.
    """

    def __init__(self, workers: Workers, is_controller_dead: Callable[[], bool] = lambda: False) -> None:
        self.workers = workers
        self.is_draining = False
        self._is_registered = False
        self._is_controller_dead = is_controller_dead
        # The worker that could still acquire a share at the last check.
        self._witness: str | None = None

    def register(self) -> None:
        """Announce that this worker is alive and acquires shares."""
        if not self._is_registered:
            # The liveness lock first: a worker that is seen as RUNNING must be provably alive.
            self.workers.hold_liveness_lock()
            self.workers.mark(self.workers.me, WorkerState.RUNNING)
            self._is_registered = True
        if self.is_draining:
            # A plugin runs a test again after the session was torn down.
            self.is_draining = False
            self.workers.unmark(self.workers.me, WorkerState.DRAINING)

    def drain(self) -> None:
        """Announce that this worker acquires nothing any more, before the first fixture of its session ends."""
        if not self.is_draining:
            self.is_draining = True
            self.workers.mark(self.workers.me, WorkerState.DRAINING)

    def is_anybody_left(self) -> bool:
        """Whether another worker may still acquire a share.

        The worker that could at the last check is checked first: while it still can, the others need no check.
        """
        if self._witness is not None:
            is_closed = self.workers.is_run_closed() or self._is_controller_dead()
            if self._can_acquire(self._witness, self.workers.state_of(self._witness), is_closed=is_closed):
                return True
        snapshot = self.workers.snapshot()
        is_closed = snapshot.is_closed or self._is_controller_dead()
        others = ((worker, state) for worker, state in snapshot.states.items() if worker != self.workers.me)
        self._witness = next((each[0] for each in others if self._can_acquire(*each, is_closed=is_closed)), None)
        return self._witness is not None

    def _can_acquire(self, worker: str, state: WorkerState, *, is_closed: bool) -> bool:
        return can_acquire(state, is_closed=is_closed, is_alive=functools.partial(self._is_alive, worker, state))

    def _is_alive(self, worker: str, state: WorkerState) -> bool:
        # An expected worker holds its liveness lock once it has collected its tests, and is sent none before.
        if state is WorkerState.EXPECTED:
            return self.workers.is_liveness_lock_held(worker)
        return self.workers.is_alive(worker)

    def others(self) -> list[str]:
        """Return the other workers that are not GONE."""
        states = self.workers.snapshot().states
        return [
            worker for worker, state in states.items() if worker != self.workers.me and state is not WorkerState.GONE
        ]

    def may_have_orphans(self) -> bool:
        """Whether a share may be orphaned: one was released so, or a worker is dead.

        GONE covers clean exits and crashes, so the shares are worth a scan in either case.
        """
        snapshot = self.workers.snapshot()
        return snapshot.has_orphans or any(
            state is WorkerState.GONE or (state is not WorkerState.EXPECTED and not self.workers.is_alive(worker))
            for worker, state in snapshot.states.items()
        )

    def is_any_alive(self, journal: ShareJournal, holders: Iterable[str]) -> bool:
        """Whether one of a share's holders lives; those before it, which are dead, are removed from the journal."""
        for worker in holders:
            if self.workers.is_alive(worker):
                return True
            journal.drop_holder(worker)
        return False


@dataclasses.dataclass(frozen=True)
class OpenShare:
    """A share that yields twice and has not been cleaned up.

    `is_held`: a live worker holds it or is cleaning it up; otherwise it is orphaned.
    """

    key: str
    record: ShareRecord
    is_held: bool


class OpenShares:
    """The run's open shares. Each scan reads only the journals that have changed since the last one."""

    def __init__(self, membership: Membership) -> None:
        self._directory = membership.workers.run_directory
        self._membership = membership
        self._journals: dict[str, ShareJournal] = {}
        # The keys of shares that are not open, and stay so unless their journals grow.
        self._closed: set[str] = set()

    def scan(self, known: Container[str]) -> list[OpenShare]:
        """Return the open shares whose keys are not `known`; the last to be set up comes first."""
        found = [self._look_up(key) for key in files.share_keys(self._directory) if key not in known]
        return sorted((one for one in found if one is not None), key=lambda one: one.record.started, reverse=True)

    def must_wait_for(self, share: OpenShare, *, may_take_over: bool) -> bool:
        """Whether there is nothing to do but to wait for a share; cheaper than a scan.

        While another worker may still acquire a share, nothing is taken over. Later, live holders clean up their own;
        newly orphaned shares wait for the next scan.
        """
        if not may_take_over:
            is_unchanged = not self._journal(share.key).has_news()
            return self._membership.is_anybody_left() and (is_unchanged or self._read(share.key) is not None)
        now = self._read(share.key)
        return now is not None and now.is_held

    def revive(self, key: str) -> None:
        """Make a share ready again whose worker died while it cleaned up.

        Called only to take the share over when no other worker can acquire it: nobody else may get a value that is
        half cleaned up.
        """
        journal = self._journal(key)
        if journal.state() is State.CLEANING and not journal.is_locked():
            try:
                if journal.try_lock() and journal.state() is State.CLEANING:
                    journal.move(State.CLEANING, State.READY)
            finally:
                journal.unlock()
        self._closed.discard(key)  # the journal was read on, so it has no news for the next scan

    def is_ready(self, key: str) -> bool:
        """Whether the share can be acquired."""
        self._closed.discard(key)
        return self._journal(key).state() is State.READY

    def _journal(self, key: str) -> ShareJournal:
        if key not in self._journals:
            self._journals[key] = ShareJournal(self._directory, key, self._membership.workers.me, key)
        return self._journals[key]

    def _look_up(self, key: str) -> OpenShare | None:
        if key in self._closed and not self._journal(key).has_news():
            return None
        share = self._read(key)
        if share is None:
            self._closed.add(key)
        else:
            self._closed.discard(key)
        return share

    def _read(self, key: str) -> OpenShare | None:
        """Return the share if it is open. None depends only on its journal, so it is valid until that grows."""
        journal = self._journal(key)
        try:
            with journal:
                setup = journal.setup()
                if setup is None or setup.record.kind is not Kind.YIELDS_TWICE:
                    return None
                if setup.state is State.READY:
                    is_held = self._membership.is_any_alive(journal, journal.other_holders() + journal.other_leavers())
                elif setup.state is State.CLEANING:
                    is_held = journal.is_locked()
                else:
                    return None
        except StoreError:
            return None  # reported to the workers that acquire it, and at the end of the run
        return OpenShare(key, setup.record, is_held)
