"""The rows of the table, and interleaved rounds that make the figures of variants comparable."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

COLUMNS = ("name", "figure", "target", "peer")


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: the name of the measurement, its figure, its upper target, and the figures of its peers."""

    name: str
    figure: str
    target: str = ""
    peer: str = ""


def interleaved(variants: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Run each variant once per round, in alternating order, so that other load on the machine affects all of them."""
    found: dict[str, list[T]] = {name: [] for name in variants}
    for number in range(rounds):
        for name in list(variants)[:: -1 if number % 2 else 1]:
            found[name].append(variants[name]())
    return found


def median_difference(these: Sequence[float], those: Sequence[float]) -> float:
    """Return the median difference between values of the same round."""
    return statistics.median(this - that for this, that in zip(these, those, strict=True))


def median_ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """Return the median ratio between values of the same round."""
    return statistics.median(this / that for this, that in zip(these, those, strict=True))


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that is not exceeded by the given percentage of the values."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(percent) // 100) - 1)]


def ms(seconds: float) -> str:
    """Format seconds as milliseconds."""
    return f"{seconds * 1e3:.3g} ms"


def us(seconds: float) -> str:
    """Format seconds as microseconds."""
    return f"{seconds * 1e6:.3g} us"


def render(rows: Iterable[Row]) -> str:
    """Render the rows as a Markdown table that is aligned in plain text, too."""
    lines = [COLUMNS, *((row.name, row.figure, row.target, row.peer) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)
