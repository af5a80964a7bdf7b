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
    """Let a worker go on until it stops at a step, or has done what it began."""
    for _ in range(1000):
        if worker.thread.where in (where, IDLE):
            break
        worker.thread.step()
    assert worker.thread.where == where


def take(worker: Worker, key: str, until: str = IDLE) -> None:
    worker.thread.begin(lambda: worker.take_all([key]))
    go_to(worker, until)


def test_taker_whose_owner_died_meanwhile_holds_what_it_reads(simulation: Simulation) -> None:
    """The new owner drops the holders of the old value; who then reads the new one must be a holder of the new one."""
    owner, taker, next_owner = simulation.workers
    take(owner, "once")
    take(taker, "once", until="read value")
    simulation.die(owner)
    take(next_owner, "once")
    go_to(taker, IDLE)
    simulation.lose(owner)

    taker.thread.begin(taker.finish)
    go_to(taker, "leave()")
    next_owner.thread.begin(next_owner.finish)
    for _ in range(100):  # the history refuses a cleanup below a holder
        next_owner.thread.step()
    assert not next_owner.is_idle
    go_to(taker, IDLE)
    simulation.lose(taker)
    go_to(next_owner, IDLE)
    assert [setup.state for setup in simulation.history.setups["once"]] == ["done", "clean"]


def test_what_a_dead_worker_held_is_cleaned_up_before_what_it_depends_on(simulation: Simulation) -> None:
    """The controller has noted the death by then, so that the dead worker looks like one that has ended."""
    survivor, dead, other = simulation.workers
    simulation.die(other)
    simulation.lose(other)
    take(survivor, "twice")
    take(dead, "twice-on-twice")
    simulation.die(dead)
    simulation.lose(dead)

    survivor.thread.begin(survivor.finish)
    for _ in range(1000):
        if not survivor.is_idle:
            survivor.thread.step()
    assert survivor.has_ended
    assert [setup.state for setup in simulation.history.all()] == ["clean", "clean"]


@pytest.mark.parametrize("until", ["read('ready',)", "read value"])
def test_who_wants_to_be_last_sees_a_holder_that_comes_meanwhile(simulation: Simulation, until: str) -> None:
    """A worker that tears down looks at the holders before and after it withdraws the share."""
    leaving, taker, other = simulation.workers
    for worker in (taker, other):  # nothing but being a holder speaks for the taker
        worker.engine.presence.register()
        worker.engine.presence.drain()
    take(leaving, "twice")
    leaving.thread.begin(leaving.finish)
    go_to(leaving, "rename('ready', 'cleaning')")
    take(taker, "twice", until=until)
    go_to(leaving, "end")
    [setup] = simulation.history.setups["twice"]
    assert setup.cleaner is None, "it leaves the share to the holder that it has seen"
    go_to(taker, IDLE)
    assert taker.held["twice"].setup is setup


@pytest.mark.parametrize("key", ["once", "twice"])
def test_taker_that_found_no_share_is_a_holder_of_what_is_ready_a_moment_later(
    simulation: Simulation, key: str
) -> None:
    taker, owner, _ = simulation.workers
    take(taker, key, until="try_lock()")  # there was nothing yet to hold
    take(owner, key)
    go_to(taker, IDLE)
    assert taker.held[key].setup is owner.held[key].setup
    assert sorted(ShareJournal(simulation.directory, key, "", key).other_holders()) == ["gw0", "gw1"]
