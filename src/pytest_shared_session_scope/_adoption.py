"""Cleaning up, at a worker's end, what no worker holds any more: its holders died, or had to let go in the run.

The share is taken once more, through the test that asked for it first, and let go of: so what the fixture depends on is
there when it is cleaned up. pytest has no public way to set up one fixture of a test; `tests/plugin/
test_private_names.py` fails when the names used here go.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_shared_session_scope._engine import NothingToAdoptError
from pytest_shared_session_scope._shares import shares_of

if TYPE_CHECKING:
    from pytest_shared_session_scope._records import ShareRecord
    from pytest_shared_session_scope._shares import Shares
    from pytest_shared_session_scope._state import RunState


def adopt(session: pytest.Session, state: RunState) -> None:
    """Wait until every share is cleaned up, or nobody else can do it; then do it here where the fixture is visible.

    Waiting costs the run nothing: it goes on until its last worker ends, and who waits holds nothing.
    """
    shares = shares_of(session.config, "")
    until = time.monotonic() + shares.patience
    done: set[str] = set()
    while True:
        unfinished = list(shares.engine.unfinished(done))
        if not unfinished:
            return
        if not shares.engine.is_anybody_left():
            for key, record, is_held in unfinished:
                if not is_held:
                    done.add(key)
                    _adopt_one(session, state, shares, key, record)
        if time.monotonic() > until:
            return
        shares.engine.wait_a_little()


def _adopt_one(session: pytest.Session, state: RunState, shares: Shares, key: str, record: ShareRecord) -> None:
    item: Any = next((item for item in session.items if item.nodeid == record.item), None)
    if item is None:
        return

    def take_and_let_go() -> None:
        with shares.engine.adopting(key):
            try:
                item._initrequest()  # noqa: SLF001 - see the module
                session._setupstate.setup(item)  # noqa: SLF001
                item._request.getfixturevalue(record.fixture_name)  # noqa: SLF001
            except NothingToAdoptError:
                pass
            finally:
                session._setupstate.teardown_exact(None)  # noqa: SLF001

    call = pytest.CallInfo.from_call(take_and_let_go, when="teardown", reraise=(KeyboardInterrupt, pytest.exit.Exception))
    if call.excinfo is not None and state.last_item is not None:
        # xdist passes on only reports of the test that ran last.
        report = pytest.TestReport.from_item_and_call(state.last_item, call)
        session.config.hook.pytest_runtest_logreport(report=report)
