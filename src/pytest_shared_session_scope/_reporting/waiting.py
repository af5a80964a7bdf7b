"""The controller looks, while it waits for its workers, whether they wait for a shared fixture, and says so.

It looks from inside xdist's loop, between two events: a thread would write into the middle of pytest's own lines.
"""

from __future__ import annotations

import contextlib
import queue
import shutil
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope._engine.timings import Clock
from pytest_shared_session_scope._reporting import messages
from pytest_shared_session_scope._run.journal import State
from pytest_shared_session_scope._run.membership import CONTROLLER, Wait, Workers
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

# Seconds between two looks; after which a wait is told; and between two tellings at most, where none can be altered.
_EVERY: Final = 1.0
_TOLD_AFTER: Final = 3.0
_LONGEST_SILENCE: Final = 60.0
# What a terminal does on this: go up a line, and erase it.
_ERASE_LINE_ABOVE: Final = "\x1b[1A\r\x1b[2K"


def watch(config: pytest.Config, directory: Path) -> None:
    """Begin to look. Does nothing where pytest is to be quiet, or prints by other means than its own reporter's."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    # xdist has no hook that it calls while it waits. `test_private_names.py` tests that it waits at this queue.
    events: Any = getattr(config.pluginmanager.get_plugin("dsession"), "queue", None)
    verbosity = int(config.getoption("verbose", 0) or 0)
    if events is None or reporter is None or verbosity < 0:
        return
    teller = Teller(reporter, config.get_terminal_writer(), time, str(config.getoption("capture")))
    events.get = Watch(events.get, directory, Workers(directory, CONTROLLER), teller).get


class Teller:
    """Says on the terminal who waits: in one line that is kept up to date, or in one from time to time."""

    def __init__(self, reporter: Any, writer: Any, clock: Any, capture: str = "fd") -> None:
        self._reporter = reporter
        self._writer = writer
        self._clock = clock
        # Of what workers write to their standard error, which is the terminal, the controller knows nothing.
        self._is_alone = reporter.isatty and capture == "fd"
        self._is_line_above = False
        self._about = ""
        self._next = 0.0

    def note_output(self) -> None:
        """Note that something else may have been printed."""
        self._is_line_above = False

    def tell(self, texts: Sequence[str], about: str, waited: float) -> None:
        """Say who waits `about` what for so many seconds, if it is time to; in the first way to say it that fits."""
        now = self._clock.monotonic()
        can_replace = self._is_line_above and self._is_alone
        if not can_replace and about == self._about and now < self._next:
            return
        self._about = about
        self._next = now + min(waited, _LONGEST_SILENCE)
        if can_replace:
            self._reporter.write(_ERASE_LINE_ABOVE)
        elif self._reporter.verbosity > 0:
            self._reporter.ensure_newline()
        elif not self._is_line_above and self._writer.width_of_current_line:
            self._reporter.write("\n")  # the line has dots in it
        self._reporter.write(f"{self._fitting(texts)}\n", flush=True)
        self._is_line_above = True
        # pytest-sugar goes up again to the line of each test file, and does not know that there is one more below.
        getattr(self._reporter, "reset_tracked_lines", _do_nothing)()

    def _fitting(self, texts: Sequence[str]) -> str:
        if not self._reporter.isatty:
            return texts[0]
        width = shutil.get_terminal_size().columns - 1  # of two lines only one could be erased
        return next((text for text in texts if len(text) <= width), texts[-1][:width])


def _do_nothing() -> None:
    """Stand for what a reporter does not have."""


class Watch:
    """Stands in for the `get` of the queue that xdist's loop waits at."""

    def __init__(self, get: Any, directory: Path, workers: Workers, teller: Teller) -> None:
        self._get = get
        self._directory = directory
        self._workers = workers
        self._teller = teller
        self._looked = time.monotonic()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - as of a queue
        """Return the next event; raise `queue.Empty` when none comes within `timeout` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while block:
            self._look_if_it_is_time()
            left = _EVERY if until is None else min(_EVERY, max(until - time.monotonic(), 0.0))
            try:
                event = self._get(True, left)  # noqa: FBT003 - as of a queue
            except queue.Empty:
                if until is not None and time.monotonic() >= until:
                    raise
                continue
            self._teller.note_output()
            return event
        return self._get(False)  # noqa: FBT003 - as of a queue

    def _look_if_it_is_time(self) -> None:
        now = time.monotonic()
        if now - self._looked >= _EVERY:
            self._looked = now
            look(self._directory, self._workers, self._teller, time)


def look(directory: Path, workers: Workers, teller: Teller, clock: Clock | Any) -> None:
    """Say what is waited for longest."""
    waits: dict[str, list[Wait]] = {}
    for mark in workers.waits() if directory.exists() else []:
        if workers.is_alive(mark.worker):
            waits.setdefault(mark.key, []).append(mark)
    if not waits:
        return
    longest = min(waits.values(), key=lambda some: min(mark.since for mark in some))
    waited = clock.time() - min(mark.since for mark in longest)
    if waited < _TOLD_AFTER:
        return
    record = None
    with contextlib.suppress(StoreError), ShareJournal(directory, longest[0].key, "", longest[0].key) as files:
        # What is garbled is told by the workers that read it, and at the end.
        setup = files.setup()
        if setup is not None and setup.state is State.READY:
            return  # it was set up a moment ago: they are about to wake
        record = setup.record if setup is not None and setup.state is State.SETTING_UP else None
    waiters = [mark.worker for mark in longest]
    texts = messages.waited_for(record, waiters, now=clock.time(), waited=waited, others=len(waits) - 1)
    teller.tell(texts, longest[0].key, waited)
