"""The role of a process that runs tests: an xdist worker, or the only process of a run.

Imported in every run, so it imports the engine only once a fixture is shared.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._run.membership import Progress, Workers, WorkerState, progress_path

if TYPE_CHECKING:
    from pytest_shared_session_scope._session.held import Shares

WORKER: Final = pytest.StashKey["Worker"]()
# The attribute under which a decorated function keeps its definition.
DEFINITION: Final = "shared_session_scope_definition"
# Checks of each test function at collection. The decorators add theirs when they are imported, so the list is empty in
# a run in which nothing is shared.
collection_checks: Final[list[Callable[[pytest.Metafunc], None]]] = []
# How long (seconds) a worker that stops by itself waits until no other worker needs its shares: xdist stops the others
# only after this worker has ended. On Ctrl-C all of them stop at once, and need a moment.
_DRAIN_TIMEOUT: Final = 3.0
_NORMAL_ENDS: Final = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


class Worker:
    """One process that runs tests, as its plugin object.

    `item` is the test that runs, or the last one that ran. `directory` is the run's directory, None until something is
    shared in a run without xdist. `shares` holds what this worker has acquired, `progress` the tests that are over;
    both are None while nothing is shared.
    """

    def __init__(self, config: pytest.Config, name: str, run: str, make_directory: Callable[[], Path]) -> None:
        self.config = config
        self.name = name
        self.run = run
        self.directory: Path | None = None
        self.item: pytest.Item | None = None
        self.shares: Shares | None = None
        self.progress: Progress[pytest.Item] | None = None
        self.workers: Workers | None = None
        self.timer = Timer()
        self._make_directory = make_directory
        self._controller_pid: int | None = None
        self._is_each = False

    @classmethod
    def of_xdist(cls, config: pytest.Config, name: str, run: str, given: dict[str, Any]) -> Worker:
        """Return the worker that `Controller` described in xdist's `workerinput`."""
        directory = Path(given["directory"])
        worker = cls(config, name, run, lambda: directory)
        worker.directory = directory
        # A worker that runs behind a proxy is not the controller's child, and cannot see it die.
        worker._controller_pid = given["pid"] if os.getppid() == given["pid"] else None
        worker._is_each = given["each"]
        return worker

    def run_directory(self) -> Path:
        """Return the run's directory; the only process of a run makes it here, with its first share."""
        if self.directory is None:
            self.directory = self._make_directory()
        return self.directory

    def is_controller_dead(self) -> bool:
        """Whether the process that started this worker has exited: another one is the parent now.

        Windows keeps the number of a dead parent; there, a run whose controller was killed ends when xdist ends its
        workers.
        """
        return self._controller_pid is not None and os.getppid() != self._controller_pid

    @contextlib.contextmanager
    def running(self, item: pytest.Item) -> Generator[None, None, None]:
        """Request fixtures, inside, as the test `item` does."""
        kept, self.item = self.item, item
        try:
            yield
        finally:
            self.item = kept

    # -- while tests run

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begin to record which tests are over, and prove that this worker lives, where a shared fixture is defined."""
        if not collection_checks:
            return
        path = self.directory and progress_path(self.directory, self.name)
        if self.directory is not None:
            # Before the first test: in a run that is being stopped, this worker may still reach its first share.
            self.workers = Workers(self.directory, self.name)
            self.workers.hold_liveness_lock()
        self.progress = Progress(session.items, path, is_each=self._is_each)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Remember the test that runs: a session-scoped fixture has no public way to it."""
        self.item = item

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
        """Hand the request to a shared fixture that pytest is about to call."""
        definition = getattr(fixturedef.func, DEFINITION, None)
        if definition is not None:
            definition.note_request(fixturedef, request)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Record that a test is over; begin to drain where the session ends with it."""
        if self.shares is not None:
            self.shares.engine.note_test(item.nodeid)
        if self.progress is not None:
            self.progress.mark_finished(item)
        if nextitem is None:
            self._drain(item.session)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> None:
        """Note that pytest-timeout has set its timer, which is put off while this worker waits for others."""
        self.timer.note_set(item, settings)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_timeout_cancel_timer(self) -> None:
        """Note that pytest-timeout has cancelled its timer."""
        self.timer.note_cancelled()

    # -- the end

    # The innermost wrapper: around pytest's own teardown of the session, within xdist's and the terminal's wrappers.
    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_sessionfinish(
        self, session: pytest.Session, exitstatus: int | pytest.ExitCode
    ) -> Generator[None, None, None]:
        """End the session: drain, let pytest end its fixtures, then take over what no living worker holds."""
        self._drain(session, is_cut_short=exitstatus not in _NORMAL_ENDS)
        yield
        if self.shares is None and not self._has_shares():
            return
        _takeover().take_over_the_rest(session, self)
        if self.shares is not None:
            self.shares.engine.close()
        if self.is_controller_dead():
            # Here, for without its controller xdist lets a worker come no further.
            _takeover().end_in_place_of_controller(self)

    def _drain(self, session: pytest.Session, *, is_cut_short: bool = False) -> None:
        if self.directory is None:
            return
        if self.shares is None and not self._has_shares():
            Workers(self.directory, self.name).mark(self.name, WorkerState.DRAINING)
            return
        has_timeout = is_cut_short or _stops_by_itself(session)
        _takeover().drain(session, self, _DRAIN_TIMEOUT if has_timeout else None)

    def _has_shares(self) -> bool:
        if self.directory is None:
            return False
        with contextlib.suppress(FileNotFoundError), os.scandir(self.directory / "shares") as entries:
            return next(entries, None) is not None
        return False


def _takeover() -> ModuleType:
    # 12 ms (the engine with it), which a run that shares nothing does not spend.
    from pytest_shared_session_scope._session import takeover

    return takeover


def _stops_by_itself(session: pytest.Session) -> bool:
    """Whether this worker stops for a reason the controller does not see. It counts failures for -x by itself."""
    maxfail: int | None = session.config.getoption("maxfail")
    if maxfail and session.testsfailed >= maxfail:
        return False
    return bool(session.shouldstop or session.shouldfail)


class Timer:
    """The timer that pytest-timeout has set, so that waiting for other workers does not count as a test's own time."""

    def __init__(self) -> None:
        self._set: tuple[pytest.Item, Any, float] | None = None

    def note_set(self, item: pytest.Item, settings: Any) -> None:
        """Note that the timer is set; `settings.timeout` is in seconds."""
        self._set = (item, settings, time.monotonic())

    def note_cancelled(self) -> None:
        """Note that no timer is set."""
        self._set = None

    @contextlib.contextmanager
    def put_off(self) -> Generator[None, None, None]:
        """Stop the timer, inside; afterwards it goes on with the time it had left."""
        if self._set is None:
            yield
            return
        item, settings, since = self._set
        hook = item.config.hook
        left = max(settings.timeout - (time.monotonic() - since), 0.001)  # 0 would mean no timer at all
        hook.pytest_timeout_cancel_timer(item=item)
        try:
            yield
        finally:
            hook.pytest_timeout_set_timer(item=item, settings=settings._replace(timeout=left))
