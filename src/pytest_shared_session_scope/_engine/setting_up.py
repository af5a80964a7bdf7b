"""Setting a share up, by the worker that has its lock."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_shared_session_scope._engine.share import Acquired, Share
from pytest_shared_session_scope._engine.signals import held_back
from pytest_shared_session_scope._run.records import Kind, ShareRecord

if TYPE_CHECKING:
    from pytest_shared_session_scope._engine.clock import Clock
    from pytest_shared_session_scope._run.share_journal import ShareJournal


@dataclasses.dataclass(frozen=True)
class SettingUp:
    """One setup of a share by this worker; see `Engine.take` for `setup` and `keep`."""

    share: Share
    files: ShareJournal
    clock: Clock
    setup: Callable[[], object]
    keep: Callable[[Acquired], None]

    def run(self) -> Acquired:
        """Set the share up, publish it, and keep it; what the setup raises is published for the others, and raised."""
        __tracebackhide__ = True
        share, files = self.share, self.files
        record = self._new_record()
        files.publish("setting-up", record)
        started = self.clock.monotonic()
        try:
            with share.travel.lock():
                value, short = share.travel.write(self.setup())
            record = self._completed(record, value, short, self.clock.monotonic() - started)
        except KeyboardInterrupt:
            files.discard("setting-up")
            raise
        except BaseException as error:
            seconds = self.clock.monotonic() - started
            record = record._replace(seconds=seconds, failure=share.describe_failure(error))
            files.publish("failed", record, instead_of="setting-up")
            share.travel.note(record)
            raise
        taken = Acquired(value, is_owner=True, generation=record.generation, seconds=record.seconds)
        with held_back():
            files.publish_ready(record, is_held=share.kind is not Kind.RETURNS, value=short)
            self.keep(taken)
        if share.is_rerun:
            files.discard("failed")
        share.travel.note(record)
        return taken

    def _new_record(self) -> ShareRecord:
        """Return the record of the setup that begins now; what a dead worker left of an earlier one is put aside."""
        share, files = self.share, self.files
        if share.kind is Kind.YIELDS_ONCE:
            # They hold what died with its owner. To wait for them could close a circle, with owners that wait.
            for worker in files.other_holders() + files.leaving():
                files.drop_holder(worker)
        return ShareRecord(
            fixture=share.fixture,
            fixture_name=share.fixture_name,
            kind=share.kind.value,
            generation=files.put_aside() + 1,
            worker=files.worker,
            pid=os.getpid(),
            item=share.item,
            started=self.clock.time(),
            value_type=share.value_type,
            parameters=", ".join(f"{name}={share.travel.shown(value)}" for name, value in share.parameters),
        )

    def _completed(self, record: ShareRecord, value: object, short: str | None, seconds: float) -> ShareRecord:
        """Return the record of what is set up, once the shares that it depends on know of it."""
        share = self.share
        shown = None
        if share.kind is not Kind.RETURNS:
            for key in share.depends_on:
                self.files.of(key).add_dependent(share.key)
            shown = share.travel.shown(value)
        size = share.travel.size() if short is None else len(short)
        return record._replace(seconds=seconds, size=size, shown=shown)
