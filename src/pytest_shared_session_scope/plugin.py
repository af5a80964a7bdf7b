"""The pytest plugin: hands on what pytest and xdist tell. It loads the rest only where a fixture is shared."""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._session.options import ALWAYS, add_options, are_files_wanted, report_wanted
from pytest_shared_session_scope._session.state import DEFINITION, MASTER, STATE, RunState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from pytest_shared_session_scope._fixtures.definition import Definition
    from pytest_shared_session_scope._reporting.messages import Death
    from pytest_shared_session_scope._session.controller import Controller  # noqa: F401 - in a string
    from pytest_shared_session_scope.types import SharedLock

_CONTROLLER: Final = pytest.StashKey["Controller"]()
# The seconds for which a worker that stops by itself waits until the others need none of its shares any more: xdist
# tells them to stop only when it has ended. On Ctrl-C all of them stop at once, and need a moment.
_PATIENCE_OF_ONE_THAT_STOPS: Final = 3.0
_NORMAL_ENDS: Final = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the package."""
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Find out which part this process has in the run."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    told = given.get("shared_session_scope")
    if told is None:
        config.stash[STATE] = RunState(worker=MASTER, run=uuid.uuid4().hex, report=report_wanted(config))
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
    from pytest_shared_session_scope._reporting.leftovers import ledger_of
    from pytest_shared_session_scope._reporting.waiting import watch
    from pytest_shared_session_scope._run.fileio import create_directory
    from pytest_shared_session_scope._session import held
    from pytest_shared_session_scope._session.controller import Controller

    stash = node.config.stash
    if _CONTROLLER not in stash:
        directory = create_directory(held.base_directory(node.config))
        stash[_CONTROLLER] = Controller(directory)
        watch(node.config, directory)
        stash[STATE].run = node.workerinput["testrunuid"]
        node.config.add_cleanup(stash[_CONTROLLER].release_liveness_lock)
        ledger_of(node.config).begin(stash[STATE].run, directory)
    stash[_CONTROLLER].expect(node)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Note that a worker is gone, in the controller."""
    if _CONTROLLER in node.config.stash:
        node.config.stash[_CONTROLLER].lose(node, error)


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str, report: Any) -> None:
    """Note in which test a worker died, in the controller."""
    worker = report.node
    if _CONTROLLER in worker.config.stash:
        worker.config.stash[_CONTROLLER].note_crash(worker.gateway.id, crashitem)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> None:
    """Note what pytest-timeout does, so that its timer can be put off."""
    item.config.stash[STATE].timer.note_set(item, settings)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_timeout_cancel_timer(item: pytest.Item) -> None:
    """Note what pytest-timeout does, so that its timer can be put off."""
    item.config.stash[STATE].timer.note_cancelled()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Tell what earlier runs did not clean up."""
    if config.stash[STATE].is_worker:  # it has a terminal, which nobody sees
        return []
    from pytest_shared_session_scope._reporting.leftovers import ledger_of

    return [f"an earlier run: {line}" for line in ledger_of(config).tell()]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell what this run shared, and what it did not clean up."""
    if not config.stash[STATE].is_worker:
        _end(config, terminalreporter)


def _end(config: pytest.Config, terminalreporter: pytest.TerminalReporter | None) -> None:
    """Tell, where there is a terminal, what this run shared; and leave what it did not clean up to the next to tell."""
    directory, deaths = _directory_and_deaths(config)
    state = config.stash[STATE]
    state.is_told = True
    left: list[str] = []
    if (directory is not None and _has_shares(directory)) or state.report == ALWAYS:
        from pytest_shared_session_scope._reporting import terminal

        left = terminal.tell(terminalreporter, config, terminal.facts_of(config, directory, deaths))
    if directory is not None:
        from pytest_shared_session_scope._reporting.leftovers import ledger_of

        ledger_of(config).end(state.run, left)


def _directory_and_deaths(config: pytest.Config) -> tuple[Path | None, Mapping[str, Death]]:
    if _CONTROLLER in config.stash:
        return config.stash[_CONTROLLER].directory, config.stash[_CONTROLLER].deaths
    return config.stash[STATE].directory, {}


