"""Taking over, at a worker's end, what no worker holds any more: its holders died, or had to let go in the run.

The share is taken once more, through the test that asked for it first, and let go of like any other: so what the
fixture depends on is there when it is cleaned up. A worker does so before it lets go of its own shares, which may be
what the other depends on, and again when nothing of its own is left, for what the last holders' deaths leave.

pytest has no public way to set up one fixture of a test; `tests/plugin/test_private_names.py` fails when the names used
here go.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._engine.engine import NothingToTakeOverError
from pytest_shared_session_scope._session.held import FOR_EVER, shares_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_shared_session_scope._run.journal import ShareRecord
    from pytest_shared_session_scope._session.held import Shares
    from pytest_shared_session_scope._session.state import RunState


# Seconds for which a worker waits for one share where it could adopt others: to look at all takes 35 ms for 1,000.
_LONGEST_WAIT: Final = 1.0


def adopt_before_letting_go(session: pytest.Session, state: RunState, shares: Shares) -> None:
    """Take what nobody holds, before the first fixture of the session ends."""
    engine = shares.engine
    engine.clean_up_dependents = functools.partial(_adopt_dependents, session, state, shares)
    if engine.may_have_orphans():
        orphaned = [one for one in engine.open_shares(shares.held) if not one.is_held]
        # A cleanup that was cut off is for who adopts when nobody can ask any more. It has to be taken before anything
        # that it depends on is let go.
        if not engine.is_anybody_left():
            for one in orphaned:
                engine.revive(one)
        for one in orphaned:
            if engine.is_ready(one):
                _take(session, state, shares, one.record)


def _adopt_dependents(session: pytest.Session, state: RunState, shares: Shares, keys: list[str]) -> None:
    """Clean up, in the middle of the session's end, what depends on a share that is about to be.

    What pytest sets up for it ends with the session: to end that here would, with pytest 7, also end what the share
    itself depends on, which was asked for again.
    """
    for one in shares.engine.open_shares(shares.held):
        if one.key in keys and not one.is_held:
            shares.engine.revive(one)
            _take(session, state, shares, one.record)
            _reported(state, functools.partial(shares.end, one.key))


def adopt_what_is_left(session: pytest.Session, state: RunState) -> None:
    """Wait until every share is cleaned up, or nobody else can do it; then do it here where the fixture is visible.

    Waiting costs the run nothing: it goes on until its last worker ends, and who waits holds nothing.
    """
    shares = shares_of(session.config)
    engine = shares.engine
    engine.drain()
    error = _reported(state, shares.end_all)
    until = time.monotonic() + shares.drain_timeout
    failed: set[str] = set()
    while left := engine.open_shares(failed):
        may_adopt = not engine.is_anybody_left()
        if may_adopt:
            for one in left:
                if not one.is_held:
                    engine.revive(one)
                    if not _take(session, state, shares, one.record):
                        failed.add(one.key)
            error = _reported(state, lambda: session._setupstate.teardown_exact(None)) or error  # noqa: SLF001 - see the module
            if error is not None:  # what could not be let go of now, cannot be later, and the run has to end
                failed.update(one.key for one in left if not one.is_held)
        # What was set up first is cleaned up last. Another's holder may die meanwhile, and patience may end before.
        again = min(until, time.monotonic() + (_LONGEST_WAIT if may_adopt else FOR_EVER))
        while engine.must_wait_for(left[-1], may_take_over=may_adopt) and time.monotonic() < again:
            engine.pause()
        if time.monotonic() > until:
            return
        engine.pause()


def _take(session: pytest.Session, state: RunState, shares: Shares, record: ShareRecord) -> bool:
    """Take a share through the test that asked for it first; return False where that cannot be, now or later."""
    item: Any = next((item for item in session.items if item.nodeid == record.item), None)
    if item is None:
        return False

    def take() -> None:
        # The test before ends as it would now anyway, with all but the session's fixtures.
        session._setupstate.teardown_exact(session)  # type: ignore[arg-type]  # noqa: SLF001 - see the module
        with shares.engine.taking_over():
            _set_up_without_fixtures(session, item).getfixturevalue(record.fixture_name)

    error = _reported(state, take)
    # Who was faster may die before it has cleaned up. What is lost with the share that it depends on, is.
    return error is None or (isinstance(error, NothingToTakeOverError) and error.fixture == record.fixture)


def _set_up_without_fixtures(session: pytest.Session, item: Any) -> pytest.FixtureRequest:
    """Let pytest set up a test that asks for no fixtures; return a request of it.

    The test may be over, or the one that runs: what it has is left as it is.
    """
    kept = item.fixturenames, item.funcargs, item._request  # noqa: SLF001 - see the module
    item._initrequest()  # noqa: SLF001
    request: pytest.FixtureRequest = item._request  # noqa: SLF001
    item.fixturenames = []
    try:
        session._setupstate.setup(item)  # noqa: SLF001
    finally:
        item.fixturenames, item.funcargs, item._request = kept  # noqa: SLF001
    return request


def _reported(state: RunState, call: Callable[[], None]) -> BaseException | None:
    """Call; report what is raised, unless somebody else has been faster, and return it."""
    reraised = (KeyboardInterrupt, pytest.exit.Exception)
    made: Any = pytest.CallInfo.from_call
    info: pytest.CallInfo[None] = made(call, when="teardown", reraise=reraised)
    if info.excinfo is None:
        return None
    if not info.excinfo.errisinstance(NothingToTakeOverError) and state.last_item is not None:
        # xdist passes on only reports of the test that ran last.
        report = pytest.TestReport.from_item_and_call(state.last_item, info)
        state.last_item.ihook.pytest_runtest_logreport(report=report)
    return info.excinfo.value
