"""Orders of steps in which the engine once broke a promise, or might; the machine tries all others."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

if sys.platform == "win32":
    pytest.skip("a death is simulated by closing the descriptors of its locks", allow_module_level=True)

from engine_simulation import Simulation, Worker
from engine_stepping import IDLE, stepped

from pytest_shared_session_scope._run.share_journal import ShareJournal


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    with stepped():
        simulation = Simulation(workers=3, restarts=0)
        yield simulation
        simulation.end()


def go_to(worker: Worker, where: str) -> None:
    """Let a worker continue until it stops at a step, or has finished its operation."""
    for _ in range(1000):
        if worker.thread.where in (where, IDLE):
            break
        worker.thread.step()
    assert worker.thread.where == where


def acquire(worker: Worker, key: str, until: str = IDLE) -> None:
    worker.thread.begin(lambda: worker.acquire_all([key]))
    go_to(worker, until)


def test_reader_whose_owner_died_meanwhile_holds_what_it_reads(simulation: Simulation) -> None:
    """The new owner drops the holders of the old value; a worker that then reads the new one must hold the new one."""
    owner, reader, next_owner = simulation.workers
    acquire(owner, "once")
    acquire(reader, "once", until="read value")
    simulation.die(owner)
    acquire(next_owner, "once")
    go_to(reader, IDLE)
    simulation.lose(owner)

    reader.thread.begin(reader.finish)
    go_to(reader, "leave()")
    next_owner.thread.begin(next_owner.finish)
    for _ in range(100):  # the history refuses a cleanup below a holder
        next_owner.thread.step()
    assert not next_owner.is_idle
    go_to(reader, IDLE)
    simulation.lose(reader)
    go_to(next_owner, IDLE)
    assert [setup.state for setup in simulation.history.setups["once"]] == ["done", "clean"]


def test_share_of_a_dead_worker_is_cleaned_up_before_the_one_it_depends_on(simulation: Simulation) -> None:
    """The controller has noticed the death by then, so the dead worker looks like one that has ended."""
    survivor, dead, other = simulation.workers
    simulation.die(other)
    simulation.lose(other)
    acquire(survivor, "twice")
    acquire(dead, "twice-on-twice")
    simulation.die(dead)
    simulation.lose(dead)

    survivor.thread.begin(survivor.finish)
    for _ in range(1000):
        if not survivor.is_idle:
            survivor.thread.step()
    assert survivor.has_ended
    assert [setup.state for setup in simulation.history.all()] == ["clean", "clean"]


@pytest.mark.parametrize("until", ["setup()", "read value"])
def test_worker_that_wants_to_be_last_sees_a_new_holder(simulation: Simulation, until: str) -> None:
    """A worker that releases a share checks the holders before and after it withdraws it."""
    leaving, reader, other = simulation.workers
    for worker in (reader, other):  # only being a holder keeps the share for the reader
        worker.engine._membership.register()
        worker.engine.drain()
    acquire(leaving, "twice")
    leaving.thread.begin(leaving.finish)
    go_to(leaving, "move(ready, cleaning)")
    acquire(reader, "twice", until=until)
    go_to(leaving, "end")
    [setup] = simulation.history.setups["twice"]
    assert setup.cleaner is None, "it leaves the share to the new holder"
    go_to(reader, IDLE)
    assert reader.held["twice"].setup is setup


@pytest.mark.parametrize("key", ["once", "twice"])
def test_reader_that_found_no_share_holds_it_once_it_is_ready_a_moment_later(simulation: Simulation, key: str) -> None:
    reader, owner, _ = simulation.workers
    acquire(reader, key, until="try_lock()")  # there was nothing yet to hold
    acquire(owner, key)
    go_to(reader, IDLE)
    assert reader.held[key].setup is owner.held[key].setup
    assert sorted(ShareJournal(simulation.directory, key, "", key).other_holders()) == ["gw0", "gw1"]
