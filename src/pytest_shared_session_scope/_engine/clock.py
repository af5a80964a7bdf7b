"""Time, as the engine needs it, and how often a worker looks again at what it waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final, Protocol

# Seconds between two looks at what another worker is doing: short at first, for setups that take no time, then a
# compromise between waking late and costing a core (aim: 95 % wake within 10 ms, at most 2 % of a core). A look at
# whether a share is ready costs less than one at who is left.
FIRST_PAUSE: Final = 0.002
LONGEST_PAUSE: Final = 0.008
TAKERS_LONGEST_PAUSE: Final = 0.004
# How often a taker looks whether the share is ready for each time that it looks whether its lock is free.
LOOKS_PER_LOCK: Final = 4


class Clock(Protocol):
    """What the engine needs of time; all in seconds. `waiting` is entered while a worker waits for others."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
    def waiting(self) -> AbstractContextManager[None]: ...


def pauses(longest: float = LONGEST_PAUSE) -> Iterator[float]:
    """Yield the seconds of each pause, without end."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, longest)
