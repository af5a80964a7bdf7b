"""The shares that this worker has taken, until pytest ends them. Decides nothing: the engine does."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope._engine.engine import Engine
from pytest_shared_session_scope._engine.release import Verdict
from pytest_shared_session_scope._engine.values import Share
from pytest_shared_session_scope._reporting.leftovers import ledger_of
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.fileio import create_directory
from pytest_shared_session_scope._run.journal import Kind
from pytest_shared_session_scope._session.identity import dependencies_of, fixturedef_of, is_needed_by
from pytest_shared_session_scope._session.state import STATE
from pytest_shared_session_scope._session.timer import WaitingClock
from pytest_shared_session_scope.types import CleanupToken

if TYPE_CHECKING:
    import pytest

    from pytest_shared_session_scope._session.identity import Identity
    from pytest_shared_session_scope._session.state import RunState

FOR_EVER: Final = float("inf")


@dataclasses.dataclass
class Held:
    """A share that this worker holds.

    `value` is what tests get. `end` runs the fixture's own end with a token, None where this worker has none to run.
    `dependents` are the keys of the shares in this worker that depend on it, in the order in which they were taken.
    """

    share: Share
    identity: Identity
    value: object
    is_owner: bool
    end: Callable[[CleanupToken | None], None] | None
    dependents: list[str] = dataclasses.field(default_factory=list[str])


class Shares:
    """What this worker holds, by key."""

    def __init__(self, engine: Engine, config: pytest.Config) -> None:
        self.engine = engine
        self.config = config
        self.held: dict[str, Held] = {}
        # How long (seconds) a share may wait at the worker's end until no other worker can ask for it any more.
        self.drain_timeout = FOR_EVER
        self.state = config.stash[STATE]
        self._current: dict[pytest.FixtureDef[Any], str] = {}

    def note_current(self, request: pytest.FixtureRequest, key: str) -> None:
        """Remember which share a shared fixture's definition stands for now."""
        self._current[fixturedef_of(request)] = key

    def dependencies_of(self, request: pytest.FixtureRequest) -> tuple[str, ...]:
        """Return the keys of the shares that the request's fixture takes and that will be cleaned up."""
        keys = (self._current.get(dependency, "") for dependency in dependencies_of(request))
        return tuple(key for key in keys if key in self.held and self.held[key].share.kind is not Kind.RETURNS)

    def add(self, request: pytest.FixtureRequest, held: Held) -> None:
        """Keep a share until the session, or something it depends on, ends."""
        key = held.share.key
        self.held[key] = held
        if held.share.kind is Kind.RETURNS:
            return  # nothing will be cleaned up
        request.session.addfinalizer(functools.partial(self.end, key))
        for dependency in dependencies_of(request):
            self._end_before(dependency, held)

    def _end_before(self, dependency: pytest.FixtureDef[Any], held: Held) -> None:
        key = self._current.get(dependency, "")
        if key in self.held:
            # pytest ends a shared fixture when its parameter changes, but its share lives on.
            self.held[key].dependents.append(held.share.key)
        else:
            # pytest runs the finalizers of a definition in reverse: this one before the dependency's own teardown, also
            # where that is not at the session's end, or pytest 7 notes anew, with each test that asks, that it has one.
            dependency.addfinalizer(functools.partial(self.end, held.share.key))

    def end(self, key: str) -> None:
        """Let go of a share, after those that depend on it. Does nothing for one that was let go already."""
        __tracebackhide__ = True
        held = self.held.get(key)
        if held is None:
            return
        with contextlib.ExitStack() as stack:
            stack.callback(self._end_one, held)
            for dependent in held.dependents:
                stack.callback(self.end, dependent)
            # The stack calls in reverse, and goes on when one of them raises.

    def end_all(self) -> None:
        """Let go of what pytest has not ended: an interrupt in one fixture's end makes it forget the others."""
        self.engine.release_unkept(self.held)
        with contextlib.ExitStack() as stack:
            for key, held in self.held.items():
                if held.share.kind is not Kind.RETURNS:
                    stack.callback(self.end, key)

    def _end_one(self, held: Held) -> None:
        __tracebackhide__ = True
        if self._is_in_run():
            for dependent in reversed(held.dependents):
                self.end(dependent)  # once more: an interrupt may have kept one from being let go of
        verdict = self.engine.release(
            held.share,
            is_owner=held.is_owner,
            is_test_left=functools.partial(self._is_test_left, held) if self._is_in_run() else None,
            drain_timeout=self.drain_timeout,
        )
        if verdict is Verdict.STAY:
            return
        error: BaseException | None = None
        try:
            # Inside: an interrupt before it has this called once more.
            del self.held[held.share.key]
            if held.end is not None:
                held.end(CleanupToken.LAST if verdict is Verdict.LAST else None)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self.engine.finish_release(held.share, verdict, error)

    def _is_in_run(self) -> bool:
        return self.engine.is_taking_over or not self.engine.is_draining

    def _is_test_left(self, held: Held) -> bool:
        progress = self.state.progress
        if progress is None:
            return True
        needs = functools.partial(is_needed_by, identity=held.identity)
        return progress.is_test_left(needs, self.engine.other_workers())


def shares_of(config: pytest.Config) -> Shares:
    """Return this worker's shares."""
    state = config.stash[STATE]
    if state.shares is None:
        workers = state.workers or membership.Workers(directory_of(config, state), state.worker)
        engine = Engine(workers, WaitingClock(state.timer), state.is_controller_dead)
        state.shares = Shares(engine, config)
    return state.shares


def directory_of(config: pytest.Config, state: RunState) -> Path:
    """Return the run's directory, made here in a run without a controller."""
    if state.directory is None:
        state.directory = create_directory(base_directory(config))
        workers = membership.Workers(state.directory, membership.CONTROLLER)
        workers.hold_liveness_lock()
        config.add_cleanup(workers.release_liveness_lock)
        ledger_of(config).begin(state.run, state.directory)
    return state.directory


def base_directory(config: pytest.Config) -> Path:
    """Return pytest's base temporary directory of this process."""
    # The public way is a fixture, which a controller has none of; xdist reads the same attribute for its workers.
    private: Any = config
    return Path(private._tmp_path_factory.getbasetemp())  # noqa: SLF001
