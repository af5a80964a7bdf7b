"""The decisions of the engine: pure functions of who takes part in the run and of a share's state."""

from __future__ import annotations

import enum
from collections.abc import Callable

from pytest_shared_session_scope._run.membership import DRAINING, GONE


class Verdict(enum.Enum):
    """What becomes of a holder that wants to let go."""

    LEAVE = "leave"
    """It goes without a token; somebody else is responsible."""
    STAY = "stay"
    """It stays the owner: others need what it set up, and this is no time to wait for them."""
    WAIT = "wait"
    """It looks again a little later."""
    ADOPT = "adopt"
    """It would be the last, but what depends on the share is not cleaned up, and held by nobody: that comes first."""
    LAST = "last"
    """It cleans up."""


def can_ask(state: str, *, closed: bool, alive: Callable[[], bool]) -> bool:
    """Say whether a worker in this state, or one that replaces it, may still ask for a share.

    A worker that died may be replaced, until the controller has done so, or never will, and calls it gone, or has
    closed the run. In a closed run those who live still run what they had been sent; who was yet to be sent something
    has not taken a lease, and does not count as alive. `alive` is only asked where it matters, since it costs a look
    at a lock.
    """
    if state == GONE:
        return False
    if state == DRAINING:
        return not closed and not alive()
    return not closed or alive()


def decide(*, only_owner_cleans: bool, holders: bool, may_be_asked: bool, in_run: bool, patient: bool) -> Verdict:
    """Decide for a holder that lets go.

    `only_owner_cleans`: it owns a fixture that yields once, so nobody else can clean up for it. `holders`: other live
    workers hold the share. `may_be_asked`: somebody can still ask for it. `in_run`: it lets go in the middle of the
    run, where waiting would cost. `patient`: it has not waited for too long.
    """
    if not holders and not may_be_asked:
        return Verdict.LAST
    if only_owner_cleans:
        if in_run:
            return Verdict.STAY
        return Verdict.WAIT if patient else Verdict.LAST
    if holders or in_run or not patient:
        return Verdict.LEAVE
    return Verdict.WAIT
