"""The shares that this worker has acquired, until pytest ends their fixtures. The engine decides; this module obeys."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import pytest

from pytest_shared_session_scope._engine.engine import Engine
from pytest_shared_session_scope._engine.release import Verdict
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.journal import Kind
from pytest_shared_session_scope._session.pytest_internals import dependencies_of
from pytest_shared_session_scope.types import CleanupToken

if TYPE_CHECKING:
    from typing import Any

    from pytest_shared_session_scope._engine.values import Share
    from pytest_shared_session_scope._session.identity import Identity
    from pytest_shared_session_scope._session.setup import Style
    from pytest_shared_session_scope._session.worker import Timer, Worker

__tracebackhide__ = True  # pytest shows users their own frames


@dataclasses.dataclass
class Held:
    """A share that this worker holds.

    `value` is what tests get. `style` runs the fixture's own code. `dependents` are the keys of the shares in this
    worker that depend on it, in the order in which they were acquired.
    """

    share: Share
    identity: Identity
    style: Style
    value: object = None
    is_owner: bool = False
    dependents: list[str] = dataclasses.field(default_factory=list[str])


class WaitingClock:
    """The engine's clock, which stops pytest-timeout's timer while this worker waits; all in seconds."""

    def __init__(self, timer: Timer) -> None:
        self._timer = timer

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Suspend this worker."""
        time.sleep(seconds)

    def waiting(self) -> AbstractContextManager[None]:
        """Return a context manager to be entered while this worker waits for others."""
        return self._timer.put_off()


class Shares:
    """The shares that one worker holds, by key.

    `drain_timeout` is how long (seconds) a release at the worker's end waits until no other worker can acquire the
    share; None waits as long as it takes.
    """

    def __init__(self, engine: Engine, worker: Worker) -> None:
        self.engine = engine
        self.worker = worker
        self.held: dict[str, Held] = {}
        self.drain_timeout: float | None = None
        self._current: dict[pytest.FixtureDef[Any], str] = {}

    @property
    def item(self) -> pytest.Item:
        """The test that a shared fixture is requested for."""
        if self.worker.item is None:
            raise RuntimeError("a shared fixture was requested while no test runs")
        return self.worker.item

    def note_current(self, fixturedef: pytest.FixtureDef[Any], key: str) -> None:
        """Remember which share a fixture's definition stands for until its parameters change."""
        self._current[fixturedef] = key

    def dependencies_of(self, request: pytest.FixtureRequest, fixturedef: pytest.FixtureDef[Any]) -> tuple[str, ...]:
        """Return the keys of the shares that a fixture requests and that will be cleaned up."""
        keys = (self._current.get(dependency, "") for dependency in dependencies_of(request, fixturedef))
        return tuple(key for key in keys if key in self.held and self.held[key].share.kind is not Kind.RETURNS)

    def add(self, request: pytest.FixtureRequest, fixturedef: pytest.FixtureDef[Any], held: Held) -> None:
        """Hold a share until the session, or a fixture it depends on, ends."""
        key = held.share.key
        self.held[key] = held
        if held.share.kind is Kind.RETURNS:
            return  # there is nothing to clean up
        request.session.addfinalizer(functools.partial(self.end, key))
        for dependency in dependencies_of(request, fixturedef):
            self._end_before(dependency, held)

    def _end_before(self, dependency: pytest.FixtureDef[Any], held: Held) -> None:
        key = self._current.get(dependency, "")
        if key in self.held:
            # pytest ends a shared fixture when its parameter changes, but its share lives on.
            self.held[key].dependents.append(held.share.key)
        else:
            # pytest runs the finalizers of a definition in reverse order, so this one runs before the dependency's own
            # teardown. That also holds in the middle of the session, and on pytest 7, which notes the dependency anew
            # with each test that requests it.
            dependency.addfinalizer(functools.partial(self.end, held.share.key))

    def end(self, key: str) -> None:
        """Release a share, after those that depend on it. Does nothing for a share that was released already."""
        held = self.held.get(key)
        if held is not None:
            dependents = [functools.partial(self.end, dependent) for dependent in reversed(held.dependents)]
            call_all([*dependents, functools.partial(self._end_one, held)])

    def end_all(self) -> None:
        """Release what pytest has not ended: an interrupt in the end of one fixture makes it forget the others."""
        self.engine.release_unkept(self.held)
        keys = [key for key, held in self.held.items() if held.share.kind is not Kind.RETURNS]
        call_all(functools.partial(self.end, key) for key in reversed(keys))

    def _end_one(self, held: Held) -> None:
        if self._is_in_run():
            for dependent in reversed(held.dependents):
                self.end(dependent)  # once more: an interrupt may have kept one from being released
        verdict = self.engine.release(
            held.share,
            is_owner=held.is_owner,
            is_test_left=functools.partial(self._is_test_left, held) if self._is_in_run() else None,
            drain_timeout=float("inf") if self.drain_timeout is None else self.drain_timeout,
        )
        if verdict is Verdict.STAY:
            return
        error: BaseException | None = None
        try:
            # Inside: an interrupt before this line has `end` called once more.
            del self.held[held.share.key]
            held.style.end(CleanupToken.LAST if verdict is Verdict.LAST else None)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self.engine.finish_release(held.share, verdict, error)

    def _is_in_run(self) -> bool:
        return self.engine.is_taking_over or not self.engine.is_draining

    def _is_test_left(self, held: Held) -> bool:
        progress = self.worker.progress
        if progress is None:
            return True
        return progress.is_test_left(held.identity.is_needed_by, self.engine.other_workers())


def call_all(calls: Iterable[Callable[[], None]]) -> None:
    """Make every call although one before it raises; raise the last exception, with the one before as its context."""
    # Not an ExitStack: its frames would stand in the traceback that a user reads.
    error: BaseException | None = None
    for call in calls:
        try:
            call()
        except BaseException as raised:  # noqa: BLE001 - raised below
            raised.__context__ = raised.__context__ or error
            error = raised
    if error is not None:
        raise error


def shares_of(worker: Worker) -> Shares:
    """Return the worker's shares."""
    if worker.shares is None:
        workers = worker.workers or membership.Workers(worker.run_directory(), worker.name)
        worker.shares = Shares(Engine(workers, WaitingClock(worker.timer), worker.is_controller_dead), worker)
    return worker.shares
