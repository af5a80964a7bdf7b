"""Workarounds for bugs in xdist's scope schedulers that hang or end a soak run even without shared fixtures.

- After a crash, the scheduler queues the worker's finished units again together with the unfinished ones. A worker that
  receives a finished unit has nothing to run, reports nothing, and waits forever.
- A replacement receives one unit. If that unit is a single test, the replacement waits forever for the next test.
- A replacement receives work before it has finished its collection.

The module is copied into the suite's directory and loaded there with `-p xdist_fixes`.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from xdist.scheduler import LoadFileScheduling, LoadGroupScheduling, LoadScopeScheduling

# A worker runs a test only when it has received the next one.
_ENOUGH: Final = 2


class _Fixed(LoadScopeScheduling):
    def schedule(self) -> None:
        super().schedule()
        for node in self.nodes:
            while self._waits_for_more(node):
                self._assign_work_unit(node)

    def _waits_for_more(self, node: Any) -> bool:
        is_ready = node in self.registered_collections and not node.shutting_down
        return is_ready and bool(self.workqueue) and self._pending_of(self.assigned_work[node]) < _ENOUGH

    def _assign_work_unit(self, node: Any) -> None:
        for scope in [scope for scope, unit in self.workqueue.items() if all(unit.values())]:
            del self.workqueue[scope]
        if not self.workqueue:
            node.shutdown()
        elif node in self.registered_collections:
            super()._assign_work_unit(node)


class _Files(_Fixed, LoadFileScheduling):
    pass


class _Groups(_Fixed, LoadGroupScheduling):
    pass


_FIXED = {"loadscope": _Fixed, "loadfile": _Files, "loadgroup": _Groups}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return the fixed scheduler for the mode of the run, or None if the mode needs no fix."""
    fixed = _FIXED.get(str(config.getoption("dist")))
    return fixed and fixed(config, log)
