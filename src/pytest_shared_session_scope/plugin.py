"""The pytest plugin: hands on what pytest and xdist tell. It loads the rest only where a fixture is shared."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._state import STATE, RunState

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pytest_shared_session_scope._controller import Controller
    from pytest_shared_session_scope.types import SharedLock

_CONTROLLER: Final = pytest.StashKey["Controller"]()
# The seconds for which a worker that stops by itself waits until the others need none of its shares any more: xdist
# tells them to stop only when it has ended. On Ctrl-C all of them stop at once, and need a moment.
_PATIENCE_OF_ONE_THAT_STOPS: Final = 3.0
_NORMAL_ENDS: Final = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the package."""
    parser.addini(
        "shared_session_scope_timeout",
        "how long (seconds) a worker waits for a shared fixture that another worker sets up; without limit by default",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Find out which part this process has in the run."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    told = given.get("shared_session_scope")
    if told is None:
        # No worker: xdist's name for the only process, or the controller, is `master`.
        config.stash[STATE] = RunState(worker="master", run=uuid.uuid4().hex)
        return
    config.stash[STATE] = RunState(
        worker=given["workerid"],
        run=given["testrunuid"],
        directory=Path(told["directory"]),
        # A worker that runs behind a proxy is not the controller's child, and cannot see it die.
        controller_pid=told["pid"] if os.getppid() == told["pid"] else None,
        is_each=told["each"],
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker about the run, in the controller."""
    from pytest_shared_session_scope import _run, _shares
    from pytest_shared_session_scope._controller import Controller

    stash = node.config.stash
    if _CONTROLLER not in stash:
        stash[_CONTROLLER] = Controller(_run.create_directory(_shares.base_directory(node.config)))
    stash[_CONTROLLER].expect(node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Note that a worker is gone, in the controller."""
    if _CONTROLLER in node.config.stash:
        node.config.stash[_CONTROLLER].lose(node, error)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to note which tests are over, where a shared fixture was defined."""
    if "pytest_shared_session_scope._decorator" not in sys.modules:
        return
    from pytest_shared_session_scope import _run
    from pytest_shared_session_scope._progress import Progress

    state = session.config.stash[STATE]
    path = state.directory and _run.progress_path(state.directory, state.worker)
    state.progress = Progress(session.items, path, is_each=state.is_each)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Note that a test asks for nothing any more; and that this worker does not, where the session ends with it."""
    state = item.config.stash[STATE]
    state.last_item = item
    if state.progress is not None:
        state.progress.mark_over(item)
    if nextitem is None:
        _drain(item.session, state)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """Note that nothing is asked for any more, before pytest ends the fixtures that are left."""
    if _CONTROLLER in session.config.stash:
        session.config.stash[_CONTROLLER].close()
        return
    _drain(session, session.config.stash[STATE], is_cut_short=exitstatus not in _NORMAL_ENDS)


@pytest.hookimpl(specname="pytest_sessionfinish", trylast=True)
def pytest_sessionfinish_after_fixtures(session: pytest.Session) -> None:
    """Clean up, after pytest has ended all fixtures here, what no worker holds any more."""
    state = session.config.stash[STATE]
    if _CONTROLLER in session.config.stash or state.directory is None:
        return
    if state.shares is not None or _has_shares(state.directory):
        from pytest_shared_session_scope._adoption import adopt

        adopt(session, state)


def _has_shares(directory: Path) -> bool:
    return directory.exists() and any((directory / "shares").iterdir())


def _drain(session: pytest.Session, state: RunState, *, is_cut_short: bool = False) -> None:
    if state.shares is not None:
        if is_cut_short or _stops_by_itself(session):
            state.shares.patience = _PATIENCE_OF_ONE_THAT_STOPS
        state.shares.engine.drain()
    elif state.directory is not None:
        from pytest_shared_session_scope import _run

        _run.Workers(state.directory, state.worker).mark(state.worker, _run.DRAINING)


def _stops_by_itself(session: pytest.Session) -> bool:
    """Say whether the controller does not know that this worker stops. It counts as many failures for -x, or more."""
    maxfail: int = session.config.getoption("maxfail")
    if maxfail and session.testsfailed >= maxfail:
        return False
    return bool(session.shouldstop or session.shouldfail)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    state = config.stash.get(STATE, None)
    if state is None or state.worker != "master":
        return
    directory = state.directory or (config.stash[_CONTROLLER].directory if _CONTROLLER in config.stash else None)
    if directory is not None:
        from pytest_shared_session_scope import _run

        _run.remove_directory(directory)


@pytest.fixture(scope="session")
def shared_lock(pytestconfig: pytest.Config) -> SharedLock:
    """Locks between the workers of a run: `with shared_lock("clone-template"): ...` is entered by one at a time."""

    def lock(name: str, timeout: float | None = None) -> AbstractContextManager[None]:
        from pytest_shared_session_scope._shares import named_lock

        return named_lock(pytestconfig, name, timeout)

    return lock
