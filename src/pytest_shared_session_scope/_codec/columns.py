"""What a value and its copy hold, side by side, and where it was found. Imports nothing of the package."""

from __future__ import annotations

import dataclasses
import enum
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, Final, Literal, NamedTuple

StepKind = Literal["attribute", "index", "key", "key of", "member"]
Found = Literal["type", "value", "length", "keys", "incomparable", "too deep"]


class Step(NamedTuple):
    """One step of a path: from `owner`, a part of the value, to its attribute, item, value, key or member."""

    owner: object
    kind: StepKind
    name: object


class Difference(NamedTuple):
    """The first place where a value and its copy differ; `before` and `after` are what is found there."""

    found: Found
    before: Any
    after: Any
    steps: tuple[Step, ...]


class Differs(Exception):  # noqa: N818 - a signal that `_guard` catches itself
    """Raised where a difference is found."""

    def __init__(self, difference: Difference) -> None:
        super().__init__(difference)
        self.difference = difference


class Absent(enum.Enum):
    """What stands for an attribute that is not set."""

    ABSENT = "nothing"


ABSENT: Final = Absent.ABSENT
# What as many rows hold fits into a processor's cache, in which they are gone through several times.
_AT_ONCE: Final = 4000
# From this depth on each pair is walked only once. Not from the start: it costs, and what is wide is rarely deep.
_DEEP: Final = 8

# Says which row of the column above a row was found in, and by which step.
Origin = Callable[[int], tuple[int, Step | None]]


@dataclasses.dataclass(frozen=True)
class Column:
    """Parts of the value and of the copy that are to be the same row by row, and where they were found."""

    before: Sequence[Any]
    after: Sequence[Any]
    above: Column | None = None
    origin: Origin = lambda row: (row, None)
    depth: int = 0

    @property
    def is_deep(self) -> bool:
        """Say whether parts that are held many times over, or hold themselves, are to be expected."""
        return self.depth > _DEEP

    def steps(self, row: int) -> tuple[Step, ...]:
        """Return the way to a row; only asked for once a difference is found."""
        steps: list[Step] = []
        column: Column | None = self
        while column is not None:
            row, step = column.origin(row)
            column = column.above
            if step is not None:
                steps.append(step)
        return tuple(reversed(steps))

    def inner(self, before: Iterable[Any], after: Iterable[Any], kind: StepKind, name: object) -> Column:
        """Return the column of what is found in every row under one name."""
        return self._below(before, after, lambda row: (row, Step(self.before[row], kind, name)))

    def flat(
        self,
        before: Iterable[Any],
        after: Iterable[Any],
        lengths: list[int],
        kind: StepKind,
        name: Callable[[int, int], object] = lambda _, place: place,
    ) -> Column:
        """Return the column of all items of all rows; `name` is told an item's place in the column and in its row."""

        def origin(item: int) -> tuple[int, Step]:
            ends = list(accumulate(lengths))
            row = bisect_right(ends, item)
            return row, Step(self.before[row], kind, name(item, item - ends[row] + lengths[row]))

        return self._below(before, after, origin)

    def instead(self, before: Iterable[Any], after: Iterable[Any]) -> Column:
        """Return the column of what stands for the rows themselves, such as their state."""
        return self._below(before, after, lambda row: (row, None))

    def only(self, rows: Sequence[int]) -> Column:
        """Return the column of some of the rows."""
        before, after = [self.before[row] for row in rows], [self.after[row] for row in rows]
        return Column(before, after, self, lambda row: (rows[row], None), self.depth)

    def in_pieces(self) -> Iterator[Column]:
        """Yield the columns of so many rows that one after the other is quicker than all at once."""
        if len(self.before) <= _AT_ONCE:
            yield self
            return
        for start in range(0, len(self.before), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            yield Column(self.before[rows], self.after[rows], self, partial(_moved, start), self.depth)

    def _below(self, before: Iterable[Any], after: Iterable[Any], origin: Origin) -> Column:
        before = before if type(before) is list else list(before)
        after = after if type(after) is list else list(after)
        return Column(before, after, self, origin, self.depth + 1)

    def differs(self, found: Found, row: int) -> Differs:
        """Return what to raise for a row."""
        return Differs(Difference(found, self.before[row], self.after[row], self.steps(row)))

    def require(self, found: Found, same: Iterable[bool]) -> None:
        """Raise for the first row of which `same` is false."""
        for row, is_same in enumerate(same):
            if not is_same:
                raise self.differs(found, row)


def _moved(start: int, row: int) -> tuple[int, Step | None]:
    return start + row, None


Columns = Iterator[Column]
