"""Cures faults of xdist's scope schedulers that would hang a soak run, or end it, without any shared fixture.

What a crashed worker had finished is put into the queue again with what it had not: who is handed a finished unit runs
nothing, says nothing, and waits for ever. A replacement is handed one unit: where that is one test, it waits for ever for
the next. And it is handed work before it has collected. Copied into the suite's directory, and loaded there with
`-p xdist_cures`.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from xdist.scheduler import LoadFileScheduling, LoadGroupScheduling, LoadScopeScheduling

# A worker runs a test once it knows what comes after it.
_ENOUGH: Final = 2


class _Cured(LoadScopeScheduling):
    def schedule(self) -> None:
        super().schedule()
        for node in self.nodes:
            while self._waits_for_more(node):
                self._assign_work_unit(node)

    def _waits_for_more(self, node: Any) -> bool:
        is_able = node in self.registered_collections and not node.shutting_down
        return is_able and bool(self.workqueue) and self._pending_of(self.assigned_work[node]) < _ENOUGH

    def _assign_work_unit(self, node: Any) -> None:
        for scope in [scope for scope, unit in self.workqueue.items() if all(unit.values())]:
            del self.workqueue[scope]
        if not self.workqueue:
            node.shutdown()
        elif node in self.registered_collections:
            super()._assign_work_unit(node)


class _Files(_Cured, LoadFileScheduling):
    pass


class _Groups(_Cured, LoadGroupScheduling):
    pass


_CURED = {"loadscope": _Cured, "loadfile": _Files, "loadgroup": _Groups}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Make the cured scheduler where there is one."""
    cured = _CURED.get(str(config.getoption("dist")))
    return cured and cured(config, log)
