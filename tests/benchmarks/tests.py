"""The cost of shared fixtures in a run of many tests that use five of them each."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from .suite import Suite
from .table import Row, interleaved, median_difference, median_ratio, us
from .taking import suite_text

_WORKERS = 4
_FIXTURES = 5
_TESTS = """\
import pytest
@pytest.mark.parametrize("number", range({}))
def test_it(number, {}):
    pass
"""


def rows(*, quick: bool) -> list[Row]:
    """Return the rows of this benchmark: the processor time of whole runs, including the controller and all workers."""
    tests, rounds = (200, 1) if quick else (20_000, 5)
    names = ", ".join(f"f{number}" for number in range(_FIXTURES))
    with (
        Suite(suite_text("plain", _FIXTURES), _TESTS.format(tests, names), probe=False) as plain,
        Suite(suite_text("shared", _FIXTURES), _TESTS.format(tests, names), probe=False) as shared,
    ):
        variants: dict[str, Callable[[], float]] = {
            "shared": lambda: shared.run(workers=_WORKERS).cpu,
            "plain": lambda: plain.run(workers=_WORKERS, plugin=False).cpu,
        }
        found = interleaved(variants, rounds)
    more = median_ratio(found["shared"], found["plain"]) - 1
    each = median_difference(found["shared"], found["plain"]) / tests
    whole = f"a whole run with plain fixtures: {statistics.median(found['plain']):.3g} s"
    return [
        Row(f"tests: {tests} tests, over plain without the plugin", f"{more:+.1%}", "2 %", whole),
        Row("tests: the same, per test", us(each)),
    ]
