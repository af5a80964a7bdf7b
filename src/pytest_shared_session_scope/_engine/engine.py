"""Acquire and release the shares of one run in one worker. Receives everything: knows neither pytest nor the clock.

The promises rest on the following order of steps. A process may die between any two of them.

* An acquiring worker first becomes a holder and then checks whether the share is ready; a worker that wants to be last
  first withdraws the share and then checks whether there is a new holder. In any interleaving, one sees the other.
* The last worker is determined under the share's lock. It is last if no other live worker holds the share and none can
  acquire it any more: every other worker is draining, or gone for good.
* A worker marks itself as draining before it waits for others, so no two workers wait for each other to drain. Only
  the owner of a fixture that yields once waits for holders, and only for those of its own setup: it set its share up
  before any of them could acquire it, so along a chain of such waits the setups get later, and no chain closes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Generator
from typing import TYPE_CHECKING

from pytest_shared_session_scope._engine import timings
from pytest_shared_session_scope._engine.acquire import Acquirer
from pytest_shared_session_scope._engine.membership import Membership, OpenShare, OpenShares
from pytest_shared_session_scope._engine.release import Releaser, Verdict
from pytest_shared_session_scope._engine.timings import LONGEST_PAUSE, AcquireTimer, Acquisition, CleanupTimer, Clock
from pytest_shared_session_scope._engine.values import Acquired, Share
from pytest_shared_session_scope._run.journal import Kind, State
from pytest_shared_session_scope._run.journal_file import held_back
from pytest_shared_session_scope._run.share_journal import Setup, ShareJournal
from pytest_shared_session_scope.errors import SharedFixtureError

if TYPE_CHECKING:
    from pytest_shared_session_scope._run.membership import Workers

__tracebackhide__ = True  # pytest shows users their own frames


class NothingToTakeOverError(SharedFixtureError):
    """Another worker has cleaned the share up. Never leaves the plugin."""


class Engine:
    """The shares of one run as one worker sees them."""

    def __init__(self, workers: Workers, clock: Clock, is_controller_dead: Callable[[], bool] = lambda: False) -> None:
        self.directory = workers.run_directory
        self.worker = workers.me
        self.is_taking_over = False
        # Given the keys of open shares: cleans up those that are orphaned and visible here.
        self.clean_up_dependents: Callable[[list[str]], None] | None = None
        self.acquisitions: list[Acquisition] = []
        self._workers = workers
        self._membership = Membership(workers, is_controller_dead)
        self._open_shares = OpenShares(self._membership)
        self._clock = clock
        # The journals of the shares that this worker has acquired and has to release.
        self._journals: dict[str, ShareJournal] = {}
        self._cleanups: dict[str, CleanupTimer] = {}
        self._test = ""

    # -- acquiring

    def acquire(
        self, share: Share, setup: Callable[[], object], keep: Callable[[Acquired], None] = lambda _: None
    ) -> Acquired:
        """Return the share's value, after setting it up here by calling `setup` if no worker has done so.

        `keep` is called if it is set up here, at the moment from which others can acquire it: from then on it has to
        be released, whatever is raised. Raises what the setup raises, also if it was run in another worker, and
        `WaitTimeoutError` if another worker's setup takes longer than the share's timeout.
        """
        timer = AcquireTimer(share.key, share.item, self._clock)
        try:
            acquired = self._acquire(share, setup, keep)
        except NothingToTakeOverError:  # no test has tried to acquire it
            raise
        except BaseException:
            self.acquisitions.append(timer.stop(None))
            raise
        self.acquisitions.append(timer.stop(acquired))
        return acquired

    def _acquire(self, share: Share, setup: Callable[[], object], keep: Callable[[Acquired], None]) -> Acquired:
        if not self.is_taking_over:
            self._membership.register()
        journal = ShareJournal(self.directory, share.key, self.worker, share.fixture)
        has_to_be_released = share.kind is not Kind.RETURNS
        if has_to_be_released:
            self._journals[share.key] = journal
        with journal:
            acquirer = Acquirer(share, journal, self._workers, self._clock, setup, keep)
            acquired = acquirer.read()
            if acquired is None and self.is_taking_over:
                raise NothingToTakeOverError(share.fixture, "it, or a share it depends on, has been cleaned up")
            if acquired is None:
                acquired = acquirer.wait_or_set_up()
            if has_to_be_released and share.is_dynamic:
                journal.note_dynamic()
        return acquired

    def abandon(self, share: Share) -> None:
        """Stop holding a share that was acquired but cannot be used in this worker."""
        self._journals.pop(share.key).drop_holder()
        self._workers.note_orphan()

    def release_unkept(self, kept: Container[str]) -> None:
        """Stop holding shares that were acquired and, because of an interrupt or an error, not kept."""
        for key in [key for key in self._journals if key not in kept]:
            self._journals.pop(key).drop_holder()

    # -- releasing

    def release(
        self, share: Share, *, is_owner: bool, is_test_left: Callable[[], bool] | None = None, drain_timeout: float
    ) -> Verdict:
        """Return what the release of the share means for the fixture's own end: LEAVE, LAST, or STAY for not yet.

        After LEAVE and LAST `finish_release` has to be called, once the fixture's own code has ended. `is_test_left`
        is given if the share is released in the middle of the run: whether a test is left that needs it.
        `drain_timeout` limits how long to wait (seconds) until no other worker can acquire it any more.
        """
        journal = self._journals[share.key]
        yields_once = share.kind is Kind.YIELDS_ONCE
        if yields_once and not is_owner:
            journal.leave()
            return Verdict.LEAVE
        since = self._clock.monotonic()
        releaser = Releaser(journal, self._membership, yields_once, is_test_left, self.clean_up_dependents)
        with journal:
            verdict = releaser.wait_for_verdict(self._clock, drain_timeout)
        self._cleanups[share.key] = CleanupTimer(self._clock, since, self._test)
        return verdict

    def finish_release(self, share: Share, verdict: Verdict, error: BaseException | None = None) -> None:
        """Finish what `release` began, once the fixture's own code has ended, or raised `error`."""
        journal = self._journals[share.key]
        try:
            with journal:
                if verdict is Verdict.LEAVE:
                    journal.drop_holder()
                else:
                    self._finish_cleanup(share, journal, error)
        finally:
            journal.unlock()
            self._journals.pop(share.key, None)

    def _finish_cleanup(self, share: Share, journal: ShareJournal, error: BaseException | None) -> None:
        with held_back():  # after an interrupt here another worker would clean up once more
            setup = self._publish_cleanup(share, journal, error)
        # Last: an error of a store must not keep the cleanup from being published.
        if setup is not None:
            share.channel.note(setup.record)
        # A short value was in the journal; but an earlier setup, whose worker died, may have stored a longer one.
        if setup is None or setup.value is None or setup.record.generation > 1:
            share.channel.delete()

    def _publish_cleanup(self, share: Share, journal: ShareJournal, error: BaseException | None) -> Setup | None:
        setup = journal.setup()
        if setup is None or setup.state is not State.CLEANING:
            setup = None
            journal.drop_holder()
        else:
            record = self._cleanups.pop(share.key).add_to(setup.record, self.worker, error)
            setup = setup._replace(record=record)
            journal.publish_cleaned(record)
        for key in share.depends_on:
            journal.of(key).drop_dependent(share.key)
        return setup

    # -- taking over

    @contextlib.contextmanager
    def taking_over(self) -> Generator[None, None, None]:
        """Acquire, inside, only shares that are ready, and without ceasing to drain.

        If pytest ends a fixture inside, to set it up with another parameter, its share is released as in the middle of
        the run: a share that depends on it may be the next to be taken over.
        """
        self._workers.hold_liveness_lock()
        self.is_taking_over = True
        try:
            yield
        finally:
            self.is_taking_over = False

    def open_shares(self, known: Container[str]) -> list[OpenShare]:
        """Return the shares that have to be cleaned up, except the `known` ones; the last to be set up comes first."""
        return self._open_shares.scan(known)

    def revive(self, share: OpenShare) -> None:
        """Make a share ready again whose worker died while it cleaned up; see `OpenShares.revive`."""
        self._open_shares.revive(share.key)

    def is_ready(self, share: OpenShare) -> bool:
        """Whether the share can be acquired."""
        return self._open_shares.is_ready(share.key)

    def must_wait_for(self, share: OpenShare, *, may_take_over: bool) -> bool:
        """Whether there is nothing to do but to wait for a share; see `OpenShares.must_wait_for`."""
        return self._open_shares.must_wait_for(share, may_take_over=may_take_over)

    def pause(self) -> None:
        """Give the other workers time."""
        self._clock.sleep(LONGEST_PAUSE)

    # -- this worker among the others

    @property
    def is_draining(self) -> bool:
        """Whether this worker has begun to tear down its session."""
        return self._membership.is_draining

    def drain(self) -> None:
        """Announce that this worker acquires nothing any more, before the first fixture of its session ends."""
        self._membership.drain()

    def is_anybody_left(self) -> bool:
        """Whether another worker may still acquire a share."""
        return self._membership.is_anybody_left()

    def may_have_orphans(self) -> bool:
        """Whether a share may be orphaned; cheaper than `open_shares`."""
        return self._membership.may_have_orphans()

    def other_workers(self) -> list[str]:
        """Return the other workers that may run tests."""
        return self._membership.others()

    def note_test(self, nodeid: str) -> None:
        """Note the test that is being torn down, or was last: the cleanups that follow delay it."""
        self._test = nodeid

    def close(self) -> None:
        """Write the timings for the report, at the worker's end."""
        with contextlib.suppress(OSError):  # a report must never fail a run
            timings.write(self.directory, self.worker, self.acquisitions)

    def release_liveness_lock(self) -> None:
        """Release the liveness lock, so that this worker no longer counts as alive."""
        self._workers.release_liveness_lock()
