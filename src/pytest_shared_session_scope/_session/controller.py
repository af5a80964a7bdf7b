"""The role of the process that pytest was started as: it knows the run's workers and reports what they shared.

Imported in every run, so it imports the reports only where there is something to report.
"""

from __future__ import annotations

import dataclasses
import os
import time
import uuid
from collections.abc import Generator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from pytest_shared_session_scope._reporting.leftovers import Leftovers
from pytest_shared_session_scope._reporting.messages import Death
from pytest_shared_session_scope._run.directory import create_directory, remove_directory, share_keys
from pytest_shared_session_scope._run.membership import CLOSED, CONTROLLER, EXPECTED, GONE, Workers
from pytest_shared_session_scope._session.pytest_internals import base_directory

# The key in xdist's `workerinput` under which a worker finds the description of its run.
WORKER_INPUT: Final = "shared_session_scope"
# The destination of --shared-report, and its name in pytest's configuration.
REPORT: Final = "shared_session_scope_report"


class Controller:
    """The process that started the run, as its plugin object.

    `run` is the run's id, `directory` its directory, None until a worker is started or, without xdist, something is
    shared. `report` says when the section at the end is printed: `auto`, `always` or `never`.
    """

    def __init__(self, config: pytest.Config, report: str) -> None:
        self.config = config
        self.run = uuid.uuid4().hex
        self.report = report
        self.directory: Path | None = None
        self.deaths: dict[str, Death] = {}
        self._workers: Workers | None = None
        self._crashes = 0
        self._finished: set[str] = set()
        # Crashed workers that xdist will replace: until the replacement is expected, they count as able to acquire.
        self._to_be_replaced: list[str] = []
        self._is_reported = False

    def make_directory(self) -> Path:
        """Make the run's directory, and prove with a liveness lock that the run is going on. Called once."""
        self.directory = create_directory(base_directory(self.config))
        self._workers = Workers(self.directory, CONTROLLER)
        self._workers.hold_lease()
        self.config.add_cleanup(self._workers.release_lease)
        leftovers_of(self.config).begin(self.run, self.directory)
        return self.directory

    def pytest_report_header(self) -> list[str]:
        """Report what earlier runs did not clean up."""
        return [f"an earlier run: {line}" for line in leftovers_of(self.config).tell()]

    # -- workers

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Describe the run to a worker, before its process is started."""
        if self.directory is None:
            self.run = node.workerinput["testrunuid"]
            self.make_directory()
            _reports().watch(self.config, self.directory)
        self._mark(node.gateway.id, EXPECTED)
        node.workerinput[WORKER_INPUT] = {
            "directory": str(self.directory),
            "pid": os.getpid(),
            "each": node.config.getoption("dist") == "each",
        }
        while self._to_be_replaced:
            self._mark(self._to_be_replaced.pop(), GONE)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Note that a worker has finished, or crashed with an error. xdist calls this before it replaces the worker."""
        worker = node.gateway.id
        if error:
            self._crashes += 1
            if worker not in self._finished:  # xdist reports an interrupted worker that ended well a second time
                self.deaths[worker] = Death(time.strftime("%H:%M:%S"), moment=time.time())
            if is_replaced(self._crashes, self.config):
                self._to_be_replaced.append(worker)
                return
        self._finished.add(worker)
        self._mark(worker, GONE)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: Any) -> None:
        """Note which test a worker ran when it crashed. xdist calls this after `pytest_testnodedown`."""
        worker = report.node.gateway.id
        if worker in self.deaths:
            self.deaths[worker] = dataclasses.replace(self.deaths[worker], item=crashitem)

    def _mark(self, worker: str, state: str) -> None:
        if self._workers is not None:
            self._workers.mark(worker, state)

    # -- the end

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_sessionfinish(self) -> Generator[None, None, None]:
        """Close the run before xdist ends its workers; write the files that were asked for once they have ended."""
        self._mark(CONTROLLER, CLOSED)  # no worker is started any more, and no test handed out
        yield
        json, trace = (self.config.getoption(option) for option in ("--shared-report-json", "--shared-trace"))
        if json or trace:
            _reports().write_files(self.config, self._outcome(), self.run, json, trace)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what this run shared, and what it did not clean up."""
        self._report(terminalreporter)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Report what pytest asked no summary of, and remove the run's directory."""
        if self.directory is not None:
            if not self._is_reported:
                self._report(_reports().new_reporter(self.config))
            remove_directory(self.directory)

    def _report(self, reporter: pytest.TerminalReporter | None) -> None:
        """Print the section where there is a terminal; leave to the next run what this one did not clean up."""
        self._is_reported = True
        left: list[str] = []
        is_shared = self.directory is not None and self.directory.exists() and bool(share_keys(self.directory))
        if is_shared or self.report == "always":
            left = _reports().tell(reporter, self.config, self._outcome(), self.report)
        if self.directory is not None:
            leftovers_of(self.config).end(self.run, left)

    def _outcome(self) -> Any:
        return _reports().outcome_of(self.directory, self.deaths)


def leftovers_of(config: pytest.Config) -> Leftovers:
    """Return what runs of this rootdir leave to the next ones, kept in pytest's cache."""
    cache = getattr(config, "cache", None)  # -p no:cacheprovider
    try:
        return Leftovers(cache and cache.mkdir("shared-session-scope"))
    except OSError:  # a rootdir that cannot be written to; pytest itself warns of it
        return Leftovers(None)


def _reports() -> ModuleType:
    # 6 ms, which a run that shares nothing does not spend.
    from pytest_shared_session_scope._reporting import terminal

    return terminal


def is_replaced(crashes: int, config: pytest.Config) -> bool:
    """Whether xdist replaces the worker whose crash is the `crashes`-th, as `--max-worker-restart` documents."""
    text = config.getoption("maxworkerrestart")
    processes: int | None = config.getoption("numprocesses")
    if text is not None:
        return crashes <= int(text)
    return not processes or crashes <= 4 * processes
