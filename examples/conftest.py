"""Repeats each test, so that every worker takes part, and prints in the end which worker did what.

Nothing of this is needed to share a fixture.
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
    """Keep one journal for the run; a worker is told where."""
    told: dict[str, Any] = getattr(config, "workerinput", {})
    config.stash[JOURNAL] = Path(told.get("journal") or tempfile.mkdtemp()) / "journal.txt"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker, before it starts. Called by pytest-xdist, in the controller."""
    node.workerinput["journal"] = str(node.config.stash[JOURNAL].parent)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run all tests 16 times, one round after the other: each of 4 workers begins with one of every test."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(16), scope="session")


@pytest.fixture(scope="session")
def note(pytestconfig: pytest.Config) -> Callable[[str, str], None]:
    """Note in the journal what this worker does: `note("set up", "server")`."""

    def write(event: str, fixture: str) -> None:
        with pytestconfig.stash[JOURNAL].open("a") as journal:
            journal.write(f"{fixture}:{event}:{WORKER}\n")

    return write


@pytest.fixture(autouse=True)
def note_what_is_taken(request: pytest.FixtureRequest, note: Callable[[str, str], None]) -> None:
    """Note which fixtures the test takes."""
    for fixture in request.fixturenames:
        note("taken", fixture)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what the journal says of each fixture that noted its setup."""
    path = config.stash[JOURNAL]
    workers: dict[tuple[str, str], list[str]] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        fixture, event, worker = line.split(":")
        workers.setdefault((fixture, event), []).append(worker)
    terminalreporter.section("what the shared fixtures did")
    for fixture in sorted(fixture for fixture, event in workers if event == "set up"):
        workers[fixture, "taken"] = sorted({*workers[fixture, "taken"]})
        noted = [event for event in ("set up", "taken", "cleaned up") if (fixture, event) in workers]
        told = [f"{event} by {' '.join(workers[fixture, event])}" for event in noted]
        terminalreporter.line(f"{fixture:<12} {', '.join(told)}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind; the journal is the controller's."""
    if not hasattr(config, "workerinput"):
        config.stash[JOURNAL].unlink(missing_ok=True)
        config.stash[JOURNAL].parent.rmdir()
