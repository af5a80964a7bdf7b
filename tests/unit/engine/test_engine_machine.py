"""Acquire, release, drain, die, replace, take over, in every order of their steps: the engine keeps its promises.

A few seconds by default. `ENGINE_MACHINE_EXAMPLES=20000` tries so many runs, different ones each time.
"""

from __future__ import annotations

import functools
import os
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("a death is simulated by closing the descriptors of its locks", allow_module_level=True)

from engine_history import Setup
from engine_simulation import KINDS, NEEDS, Simulation, Worker
from engine_stepping import IDLE, stepped
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from pytest_shared_session_scope._run.journal import Kind

EXAMPLES = int(os.environ.get("ENGINE_MACHINE_EXAMPLES", "0"))
STEPS = 60
# The places where a worker waits for others, or a user's code runs.
WAITING = ("sleep", "setup", "end", IDLE)
ENOUGH = 10_000

which = st.integers(0, 7)
keys = st.sampled_from(list(KINDS))
some_keys = st.lists(keys, min_size=1, max_size=4, unique=True)
# Rules that end much are rare, so that much has begun by then.
seldom = st.sampled_from([True, False, False, False, False, False])


class EngineMachine(RuleBasedStateMachine):
    """Orders the steps of the workers. The history asserts the promises, and `teardown` those about the end."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False
        self.is_needed = dict.fromkeys(KINDS, True)

    @initialize(firsts=st.lists(some_keys, min_size=2, max_size=3), restarts=st.integers(0, 2))
    def begin(self, firsts: list[list[str]], restarts: int) -> None:
        self.simulation = Simulation(len(firsts), restarts)
        for worker, first in zip(self.simulation.workers, firsts, strict=True):
            worker.collect()
            worker.thread.begin(functools.partial(worker.acquire_all, first))

    # -- what a worker does

    @precondition(lambda self: self._acquirers())
    @rule(which=which, some=some_keys)
    def acquire(self, which: int, some: list[str]) -> None:
        worker = _pick(which, self._acquirers())
        wanted = [key for key in some if self.is_needed[key] or worker.has_torn_down]
        worker.thread.begin(functools.partial(worker.acquire_all, wanted))

    @precondition(lambda self: self._busy())
    @rule(which=which, count=st.sampled_from([1, 2, 3, 5, 8, ENOUGH, ENOUGH]))
    def step(self, which: int, count: int) -> None:
        self._step(_pick(which, self._busy()), count)

    @precondition(lambda self: self._at("setup"))
    @rule(which=which, outcome=st.sampled_from(["value", "error", "interrupt"]))
    def end_setup(self, which: int, outcome: str) -> None:
        worker = _pick(which, self._at("setup"))
        worker.outcome = outcome
        self._step(worker, 1)
        worker.outcome = "value"

    @precondition(lambda self: self._holders())
    @rule(which=which)
    def release_in_run(self, which: int) -> None:
        worker = _pick(which, self._holders())
        key = _last_held(worker)
        worker.thread.begin(functools.partial(worker.release, key, lambda: self.is_needed[key]))

    @precondition(lambda self: self._holders())
    @rule(which=which)
    def abandon(self, which: int) -> None:
        worker = _pick(which, self._holders())
        key = _last_held(worker)
        if KINDS[key] is Kind.YIELDS_TWICE and not worker.held[key].is_owner:
            worker.thread.begin(functools.partial(worker.abandon, key))

    @precondition(lambda self: self._idle())
    @rule(which=which, really=seldom, is_impatient=seldom)
    def tear_down(self, which: int, *, really: bool, is_impatient: bool) -> None:
        if not really:
            return
        worker = _pick(which, self._idle())
        worker.is_impatient |= is_impatient
        worker.thread.begin(worker.tear_down)

    @precondition(lambda self: self._idle())
    @rule(which=which, really=seldom)
    def finish(self, which: int, *, really: bool) -> None:
        if not really:
            return
        worker = _pick(which, self._idle())
        worker.thread.begin(worker.finish)

    @precondition(lambda self: self._alive())
    @rule(which=which, really=seldom)
    def die(self, which: int, *, really: bool) -> None:
        if really:
            self.simulation.die(_pick(which, self._alive()))

    @precondition(lambda self: not any(one.is_acquiring for one in self._busy()))
    @rule(key=keys, really=seldom)
    def end_tests_of(self, key: str, *, really: bool) -> None:
        if really and not any(self.is_needed[other] for other, needed in NEEDS.items() if needed == key):
            self.is_needed[key] = False

    # A worker that collects once the run is closed is sent no test.
    @precondition(lambda self: not self.simulation.is_closed and self._collecting())
    @rule(which=which)
    def collect(self, which: int) -> None:
        _pick(which, self._collecting()).collect()

    # -- what the controller does

    @precondition(lambda self: self._not_lost())
    @rule(which=which)
    def lose(self, which: int) -> None:
        self.simulation.lose(_pick(which, self._not_lost()))

    @precondition(lambda self: self.simulation.replacements and not self.simulation.is_closed)
    @rule()
    def replace(self) -> None:
        self.simulation.start()

    @precondition(lambda self: not self.simulation.is_closed)
    @rule(really=seldom)
    def close(self, *, really: bool) -> None:
        if really:
            self.simulation.close()

    # -- the end

    def teardown(self) -> None:
        if not hasattr(self, "simulation"):
            return
        try:
            if not self.is_broken:
                self._complete()
                self._judge()
        finally:
            self.simulation.end()

    def _complete(self) -> None:
        """Let every worker come to its end: none may wait for ever."""
        for _ in range(300):
            for worker in self._not_lost():
                self.simulation.lose(worker)
            if self.simulation.replacements and not self.simulation.is_closed:
                self.simulation.start()
            alive = self._alive()
            if not alive:
                return
            for worker in alive:
                if worker.is_idle:
                    worker.thread.begin(worker.finish)
                self._step(worker, ENOUGH)
        raise AssertionError(f"they wait for each other: {[(one.name, one.held) for one in self._alive()]}")

    def _judge(self) -> None:
        reported = self.simulation.not_cleaned_up()
        survivors = [one for one in self.simulation.workers if one.has_ended and not one.is_impatient]
        for setup in self.simulation.history.all():
            is_reported = (setup.key, setup.owner.name) in reported
            if setup.kind is Kind.RETURNS or setup.state in ("failed", "interrupted", "clean"):
                continue
            assert not setup.owner.is_alive or setup.state == "done", f"{setup} never ended"
            assert is_reported or setup.cleaner, f"{setup} was lost in silence"
            assert self._may_be_left(setup, survivors), f"{setup} was not cleaned up"

    def _may_be_left(self, setup: Setup, survivors: list[Worker]) -> bool:
        if setup.state == "begun" or (setup.cleaner is not None and not setup.cleaner.is_alive):
            return True  # cut off by a death
        if setup.kind is Kind.YIELDS_ONCE:
            return not setup.owner.is_alive
        # A worker whose last scan came while the share was held, or before it was set up, could not know.
        left_at = max(setup.left_at, setup.owner.died_at or 0)
        return all(one.looked_at < left_at for one in survivors) or self._came_too_late(setup)

    def _came_too_late(self, setup: Setup) -> bool:
        """Whether the share it depends on was being cleaned up when its last holder left: nobody can take it over."""
        needed = self.simulation.history.setups.get(NEEDS.get(setup.key, ""), [])
        drained = [one.cleaner.drained_at for one in needed if one.cleaner is not None]
        return any(at is None or at <= setup.left_at for at in drained)

    # -- which workers can do something

    def _step(self, worker: Worker, count: int) -> None:
        try:
            for _ in range(count):
                worker.thread.step()
                if worker.thread.where in WAITING:
                    return
        except BaseException:
            self.is_broken = True
            raise

    def _alive(self) -> list[Worker]:
        return [one for one in self.simulation.workers if one.is_alive and not one.has_ended]

    def _idle(self) -> list[Worker]:
        return [one for one in self._alive() if one.is_idle]

    def _busy(self) -> list[Worker]:
        return [one for one in self._alive() if not one.is_idle]

    def _at(self, where: str) -> list[Worker]:
        return [one for one in self._alive() if one.thread.where == where]

    def _acquirers(self) -> list[Worker]:
        return [one for one in self._idle() if not one.must_stop and one.has_collected]

    def _collecting(self) -> list[Worker]:
        return [one for one in self._idle() if not one.has_collected and not one.has_torn_down]

    def _holders(self) -> list[Worker]:
        return [one for one in self._idle() if not one.engine.is_draining and _last_held(one)]

    def _not_lost(self) -> list[Worker]:
        ended = [one for one in self.simulation.workers if one.has_ended or not one.is_alive]
        return [one for one in ended if one not in self.simulation.lost]


def _pick(which: int, workers: list[Worker]) -> Worker:
    return workers[which % len(workers)]


def _last_held(worker: Worker) -> str:
    """Return the key that the worker acquired last, of those that have to be released."""
    held = [key for key in worker.held if KINDS[key] is not Kind.RETURNS]
    return held[-1] if held else ""


def test_engine_keeps_its_promises_in_every_order() -> None:
    def run(examples: int, *, is_repeatable: bool) -> None:
        profile = settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=is_repeatable,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
            print_blob=False,
        )
        with stepped():
            run_state_machine_as_test(EngineMachine, settings=profile)

    run(EXAMPLES or 40, is_repeatable=not EXAMPLES)
