"""What a worker notes of its shares for the report."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from pytest_shared_session_scope._engine.engine import Engine, NothingToTakeOverError
from pytest_shared_session_scope._engine.share import Share
from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.directory import create_directory
from pytest_shared_session_scope._run.records import Kind
from pytest_shared_session_scope._session.timer import Timer, WaitingClock


def test_what_another_worker_cleaned_up_faster_was_asked_for_by_no_test(run_parent: Path) -> None:
    engine = Engine(membership.Workers(create_directory(run_parent), "gw0"), WaitingClock(Timer()))
    share = Share("db-1", "'db' (conftest.py:12)", "db", Kind.YIELDS_TWICE, "test_it", *[mock.Mock()] * 3)
    with engine.adopting(), pytest.raises(NothingToTakeOverError):
        engine.take(share, mock.Mock())
    assert engine.observed.takes == []
