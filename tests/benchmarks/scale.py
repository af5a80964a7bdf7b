"""What a take and its let-go cost with many workers and many shares: flat in both directions, or it does not scale.

Processor time, since there are more workers than cores. A worker that does not set a share up reads it, so with more
workers the mean moves from what setting up costs to what reading does; and it waits more often.
"""

from __future__ import annotations

import statistics

from . import taking
from .table import Row, us


def rows(*, quick: bool) -> list[Row]:
    """Return a row for each number of workers, with a figure for each number of shares."""
    workers, shares = ((1, 4), (1, 10)) if quick else ((1, 2, 4, 8, 16, 32, 64), (1, 10, 100, 1000))
    return [_row(count, shares) for count in workers]


def _row(workers: int, shares: tuple[int, ...]) -> Row:
    costs = [us(_cost(workers, count)) for count in shares]
    return Row(f"scale: {workers} workers, {_list(shares)} shares", _list(costs), "flat")


def _list(values: tuple[int, ...] | list[str]) -> str:
    return ", ".join(f"{value:,}" if isinstance(value, int) else value for value in values)


def _cost(workers: int, shares: int) -> float:
    """Return the seconds that a worker spends on a share, on average: the median of as many runs as are worth it."""
    times = 3 if workers * shares < 10_000 else 1
    with taking.suite_of("shared", shares, workers) as suite:
        return statistics.median(taking.cost(suite.run(workers=workers), 1) / shares for _ in range(times))
