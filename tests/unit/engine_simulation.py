"""Simulated workers over real engines in one directory, each doing what the plugin does in a worker's life."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from engine_history import History, Setup
from engine_stepping import IDLE, Thread, current

from pytest_shared_session_scope._engine.engine import Engine, NothingToTakeOverError
from pytest_shared_session_scope._engine.membership import OpenShare
from pytest_shared_session_scope._engine.release import Verdict
from pytest_shared_session_scope._engine.values import Share
from pytest_shared_session_scope._reporting import outcome
from pytest_shared_session_scope._reporting.outcome import End
from pytest_shared_session_scope._run import files, membership
from pytest_shared_session_scope._run.journal import Failure, Kind, ShareRecord
from pytest_shared_session_scope._session.controller import Controller

# The shares by key: the kind of each, and the dependency of some.
KINDS = {
    "returned": Kind.RETURNS,
    "once": Kind.YIELDS_ONCE,
    "twice": Kind.YIELDS_TWICE,
    "once-on-once": Kind.YIELDS_ONCE,
    "twice-on-twice": Kind.YIELDS_TWICE,
}
NEEDS = {"once-on-once": "once", "twice-on-twice": "twice"}
# The keys whose values are in the journal.
SHORT = {"once", "twice-on-twice"}
SHORT_DRAIN_TIMEOUT = 0.02


class SetupError(Exception):
    """The error of a setup, here or replayed from another worker."""


@dataclasses.dataclass
class Held:
    """A share that a worker holds."""

    share: Share
    setup: Setup
    is_owner: bool


class ValueChannel:
    """The values by key, in memory unless they are in the journal; every access is a step."""

    def __init__(self, key: str, simulation: Simulation) -> None:
        self._key = key
        self._simulation = simulation

    def write(self, value: object) -> tuple[object, str | None]:
        _stop("write value")
        if self._key in SHORT:
            return value, str(value)
        self._simulation.values[self._key] = value
        return value, None

    def read(self, short: str | None) -> object:
        _stop("read value")
        assert (short is not None) == (self._key in SHORT)
        return self._simulation.values[self._key] if short is None else int(short)

    def delete(self) -> None:
        _stop("delete value")
        self._simulation.values.pop(self._key, None)

    def lock(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def shown(self, value: object) -> str:
        return str(value)

    def size(self) -> None:
        return None

    def note(self, record: ShareRecord) -> None:
        if record.cleaned_by is None:
            # Other workers see a crash before this point as a crash inside the setup.
            self._simulation.history.setups[self._key][-1].state = "failed" if record.failure else "done"
        _stop("note")


def _stop(where: str) -> None:
    thread = current()
    if thread is not None:
        thread.stop(where)


class Worker:
    """One worker. Its clock advances only while it sleeps."""

    def __init__(self, name: str, simulation: Simulation) -> None:
        self.name = name
        self.thread = Thread()
        self.workers = membership.Workers(simulation.directory, name)
        self.engine = Engine(self.workers, self)
        self.held: dict[str, Held] = {}
        self.outcome = "value"
        self.is_alive = True
        self.has_ended = False
        self.has_collected = False
        self.has_torn_down = False
        self.is_impatient = False
        self.must_stop = False
        self.is_acquiring = False
        self.is_taking_over = False
        self.started_at = simulation.history.now
        self.died_at: int | None = None
        self.drained_at: int | None = None
        self.looked_at = 0
        self.has_shares = False
        self._simulation = simulation
        self._seconds = 0.0

    @property
    def is_idle(self) -> bool:
        return self.is_alive and self.thread.where == IDLE

    # -- the engine's clock

    def time(self) -> float:
        self._simulation.history.now += 1
        return float(self._simulation.history.now)

    def monotonic(self) -> float:
        return self._seconds

    def sleep(self, seconds: float, /) -> None:
        self._seconds += seconds
        self.thread.stop("sleep")

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    # -- operations of its thread

    def acquire_all(self, keys: list[str]) -> None:
        """Acquire shares one after the other, as tests do, until the worker has to stop."""
        self.is_acquiring = True
        for key in keys:
            if key not in self.held and not self.must_stop:
                self.acquire(key)
        self.is_acquiring = False

    def acquire(self, key: str) -> bool:
        """Acquire a share, after the one that it depends on."""
        self.has_shares = True
        needed = NEEDS.get(key)
        if needed is not None and needed not in self.held and not self.acquire(needed):
            return False
        since = self._simulation.history.now
        share = self._share(key)
        try:
            acquired = self.engine.acquire(share, lambda: self._set_up(key))
        except (SetupError, NothingToTakeOverError):
            return False
        except KeyboardInterrupt:
            self.must_stop = True
            return False
        setup = self._simulation.history.acquired(key, acquired.value, self, since)
        self.held[key] = Held(share, setup, acquired.is_owner)
        return True

    def collect(self) -> None:
        """Hold the liveness lock, as a worker does before it receives tests."""
        self.workers.hold_liveness_lock()
        self.has_collected = True

    def abandon(self, key: str) -> None:
        """Stop holding a share that another worker set up, because its value cannot be used here."""
        held = self.held.pop(key)
        self._simulation.history.released(held.setup, self)
        self.engine.abandon(held.share)

    def release(self, key: str, is_test_left: Callable[[], bool] | None = None) -> None:
        """Release a share, run the fixture's own end, and finish the release."""
        held = self.held[key]
        timeout = SHORT_DRAIN_TIMEOUT if self.is_impatient else float("inf")
        verdict = self.engine.release(
            held.share, is_owner=held.is_owner, is_test_left=is_test_left, drain_timeout=timeout
        )
        assert verdict is not Verdict.WAIT
        if verdict is Verdict.STAY:
            assert held.is_owner
            assert held.setup.kind is Kind.YIELDS_ONCE
            return
        if verdict is Verdict.LAST:
            self._simulation.history.begin_cleanup(held.setup, self)
        del self.held[key]
        _stop("end")
        self._simulation.history.released(held.setup, self)
        self.engine.finish_release(held.share, verdict)
        if verdict is Verdict.LAST:
            # Other workers see a crash before the engine has published the end as an interrupted cleanup.
            self._simulation.history.end_cleanup(held.setup)

    def tear_down(self) -> None:
        """Drain, take over orphaned shares, and release, as a worker does while pytest tears the session down."""
        if not self.engine.is_draining:
            is_anything_shared = self.has_shares or files.share_keys(self._simulation.directory)
            self.engine.drain()
            self.drained_at = self._simulation.history.now
            if is_anything_shared:
                self._take_over_before_releasing()
        self.has_torn_down = True
        self._release_all()

    def finish(self) -> None:
        """Tear down, take over the remaining shares, and end the process."""
        self.tear_down()
        if self.has_shares or files.share_keys(self._simulation.directory):
            self._take_over_the_rest()
        self.free()
        self.has_ended = True

    def free(self) -> None:
        """Release the locks and files that the kernel releases when a process ends."""
        self.workers.release_liveness_lock()
        for file in self.thread.files:
            file.close()

    # -- helpers of the operations

    def _set_up(self, key: str) -> object:
        setup = self._simulation.history.begin(key, KINDS[key], self)
        _stop("setup")
        if self.outcome == "error":
            raise SetupError(key)
        if self.outcome == "interrupt":
            setup.state = "interrupted"
            raise KeyboardInterrupt
        return setup.number

    def _release_all(self) -> None:
        for key in reversed(list(self.held)):
            if KINDS[key] is not Kind.RETURNS:
                self.release(key)

    def _take_over_before_releasing(self) -> None:
        if self.engine.may_have_orphans():
            for one in self.engine.open_shares(self.held):
                if not one.is_held and self.engine.is_ready(one):
                    self._take_over(one.key)

    def _take_over_the_rest(self) -> None:
        self.engine.drain()
        until = self.monotonic() + (SHORT_DRAIN_TIMEOUT if self.is_impatient else float("inf"))
        failed: set[str] = set()
        while left := self._open_shares(failed):
            may_take_over = not self.engine.is_anybody_left()
            if may_take_over:
                for one in left:
                    if not one.is_held:
                        self.engine.revive(one)
                        if not self._take_over(one.key):
                            failed.add(one.key)
                self._release_all()
            while self.engine.must_wait_for(left[-1], may_take_over=may_take_over) and self.monotonic() < until:
                self.engine.pause()
            if self.monotonic() > until:
                return
            self.engine.pause()

    def _open_shares(self, failed: set[str]) -> list[OpenShare]:
        self._simulation.history.now += 1
        self.looked_at = self._simulation.history.now
        return self.engine.open_shares(failed)

    def _take_over(self, key: str) -> bool:
        self.is_taking_over = True
        with self.engine.taking_over():
            try:
                return key in self.held or self.acquire(key)
            finally:
                self.is_taking_over = False

    def _share(self, key: str) -> Share:
        channel: Any = ValueChannel(key, self._simulation)
        return Share(key, key, key, KINDS[key], f"test_{key}", channel, _describe, _replay)


