"""The line that says, while workers wait for a shared fixture, which worker has been setting it up and for how long.

A daemon thread of the controller looks once per second, because xdist calls no hook while it waits for its workers.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from pytest_shared_session_scope._run.journal import ShareRecord, State
from pytest_shared_session_scope._run.membership import CONTROLLER, Wait, Workers
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope.errors import StoreError

# Seconds: between two looks; until a wait is reported; between two reports of the same wait, at most.
_INTERVAL: Final = 1.0
_REPORTED_AFTER: Final = 3.0
_LONGEST_PAUSE: Final = 60.0


class Report(NamedTuple):
    """The line about the longest wait: for which share, and for how many seconds so far."""

    key: str
    seconds: float
    line: str


class WaitingLine:
    """Prints the report that `look` returns, whenever it is due, between `start` and `stop`."""

    def __init__(self, write_line: Callable[[str], None], look: Callable[[], Report | None]) -> None:
        self._write_line = write_line
        self._look = look
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shared-session-scope waiting line", daemon=True)
        self._problem: str | None = None
        self.start = self._thread.start

    def stop(self) -> str | None:
        """Stop the thread. Return a message if an error has ended it before."""
        self._stopped.set()
        self._thread.join(_INTERVAL)  # no longer, in case a look hangs in the file system
        return self._problem

    def _run(self) -> None:
        last, last_at = None, 0.0
        try:
            while not self._stopped.wait(_INTERVAL):
                report, now = self._look(), time.monotonic()
                if report and is_due(report, last, now - last_at) and not self._stopped.is_set():
                    last, last_at = report, now
                    self._write_line(report.line)
        except Exception as error:  # noqa: BLE001 - pytest would turn it into a warning, which can fail a run
            self._problem = f"waits were no longer reported after {type(error).__name__}: {error}"


def is_due(report: Report, last: Report | None, passed: float) -> bool:
    """Whether to print a report, `passed` seconds after the `last` one that was printed."""
    is_new = last is None or last.key != report.key or passed >= min(last.seconds, _LONGEST_PAUSE)
    return is_new and report.seconds >= _REPORTED_AFTER


def look(directory: Path) -> Report | None:
    """Return a report about the share that living workers have been waiting for longest, if there is one."""
    by_key: dict[str, list[Wait]] = {}
    for wait in _waits(directory):
        by_key.setdefault(wait.key, []).append(wait)
    if not by_key:
        return None
    key, waits = min(by_key.items(), key=lambda item: min(wait.since for wait in item[1]))
    record = None
    # A garbled journal is reported by the workers that read it, and at the end of the run.
    with contextlib.suppress(StoreError), ShareJournal(directory, key, "", key) as journal:
        setup = journal.setup()
        if setup is not None and setup.state is State.READY:
            return None  # it was set up a moment ago, so the workers are about to continue
        record = setup.record if setup is not None and setup.state is State.SETTING_UP else None
    return describe(waits, record, now=time.time(), others=len(by_key) - 1)


def _waits(directory: Path) -> list[Wait]:
    workers = Workers(directory, CONTROLLER)
    return [wait for wait in workers.waits() if workers.is_alive(wait.worker)] if directory.exists() else []


def describe(waits: list[Wait], record: ShareRecord | None, *, now: float, others: int) -> Report:
    """Return the report about waits for one share. `record` is the setup in progress, `others` counts other shares."""
    seconds = now - min(wait.since for wait in waits)
    line = f"{', '.join(wait.worker for wait in waits)} {'is' if len(waits) == 1 else 'are'} waiting for "
    if record is None:
        line += f"a shared fixture that another worker is cleaning up ({seconds:.0f} s so far)"
    else:
        took = max(now - record.started, 0.0)
        line += f"shared fixture {record.fixture}: {record.worker} has been setting it up for {took:.0f} s"
    return Report(waits[0].key, seconds, line + (f"; others are waiting for {others} more" if others else ""))
