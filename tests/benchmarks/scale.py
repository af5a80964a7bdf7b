"""What a take and its let-go cost with many workers and many shares: flat in both directions, or it does not scale.

Processor time, since there are more workers than cores, of each share beyond the first. A worker that does not set a share up reads it, so with more
workers the mean moves from what setting up costs to what reading does; and it waits more often.
"""

from __future__ import annotations

import statistics

from . import taking
from .table import Row, us


def rows(*, quick: bool) -> list[Row]:
    """Return a row for each number of workers, with a figure for each number of shares."""
    if quick:
        return [_row(2, (1, 10), 1)]
    return [_row(count, (1, 10, 100, 1000), 3) for count in (1, 2, 4, 8, 16, 32, 64)]


def _row(workers: int, shares: tuple[int, ...], times: int) -> Row:
    alone, *more = [_cost(workers, count, times) for count in shares]
    each = [us((cost - alone) / (count - shares[0])) for cost, count in zip(more, shares[1:], strict=True)]
    many = ", ".join(f"{count:,}" for count in shares[1:])
    # What a worker does once, at its end, is in the first.
    return Row(f"scale: {workers} workers, each of {many} shares", ", ".join(each), "flat", f"the first {us(alone)}")


def _cost(workers: int, shares: int, times: int) -> float:
    """Return the seconds that a worker spends on shares, on average: the median of some runs, one where it is long."""
    times = times if workers * shares < 10_000 else 1
    # The same two tests in each worker: to collect two for each of them would grow with their number.
    with taking.suite_of("shared", shares, 1) as suite:
        runs = [suite.run("--dist", "each", workers=workers) for _ in range(times)]
    return statistics.median(taking.cost(run, 1) for run in runs)