def _describe(error: BaseException) -> Failure:
    return Failure("error", type(error).__name__, str(error), "")


def _replay(failure: Failure, fixture: str, worker: str) -> NoReturn:
    raise SetupError(failure.message)


class Simulation:
    """A run: its directory, its controller, its workers, and the history of its shares."""

    def __init__(self, workers: int, restarts: int) -> None:
        parent = Path(tempfile.mkdtemp(prefix="engine-machine-"))
        self.directory = parent / files.NAME
        self.history = History()
        self.values: dict[str, object] = {}
        self.workers: list[Worker] = []
        self.lost: set[Worker] = set()
        self.is_closed = False
        self.replacements = 0
        options = {"dist": "load", "maxworkerrestart": str(restarts), "numprocesses": workers}
        self._config = _Config(parent, options)
        self.controller = Controller(cast("pytest.Config", self._config), "never")
        for _ in range(workers):
            self.start()

    def start(self) -> Worker:
        """Start a worker, as a replacement where one is due."""
        self.history.now += 1
        worker = Worker(f"gw{len(self.workers)}", self)
        self.controller.pytest_configure_node(self._node(worker))
        self.workers.append(worker)
        self.replacements = 0
        return worker

    def die(self, worker: Worker) -> None:
        """End a worker's process wherever it is."""
        self.history.now += 1
        worker.died_at = self.history.now
        worker.is_alive = False
        for setup in self.history.all():
            if worker in setup.holders:
                self.history.released(setup, worker)
        worker.free()

    def lose(self, worker: Worker) -> None:
        """Let the controller notice that a worker has ended or crashed."""
        self.lost.add(worker)
        before = len(self.controller._to_be_replaced)
        self.controller.pytest_testnodedown(self._node(worker), None if worker.has_ended else "crashed")
        self.replacements += len(self.controller._to_be_replaced) - before

    def close(self) -> None:
        """Let the controller close the run."""
        self.is_closed = True
        next(self.controller.pytest_sessionfinish())

    def end(self) -> None:
        """Remove everything."""
        for worker in self.workers:
            worker.thread.close()
            worker.free()
        for cleanup in self._config.cleanups:
            cleanup()
        shutil.rmtree(self.directory.parent)

    def not_cleaned_up(self) -> set[tuple[str, str]]:
        """Return the shares that the run's report names as not cleaned up, each with its owner."""
        return {
            (setup.record.fixture_name, setup.record.worker)
            for setup in outcome.read(self.directory, {}).setups
            if setup.end is End.NOT_CLEANED_UP
        }

    def _node(self, worker: Worker) -> Any:
        return SimpleNamespace(
            gateway=SimpleNamespace(id=worker.name), workerinput={"testrunuid": "run"}, config=self._config
        )


class _Config:
    """The part of pytest's config that a controller uses while its workers run."""

    def __init__(self, basetemp: Path, options: dict[str, Any]) -> None:
        self.cleanups: list[Callable[[], None]] = []
        self.add_cleanup = self.cleanups.append
        self.pluginmanager = SimpleNamespace(get_plugin=lambda _: None)
        self._options = options
        self._tmp_path_factory = SimpleNamespace(getbasetemp=lambda: basetemp)

    def getoption(self, name: str) -> Any:
        return self._options[name]
