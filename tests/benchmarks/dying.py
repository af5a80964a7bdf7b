"""The delay caused by a killed worker, compared with the same run with plain fixtures and without the plugin."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from .suite import Suite
from .table import Row, interleaved, median_difference, ms
from .taking import suite_text

_WORKERS = 4
_FIXTURES = 5
_TESTS = """
import os, time
import pytest
@pytest.mark.parametrize("number", range({tests}))
def test_it(number, {names}):
    time.sleep(0.02)
    if number == 3:
        os.kill(os.getpid(), 9)
"""


def rows(*, quick: bool) -> list[Row]:
    """Return the rows of this benchmark."""
    names = ", ".join(f"f{number}" for number in range(_FIXTURES))
    tests = _TESTS.format(tests=40, names=names)
    with (
        Suite(suite_text("plain", _FIXTURES), tests, probe=False) as plain,
        Suite(suite_text("shared", _FIXTURES), tests, probe=False) as shared,
    ):
        variants: dict[str, Callable[[], float]] = {
            "shared": lambda: shared.run(workers=_WORKERS, failed=1).wall,
            "plain": lambda: plain.run(workers=_WORKERS, plugin=False, failed=1).wall,
        }
        found = interleaved(variants, 1 if quick else 9)
    more = median_difference(found["shared"], found["plain"])
    whole = f"with plain fixtures {ms(statistics.median(found['plain']))}"
    return [Row("dying: a run in which a worker is killed, over plain without the plugin", ms(more), "2 s", whole)]
