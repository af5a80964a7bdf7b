"""The controller's part: it tells its workers about the run, and the run about its workers."""

from __future__ import annotations

import dataclasses
import os
import time
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope._reporting.messages import Death
from pytest_shared_session_scope._run.membership import CONTROLLER, Workers, WorkerState

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

# The key in xdist's `workerinput` under which a worker finds what the controller tells it.
INPUT: Final = "shared_session_scope"


class Controller:
    """Keeps the roster: which workers are expected, and which are gone for good."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.deaths: dict[str, Death] = {}
        self._workers = Workers(directory, CONTROLLER)
        self._workers.hold_liveness_lock()
        self.release_liveness_lock = self._workers.release_liveness_lock
        self._crashes = 0
        self._finished: set[str] = set()
        # Workers that crashed and will be replaced: until their replacement is expected, they count as able to ask.
        self._to_be_replaced: list[str] = []

    def expect(self, node: Any) -> None:
        """Tell a worker about the run. Called before its process starts to work."""
        self._workers.mark(node.gateway.id, WorkerState.EXPECTED)
        node.workerinput[INPUT] = {
            "directory": str(self.directory),
            "pid": os.getpid(),
            "each": node.config.getoption("dist") == "each",
        }
        while self._to_be_replaced:
            self._workers.mark(self._to_be_replaced.pop(), WorkerState.GONE)

    def lose(self, node: Any, error: object) -> None:
        """Note that a worker has finished, or crashed with an error. Called before xdist replaces it."""
        worker = node.gateway.id
        if error:
            self._crashes += 1
            if worker not in self._finished:  # xdist tells twice of one that was interrupted, and ended well
                self.deaths[worker] = Death(time.strftime("%H:%M:%S"), moment=time.time())
            if is_replaced(self._crashes, node.config):
                self._to_be_replaced.append(worker)
                return
        self._finished.add(worker)
        self._workers.mark(worker, WorkerState.GONE)

    def note_crash(self, worker: str, item: str) -> None:
        """Note which test a worker ran when it died. Called after `lose`."""
        if worker in self.deaths:
            self.deaths[worker] = dataclasses.replace(self.deaths[worker], item=item)

    def close(self) -> None:
        """Say that no worker is started any more, and no test handed out."""
        self._workers.close_run()


def is_replaced(crashes: int, config: pytest.Config) -> bool:
    """Say whether xdist replaces the worker that crashed as the `crashes`-th: as `--max-worker-restart` documents."""
    text = config.getoption("maxworkerrestart")
    processes: int | None = config.getoption("numprocesses")
    if text is not None:
        return crashes <= int(text)
    return not processes or crashes <= 4 * processes
