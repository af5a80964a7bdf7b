"""The system calls of one acquire and one release, counted by strace.

Each count is the difference between a run with many fixtures and one with half as many. System calls of Python itself
are the same in both runs, so the difference is due to the fixtures.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from . import taking
from .table import Row

# The calls made while waiting depend on the order of the workers, so they do not count as part of an acquire.
_OF_WAITING = {"clock_nanosleep", "select", "futex", "restart_syscall"}
_LINE = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$")


def rows(*, quick: bool) -> list[Row]:
    """Return the rows of this benchmark, or a row that reports that strace is not installed."""
    fixtures = 5 if quick else 50
    if shutil.which("strace") is None:
        return [Row("taking: system calls of an acquire and a release", "skipped: strace is not installed")]
    found: list[Row] = []
    for variant in ("shared",) if quick else ("plain", "recipe", "shared"):
        for workers in (1,) if quick else (1, 2):
            calls = _count(variant, 2 * fixtures, workers) - _count(variant, fixtures, workers)
            found.append(_row(variant, workers, calls, fixtures))
    return found


def _row(variant: str, workers: int, calls: Counter[str], fixtures: int) -> Row:
    each = {name: count / fixtures / workers for name, count in calls.items() if name not in _OF_WAITING}
    most = sorted(each, key=lambda name: -each[name])[:8]
    calls_text = " ".join(f"{name} {each[name]:.1f}" for name in most if each[name] >= 0.1)
    case = "setting up alone" if workers == 1 else "the mean of owner and reader"
    return Row(f"taking: system calls, {variant}, {case}", f"{sum(each.values()):.1f}", peer=calls_text)


def _count(variant: str, fixtures: int, workers: int) -> Counter[str]:
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory, "calls")
        with taking.suite_of(variant, fixtures, workers) as suite:
            suite.run(workers=workers, before=("strace", "-f", "-c", "-o", str(output)))
        lines = map(_LINE.match, output.read_text("utf-8").splitlines())
        return Counter({line[2]: int(line[1]) for line in lines if line and line[2] != "total"})
