"""What the plugin knows of the run before any fixture is shared. Every pytest run imports it, so it imports little."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_shared_session_scope._session.options import NEVER
from pytest_shared_session_scope._session.timer import Timer

if TYPE_CHECKING:
    from pytest_shared_session_scope._run.membership import Progress, Workers
    from pytest_shared_session_scope._session.held import Shares


# xdist's name for the controller, and for the process of a run without one.
MASTER: Final = "master"


@dataclasses.dataclass
class RunState:
    """This process's part in the run.

    `directory` is the run's directory, None until somebody needs it in a run without a controller. `controller_pid` is
    the process id of a controller that started this process, None where there is none. `is_each` says that every worker
    runs every test (`--dist each`). `shares`, `progress` and `workers` are there once a shared fixture is. `last_item`
    is the test that ran last in this process, `report` when the section at the end is wanted, `is_told` whether what
    the run did not clean up was told. `timer` is pytest-timeout's.
    """

    worker: str
    run: str
    directory: Path | None = None
    controller_pid: int | None = None
    is_each: bool = False
    shares: Shares | None = None
    progress: Progress[pytest.Item] | None = None
    workers: Workers | None = None
    last_item: pytest.Item | None = None
    timer: Timer = dataclasses.field(default_factory=Timer)
    report: str = NEVER
    is_told: bool = False

    @property
    def is_worker(self) -> bool:
        """Whether a controller started this process: the controller itself, and the only process, are `master`."""
        return self.worker != MASTER

    def is_controller_dead(self) -> bool:
        """Say whether the process that started this worker is gone: another one is its parent now.

        Windows keeps the number of a dead parent; there a run whose controller was killed ends when xdist ends its
        workers.
        """
        return self.controller_pid is not None and os.getppid() != self.controller_pid


STATE: Final = pytest.StashKey[RunState]()
# Where a decorated function keeps its definition.
DEFINITION: Final = "shared_session_scope_definition"