@pytest.hookimpl(trylast=True)  # what others parametrize is no fixture any more
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Check what a test, and each fixture that it uses, takes a shared fixture as."""
    if "pytest_shared_session_scope._fixtures.decorators" in sys.modules:
        from pytest_shared_session_scope._fixtures.consumers import check_parameters

        check_parameters(metafunc)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to note which tests are over, and that this worker lives, where a shared fixture was defined."""
    if "pytest_shared_session_scope._fixtures.decorators" not in sys.modules:
        return
    from pytest_shared_session_scope._run import membership

    state = session.config.stash[STATE]
    path = state.directory and membership.progress_path(state.directory, state.worker)
    if state.directory is not None:
        # Before the first test: in a run that is being stopped, this worker may still come to its first share.
        state.workers = membership.Workers(state.directory, state.worker)
        state.workers.hold_liveness_lock()
    state.progress = membership.Progress(session.items, path, is_each=state.is_each)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Hand the request to a shared fixture that pytest is about to call."""
    definition: Definition | None = getattr(fixturedef.func, DEFINITION, None)
    if definition is not None:
        definition.note_request(request)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Note that a test asks for nothing any more; and that this worker does not, where the session ends with it."""
    state = item.config.stash[STATE]
    state.last_item = item
    if state.shares is not None:
        state.shares.engine.note_test(item.nodeid)
    if state.progress is not None:
        state.progress.mark_finished(item)
    if nextitem is None:
        _drain(item.session, state)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """Note that nothing is asked for any more, before pytest ends the fixtures that are left."""
    config = session.config
    if _CONTROLLER in config.stash:
        config.stash[_CONTROLLER].close()
    if _CONTROLLER in config.stash:
        return
    _drain(session, session.config.stash[STATE], is_cut_short=exitstatus not in _NORMAL_ENDS)


@pytest.hookimpl(specname="pytest_sessionfinish", trylast=True)
def pytest_sessionfinish_after_fixtures(session: pytest.Session) -> None:
    """Clean up, after pytest has ended all fixtures here, what no worker holds any more."""
    state = session.config.stash[STATE]
    if _CONTROLLER not in session.config.stash and state.directory is not None:
        _clean_up_what_is_left(session, state, state.directory)
    if not state.is_worker and are_files_wanted(session.config):
        from pytest_shared_session_scope._reporting import terminal

        terminal.write_files(session.config, terminal.facts_of(session.config, *_directory_and_deaths(session.config)))


def _clean_up_what_is_left(session: pytest.Session, state: RunState, directory: Path) -> None:
    if state.shares is not None or _has_shares(directory):
        from pytest_shared_session_scope._session.takeover import adopt_what_is_left

        adopt_what_is_left(session, state)
    if state.shares is not None and state.is_worker:
        state.shares.engine.close()
    if state.is_controller_dead():
        # Here, since without its controller xdist lets a worker come no further.
        from pytest_shared_session_scope._reporting.leftovers import end_in_place_of_controller

        end_in_place_of_controller(session.config, state)


def _has_shares(directory: Path) -> bool:
    return directory.exists() and any((directory / "shares").iterdir())


def _drain(session: pytest.Session, state: RunState, *, is_cut_short: bool = False) -> None:
    if state.directory is None:
        return
    if state.shares is None and not _has_shares(state.directory):
        from pytest_shared_session_scope._run import membership

        membership.Workers(state.directory, state.worker).mark(state.worker, membership.WorkerState.DRAINING)
        return
    from pytest_shared_session_scope._session.held import shares_of
    from pytest_shared_session_scope._session.takeover import adopt_before_letting_go

    shares = shares_of(session.config)
    if is_cut_short or _stops_by_itself(session):
        shares.drain_timeout = _PATIENCE_OF_ONE_THAT_STOPS
    if not shares.engine.is_draining:
        shares.engine.drain()
        adopt_before_letting_go(session, state, shares)


def _stops_by_itself(session: pytest.Session) -> bool:
    """Say whether the controller does not know that this worker stops. It counts as many failures for -x, or more."""
    maxfail: int | None = session.config.getoption("maxfail")
    if maxfail and session.testsfailed >= maxfail:
        return False
    return bool(session.shouldstop or session.shouldfail)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    if STATE not in config.stash:
        return
    state = config.stash[STATE]
    if state.is_worker:
        return
    directory, _ = _directory_and_deaths(config)
    if directory is not None:
        from pytest_shared_session_scope._run.fileio import remove_directory

        if not state.is_told:
            from pytest_shared_session_scope._reporting import terminal

            _end(config, terminal.new_reporter(config))
        remove_directory(directory)


@pytest.fixture(scope="session")
def shared_lock(pytestconfig: pytest.Config) -> SharedLock:
    """Locks between the workers of a run, each known by a name.

    `with shared_lock("clone-template"): ...` is entered by one worker at a time.
    """

    def lock(name: str, timeout: float | None = None) -> AbstractContextManager[None]:
        from pytest_shared_session_scope._run.locks import NamedLock
        from pytest_shared_session_scope._session.held import directory_of

        state = pytestconfig.stash[STATE]
        return NamedLock(directory_of(pytestconfig, state), state.worker, name, timeout)

    return lock
