"""Acquire a share in one worker: read it if it is ready, else wait for it or set it up."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pytest_shared_session_scope._engine.timings import LONGEST_ACQUIRE_PAUSE, Clock, pauses
from pytest_shared_session_scope._engine.values import Acquired, Share
from pytest_shared_session_scope._run.journal import Kind, ShareRecord, State
from pytest_shared_session_scope._run.journal_file import held_back
from pytest_shared_session_scope.errors import WaitTimeoutError

if TYPE_CHECKING:
    from pytest_shared_session_scope._run.membership import Workers
    from pytest_shared_session_scope._run.share_journal import ShareJournal

__tracebackhide__ = True  # pytest shows users their own frames

# A worker that waits checks this many times whether the share is ready for each time that it checks the lock.
_CHECKS_PER_LOCK: Final = 4
# A shorter wait (seconds) is not announced, so that an acquire touches no further file.
_UNANNOUNCED: Final = 2.0


@dataclasses.dataclass
class Acquirer:
    """One worker's acquire of one share; see `Engine.acquire` for `setup` and `keep`."""

    share: Share
    journal: ShareJournal
    workers: Workers
    clock: Clock
    setup: Callable[[], object]
    keep: Callable[[Acquired], None]

    def read(self) -> Acquired | None:
        """Read the share if it is ready."""
        # Before becoming a holder: most checks of a worker that waits end here.
        if self.journal.state() is not State.READY:
            return None
        is_holder = self.share.kind is not Kind.RETURNS
        if is_holder:
            self.journal.hold()
        acquired = None
        try:
            acquired = self._read()
        finally:
            if is_holder and acquired is None:
                self.journal.drop_holder()
        return acquired

    def _read(self) -> Acquired | None:
        setup = self.journal.setup()
        if setup is None or setup.state is not State.READY or self._died_with_owner(setup.record):
            return None
        began = self.clock.monotonic()
        value = self.share.channel.read(setup.value)
        seconds = self.clock.monotonic() - began
        # Checked last: a worker that sets the share up again drops the holders before it publishes the new value.
        if self.share.kind is Kind.YIELDS_ONCE and not self.journal.is_holding():
            return None
        return Acquired(value, is_owner=False, generation=setup.record.generation, seconds=seconds)

    def _died_with_owner(self, record: ShareRecord) -> bool:
        return record.kind is Kind.YIELDS_ONCE and not self.workers.is_alive(record.worker)

    def wait_or_set_up(self) -> Acquired:
        """Set the share up if its lock is free and nobody else has; else wait for the worker that is setting it up."""
        began = self.clock.monotonic()
        while True:
            try:
                if self.journal.try_lock() and not self._is_published():
                    return self._set_up()
            finally:
                self.journal.unlock()
            with self.clock.waiting():
                acquired = self._wait_while_locked(began)
            if acquired is not None:
                return acquired

    def _is_published(self) -> bool:
        setup = self.journal.setup()
        if setup is not None and setup.state is State.READY and not self._died_with_owner(setup.record):
            return True
        failure = self.journal.failure()
        # A rerun may try again what failed in this worker, as it may without workers.
        return failure is not None and not (self.share.is_rerun and failure.worker == self.workers.me)

    # -- waiting

    def _wait_while_locked(self, began: float) -> Acquired | None:
        """Read the share as soon as it is ready; return None once its lock is free although it is not ready."""
        since, announced_from = self.clock.time(), self.clock.monotonic() + _UNANNOUNCED
        is_announced = False
        try:
            for check, pause in enumerate(pauses(LONGEST_ACQUIRE_PAUSE)):
                acquired = self._read_news(is_first=check == 0)
                if acquired is not None:
                    return acquired
                self._check_timeout(began)
                if not is_announced and self.clock.monotonic() >= announced_from:
                    is_announced = True
                    self.workers.mark_waiting(self.share.key, since)
                self.clock.sleep(pause)
                # The lock becomes free without news only if a setup was cut off; probing it costs more than the news.
                if (check + 1) % _CHECKS_PER_LOCK == 0 and not self.journal.is_locked():
                    return None
        finally:
            if is_announced:
                self.workers.unmark_waiting()
        raise AssertionError("the pauses never end")

    def _read_news(self, *, is_first: bool) -> Acquired | None:
        if not is_first and not self.journal.has_news():
            return None
        failed = self.journal.failure()
        if failed is not None and failed.failure is not None:
            self.share.replay(failed.failure, self.share.fixture, failed.worker)
        return self.read()

    def _check_timeout(self, began: float) -> None:
        timeout = self.share.timeout
        if timeout is None or self.clock.monotonic() - began < timeout:
            return
        setup = self.journal.setup()
        record = setup.record if setup is not None and setup.state is State.SETTING_UP else None
        is_alive = record is not None and self.workers.is_alive(record.worker)
        reason = waited_too_long(self.workers.me, timeout, record, now=self.clock.time(), is_alive=is_alive)
        raise WaitTimeoutError(self.share.fixture, reason)

    # -- setting up

    def _set_up(self) -> Acquired:
        """Set the share up under its lock, publish it and keep it; publish what the setup raises, and raise it."""
        share, journal = self.share, self.journal
        record = self._new_record()
        journal.publish(State.SETTING_UP, record)
        began = self.clock.monotonic()
        try:
            with share.channel.lock():
                value, short = share.channel.write(self.setup())
            record = self._completed(record, value, short, self.clock.monotonic() - began)
        except KeyboardInterrupt:
            journal.discard_setup()
            raise
        except BaseException as error:
            seconds = self.clock.monotonic() - began
            record = record._replace(seconds=seconds, failure=share.describe_failure(error))
            journal.publish(State.FAILED, record)
            share.channel.note(record)
            raise
        acquired = Acquired(value, is_owner=True, generation=record.generation, seconds=record.seconds)
        with held_back():
            journal.publish_ready(record, is_held=share.kind is not Kind.RETURNS, value=short)
            self.keep(acquired)
        share.channel.note(record)
        return acquired

    def _new_record(self) -> ShareRecord:
        """Return the record of the setup that begins now, after putting aside what a dead worker left."""
        share, journal = self.share, self.journal
        if share.kind is Kind.YIELDS_ONCE:
            # They hold a value that died with its owner. Waiting for them could close a circle of waiting owners.
            for worker in journal.other_holders() + journal.other_leavers():
                journal.drop_holder(worker)
        return ShareRecord(
            fixture=share.fixture,
            fixture_name=share.fixture_name,
            kind=share.kind,
            generation=journal.put_aside(),
            worker=self.workers.me,
            pid=os.getpid(),
            item=share.item,
            started=self.clock.time(),
            value_type=share.value_type,
            parameters=", ".join(f"{name}={share.channel.shown(value)}" for name, value in share.parameters),
        )

    def _completed(self, record: ShareRecord, value: object, short: str | None, seconds: float) -> ShareRecord:
        """Return the record of the finished setup, after noting the share in those that it depends on."""
        share = self.share
        shown = None
        if share.kind is not Kind.RETURNS:
            for key in share.depends_on:
                self.journal.of(key).add_dependent(share.key)
            shown = share.channel.shown(value)
        size = share.channel.size() if short is None else len(short)
        return record._replace(seconds=seconds, size=size, shown=shown)


def waited_too_long(worker: str, timeout: float, record: ShareRecord | None, *, now: float, is_alive: bool) -> str:
    """Return the message for a worker that waited `timeout` seconds.

    `record` is that of the setup in progress, whose worker `is_alive`; `now` is in seconds since the epoch.
    """
    cause = "another worker holds its lock"
    if record is not None:
        cause = (
            f"worker {record.worker} (pid {record.pid}, which {'is alive' if is_alive else 'is dead'}) has been "
            f"setting it up for {now - record.started:.1f} s, in {record.item}"
        )
    return (
        f"worker {worker} waited {timeout:g} s for its value: {cause}; raise the timeout "
        f"(timeout= or the ini option shared_session_scope_timeout) or check what that setup is waiting for"
    )
