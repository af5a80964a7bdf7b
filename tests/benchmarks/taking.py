"""The cost of acquiring and releasing 200 trivial fixtures in 4 workers, compared with plain session fixtures.

The peer is the recipe in xdist's documentation. In each worker, a first test acquires one fixture, so that imports are
counted separately. A second test acquires all other fixtures and is the last of its session, so that its teardown
releases all of them.
"""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable

from .suite import Ran, Suite, between
from .table import Row, interleaved, median_difference, median_ratio, ms

WORKERS = 4

# The floor.
_PLAIN = """
import pytest

def define(number):
    @pytest.fixture(scope="session", name=f"f{number}")
    def fixture():
        yield {"number": number}
    return fixture
"""
# The peer: "Making session-scoped fixtures execute only once", in xdist's documentation.
_RECIPE = """
import json

import pytest
from filelock import FileLock

def define(number):
    @pytest.fixture(scope="session", name=f"f{number}")
    def fixture(tmp_path_factory, worker_id):
        root_tmp_dir = tmp_path_factory.getbasetemp().parent
        fn = root_tmp_dir / f"data-{number}.json"
        with FileLock(str(fn) + ".lock"):
            if fn.is_file():
                data = json.loads(fn.read_text())
            else:
                data = {"number": number}
                fn.write_text(json.dumps(data))
        yield data
    return fixture
"""
_SHARED = """
from pytest_shared_session_scope import CleanupToken, SharedGenerator, shared_session_scope_fixture

def define(number):
    @shared_session_scope_fixture(name=f"f{number}")
    def fixture() -> SharedGenerator[dict[str, int]]:
        value = yield None
        if value is None:
            value = {"number": number}
        token = yield value
        if token is CleanupToken.LAST:
            pass
    return fixture
"""
_ALL = """
for number in range(%d):
    globals()[f"fixture_{number}"] = define(number)
"""
_VARIANTS = {"plain": _PLAIN, "recipe": _RECIPE, "shared": _SHARED}


def suite_text(variant: str, fixtures: int) -> str:
    """Return a conftest that defines fixtures `f0`, `f1` and so on."""
    return _VARIANTS[variant] + _ALL % fixtures


def suite_of(variant: str, fixtures: int, workers: int = WORKERS) -> Suite:
    """Return a suite in which each worker runs `test_1_<its number>` and then `test_2_<its number>`."""
    names = ", ".join(f"f{number}" for number in range(1, fixtures + 1))
    tests = "".join(f"def test_1_{worker}(f0): pass\ndef test_2_{worker}({names}): pass\n" for worker in range(workers))
    return Suite(suite_text(variant, fixtures + 1), tests)


def rows(*, quick: bool) -> list[Row]:
    """Return the rows of this benchmark."""
    fixtures, rounds = (20, 1) if quick else (200, 9)
    suites = {variant: suite_of(variant, fixtures) for variant in _VARIANTS}
    try:
        runs = interleaved({name: _runner(suite) for name, suite in suites.items()}, rounds)
    finally:
        for suite in suites.values():
            shutil.rmtree(suite.path)
    return _compare(runs, fixtures)


def _runner(suite: Suite) -> Callable[[], Ran]:
    return lambda: suite.run(workers=WORKERS)


def _compare(runs: dict[str, list[Ran]], fixtures: int) -> list[Row]:
    found: list[Row] = []
    for clock, label in enumerate(("time", "processor time")):
        costs = {name: [cost(ran, clock) / fixtures for ran in many] for name, many in runs.items()}
        over = {name: median_difference(costs[name], costs["plain"]) for name in ("shared", "recipe")}
        ratio = median_ratio(
            [one - floor for one, floor in zip(costs["shared"], costs["plain"], strict=True)],
            [one - floor for one, floor in zip(costs["recipe"], costs["plain"], strict=True)],
        )
        peer = f"the recipe {ms(over['recipe'])}; plain {ms(statistics.median(costs['plain']))}"
        name = f"taking: {label} per fixture and worker over plain"
        found += [
            Row(name, ms(over["shared"]), "0.4 ms", peer),
            Row(f"taking: {label} as a ratio to the recipe", f"{ratio:.2f}", "1.00"),
        ]
    both = {name: statistics.median(_part(ran, "setup", 1) for ran in many) / fixtures for name, many in runs.items()}
    ends = {
        name: statistics.median(_part(ran, "teardown", 1) for ran in many) / fixtures for name, many in runs.items()
    }
    found.append(
        Row("taking: processor time of an acquire alone", ms(both["shared"]), peer=f"recipe {ms(both['recipe'])}")
    )
    found.append(
        Row("taking: processor time of a release alone", ms(ends["shared"]), peer=f"recipe {ms(ends['recipe'])}")
    )
    first = {name: statistics.median(_first(ran) for ran in many) for name, many in runs.items()}
    once = f"recipe {ms(first['recipe'])}; plain {ms(first['plain'])}"
    return [*found, Row("taking: the first fixture of a worker, with imports", ms(first["shared"]), peer=once)]


def cost(ran: Ran, clock: int) -> float:
    """Return the mean seconds that a worker spent on its second test, by the machine's clock (0) or the process's (1)."""
    return _part(ran, "setup", clock) + _part(ran, "teardown", clock)


def _part(ran: Ran, part: str, clock: int) -> float:
    """Return the mean seconds that a worker spent on one part of its second test."""
    return statistics.mean(_in_test(ran, 2, part, clock))


def _first(ran: Ran) -> float:
    return statistics.mean(_in_test(ran, 1, "setup", 1))


def _in_test(ran: Ran, number: int, part: str, clock: int) -> list[float]:
    found: list[float] = []
    for notes in ran.notes.values():
        name = next(note.about for note in notes if note.about.startswith(f"test_{number}_"))
        found.append(between(notes, (f"{part} begins", name), (f"{part} ends", name))[clock])
    return found
