"""Taking over, at a worker's end, the shares that no living worker holds.

Their holders died, or had to release them in the middle of the run. Such a share is acquired once more, through the
test that requested it first, and released like any other; so the fixtures it depends on are set up when it is cleaned
up. A worker takes over before it releases its own shares, on which an orphaned one may depend, and again when it holds
nothing any more, for what the last holders' deaths leave.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._engine.engine import NothingToTakeOverError
from pytest_shared_session_scope._reporting import outcome, summary
from pytest_shared_session_scope._reporting.leftovers import Leftovers, end_dead_run
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._session.held import shares_of
from pytest_shared_session_scope._session.pytest_internals import end_fixtures, request_through

if TYPE_CHECKING:
    from pytest_shared_session_scope._run.journal import ShareRecord
    from pytest_shared_session_scope._session.held import Shares
    from pytest_shared_session_scope._session.worker import Worker

__tracebackhide__ = True  # pytest shows users their own frames

# Seconds to wait for one share before looking at the others again: to look at all takes 35 ms for 1,000.
_LONGEST_WAIT: Final = 1.0


class Deadline:
    """A moment on the monotonic clock, `timeout` seconds from now; None is never."""

    def __init__(self, timeout: float | None) -> None:
        self._at = float("inf") if timeout is None else time.monotonic() + timeout

    def has_passed(self) -> bool:
        """Whether the moment has passed."""
        return time.monotonic() > self._at


def drain(session: pytest.Session, worker: Worker, timeout: float | None) -> None:
    """Begin to drain, once, before the first fixture of the session ends: take over what no worker holds.

    Acquires what it takes over; the shares are released with the others. `timeout` (seconds) is for every release.
    """
    shares = shares_of(worker)
    engine = shares.engine
    if timeout is not None:
        shares.drain_timeout = timeout
    if engine.is_draining:
        return
    engine.drain()
    engine.clean_up_dependents = functools.partial(_clean_up_dependents, session, shares)
    if engine.may_have_orphans():
        orphaned = [one for one in engine.open_shares(shares.held) if not one.is_held]
        # A cleanup that was cut off is done again only when no other worker can acquire the share. It has to be
        # acquired before a share that it depends on is released.
        if not engine.is_anybody_left():
            for one in orphaned:
                engine.revive(one)
        for one in orphaned:
            if engine.is_ready(one):
                _acquire(session, shares, one.record)


def _clean_up_dependents(session: pytest.Session, shares: Shares, keys: list[str]) -> None:
    """Clean up the orphaned shares that depend on a share which is about to be cleaned up.

    What pytest sets up for them ends with the session. Ending it here would, on pytest 7, also end the dependencies of
    the share itself, which were requested again.
    """
    for one in shares.engine.open_shares(shares.held):
        if one.key in keys and not one.is_held:
            shares.engine.revive(one)
            _acquire(session, shares, one.record)
            _reported(shares.worker, functools.partial(shares.end, one.key))


def take_over_the_rest(session: pytest.Session, worker: Worker) -> None:
    """Wait until every share is cleaned up, or no other worker can do it; then do it where the fixture is visible here.

    Waiting costs the run nothing: it goes on until its last worker ends, and this worker holds nothing.
    """
    shares = shares_of(worker)
    engine = shares.engine
    engine.drain()
    error = _reported(worker, shares.end_all)
    deadline = Deadline(shares.drain_timeout)
    failed: set[str] = set()
    while left := engine.open_shares(failed):
        may_take_over = not engine.is_anybody_left()
        if may_take_over:
            orphaned = [one for one in left if not one.is_held]
            for one in orphaned:
                engine.revive(one)
                if not _acquire(session, shares, one.record):
                    failed.add(one.key)
            error = _reported(worker, functools.partial(end_fixtures, session)) or error
            if error is not None:  # a release that failed now would fail again, and the run has to end
                failed.update(one.key for one in orphaned)
        # The share that was set up first is cleaned up last. Another's holder may die meanwhile, so look again.
        again = Deadline(_LONGEST_WAIT if may_take_over else None)
        while engine.must_wait_for(left[-1], may_take_over=may_take_over):
            if again.has_passed() or deadline.has_passed():
                break
            engine.pause()
        if deadline.has_passed():
            return
        engine.pause()


def _acquire(session: pytest.Session, shares: Shares, record: ShareRecord) -> bool:
    """Acquire a share through the test that requested it first; return False where that can never succeed."""
    item: Any = next((item for item in session.items if item.nodeid == record.item), None)
    if item is None:
        return False

    def acquire() -> None:
        # The fixtures of the last test end now as they would anyway, all but the session's.
        end_fixtures(session, keep_session=True)
        with shares.engine.taking_over(), shares.worker.running(item):
            request_through(session, item).getfixturevalue(record.fixture_name)

    error = _reported(shares.worker, acquire)
    # A faster worker may die before it has cleaned up: then the share is there again. A share that was lost together
    # with one it depends on stays lost.
    return error is None or (isinstance(error, NothingToTakeOverError) and error.fixture == record.fixture)


def _reported(worker: Worker, call: Callable[[], None]) -> BaseException | None:
    """Make a call; report what it raises as an error of the last test's teardown, and return it."""
    reraised = (KeyboardInterrupt, pytest.exit.Exception)
    made: Any = pytest.CallInfo.from_call
    info: pytest.CallInfo[None] = made(call, when="teardown", reraise=reraised)
    if info.excinfo is None:
        return None
    if not info.excinfo.errisinstance(NothingToTakeOverError) and worker.item is not None:
        # xdist passes on only the reports of the test that ran last.
        report = pytest.TestReport.from_item_and_call(worker.item, info)
        worker.item.ihook.pytest_runtest_logreport(report=report)
    return info.excinfo.value


def end_in_place_of_controller(worker: Worker) -> None:
    """End a run whose controller is dead, from its last worker: leave its leftovers to the next run."""
    directory = worker.run_directory()
    if worker.shares is not None:
        worker.shares.engine.release_liveness_lock()
    if not membership.Workers(directory, "").is_any_alive():
        with contextlib.suppress(FileNotFoundError):  # another worker was as fast, and does it
            Leftovers.in_cache(getattr(worker.config, "cache", None)).end(worker.run, end_dead_run(directory, _left_in))


def _left_in(directory: Path) -> list[str]:
    return summary.not_cleaned_up(outcome.read(directory, {}))
