"""A worker that waits for a share says so after two seconds, and explains itself when it gives up."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from samples import RECORD as SAMPLE

from pytest_shared_session_scope._engine.acquire import waited_too_long
from pytest_shared_session_scope._engine.engine import Engine
from pytest_shared_session_scope._engine.values import Share
from pytest_shared_session_scope._run.files import create_directory
from pytest_shared_session_scope._run.journal import Kind, State
from pytest_shared_session_scope._run.membership import Wait, Workers, WorkerState
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope.errors import WaitTimeoutError

FIXTURE = "'db' (conftest.py:12)"
RECORD = SAMPLE._replace(fixture=FIXTURE, worker="gw0", item="test_it.py::test_a", kind=Kind.YIELDS_TWICE)


class Clock:
    """A clock that goes on by what the worker sleeps; notes which waits are announced then."""

    def __init__(self, workers: Workers) -> None:
        self.now = 1000.0
        self.announced: list[tuple[float, list[Wait]]] = []
        self._workers = workers

    def time(self) -> float:
        return self.now

    monotonic = time

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds
        self.announced.append((self.now, self._workers.waits()))

    def waiting(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


def share(**changes: Any) -> Share:
    return Share("db-1", FIXTURE, "db", Kind.YIELDS_TWICE, "test_it", *[mock.Mock()] * 3)._replace(**changes)


def test_wait_is_announced_after_two_seconds_until_it_ends(run_parent: Path) -> None:
    workers = Workers(create_directory(run_parent), "gw1")
    clock = Clock(workers)
    owner = ShareJournal(workers.run_directory, "db-1", "gw0", FIXTURE)
    assert owner.try_lock()
    owner.publish(State.SETTING_UP, RECORD)
    Workers(workers.run_directory, "controller").mark("gw0", WorkerState.EXPECTED)
    with pytest.raises(WaitTimeoutError) as caught:
        Engine(workers, clock).acquire(share(timeout=2.5), mock.Mock())
    assert (
        f"shared fixture {FIXTURE}: worker gw1 waited 2.5 s for its value: worker gw0 (pid 4711, which is alive)"
        in (str(caught.value))
    )
    early = [waits for now, waits in clock.announced if now < 1002.0]
    late = [waits for now, waits in clock.announced if now > 1002.01]
    assert not any(early)
    assert late
    assert all(waits == [Wait("gw1", "db-1", 1000.0)] for waits in late)
    assert workers.waits() == []
    workers.release_liveness_lock()
    owner.unlock()


@pytest.mark.parametrize(
    ("record", "is_alive", "cause"),
    [
        (None, True, "another worker holds its lock"),
        (
            RECORD,
            True,
            "worker gw0 (pid 4711, which is alive) has been setting it up for 2.5 s, in test_it.py::test_a",
        ),
        (
            RECORD,
            False,
            "worker gw0 (pid 4711, which is dead) has been setting it up for 2.5 s, in test_it.py::test_a",
        ),
    ],
)
def test_message_of_a_worker_that_waited_too_long(record: Any, is_alive: bool, cause: str) -> None:
    assert waited_too_long("gw2", 1.5, record, now=1002.49, is_alive=is_alive) == (
        f"worker gw2 waited 1.5 s for its value: {cause}; raise the timeout (timeout= or the ini option "
        "shared_session_scope_timeout) or check what that setup is waiting for"
    )
