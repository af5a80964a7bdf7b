"""Take, let go, and who is last. It is told everything: it knows neither pytest nor the clock.

The promises rest on this order of steps, in which a process may die between any two:

* A taker becomes a holder first and looks second whether the share is ready; who wants to be last first withdraws the
  share and looks second whether a holder has come. Whatever interleaves, one of the two sees the other.
* Who is last is decided under the share's lock. Being last needs that no live worker holds the share and that nobody
  can ask for it any more: every other worker is draining, or gone for good.
* A worker marks itself as draining before it waits for anybody, so no two workers wait for each other to drain. Only
  the owner of a fixture that yields once waits for holders; it set its share up before any of them could take it, so
  along a chain of such waits the times of setup grow, and no chain closes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import os
from collections.abc import Callable, Container, Iterator
from typing import TYPE_CHECKING, NoReturn, Protocol

from pytest_shared_session_scope import _run
from pytest_shared_session_scope._annotation import Kind
from pytest_shared_session_scope._records import Failure, ShareRecord
from pytest_shared_session_scope._run import DRAINING, GONE, RUNNING, ShareFiles, Workers
from pytest_shared_session_scope.errors import SharedFixtureError, WaitTimeoutError
from pytest_shared_session_scope.types import CleanupToken

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_shared_session_scope._travel import Travel

# Seconds between two looks at what another worker is doing: short at first, for setups that take no time, then a
# compromise between waking late and costing a core (issue of waking: 95 % within 10 ms, at most 2 % of a core).
FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.008


class Clock(Protocol):
    """What the engine needs of time; all in seconds."""

    def time(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...


class Verdict(enum.Enum):
    """What becomes of a holder that wants to let go."""

    LEAVE = "leave"
    """It goes without a token; somebody else is responsible."""
    STAY = "stay"
    """It stays the owner: others need what it set up, and this is no time to wait for them."""
    WAIT = "wait"
    """It looks again a little later."""
    LAST = "last"
    """It cleans up."""


def can_ask(state: str, *, closed: bool, alive: Callable[[], bool]) -> bool:
    """Say whether a worker in this state may still ask for a share.

    A running worker that died may be replaced by one that asks, until the controller has replaced it or has closed
    the run. `alive` is only asked where it matters, since it costs a look at a lock.
    """
    if state in (DRAINING, GONE):
        return False
    if not closed:
        return True
    return state == RUNNING and alive()


def decide(*, only_owner_cleans: bool, holders: bool, may_be_asked: bool, in_run: bool, patient: bool) -> Verdict:
    """Decide for a holder that lets go.

    `only_owner_cleans`: it owns a fixture that yields once, so nobody else can clean up for it. `holders`: other live
    workers hold the share. `may_be_asked`: somebody can still ask for it. `in_run`: it lets go in the middle of the
    run, where waiting would cost. `patient`: it has not waited for too long.
    """
    if not holders and not may_be_asked:
        return Verdict.LAST
    if only_owner_cleans:
        if in_run:
            return Verdict.STAY
        return Verdict.WAIT if patient else Verdict.LAST
    if holders or in_run or not patient:
        return Verdict.LEAVE
    return Verdict.WAIT


@dataclasses.dataclass(frozen=True)
class Share:
    """What the engine is told about a share when it is asked for.

    `timeout` is in seconds, None for no limit. `item` is the node id of the asking test.
    """

    key: str
    fixture: str
    fixture_name: str
    kind: Kind
    item: str
    travel: Travel
    describe_failure: Callable[[BaseException], Failure]
    replay: Callable[[Failure, str, str], NoReturn]
    timeout: float | None = None


@dataclasses.dataclass(frozen=True)
class Taken:
    """The value that tests get, and whether this worker set it up."""

    value: object
    is_owner: bool


class NothingToAdoptError(SharedFixtureError):
    """Somebody else was faster. Seen only by the plugin itself."""


class Engine:
    """The shares of one run as one worker sees them."""

    def __init__(
        self, directory: Path, worker: str, clock: Clock, is_controller_dead: Callable[[], bool] = lambda: False
    ) -> None:
        self.directory = directory
        self.worker = worker
        self.workers = Workers(directory, worker)
        self._clock = clock
        self._is_registered = False
        self._is_draining = False
        self._is_controller_dead = is_controller_dead
        self._adopting: str | None = None
        self._files: dict[str, ShareFiles] = {}

    # -- this worker's own state

    @property
    def is_draining(self) -> bool:
        """Whether this worker takes nothing any more."""
        return self._is_draining

    def drain(self) -> None:
        """Say that this worker takes nothing any more. Called before the first fixture of the session ends."""
        if not self._is_draining:
            self._is_draining = True
            self.workers.mark(self.worker, DRAINING)

    def _be_present(self) -> None:
        if self._adopting is not None:
            return
        if not self._is_registered:
            # The lease first: who is seen as running must be provably alive.
            self.workers.hold_lease()
            self.workers.mark(self.worker, RUNNING)
            self._is_registered = True
        if self._is_draining:
            # A plugin runs a test again after the session was torn down.
            self._is_draining = False
            self.workers.unmark(self.worker, DRAINING)

    # -- taking

    def take(self, share: Share, setup: Callable[[], object]) -> Taken:
        """Return the share's value, set up here by calling `setup` if no worker has done so.

        Raises whatever the setup raises; what it raised in another worker is replayed. Raises `WaitTimeoutError`
        where another worker's setup takes longer than the share's timeout.
        """
        __tracebackhide__ = True
        self._be_present()
        files = ShareFiles(self.directory, share.key, self.worker, share.fixture)
        taken = self._take_ready(share, files)
        if taken is None and share.key == self._adopting:
            raise NothingToAdoptError(share.fixture, "another worker has cleaned it up by now")
        if taken is None:
            files.create()
            taken = self._wait_or_set_up(share, files, setup)
        if share.kind is not Kind.RETURNS:  # nothing of it will be cleaned up, so nobody lets go of it
            self._files[share.key] = files
        return taken

    def _take_ready(self, share: Share, files: ShareFiles) -> Taken | None:
        """Take the share if it is ready."""
        is_holder = share.kind is not Kind.RETURNS and files.hold(share.item)
        taken = None
        try:
            record = files.read("ready")
            if record is not None and not self._is_orphan(record):
                taken = Taken(share.travel.read(), is_owner=False)
        finally:
            if is_holder and taken is None:
                files.unhold()
        return taken

    def _is_orphan(self, record: ShareRecord) -> bool:
        """Say whether the resource died with its owner."""
        return record.kind == Kind.YIELDS_ONCE.value and not self.workers.is_alive(record.worker)

    def _wait_or_set_up(self, share: Share, files: ShareFiles, setup: Callable[[], object]) -> Taken:
        __tracebackhide__ = True
        since = self._clock.monotonic()
        for pause in _pauses():
            if not files.is_locked() and _run.try_lock(files.lock):
                try:
                    if not self._is_published(share, files):
                        return Taken(self._set_up(share, files, setup), is_owner=True)
                finally:
                    files.lock.release()
            self._replay_failure(share, files)
            taken = self._take_ready(share, files)
            if taken is not None:
                return taken
            self._check_timeout(share, files, since)
            self._clock.sleep(pause)
        raise AssertionError("the pauses never end")

    def _is_published(self, share: Share, files: ShareFiles) -> bool:
        record = files.read("ready")
        return files.has("failed") or (record is not None and not self._is_orphan(record))

    def _replay_failure(self, share: Share, files: ShareFiles) -> None:
        __tracebackhide__ = True
        record = files.read("failed")
        if record is not None and record.failure is not None:
            share.replay(record.failure, share.fixture, record.worker)

    def _check_timeout(self, share: Share, files: ShareFiles, since: float) -> None:
        __tracebackhide__ = True
        if share.timeout is None or self._clock.monotonic() - since < share.timeout:
            return
        holding = files.read("setting-up")
        if holding is None:
            who = "another worker holds its lock"
        else:
            alive = "is alive" if self.workers.is_alive(holding.worker) else "is dead"
            who = (
                f"worker {holding.worker} (pid {holding.pid}, which {alive}) has been setting it up for "
                f"{self._clock.time() - holding.started:.1f} s, in {holding.item}"
            )
        raise WaitTimeoutError(
            share.fixture,
            f"worker {self.worker} waited {share.timeout:g} s for its value: {who}; raise the timeout "
            f"(timeout= or the ini option shared_session_scope_timeout) or look at what that setup is waiting for",
        )

    # -- setting up, under the share's lock

    def _set_up(self, share: Share, files: ShareFiles, setup: Callable[[], object]) -> object:
        __tracebackhide__ = True
        record = self._new_record(share, files)
        files.publish("setting-up", record)
        started = self._clock.monotonic()
        try:
            with share.travel.lock():
                value = share.travel.write(setup())
        except KeyboardInterrupt:
            files.discard("setting-up")
            raise
        except BaseException as error:
            record = dataclasses.replace(record, seconds=self._clock.monotonic() - started)
            self._publish(share, files, "failed", dataclasses.replace(record, failure=share.describe_failure(error)))
            raise
        if share.kind is not Kind.RETURNS:
            files.hold(share.item)
        record = dataclasses.replace(record, seconds=self._clock.monotonic() - started)
        self._publish(share, files, "ready", record)
        return value

    def _publish(self, share: Share, files: ShareFiles, state: str, record: ShareRecord) -> None:
        files.publish(state, record)
        files.discard("setting-up")
        share.travel.note(record)

    def _new_record(self, share: Share, files: ShareFiles) -> ShareRecord:
        """Return the record of the setup that begins now; what a dead worker left of an earlier one is put aside."""
        ended = files.ended()
        for state in ("setting-up", "ready", "cleaning"):
            if files.has(state):
                ended += 1
                files.rename(state, f"lost-{ended}")
        return ShareRecord(
            fixture=share.fixture,
            fixture_name=share.fixture_name,
            kind=share.kind.value,
            generation=ended + 1,
            worker=self.worker,
            pid=os.getpid(),
            item=share.item,
            started=self._clock.time(),
        )

    def abandon(self, share: Share) -> None:
        """Stop holding a share that was taken but cannot be used in this worker."""
        self._files.pop(share.key).unhold()

    # -- letting go

    def let_go(
        self, share: Share, *, is_owner: bool, is_test_left: Callable[[], bool] | None = None, patience: float
    ) -> Verdict:
        """Let go of the share and say what that means for the fixture's own end: LEAVE, LAST, or STAY for not now.

        `finish` must be called with LEAVE and LAST once the fixture's own code has ended. `is_test_left` is given where
        a worker lets go in the middle of the run, and says whether a test is left that needs the share. `patience` is
        how long to wait at most (seconds) until nobody can ask any more.
        """
        files = self._files[share.key]
        yields_once = share.kind is Kind.YIELDS_ONCE
        if yields_once and not is_owner:
            files.leave()
            return Verdict.LEAVE
        asked = is_test_left or self.is_anybody_left
        until = self._clock.monotonic() + patience
        for pause in _pauses():
            _run.wait_lock(files.lock)
            verdict = Verdict.WAIT
            try:
                verdict = self._judge(
                    files,
                    only_owner_cleans=yields_once,
                    asked=asked,
                    in_run=is_test_left is not None,
                    patient=self._clock.monotonic() < until,
                )
            finally:
                # Whoever is last keeps the lock: who asks now waits until all is cleaned up.
                if verdict is not Verdict.LAST:
                    files.lock.release()
            if verdict is not Verdict.WAIT:
                return verdict
            self._clock.sleep(pause)
        raise AssertionError("the pauses never end")

    def _judge(
        self, files: ShareFiles, *, only_owner_cleans: bool, asked: Callable[[], bool], in_run: bool, patient: bool
    ) -> Verdict:
        """Decide under the share's lock, and do what the verdict means to the other workers."""
        holders = self._is_any_alive(files, files.other_holders())
        verdict = decide(
            only_owner_cleans=only_owner_cleans,
            holders=holders,
            may_be_asked=holders or asked(),
            in_run=in_run,
            patient=patient,
        )
        if verdict is Verdict.LAST and not self._withdraw(files, heedless=holders):
            return Verdict.WAIT
        if verdict is Verdict.LEAVE:
            files.leave()
        return verdict

    def _withdraw(self, files: ShareFiles, *, heedless: bool) -> bool:
        """Withdraw the share, unless another worker's fixture is still ending or somebody has become a holder."""
        if not heedless and self._is_any_alive(files, files.leaving()):
            return False
        files.rename("ready", "cleaning")
        if not heedless and self._is_any_alive(files, files.other_holders()):
            files.rename("cleaning", "ready")
            return False
        return True

    def _is_any_alive(self, files: ShareFiles, workers: list[str]) -> bool:
        """Say whether one of the workers lives; what the dead ones before it left is removed. They hold nothing."""
        for worker in workers:
            if self.workers.is_alive(worker):
                return True
            files.drop_holder(worker)
        return False

    def is_anybody_left(self) -> bool:
        """Say whether a worker beside this one may still ask for a share."""
        roster = self.workers.roster()
        others = [(worker, state) for worker, state in roster.states.items() if worker != self.worker]
        closed = roster.closed or self._is_controller_dead()
        return any(
            can_ask(state, closed=closed, alive=functools.partial(self.workers.is_alive, worker))
            for worker, state in others
        )

    def other_workers(self) -> list[str]:
        """Return the workers beside this one that are not gone."""
        states = self.workers.roster().states
        return [worker for worker, state in states.items() if worker != self.worker and state != GONE]

    # -- adopting

    @contextlib.contextmanager
    def adopting(self, key: str) -> Iterator[None]:
        """Take a share that nobody holds any more, inside: without setting it up, and without ceasing to drain."""
        self._adopting = key
        self.workers.hold_lease()
        try:
            yield
        finally:
            self._adopting = None

    def unfinished(self, known: Container[str]) -> Iterator[tuple[str, ShareRecord, bool]]:
        """Yield the key and record of each share that yields twice and is not cleaned up, and whether a worker holds it.

        Those `known` are left out.
        """
        for key in _run.share_keys(self.directory):
            files = ShareFiles(self.directory, key, self.worker, key)
            if key in known or not files.exists():
                continue
            self._revive(files)
            record = files.read("ready")
            if record is not None and record.kind == Kind.YIELDS_TWICE.value:
                holders = files.other_holders() + files.leaving()
                yield key, record, self._is_any_alive(files, holders)

    def _revive(self, files: ShareFiles) -> None:
        """Make a share ready again whose cleanup was cut off by the death of its worker, which had the lock."""
        if files.has("cleaning") and not files.is_locked() and _run.try_lock(files.lock):
            if files.has("cleaning"):
                files.rename("cleaning", "ready")
            files.lock.release()

    def wait_a_little(self) -> None:
        """Give the others time."""
        self._clock.sleep(LONGEST_PAUSE)

    # -- the end

    def finish(self, share: Share, verdict: Verdict) -> None:
        """Close what `let_go` began, once the fixture's own code has ended."""
        files = self._files.pop(share.key)
        if verdict is Verdict.LEAVE:
            files.unleave()
            return
        record = files.read("cleaning")
        files.unhold()
        share.travel.delete()
        if record is not None:
            record = dataclasses.replace(record, cleaned_by=self.worker)
            files.publish(f"cleaned-{record.generation}", record)
            files.discard("cleaning")
            share.travel.note(record)
        files.lock.release()


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.5, LONGEST_PAUSE)
