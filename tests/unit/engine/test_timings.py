"""Timings of acquires go from a worker to the report."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from pytest_shared_session_scope._engine import timings
from pytest_shared_session_scope._engine.engine import Engine, NothingToTakeOverError
from pytest_shared_session_scope._engine.timings import AcquireOutcome, Acquisition
from pytest_shared_session_scope._engine.values import Share
from pytest_shared_session_scope._run.files import create_directory, remove_directory
from pytest_shared_session_scope._run.journal import Kind
from pytest_shared_session_scope._run.membership import Workers
from pytest_shared_session_scope._session.held import WaitingClock
from pytest_shared_session_scope._session.worker import Timer

ACQUISITIONS = [
    Acquisition("db-1", "test_it.py::test_a[\ud800]", 1000.0, 0.0, AcquireOutcome.SET_UP, 2.5, 1),
    Acquisition("db-2", "test_it.py::test_b", 1001.0, 1.5, AcquireOutcome.NOTHING),
]


@pytest.fixture
def engine(run_parent: Path) -> Engine:
    return Engine(Workers(create_directory(run_parent), "gw/0"), WaitingClock(Timer()))


def test_acquisitions_of_a_worker_come_back(engine: Engine) -> None:
    assert timings.read(engine.directory) == {}
    engine.acquisitions += ACQUISITIONS
    engine.close()
    assert timings.read(engine.directory) == {"gw/0": ACQUISITIONS}


def test_timings_never_fail_a_run(engine: Engine) -> None:
    remove_directory(engine.directory)
    engine.close()


def test_share_that_another_worker_cleaned_up_was_acquired_by_no_test(engine: Engine) -> None:
    share = Share("db-1", "'db' (conftest.py:12)", "db", Kind.YIELDS_TWICE, "test_it", *[mock.Mock()] * 3)
    with engine.taking_over(), pytest.raises(NothingToTakeOverError):
        engine.acquire(share, mock.Mock())
    assert engine.acquisitions == []
    engine.release_liveness_lock()
