"""Take, let go, and who is last. It is told everything: it knows neither pytest nor the clock.

The promises rest on this order of steps, in which a process may die between any two:

* A taker becomes a holder first and looks second whether the share is ready; who wants to be last first withdraws the
  share and looks second whether a holder has come. Whatever interleaves, one of the two sees the other.
* Who is last is decided under the share's lock. Being last needs that no live worker holds the share and that nobody
  can ask for it any more: every other worker is draining, or gone for good.
* A worker marks itself as draining before it waits for anybody, so no two workers wait for each other to drain. Only
  the owner of a fixture that yields once waits for holders, of its own setup alone: it set its share up before any of
  them could take it, so along a chain of such waits the times of setup grow, and no chain closes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Generator
from typing import TYPE_CHECKING

from pytest_shared_session_scope._engine.clock import LONGEST_PAUSE, LOOKS_PER_LOCK, TAKERS_LONGEST_PAUSE, Clock, pauses
from pytest_shared_session_scope._engine.decisions import Verdict
from pytest_shared_session_scope._engine.membership import Presence
from pytest_shared_session_scope._engine.release import LettingGo
from pytest_shared_session_scope._engine.setting_up import SettingUp
from pytest_shared_session_scope._engine.share import Acquired, Share
from pytest_shared_session_scope._engine.signals import held_back
from pytest_shared_session_scope._engine.timings import Asking, Ending, Observed
from pytest_shared_session_scope._run.records import Kind
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope._run.waits import Waiting
from pytest_shared_session_scope.errors import SharedFixtureError, WaitTimeoutError

if TYPE_CHECKING:
    from pytest_shared_session_scope._run.membership import Workers
    from pytest_shared_session_scope._run.records import ShareRecord


class NothingToTakeOverError(SharedFixtureError):
    """Somebody else was faster. Seen only by the plugin itself."""


class Engine:
    """The shares of one run as one worker sees them."""

    def __init__(self, workers: Workers, clock: Clock, is_controller_dead: Callable[[], bool] = lambda: False) -> None:
        self.directory = workers.run_directory
        self.worker = workers.me
        self.presence = Presence(workers, is_controller_dead)
        self.observed = Observed()
        self._clock = clock
        self.is_adopting = False
        # Cleans up the shares with these keys, which nobody holds, if it can be done here.
        self.adopt: Callable[[list[str]], None] | None = None
        self._files: dict[str, ShareJournal] = {}
        self._endings: dict[str, Ending] = {}

    # -- taking

    def take(
        self, share: Share, setup: Callable[[], object], keep: Callable[[Acquired], None] = lambda _: None
    ) -> Acquired:
        """Return the share's value, set up here by calling `setup` if no worker has done so.

        `keep` is called where it is set up here, in the moment in which others can take it: from then on it has to be
        let go of, whatever is raised. Raises whatever the setup raises; what it raised in another worker is replayed.
        Raises `WaitTimeoutError` where another worker's setup takes longer than the share's timeout.
        """
        __tracebackhide__ = True
        asking = Asking(share.key, share.item, self._clock)
        try:
            taken = self._take(share, setup, keep)
        except NothingToTakeOverError:  # no test asked for it
            raise
        except BaseException:
            self.observed.note(asking.end(None))
            raise
        self.observed.note(asking.end(taken))
        return taken

    def _take(self, share: Share, setup: Callable[[], object], keep: Callable[[Acquired], None]) -> Acquired:
        __tracebackhide__ = True
        if not self.is_adopting:
            self.presence.register()
        files = ShareJournal(self.directory, share.key, self.worker, share.fixture)
        if share.kind is not Kind.RETURNS:  # nothing of it will be cleaned up, so nobody lets go of it
            self._files[share.key] = files
        with files:
            taken = self._take_ready(share, files)
            if taken is None and self.is_adopting:
                raise NothingToTakeOverError(share.fixture, "it, or what it depends on, was cleaned up by now")
            if taken is None:
                taken = self._wait_or_set_up(share, files, SettingUp(share, files, self._clock, setup, keep).run)
            if share.kind is not Kind.RETURNS and share.is_dynamic:
                files.note_dynamic()
        return taken

    def _take_ready(self, share: Share, files: ShareJournal) -> Acquired | None:
        """Take the share if it is ready."""
        # Before it becomes a holder: most looks of one that waits end here.
        if not files.has("ready"):
            return None
        is_holder = share.kind is not Kind.RETURNS
        if is_holder:
            files.hold()
        taken = None
        try:
            record = files.read("ready")
            if record is not None and not self._is_orphan(record):
                since = self._clock.monotonic()
                value = share.travel.read(files.value())
                seconds = self._clock.monotonic() - since
                # Asked last: one that sets up afresh drops the holders before it writes its value.
                if share.kind is not Kind.YIELDS_ONCE or files.is_holding():
                    taken = Acquired(value, is_owner=False, generation=record.generation, seconds=seconds)
        finally:
            if is_holder and taken is None:
                files.unhold()
        return taken

    def _is_orphan(self, record: ShareRecord) -> bool:
        """Say whether the resource died with its owner."""
        return record.kind == Kind.YIELDS_ONCE.value and not self.presence.workers.is_alive(record.worker)

    def _wait_or_set_up(self, share: Share, files: ShareJournal, set_up: Callable[[], Acquired]) -> Acquired:
        __tracebackhide__ = True
        since = self._clock.monotonic()
        while True:
            try:
                if files.try_lock() and not self._is_published(share, files):
                    return set_up()
            finally:
                files.unlock()
            with self._clock.waiting(), Waiting(self.directory, self.worker, share.key, self._clock) as waiting:
                taken = self._wait_while_locked(share, files, since, waiting)
            if taken is not None:
                return taken

    def _wait_while_locked(self, share: Share, files: ShareJournal, since: float, waiting: Waiting) -> Acquired | None:
        """Take the share as soon as it is ready; return None when its lock is free though it is not."""
        __tracebackhide__ = True
        for looks, pause in enumerate(pauses(TAKERS_LONGEST_PAUSE)):
            if looks == 0 or files.has_news():
                self._replay_failure(share, files)
                taken = self._take_ready(share, files)
                if taken is not None:
                    return taken
            self._check_timeout(share, files, since)
            waiting.look()
            self._clock.sleep(pause)
            # Only a setup that was cut off frees the lock without news; to ask for it costs more than for news.
            if (looks + 1) % LOOKS_PER_LOCK == 0 and not files.is_locked():
                return None
        raise AssertionError("the pauses never end")

    def _is_published(self, share: Share, files: ShareJournal) -> bool:
        record = files.read("ready")
        if record is not None and not self._is_orphan(record):
            return True
        failed = files.read("failed")
        # A rerun may try again what failed in this worker, as it may without workers.
        return failed is not None and not (share.is_rerun and failed.worker == self.worker)

    def _replay_failure(self, share: Share, files: ShareJournal) -> None:
        __tracebackhide__ = True
        record = files.read("failed")
        if record is not None and record.failure is not None:
            share.replay(record.failure, share.fixture, record.worker)

    def _check_timeout(self, share: Share, files: ShareJournal, since: float) -> None:
        __tracebackhide__ = True
        if share.timeout is None or self._clock.monotonic() - since < share.timeout:
            return
        holding = files.read("setting-up")
        is_alive = holding is not None and self.presence.workers.is_alive(holding.worker)
        told = _waited_too_long(self.worker, share.timeout, holding, now=self._clock.time(), is_alive=is_alive)
        raise WaitTimeoutError(share.fixture, told)

    def abandon(self, share: Share) -> None:
        """Stop holding a share that was taken but cannot be used in this worker."""
        self._files.pop(share.key).unhold()
        self.presence.note_unheld()

    def drop_unkept(self, kept: Container[str]) -> None:
        """Stop holding what was taken when an interrupt, or an error, kept it from being kept."""
        for key in [key for key in self._files if key not in kept]:
            self._files.pop(key).unhold()

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
        since = self._clock.monotonic()
        letting_go = LettingGo(files, self.presence, yields_once, is_test_left, self.adopt)
        with files:
            verdict = letting_go.wait_for_verdict(self._clock, patience)
        self._endings[share.key] = Ending(self._clock, since, self.observed.ending)
        return verdict

    @contextlib.contextmanager
    def adopting(self) -> Generator[None, None, None]:
        """Take, inside, only what is set up, and without ceasing to drain.

        What ends inside, since pytest ends a fixture to set it up with another parameter, is let go as in the run:
        what depends on it may be the next to be taken.
        """
        self.presence.workers.hold_lease()
        self.is_adopting = True
        try:
            yield
        finally:
            self.is_adopting = False

    def wait_a_little(self) -> None:
        """Give the others time."""
        self._clock.sleep(LONGEST_PAUSE)

    def finish(self, share: Share, verdict: Verdict, error: BaseException | None = None) -> None:
        """Close what `let_go` began, once the fixture's own code has ended, or raised `error`."""
        files = self._files[share.key]
        try:
            with files:
                self._finish(share, files, verdict, error)
        finally:
            files.unlock()
            self._files.pop(share.key, None)

    def _finish(self, share: Share, files: ShareJournal, verdict: Verdict, error: BaseException | None) -> None:
        if verdict is Verdict.LEAVE:
            files.unleave()
            return
        with held_back():  # else an interrupt here has another worker clean up once more
            record = self._note_cleanup(share, files, error)
        # Last: what a store raises must not have it, either.
        if record is not None:
            share.travel.note(record)
        is_short = files.wipe_value()
        # An earlier setup, whose worker died, may have left a value that was not.
        if not is_short or record is None or record.generation > 1:
            share.travel.delete()

    def _note_cleanup(self, share: Share, files: ShareJournal, error: BaseException | None) -> ShareRecord | None:
        record = files.read("cleaning")
        if record is None:
            files.unhold()
        else:
            record = self._endings.pop(share.key).noted_in(record, self.worker, error)
            files.publish_cleaned(record)
        for key in share.depends_on:
            files.of(key).drop_dependent(share.key)
        return record


def _waited_too_long(worker: str, timeout: float, record: ShareRecord | None, *, now: float, is_alive: bool) -> str:
    """Return what to tell a worker that waited `timeout` seconds; `record` is the setup's, `now` is in seconds."""
    who = "another worker holds its lock"
    if record is not None:
        who = (
            f"worker {record.worker} (pid {record.pid}, which {'is alive' if is_alive else 'is dead'}) has been "
            f"setting it up for {now - record.started:.1f} s, in {record.item}"
        )
    return (
        f"worker {worker} waited {timeout:g} s for its value: {who}; raise the timeout "
        f"(timeout= or the ini option shared_session_scope_timeout) or look at what that setup is waiting for"
    )
