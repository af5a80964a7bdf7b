"""Simulated workers over real engines in one directory, which do what the plugin does in a worker's life."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from engine_history import History, Setup
from engine_stepping import IDLE, Thread, current

from pytest_shared_session_scope._engine.decisions import Verdict
from pytest_shared_session_scope._engine.engine import Engine, NothingToTakeOverError
from pytest_shared_session_scope._engine.orphans import Search, Unfinished, is_waited_for, revive
from pytest_shared_session_scope._engine.share import Share
from pytest_shared_session_scope._reporting import outcome
from pytest_shared_session_scope._reporting.outcome import End
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.directory import create_directory, share_keys
from pytest_shared_session_scope._run.records import Failure, Kind, ShareRecord
from pytest_shared_session_scope._session.controller import Controller

# Each share with its kind and what it depends on.
KINDS = {
    "returned": Kind.RETURNS,
    "once": Kind.YIELDS_ONCE,
    "twice": Kind.YIELDS_TWICE,
    "once-on-once": Kind.YIELDS_ONCE,
    "twice-on-twice": Kind.YIELDS_TWICE,
}
NEEDS = {"once-on-once": "once", "twice-on-twice": "twice"}
# Whose values the journal holds.
SHORT = {"once", "twice-on-twice"}
PATIENCE_OF_THE_IMPATIENT = 0.02


class SetupError(Exception):
    """What a setup raises, here or told by another worker."""


@dataclasses.dataclass
class Held:
    """What a worker holds, in the order in which it was taken."""

    share: Share
    setup: Setup
    is_owner: bool


class ValueChannel:
    """The values by key, in memory, where the journal does not hold them; every look at them is a step."""

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
            # What dies before is to the others a death inside the setup.
            self._simulation.history.setups[self._key][-1].state = "failed" if record.failure else "done"
        _stop("note")


def _stop(where: str) -> None:
    thread = current()
    if thread is not None:
        thread.stop(where)


class Worker:
    """One worker. Its clock goes on by what it sleeps."""

    def __init__(self, name: str, simulation: Simulation) -> None:
        self.name = name
        self.thread = Thread()
        self.engine = Engine(membership.Workers(simulation.directory, name), self)
        self.held: dict[str, Held] = {}
        self.outcome = "value"
        self.is_alive = True
        self.has_ended = False
        self.has_collected = False
        self.has_torn_down = False
        self.is_impatient = False
        self.must_stop = False
        self.is_taking = False
        self.is_adopting = False
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

    # -- what it does; each of these is one operation of its thread

    def take_all(self, keys: list[str]) -> None:
        """Take shares one after the other, as tests do, until the worker has to stop."""
        self.is_taking = True
        for key in keys:
            if key not in self.held and not self.must_stop:
                self.take(key)
        self.is_taking = False

    def take(self, key: str) -> bool:
        """Take a share, after what it depends on."""
        self.has_shares = True
        needed = NEEDS.get(key)
        if needed is not None and needed not in self.held and not self.take(needed):
            return False
        since = self._simulation.history.now
        share = self._share(key)
        try:
            taken = self.engine.take(share, lambda: self._set_up(key))
        except (SetupError, NothingToTakeOverError):
            return False
        except KeyboardInterrupt:
            self.must_stop = True
            return False
        setup = self._simulation.history.took(key, taken.value, self, since)
        self.held[key] = Held(share, setup, taken.is_owner)
        return True

    def collect(self) -> None:
        """What happens before a worker is sent tests."""
        self.engine.presence.workers.hold_lease()
        self.has_collected = True

    def abandon(self, key: str) -> None:
        """Stop holding what another worker set up, whose value cannot be used here."""
        held = self.held.pop(key)
        self._simulation.history.left(held.setup, self)
        self.engine.abandon(held.share)

    def let_go(self, key: str, is_test_left: Callable[[], bool] | None = None) -> None:
        """Let go of a share, run the fixture's own end, and tell."""
        held = self.held[key]
        patience = PATIENCE_OF_THE_IMPATIENT if self.is_impatient else float("inf")
        verdict = self.engine.let_go(held.share, is_owner=held.is_owner, is_test_left=is_test_left, patience=patience)
        assert verdict is not Verdict.WAIT
        if verdict is Verdict.STAY:
            assert held.is_owner
            assert held.setup.kind is Kind.YIELDS_ONCE
            return
        if verdict is Verdict.LAST:
            self._simulation.history.begin_cleanup(held.setup, self)
        del self.held[key]
        _stop("end")
        self._simulation.history.left(held.setup, self)
        self.engine.finish(held.share, verdict)
        if verdict is Verdict.LAST:
            # What dies before the engine has noted the end is to the others a cleanup that was cut off.
            self._simulation.history.end_cleanup(held.setup)

    def tear_down(self) -> None:
        """What happens before and while pytest ends the fixtures of the session."""
        if not self.engine.presence.is_draining:
            is_anything_shared = self.has_shares or share_keys(self._simulation.directory)
            self.engine.presence.drain()
            self.drained_at = self._simulation.history.now
            if is_anything_shared:
                self._adopt_before_letting_go()
        self.has_torn_down = True
        self._let_go_of_all()

    def finish(self) -> None:
        """What happens from there to the end of the process."""
        self.tear_down()
        if self.has_shares or share_keys(self._simulation.directory):
            self._adopt_what_is_left()
        self.has_ended = True
        self.free()

    def free(self) -> None:
        """Free what the kernel frees at the end of a process."""
        self.engine.presence.workers.release_lease()
        for file in self.thread.files:
            file.close()

    # -- parts of these

    def _set_up(self, key: str) -> object:
        setup = self._simulation.history.begin(key, KINDS[key], self)
        _stop("setup")
        if self.outcome == "error":
            raise SetupError(key)
        if self.outcome == "interrupt":
            setup.state = "interrupted"
            raise KeyboardInterrupt
        return setup.number

    def _let_go_of_all(self) -> None:
        for key in reversed(list(self.held)):
            if KINDS[key] is not Kind.RETURNS:
                self.let_go(key)

    def _adopt_before_letting_go(self) -> None:
        presence = self.engine.presence
        if presence.may_be_unheld():
            for one in Search(self.engine.directory, presence).unfinished(self.held):
                if not one.is_held and one.files.has("ready"):
                    self._adopt(one.files.key)

    def _adopt_what_is_left(self) -> None:
        presence = self.engine.presence
        presence.drain()
        until = self.monotonic() + (PATIENCE_OF_THE_IMPATIENT if self.is_impatient else float("inf"))
        failed: set[str] = set()
        search = Search(self.engine.directory, presence)
        while left := self._unfinished(search, failed):
            may_adopt = not presence.is_anybody_left()
            if may_adopt:
                for one in left:
                    if not one.is_held:
                        revive(one.files)
                        if not self._adopt(one.files.key):
                            failed.add(one.files.key)
                self._let_go_of_all()
            while is_waited_for(left[-1], presence, may_adopt=may_adopt) and self.monotonic() < until:
                self.engine.wait_a_little()
            if self.monotonic() > until:
                return
            self.engine.wait_a_little()

    def _unfinished(self, search: Search, failed: set[str]) -> list[Unfinished]:
        self._simulation.history.now += 1
        self.looked_at = self._simulation.history.now
        return search.unfinished(failed)

    def _adopt(self, key: str) -> bool:
        self.is_adopting = True
        with self.engine.adopting():
            try:
                return key in self.held or self.take(key)
            finally:
                self.is_adopting = False

    def _share(self, key: str) -> Share:
        travel: Any = ValueChannel(key, self._simulation)
        return Share(key, key, key, KINDS[key], f"test_{key}", travel, _describe, _replay)


