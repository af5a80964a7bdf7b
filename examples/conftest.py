"""Repeats every test so that each worker takes part, and ends the run with a summary of which worker did what.

Sharing a fixture needs none of this.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

JOURNAL = pytest.StashKey[Path]()
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "master")


def pytest_configure(config: pytest.Config) -> None:
    """Use one journal for the whole run. Workers receive its directory from the controller."""
    workerinput: dict[str, Any] = getattr(config, "workerinput", {})
    config.stash[JOURNAL] = Path(workerinput.get("journal") or tempfile.mkdtemp()) / "journal.txt"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the directory to a worker before it starts. Called by pytest-xdist in the controller."""
    node.workerinput["journal"] = str(node.config.stash[JOURNAL].parent)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run all tests 16 times, round by round, so that each of 4 workers begins with one of every test."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(16), scope="session")


@pytest.fixture(scope="session")
def note(pytestconfig: pytest.Config) -> Callable[[str, str], None]:
    """Record an event of this worker in the journal: `note("set up", "server")`."""

    def write(event: str, fixture: str) -> None:
        with pytestconfig.stash[JOURNAL].open("a") as journal:
            journal.write(f"{fixture}:{event}:{WORKER}\n")

    return write


@pytest.fixture(autouse=True)
def note_acquired(request: pytest.FixtureRequest, note: Callable[[str, str], None]) -> None:
    """Record which fixtures the test has acquired."""
    for fixture in request.fixturenames:
        note("acquired", fixture)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print a summary of the journal for each fixture that recorded its setup."""
    path = config.stash[JOURNAL]
    workers: dict[tuple[str, str], list[str]] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        fixture, event, worker = line.split(":")
        workers.setdefault((fixture, event), []).append(worker)
    terminalreporter.section("what the shared fixtures did")
    for fixture in sorted(fixture for fixture, event in workers if event == "set up"):
        workers[fixture, "acquired"] = sorted({*workers[fixture, "acquired"]})
        noted = [event for event in ("set up", "acquired", "cleaned up") if (fixture, event) in workers]
        parts = [f"{event} by {' '.join(workers[fixture, event])}" for event in noted]
        terminalreporter.line(f"{fixture:<12} {', '.join(parts)}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the journal. Only the controller does so, because it created it."""
    if not hasattr(config, "workerinput"):
        config.stash[JOURNAL].unlink(missing_ok=True)
        config.stash[JOURNAL].parent.rmdir()
