"""Decide what happens when a holder releases a share, which worker is the last, and act on the decision."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_shared_session_scope._engine.timings import Clock, pauses
from pytest_shared_session_scope._run.journal import State

if TYPE_CHECKING:
    from pytest_shared_session_scope._engine.membership import Membership
    from pytest_shared_session_scope._run.share_journal import ShareJournal


class Verdict(enum.Enum):
    """The outcomes of a holder's attempt to release a share."""

    LEAVE = "leave"
    """It releases the share without a token; another worker is responsible for the cleanup."""
    STAY = "stay"
    """It stays the owner: other workers need what it set up, and waiting for them now would cost."""
    WAIT = "wait"
    """It decides again a little later."""
    TAKE_OVER = "take over"
    """It would be the last, but orphaned shares that depend on this one have to be cleaned up first."""
    LAST = "last"
    """It cleans up."""


def decide(*, only_owner_cleans: bool, is_held: bool, may_be_acquired: bool, in_run: bool, may_wait: bool) -> Verdict:
    """Decide for a holder that releases a share.

    `only_owner_cleans`: it owns a fixture that yields once, so no other worker can clean up. `is_held`: other live
    workers hold the share. `may_be_acquired`: a worker may still acquire it. `in_run`: the holder releases it in the
    middle of the run, where waiting would cost. `may_wait`: the drain timeout has not passed.
    """
    if not is_held and not may_be_acquired:
        return Verdict.LAST
    if only_owner_cleans:
        if in_run:
            return Verdict.STAY
        return Verdict.WAIT if may_wait else Verdict.LAST
    if is_held or in_run or not may_wait:
        return Verdict.LEAVE
    return Verdict.WAIT


@dataclasses.dataclass
class Releaser:
    """One holder's release of one share.

    `only_owner_cleans`: see `decide`. `is_test_left` is given if the share is released in the middle of the run, or
    while another share is taken over at the worker's end: whether a test is left that names the share. (At its own end
    a worker need not rely on names alone: it comes back for what it leaves.) `clean_up_dependents` is called at most
    once, with the keys of open shares that depend on this one, to clean up those that are orphaned and visible here.
    """

    journal: ShareJournal
    membership: Membership
    only_owner_cleans: bool
    is_test_left: Callable[[], bool] | None
    clean_up_dependents: Callable[[list[str]], None] | None = None

    def wait_for_verdict(self, clock: Clock, drain_timeout: float) -> Verdict:
        """Return LEAVE, STAY or LAST. With LAST this worker holds the share's lock until its cleanup is finished."""
        until = clock.monotonic() + drain_timeout
        with clock.waiting():
            for pause in pauses():
                verdict = self._try_to_release(may_wait=clock.monotonic() < until)
                if verdict is Verdict.TAKE_OVER:
                    self._clean_up_dependents()
                elif verdict is not Verdict.WAIT:
                    return verdict
                clock.sleep(pause)
        raise AssertionError("the pauses never end")

    def _try_to_release(self, *, may_wait: bool) -> Verdict:
        verdict = Verdict.WAIT
        try:
            # Another worker that holds the lock is deciding, or cleaning up.
            if self.journal.try_lock():
                verdict = self._release(may_wait=may_wait)
        finally:
            if verdict is not Verdict.LAST:
                self.journal.unlock()
        return verdict

    def _release(self, *, may_wait: bool) -> Verdict:
        """Decide under the share's lock, and act on the decision."""
        is_held = self.membership.is_any_alive(self.journal, self.journal.other_holders())
        verdict = decide(
            only_owner_cleans=self.only_owner_cleans,
            is_held=is_held,
            may_be_acquired=is_held or self._may_be_acquired(),
            in_run=self.is_test_left is not None,
            may_wait=may_wait,
        )
        if verdict is Verdict.LAST:
            return self._become_last(is_held=is_held)
        if verdict is Verdict.LEAVE:
            self._leave(is_held=is_held)
        return verdict

    def _may_be_acquired(self) -> bool:
        is_at_end = self.is_test_left is None or self.membership.is_draining
        if is_at_end and self.membership.is_anybody_left():
            return True
        return self.is_test_left is not None and (self.journal.may_be_needed() or self.is_test_left())

    def _leave(self, *, is_held: bool) -> None:
        self.journal.leave()
        if not is_held:
            self.membership.workers.note_orphan()

    def _become_last(self, *, is_held: bool) -> Verdict:
        """Withdraw the share if it is open, and nothing comes first; `is_held` if its drain timeout has passed."""
        if not _is_open(self.journal):  # another worker cleaned it up after an interrupt kept this one from it
            self._leave(is_held=is_held)
            return Verdict.LEAVE
        if self.clean_up_dependents is not None and self._open_dependents():
            return Verdict.TAKE_OVER
        return Verdict.LAST if self._withdraw(is_held=is_held) else Verdict.WAIT

    def _withdraw(self, *, is_held: bool) -> bool:
        """Withdraw the share, unless another worker's fixture is still ending or a worker has become a holder."""
        if not is_held and self.membership.is_any_alive(self.journal, self.journal.other_leavers()):
            return False
        # It is withdrawn already after an interrupt, or if a worker died in its cleanup.
        if self.journal.state() is not State.CLEANING:
            self.journal.move(State.READY, State.CLEANING)
        if not is_held and self.membership.is_any_alive(self.journal, self.journal.other_holders()):
            self.journal.move(State.CLEANING, State.READY)
            return False
        return True

    def _open_dependents(self) -> list[str]:
        return [key for key in self.journal.dependents() if _is_open(self.journal.of(key))]

    def _clean_up_dependents(self) -> None:
        clean_up, self.clean_up_dependents = self.clean_up_dependents, None
        if clean_up is not None:
            clean_up(self._open_dependents())


def _is_open(journal: ShareJournal) -> bool:
    return journal.state() in (State.READY, State.CLEANING)
