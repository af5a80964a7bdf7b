"""The shares that this worker has taken, until pytest ends them. Decides nothing: the engine does."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pytest_shared_session_scope import _identity, _run
from pytest_shared_session_scope._annotation import Kind
from pytest_shared_session_scope._engine import Engine, Share, Verdict
from pytest_shared_session_scope._state import STATE
from pytest_shared_session_scope.errors import DefinitionError, WaitTimeoutError
from pytest_shared_session_scope.types import CleanupToken

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pytest_shared_session_scope._identity import Identity
    from pytest_shared_session_scope._state import RunState

FOR_EVER: Final = float("inf")


@dataclasses.dataclass
class Held:
    """A share that this worker holds.

    `value` is what tests get. `end` runs the fixture's own end with a token, None where this worker has none to run. `dependents` are
    the keys of the shares in this worker that depend on it, in the order in which they were taken.
    """

    share: Share
    identity: Identity
    value: object
    is_owner: bool
    end: Callable[[CleanupToken | None], None] | None
    dependents: list[str] = dataclasses.field(default_factory=list)
    is_asked_dynamically: bool = False


class Shares:
    """What this worker holds, by key."""

    def __init__(self, engine: Engine, state: RunState) -> None:
        self.engine = engine
        self.held: dict[str, Held] = {}
        # How long (seconds) a share may wait at the worker's end until no other worker can ask for it any more.
        self.patience = FOR_EVER
        self.state = state
        self._current: dict[pytest.FixtureDef[Any], str] = {}

    def note_current(self, request: pytest.FixtureRequest, key: str) -> None:
        """Remember which share a shared fixture's definition stands for now."""
        self._current[_identity.fixturedef_of(request)] = key

    def add(self, request: pytest.FixtureRequest, held: Held) -> None:
        """Keep a share until the session, or something it depends on, ends."""
        key = held.share.key
        self.held[key] = held
        if held.share.kind is Kind.RETURNS:
            return  # nothing will be cleaned up
        held.is_asked_dynamically = held.identity.fixture_name not in getattr(
            _identity.item_of(request), "fixturenames", ()
        )
        request.session.addfinalizer(functools.partial(self.end, key))
        for dependency in _identity.dependencies_of(request):
            self._end_before(dependency, held)

    def _end_before(self, dependency: pytest.FixtureDef[Any], held: Held) -> None:
        key = self._current.get(dependency, "")
        if key in self.held:
            # pytest ends a shared fixture when its parameter changes, but its share lives on.
            self.held[key].dependents.append(held.share.key)
        elif held.identity.inherits:
            # pytest runs the finalizers of a definition in reverse: this one before the dependency's own teardown.
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

    def _end_one(self, held: Held) -> None:
        __tracebackhide__ = True
        verdict = self.engine.let_go(
            held.share,
            is_owner=held.is_owner,
            is_test_left=None if self.engine.is_draining else functools.partial(self._is_test_left, held),
            patience=self.patience,
        )
        if verdict is Verdict.STAY:
            return
        del self.held[held.share.key]
        try:
            if held.end is not None:
                held.end(CleanupToken.LAST if verdict is Verdict.LAST else None)
        finally:
            self.engine.finish(held.share, verdict)

    def _is_test_left(self, held: Held) -> bool:
        progress = self.state.progress
        if progress is None or held.is_asked_dynamically:
            return True
        is_needed_by = functools.partial(_identity.is_needed_by, identity=held.identity)
        return progress.is_test_left(is_needed_by, self.engine.other_workers())


def shares_of(config: pytest.Config, fixture: str) -> Shares:
    """Return this worker's shares. Raises `DefinitionError` where the plugin is not loaded."""
    state = config.stash.get(STATE, None)
    if state is None:
        raise DefinitionError(
            fixture,
            "it needs the pytest plugin shared_session_scope, which is not loaded; remove -p no:shared_session_scope, "
            "or load it with -p pytest_shared_session_scope.plugin",
        )
    if state.shares is None:
        is_controller_dead = functools.partial(_is_controller_dead, state)
        engine = Engine(directory_of(config, state), state.worker, time, is_controller_dead)
        state.shares = Shares(engine, state)
    return state.shares


def directory_of(config: pytest.Config, state: RunState) -> Path:
    """Return the run's directory, made here in a run without a controller."""
    if state.directory is None:
        state.directory = _run.create_directory(base_directory(config))
    return state.directory


def base_directory(config: pytest.Config) -> Path:
    """Return pytest's base temporary directory of this process."""
    # The public way is a fixture, which a controller has none of; xdist reads the same attribute for its workers.
    base: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # noqa: SLF001
    return base


@contextlib.contextmanager
def named_lock(config: pytest.Config, name: str, timeout: float | None) -> Iterator[None]:
    """Hold a lock between the run's workers; see `SharedLock`."""
    directory = directory_of(config, config.stash[STATE])
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    lock = _run.new_lock(directory / "locks" / digest)
    if not _run.wait_lock(lock, timeout):
        raise WaitTimeoutError(
            f"lock {name!r}", f"another worker has held it for the {timeout:g} s that this worker waited; raise timeout="
        )
    try:
        yield
    finally:
        lock.release()


def _is_controller_dead(state: RunState) -> bool:
    """Say whether the process that started this worker is gone: another one is its parent now.

    Windows keeps the number of a dead parent; there a run whose controller was killed ends when xdist ends its workers.
    """
    return state.controller_pid is not None and os.getppid() != state.controller_pid
