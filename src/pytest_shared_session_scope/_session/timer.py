"""pytest-timeout's timer is put off while a worker waits for another: that is not its test's own time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Any

import pytest


class Timer:
    """The timer that is set just now, as pytest-timeout's own hooks tell."""

    def __init__(self) -> None:
        self._set: tuple[pytest.Item, Any, float] | None = None

    def note_set(self, item: pytest.Item, settings: Any) -> None:
        """Note that the timer was set; `settings.timeout` is in seconds."""
        self._set = (item, settings, time.monotonic())

    def note_cancelled(self) -> None:
        """Note that no timer is set any more."""
        self._set = None

    @contextlib.contextmanager
    def put_off(self) -> Generator[None, None, None]:
        """Stop the timer, inside; it goes on with what was left of its time."""
        if self._set is None:
            yield
            return
        item, settings, since = self._set
        hook = item.config.hook
        left = max(settings.timeout - (time.monotonic() - since), 0.001)  # 0 would mean no timer at all
        hook.pytest_timeout_cancel_timer(item=item)
        try:
            yield
        finally:
            hook.pytest_timeout_set_timer(item=item, settings=settings._replace(timeout=left))


class WaitingClock:
    """The engine's clock; all in seconds."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def waiting(self) -> AbstractContextManager[None]:
        """Return a context manager for the time in which this worker waits for others."""
        return self._timer.put_off()