def _describe(error: BaseException) -> Failure:
    return Failure("error", type(error).__name__, str(error), "")


def _replay(failure: Failure, fixture: str, worker: str) -> NoReturn:
    raise SetupError(failure.message)


class Simulation:
    """A run: its directory, its controller, its workers, and what became of the shares."""

    def __init__(self, workers: int, restarts: int) -> None:
        parent = Path(tempfile.mkdtemp(prefix="engine-machine-"))
        self.directory = create_directory(parent)
        self.history = History()
        self.values: dict[str, object] = {}
        self.workers: list[Worker] = []
        self.lost: set[Worker] = set()
        self.is_closed = False
        self.replacements = 0
        self._options = {"dist": "load", "maxworkerrestart": str(restarts), "numprocesses": workers}
        self.controller = Controller(self.directory)
        for _ in range(workers):
            self.start()

    def start(self) -> Worker:
        """Start a worker, as a replacement where one is due."""
        self.history.now += 1
        worker = Worker(f"gw{len(self.workers)}", self)
        self.controller.expect(self._node(worker))
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
                self.history.left(setup, worker)
        worker.free()

    def lose(self, worker: Worker) -> None:
        """Let the controller notice that a worker has ended or died."""
        self.lost.add(worker)
        before = len(self.controller._to_be_replaced)
        self.controller.lose(self._node(worker), None if worker.has_ended else "crashed")
        self.replacements += len(self.controller._to_be_replaced) - before

    def close(self) -> None:
        """Let the controller close the run."""
        self.is_closed = True
        self.controller.close()

    def end(self) -> None:
        """Remove everything."""
        for worker in self.workers:
            worker.thread.close()
            worker.free()
        self.controller.release_lease()
        shutil.rmtree(self.directory.parent)

    def not_cleaned_up(self) -> set[tuple[str, str]]:
        """Return the share and the owner of what the run's report names."""
        return {
            (setup.record.fixture_name, setup.record.worker)
            for setup in outcome.read(self.directory, {}, {}).setups
            if setup.end is End.NOT_CLEANED_UP
        }

    def _node(self, worker: Worker) -> Any:
        config = SimpleNamespace(getoption=self._options.__getitem__)
        return SimpleNamespace(gateway=SimpleNamespace(id=worker.name), workerinput={}, config=config)
