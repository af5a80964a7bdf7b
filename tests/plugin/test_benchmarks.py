"""Every benchmark runs and prints its figures; judging the figures is left to people."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The beginning of one row that each benchmark must print.
BENCHMARKS = {
    "unused": "unused: loading the plugin",
    "taking": "taking: processor time as a ratio to the recipe",
    "system_calls": "taking: system calls",
    "tests": "tests: the same, per test",
    "waking": "waking: of a core, while a worker waits",
    "large": "large: 100 MB of bytes, whole journey as a ratio to copy",
    "scale": "scale: 2 workers, each of 10 shares",
    "ending": "ending: the last worker, after the last test and the cleanup",
    "dying": "dying: a run in which a worker is killed, over plain without the plugin",
}


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the benchmarks need the processor time of a run")
@pytest.mark.parametrize(("name", "row"), BENCHMARKS.items(), ids=list(BENCHMARKS))
def test_benchmark_prints_its_figures(name: str, row: str) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--quick", "--only", name]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(f"| {row}")]
    assert lines
    assert all(line.split("|")[2].strip() for line in lines)


def test_every_benchmark_is_tested_and_described() -> None:
    directory = ROOT / "tests" / "benchmarks"
    modules = {path.stem for path in directory.glob("*.py") if "def rows(*, quick: bool)" in path.read_text("utf-8")}
    assert set(BENCHMARKS) == modules
    described = (directory / "README.md").read_text("utf-8")
    assert [name for name in BENCHMARKS if f"`{name}`" not in described] == []
