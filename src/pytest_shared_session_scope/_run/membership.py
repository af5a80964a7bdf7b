"""The run's directory: who works in it, and who is alive.

It knows nothing of pytest: the plugin tells it where the directory is and who the worker is. filelock is imported when
the first lock of its own is needed, never at import time.

Every state is a file that appears or vanishes whole. A worker's state is the presence of marker files that are only
ever added (`draining` may be taken back): a directory listing made while others write can miss a renamed file, never
one that was there before the listing began, so a listing never forgets a worker.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pytest_shared_session_scope._run import fileio
from pytest_shared_session_scope._run.locks import hold_for_life, is_locked

CONTROLLER: Final = "controller"

EXPECTED: Final = "expected"
RUNNING: Final = "running"
DRAINING: Final = "draining"
GONE: Final = "gone"
CLOSED: Final = "closed"
UNHELD: Final = "unheld"
# A worker's state is the last of these whose marker is there.
_STATES: Final = (EXPECTED, RUNNING, DRAINING, GONE)


@dataclasses.dataclass(frozen=True)
class Roster:
    """Who takes part in the run, at one moment.

    `states` has each worker's state: `expected` (it has asked for nothing yet), `running`, `draining` (it takes
    nothing any more) or `gone` (it ended, or died and is replaced or never will be). `closed` says that the
    controller starts no worker and hands out no test any more, `unheld` that in the middle of the run a share was left
    which nobody holds.
    """

    states: dict[str, str]
    closed: bool
    unheld: bool = False


class Workers:
    """The run's workers as one of them, or the controller, sees them."""

    def __init__(self, directory: Path, me: str) -> None:
        self.run_directory = directory
        self.directory = directory / "workers"
        self.me = me
        self._prefix = os.path.join(self.directory, "")
        self._release: Callable[[], object] | None = None

    def mark(self, worker: str, state: str) -> None:
        """Put a worker into a state. Called by the worker itself; `expected` and `gone` by the controller."""
        fileio.touch(self._marker(worker, state))

    def unmark(self, worker: str, state: str) -> None:
        """Take a state back."""
        fileio.remove(self._marker(worker, state))

    def hold_lease(self) -> None:
        """Take my lease, which proves for as long as this process lives that I am alive."""
        if self._release is None:
            self._release = hold_for_life(self._marker(self.me, "lease"))

    def release_lease(self) -> None:
        """Give my lease back, at the end of the process."""
        if self._release is not None:
            self._release()
            self._release = None

    def is_any_alive(self) -> bool:
        """Say whether a process that takes part in the run lives, the controller among them."""
        return any(is_locked(path) for path in self.directory.glob("*.lease"))

    def is_alive(self, worker: str) -> bool:
        """Say whether the worker's process lives: it holds its lease, and the controller has not declared it gone."""
        if worker == self.me:
            return True
        if os.path.exists(self._marker(worker, GONE)):
            return False
        try:
            return is_locked(self._marker(worker, "lease"))
        except FileNotFoundError:
            # It has not taken its lease yet, or never will: nothing proves its death.
            return os.path.exists(self._marker(worker, EXPECTED))

    def is_lease_held(self, worker: str) -> bool:
        """Say whether the worker's process has taken its lease, and lives."""
        try:
            return is_locked(self._marker(worker, "lease"))
        except FileNotFoundError:
            return False

    def roster(self) -> Roster:
        """Return who takes part, from one listing of the directory."""
        states: dict[str, str] = {}
        of_run: set[str] = set()
        for entry in os.listdir(self.directory):
            quoted, _, state = entry.rpartition(".")
            worker = fileio.unquoted(quoted)
            if worker == CONTROLLER:
                of_run.add(state)
            elif state in _STATES and _STATES.index(state) >= _STATES.index(states.get(worker, EXPECTED)):
                states[worker] = state
        return Roster(states, CLOSED in of_run, UNHELD in of_run)

    def state_of(self, worker: str) -> str:
        """Return the state of a worker that is in the roster, without a look at the others."""
        return next((state for state in reversed(_STATES) if os.path.exists(self._marker(worker, state))), EXPECTED)

    def is_closed(self) -> bool:
        """Say whether the controller starts no worker and hands out no test any more."""
        return os.path.exists(self._marker(CONTROLLER, CLOSED))

    def _marker(self, worker: str, state: str) -> str:
        return f"{self._prefix}{fileio.quoted(worker)}.{state}"
