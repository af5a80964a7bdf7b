"""Letting go of a share once more, after an interrupt: whatever was done before is not done twice, and nothing hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_shared_session_scope._engine.decisions import Verdict
from pytest_shared_session_scope._engine.membership import Presence
from pytest_shared_session_scope._engine.release import LettingGo
from pytest_shared_session_scope._run.directory import create_directory
from pytest_shared_session_scope._run.membership import Workers
from pytest_shared_session_scope._run.records import ShareRecord
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope._session.timer import Timer, WaitingClock

FIXTURE = "'db' (conftest.py:12)"
RECORD = ShareRecord(FIXTURE, "db", "yields twice", 1, "gw0", 1, "test_it.py::test_a", 1.0)


@pytest.fixture
def letting_go(tmp_path: Path) -> LettingGo:
    directory = create_directory(tmp_path)
    files = ShareJournal(directory, "key", "gw0", FIXTURE)
    files.hold()
    files.publish("ready", RECORD)
    presence = Presence(Workers(directory, "gw0"))
    presence.register()
    presence.drain()
    return LettingGo(files, presence, only_owner_cleans=False, is_test_left=None)


def test_after_an_interrupt_when_it_was_decided(letting_go: LettingGo) -> None:
    for _ in range(2):
        assert letting_go.wait_for_verdict(WaitingClock(Timer()), 60.0) is Verdict.LAST
        assert letting_go.files.states() == ["cleaning"]
        assert letting_go.files.is_locked()
    letting_go.files.unlock()
    assert not letting_go.files.is_locked()


def test_after_an_interrupt_in_the_middle_of_deciding(letting_go: LettingGo) -> None:
    letting_go.files.rename("ready", "cleaning")
    assert letting_go.wait_for_verdict(WaitingClock(Timer()), 60.0) is Verdict.LAST
    letting_go.files.unlock()
