"""Test suites for the benchmarks, run by real pytest processes whose workers take notes with times.

Workers keep their notes in memory and write them when they exit, so that a note costs no system call while measuring.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typing_extensions import Self

# Precedes every conftest and provides `note`, which fixtures and tests can call as well.
_PROBE = """\
import json, os, time
import pytest

_NOTES = []

def note(*words):
    _NOTES.append([*words, time.monotonic(), time.process_time()])

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    note("setup begins", item.name)
    yield
    note("setup ends", item.name)

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    note("teardown begins", item.name)
    yield
    note("teardown ends", item.name)

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_sessionfinish():
    note("finish begins", "")
    yield
    note("finish ends", "")

def pytest_unconfigure():
    worker = os.environ.get("PYTEST_XDIST_WORKER", "master")
    with open(os.path.join(os.environ["BENCHMARK_NOTES"], worker + ".json"), "w") as file:
        json.dump(_NOTES, file)

"""


@dataclasses.dataclass(frozen=True)
class Note:
    """A worker's note: an event, its subject, and the time on the clocks of the machine and of the process."""

    word: str
    about: str
    at: float
    cpu: float


@dataclasses.dataclass(frozen=True)
class Ran:
    """The result of one run: the processor time of all its processes, its duration, and its workers' notes."""

    cpu: float
    wall: float
    notes: dict[str, list[Note]]
    output: str


class Suite:
    """A suite in its own directory, which the context manager removes."""

    def __init__(self, conftest: str, tests: str, *, probe: bool = True) -> None:
        self._is_probed = probe
        self.path = Path(tempfile.mkdtemp(prefix="benchmark-"))
        (self.path / "conftest.py").write_text((_PROBE if probe else "") + conftest, "utf-8")
        (self.path / "test_it.py").write_text(tests, "utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def run(
        self, *args: str, workers: int = 0, plugin: bool = True, before: Sequence[str] = (), failed: int = 0
    ) -> Ran:
        """Run the suite.

        `before` precedes the command, for example `strace`. Raises unless exactly `failed` tests fail.
        """
        notes = self.path / "notes"
        shutil.rmtree(notes, ignore_errors=True)
        notes.mkdir()
        command = [*before, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *args]
        command += ["-p", "shared_session_scope"] if plugin else []
        command += ["-p", "xdist", "-n", str(workers)] if workers else []
        began = time.monotonic()
        with open(self.path / "output", "wb") as output:
            process = subprocess.Popen(
                command, cwd=self.path, env=environment(notes), stdout=output, stderr=subprocess.STDOUT
            )
            # The usage includes the workers, because their controller waits for them.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        text = (self.path / "output").read_text("utf-8", "replace")
        found = re.search(r"(\d+) failed", text)
        if process.returncode not in (0, 1) or int(found[1] if found else 0) != failed:
            raise RuntimeError(f"a suite failed:\n{text}")
        found_notes = _read(notes)
        if self._is_probed and len(found_notes) != max(workers, 1):
            raise RuntimeError(f"notes are missing, found only those of {', '.join(found_notes)}:\n{text}")
        return Ran(usage.ru_utime + usage.ru_stime, wall, found_notes, text)


def environment(notes: Path) -> dict[str, str]:
    # Load only the plugins that a suite requests, keep temporary directories inside the suite, and allow cached byte code.
    unwanted = ("PYTEST_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return kept | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "BENCHMARK_NOTES": str(notes),
        "PYTEST_DEBUG_TEMPROOT": str(notes.parent),
    }


def _read(directory: Path) -> dict[str, list[Note]]:
    found: dict[str, list[Note]] = {}
    for path in sorted(directory.glob("gw*.json")) or sorted(directory.glob("*.json")):
        lines: list[Any] = json.loads(path.read_text("utf-8"))
        found[path.stem] = [Note(*line) for line in lines]
    return found


def between(notes: Sequence[Note], first: tuple[str, str], last: tuple[str, str]) -> tuple[float, float]:
    """Return the seconds between two notes of a worker, by the clock of the machine and that of the process."""
    one, other = (next(note for note in notes if (note.word, note.about) == which) for which in (first, last))
    return other.at - one.at, other.cpu - one.cpu
