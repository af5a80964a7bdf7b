"""The cost of an acquire and its release with many workers and many shares. It should be flat in both directions.

The figures are processor time, because there are more workers than cores, for each share beyond the first. Workers that
do not set a share up read it. With more workers, the mean therefore moves from the cost of a setup to the cost of a
read, and workers wait more often.
"""

from __future__ import annotations

import statistics

from . import taking
from .table import Row, us


def rows(*, quick: bool) -> list[Row]:
    """Return one row for each number of workers, with one figure for each number of shares."""
    if quick:
        return [_row(2, (1, 10), 1)]
    return [_row(count, (1, 10, 100, 1000), 3) for count in (1, 2, 4, 8, 16, 32, 64)]


def _row(workers: int, shares: tuple[int, ...], times: int) -> Row:
    alone, *more = [_cost(workers, count, times) for count in shares]
    each = [us((cost - alone) / (count - shares[0])) for cost, count in zip(more, shares[1:], strict=True)]
    many = ", ".join(f"{count:,}" for count in shares[1:])
    # The first share includes the work that a worker does once, at its end.
    return Row(f"scale: {workers} workers, each of {many} shares", ", ".join(each), "flat", f"the first {us(alone)}")


def _cost(workers: int, shares: int, times: int) -> float:
    """Return the mean seconds that a worker spends on shares, as the median of several runs, or of one long run."""
    times = times if workers * shares < 10_000 else 1
    # All workers run the same two tests, so that the collection does not grow with the number of workers.
    with taking.suite_of("shared", shares, 1) as suite:
        runs = [suite.run("--dist", "each", workers=workers) for _ in range(times)]
    return statistics.median(taking.cost(run, 1) for run in runs)
