"""The cost of the plugin in a run that shares nothing: its import, and its overhead per test."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .suite import Suite, environment
from .table import Row, interleaved, ms, us

_IMPORT = "pytest_shared_session_scope.plugin"
# Each import runs in a new process. pytest is imported first, because it is present whenever a plugin is loaded.
_TIME_IMPORT = f"""\
import time, pytest
began = time.process_time()
import {_IMPORT}
print(time.process_time() - began)
"""
_MODULES = f"""\
import sys, pytest
before = set(sys.modules)
import {_IMPORT}
print(*sorted(set(sys.modules) - before), sep="\\n")
"""
_LOADED = """\
def pytest_unconfigure():
    import sys
    print("loaded", len([name for name in sys.modules if name.split(".")[0] in ("pydantic", "filelock")]))
"""
_TESTS = """\
import pytest
@pytest.mark.parametrize("number", range({}))
def test_nothing(number):
    pass
"""


def rows(*, quick: bool) -> list[Row]:
    """Return the rows of this benchmark."""
    return [*_import(5 if quick else 41), _imported_by_run(), _per_test(200 if quick else 5000, 1 if quick else 9)]


def _import(times: int) -> list[Row]:
    seconds = [float(_python(_TIME_IMPORT)) for _ in range(times)]
    modules = _python(_MODULES).split()
    ours = [name for name in modules if name.startswith("pytest_shared_session_scope")]
    others = sorted(set(modules) - set(ours))
    return [
        Row("unused: loading the plugin", ms(statistics.median(seconds)), "3 ms"),
        Row(
            "unused: modules that loading adds", f"{len(ours)} of ours, {len(others)} others", peer=" ".join(others[:8])
        ),
    ]


def _python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment(Path())).stdout


def _imported_by_run() -> Row:
    with Suite(_LOADED, _TESTS.format(1), probe=False) as suite:
        output = suite.run("-s").output
    count = next(line.split()[1] for line in output.splitlines() if line.startswith("loaded"))
    return Row("unused: modules of pydantic and filelock in a run", count, "0")


def _per_test(tests: int, rounds: int) -> Row:
    """Compare the processor time of the tests of a run with the plugin and of a run without it."""
    with Suite("", _TESTS.format(tests)) as suite:
        variants: dict[str, Callable[[], float]] = {
            "with": lambda: _in_tests(suite, tests, plugin=True),
            "without": lambda: _in_tests(suite, tests, plugin=False),
        }
        found = interleaved(variants, rounds)
    # Use the best runs: other load on the machine only adds time, and more than the difference to be measured.
    each = (min(found["with"]) - min(found["without"])) / tests
    return Row("unused: per test", us(each), "5 us", f"a test without the plugin: {us(min(found['without']) / tests)}")


def _in_tests(suite: Suite, tests: int, *, plugin: bool) -> float:
    notes = suite.run(plugin=plugin).notes["master"]
    assert sum(note.word == "setup begins" for note in notes) == tests
    return notes[-1].cpu - notes[0].cpu
