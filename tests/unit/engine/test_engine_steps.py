"""The simulation stops before every access to a file: its steps are complete, or its tests fail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("a death is simulated by closing the descriptors of its locks", allow_module_level=True)

import engine_stepping
from engine_simulation import Simulation, Worker
from engine_stepping import PURE, STEPPED, stepped, steps_of

from pytest_shared_session_scope._run.share_journal import ShareJournal

STEPS = [(cls, name) for cls in STEPPED for name in steps_of(cls)]


def step_through(worker: Worker, operation: Callable[[], None]) -> list[str]:
    """Run an operation of a worker; return where it stopped."""
    stops: list[str] = []
    worker.thread.begin(operation)
    while not worker.is_idle and len(stops) < 400:
        worker.thread.step()
        stops.append(worker.thread.where)
    return stops


def run_two_workers() -> list[str]:
    """Return where two workers stop: one that sets shares up and one that reads them, dies, and is survived by the other."""
    with stepped():
        simulation = Simulation(workers=2, restarts=0)
        owner, reader = simulation.workers
        try:
            stops = step_through(owner, lambda: owner.acquire_all(["returned", "once", "twice-on-twice"]))
            stops += step_through(reader, lambda: reader.acquire_all(["returned", "once", "twice-on-twice"]))
            stops += step_through(reader, lambda: reader.release("twice-on-twice"))
            simulation.die(reader)
            simulation.close()
            return stops + step_through(owner, owner.finish)
        finally:
            simulation.end()


def test_steps_are_found() -> None:
    names = {name for _, name in STEPS}
    assert {"hold", "setup", "publish_ready", "move", "try_lock", "mark", "snapshot", "is_alive"} <= names
    assert len(STEPS) >= 30


def test_worker_stops_at_each_step() -> None:
    stops = {stop.partition("(")[0] for stop in run_two_workers()}
    assert {
        "try_lock",
        "publish",
        "publish_ready",
        "hold",
        "setup",
        "leave",
        "mark",
        "move",
        "share_keys",
    } <= stops


@pytest.mark.parametrize("name", ["hold", "setup", "publish_ready", "try_lock", "mark", "is_alive", "leave", "move"])
def test_method_that_touches_a_file_and_is_no_step_fails_the_test(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_stepping, "PURE", PURE | {name})
    with pytest.raises(AssertionError, match="is called outside of a step"):
        run_two_workers()


def test_methods_that_are_no_steps_touch_no_file(tmp_path: Path) -> None:
    assert {"of"} == PURE
    assert not (tmp_path / "shares").exists()
    assert ShareJournal(tmp_path, "a", "gw0", "a").of("b").key == "b", "without the directory that its file is in"
