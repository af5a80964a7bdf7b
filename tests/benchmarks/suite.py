"""Suites of tests, run by real pytest processes in temporary directories, whose workers note when they did what.

The notes are kept in memory and written when a worker ends, so that noting costs no system call where it is measured.
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

# Before every conftest: `note` a word. Fixtures and tests may call it too, as `conftest.note`.
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
    """What a worker noted: a word, what it is about, and when, on the clocks of the machine and of its process."""

    word: str
    about: str
    at: float
    cpu: float


@dataclasses.dataclass(frozen=True)
class Ran:
    """One run: the processor time of all its processes, the time it took, and the notes of its workers."""

    cpu: float
    wall: float
    notes: dict[str, list[Note]]
    output: str


class Suite:
    """A suite in a directory of its own; in `with`, removed at the end."""

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
        """Run the suite; `before` is put before the command, such as `strace`. Raises where not as many tests failed."""
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
            # The processor time of the workers is in it: their controller waits for them.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        text = (self.path / "output").read_text("utf-8", "replace")
        found = re.search(r"(\d+) failed", text)
        if process.returncode not in (0, 1) or int(found[1] if found else 0) != failed:
            raise RuntimeError(f"a suite failed:\n{text}")
        told = _read(notes)
        if self._is_probed and len(told) != max(workers, 1):
            raise RuntimeError(f"only {', '.join(told)} noted what they did:\n{text}")
        return Ran(usage.ru_utime + usage.ru_stime, wall, told, text)


def environment(notes: Path) -> dict[str, str]:
    # Only what a suite asks for, the temporary directories where the suite is, and byte code as an installation has it.
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
    """Return the seconds from one note to another of the same worker, of the machine and of its process."""
    one, other = (next(note for note in notes if (note.word, note.about) == which) for which in (first, last))
    return other.at - one.at, other.cpu - one.cpu
