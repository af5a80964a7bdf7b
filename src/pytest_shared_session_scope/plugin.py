"""The entry point for pytest: add the options, and register the plugin objects of this process's role.

A run has one controller, the process that pytest was started as, and workers, which run the tests. Without xdist one
process has both roles. This module is imported in every run, so it imports nothing that only sharing needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._run.files import NamedLock
from pytest_shared_session_scope._session.controller import REPORT, WORKER_INPUT, Controller
from pytest_shared_session_scope._session.worker import WORKER, Worker, collection_checks

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pytest_shared_session_scope._reporting.terminal import When
    from pytest_shared_session_scope.types import SharedLock

_WHEN: Final = ("auto", "always", "never")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the package to pytest's command line and configuration."""
    parser.addini(
        "shared_session_scope_timeout",
        "how long (seconds) a worker waits for a shared fixture that another worker sets up; without limit by default",
    )
    parser.addini(
        "shared_session_scope_check_annotations",
        "whether it is an error that a test annotates a shared fixture with a type its value can never have; on by "
        "default",
        type="bool",
        default=True,
    )
    parser.addini(
        REPORT,
        "when to report at the end what each shared fixture cost: always, never, or auto, which is the default: with "
        "-v, and when something went wrong",
        default="auto",
    )
    group = parser.getgroup("shared fixtures")
    group.addoption(
        "--shared-report",
        action="store_const",
        const="always",
        dest=REPORT,
        help="report at the end what each shared fixture cost: who set it up and cleaned it up, and who waited",
    )
    group.addoption(
        "--shared-report-json",
        metavar="FILE",
        help="write what each shared fixture cost to FILE, as JSON",
    )
    group.addoption(
        "--shared-trace",
        metavar="FILE",
        help="write the setups, waits and cleanups of shared fixtures to FILE, as a trace that Perfetto opens",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Determine the role of this process, and register the plugin objects of that role."""
    given = getattr(config, "workerinput", {})
    when = _when_to_report(config)
    if WORKER_INPUT in given:
        _register(config, Worker.of_xdist(config, given["workerid"], given["testrunuid"], given[WORKER_INPUT]))
    else:
        controller = Controller(config, when)
        config.pluginmanager.register(controller, "shared_session_scope_controller")
        if not _distributes(config) and not config.getoption("collectonly"):
            _register(config, Worker(config, "master", controller.run, controller.make_directory))


def _distributes(config: pytest.Config) -> bool:
    """Whether xdist runs the tests in workers, decided as xdist does."""
    return config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))


def _register(config: pytest.Config, worker: Worker) -> None:
    config.stash[WORKER] = worker
    config.pluginmanager.register(worker, "shared_session_scope_worker")


def _when_to_report(config: pytest.Config) -> When:
    word: Any = config.getoption(REPORT) or config.getini(REPORT)
    if word not in _WHEN:
        raise pytest.UsageError(f"{REPORT} = {word} in the configuration: it can be auto, always or never")
    when: When = word
    return when


@pytest.hookimpl(trylast=True)  # after plugins that turn fixture names into parameters
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Check the annotations with which a test, and each fixture that it uses, requests shared fixtures."""
    for check in collection_checks:
        check(metafunc)


@pytest.fixture(scope="session")
def shared_lock(pytestconfig: pytest.Config) -> SharedLock:
    """Locks between the workers of a run, each known by a name.

    `with shared_lock("clone-template"): ...` is entered by one worker at a time.
    """
    worker = pytestconfig.stash[WORKER]

    def lock(name: str, timeout: float | None = None) -> AbstractContextManager[None]:
        return NamedLock(worker.run_directory(), worker.name, name, timeout)

    return lock
