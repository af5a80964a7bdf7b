"""The role of the process that pytest was started as: it knows the run's workers and reports what they shared.

Imported in every run, so it imports the reports only where there is something to report.
"""

from __future__ import annotations

import functools
import os
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._reporting.leftovers import Leftovers
from pytest_shared_session_scope._run.files import create_directory, remove_directory, share_keys
from pytest_shared_session_scope._run.membership import CONTROLLER, Workers, WorkerState
from pytest_shared_session_scope._session.pytest_internals import base_directory

if TYPE_CHECKING:
    from pytest_shared_session_scope._reporting.terminal import RunReport, When

# The key in xdist's `workerinput` under which a worker finds the description of its run.
WORKER_INPUT: Final = "shared_session_scope"
# The destination of --shared-report, and its name in pytest's configuration.
REPORT: Final = "shared_session_scope_report"


class Controller:
    """The process that started the run, as its plugin object.

    `run` is the run's id, `directory` its directory, None until a worker is started or, without xdist, something is
    shared.
    """

    def __init__(self, config: pytest.Config, when: When) -> None:
        self.config = config
        self.run = uuid.uuid4().hex
        self.directory: Path | None = None
        self._when: When = when
        self._workers: Workers | None = None
        self._crashes = 0
        self._finished: set[str] = set()
        # Crashed workers that xdist will replace: until the replacement is expected, they count as able to acquire.
        self._to_be_replaced: list[str] = []
        # Failures of the reporting itself, for the section at the end.
        self._problems: list[str] = []
        self._is_reported = False

    def make_directory(self) -> Path:
        """Make the run's directory, and prove with a liveness lock that the run is going on. Called once."""
        self.directory = create_directory(base_directory(self.config))
        self._workers = Workers(self.directory, CONTROLLER)
        self._workers.hold_liveness_lock()
        self.config.add_cleanup(self._workers.release_liveness_lock)
        self._note_problem(self._leftovers.begin(self.run, self.directory))
        return self.directory

    def pytest_report_header(self) -> list[str]:
        """Report what earlier runs did not clean up."""
        return [f"an earlier run: {line}" for line in self._leftovers.report(self._left_in)]

    def _left_in(self, directory: Path) -> list[str]:
        return self._report.left_in(directory)

    # -- workers

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Describe the run to a worker, before its process is started."""
        if self.directory is None:
            self.run = node.workerinput["testrunuid"]
            self._report.watch(self.make_directory())
        self._mark(node.gateway.id, WorkerState.EXPECTED)
        node.workerinput[WORKER_INPUT] = {
            "directory": str(self.directory),
            "pid": os.getpid(),
            "each": node.config.getoption("dist") == "each",
        }
        while self._to_be_replaced:
            self._mark(self._to_be_replaced.pop(), WorkerState.GONE)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Note that a worker has finished, or crashed with an error. xdist calls this before it replaces the worker."""
        worker = node.gateway.id
        if error:
            self._crashes += 1
            if worker not in self._finished:  # xdist reports an interrupted worker that ended well a second time
                self._report.note_death(worker)
            if is_replaced(self._crashes, self.config):
                self._to_be_replaced.append(worker)
                return
        self._finished.add(worker)
        self._mark(worker, WorkerState.GONE)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """Note which test a worker ran when it crashed. xdist calls this after `pytest_testnodedown`."""
        self._report.note_crash(report.node.gateway.id, crashitem)

    def _mark(self, worker: str, state: WorkerState) -> None:
        if self._workers is not None:
            self._workers.mark(worker, state)

    # -- the end

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Close the run before xdist ends its workers; write the files that were asked for once they have ended."""
        if self._workers is not None:
            self._workers.close_run()  # no worker is started any more, and no test handed out
        yield
        names = self.config.getoption("--shared-report-json"), self.config.getoption("--shared-trace")
        if any(names):
            self._report.write_files(*names, self.directory, self.run)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what this run shared, and what it did not clean up."""
        self._end(terminalreporter)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Report where pytest asked for no summary, and remove the run's directory."""
        if self.directory is not None:
            if not self._is_reported:
                self._end(None)
            remove_directory(self.directory)

    def _end(self, reporter: pytest.TerminalReporter | None) -> None:
        """Leave to the next run what this one did not clean up, and print the section where it is wanted."""
        self._is_reported = True
        is_shared = self.directory is not None and self.directory.exists() and bool(share_keys(self.directory))
        left = self._report.not_cleaned_up(self.directory) if is_shared else []
        if self.directory is not None:
            self._note_problem(self._leftovers.end(self.run, left))
        if is_shared or self._when == "always" or self._problems:
            self._report.print(reporter, self.directory)

    @functools.cached_property
    def _leftovers(self) -> Leftovers:
        # pytest makes its cache while it configures its own plugins, later than this object is made.
        return Leftovers.in_cache(getattr(self.config, "cache", None))

    @functools.cached_property
    def _report(self) -> RunReport:
        # 6 ms, which the only process of a run that shares nothing does not spend.
        from pytest_shared_session_scope._reporting.terminal import RunReport

        return RunReport(self.config, self._when, self._problems)

    def _note_problem(self, message: str | None) -> None:
        """Keep the message about a failure of the reporting itself: it must not fail the run."""
        if message is not None:
            self._problems.append(message)


def is_replaced(crashes: int, config: pytest.Config) -> bool:
    """Whether xdist replaces the worker whose crash is the `crashes`-th, as `--max-worker-restart` documents."""
    text = config.getoption("maxworkerrestart")
    processes: int | None = config.getoption("numprocesses")
    if text is not None:
        return crashes <= int(text)
    return not processes or crashes <= 4 * processes
