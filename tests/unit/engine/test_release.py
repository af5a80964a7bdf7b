"""Every combination of the facts that a release depends on, with its verdict; and releases after an interrupt."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_shared_session_scope._engine.membership import Membership
from pytest_shared_session_scope._engine.release import Releaser, Verdict, decide
from pytest_shared_session_scope._run.files import create_directory
from pytest_shared_session_scope._run.journal import Kind, ShareRecord, State
from pytest_shared_session_scope._run.membership import Workers
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope._session.held import WaitingClock
from pytest_shared_session_scope._session.worker import Timer

LAST, LEAVE, STAY, WAIT = Verdict.LAST, Verdict.LEAVE, Verdict.STAY, Verdict.WAIT

# owner: it owns a fixture that yields once, held: others hold the share, acquired: another worker may still acquire
# it, may_wait: the drain timeout has not passed.
DECIDE = [
    ("owner held acquired in_run may_wait", STAY, "others use a value that only it can clean up"),
    ("owner held acquired in_run --------", STAY, "others use a value that only it can clean up"),
    ("owner held acquired ------ may_wait", WAIT, "others use a value that only it can clean up"),
    ("owner held acquired ------ --------", LAST, "it has waited long enough, and no other worker can clean up"),
    ("owner held -------- in_run may_wait", STAY, "others use a value that only it can clean up"),
    ("owner held -------- in_run --------", STAY, "others use a value that only it can clean up"),
    ("owner held -------- ------ may_wait", WAIT, "others use a value that only it can clean up"),
    ("owner held -------- ------ --------", LAST, "it has waited long enough, and no other worker can clean up"),
    ("owner ---- acquired in_run may_wait", STAY, "others may yet use a value that only it can clean up"),
    ("owner ---- acquired in_run --------", STAY, "others may yet use a value that only it can clean up"),
    ("owner ---- acquired ------ may_wait", WAIT, "others may yet use a value that only it can clean up"),
    ("owner ---- acquired ------ --------", LAST, "it has waited long enough, and no other worker can clean up"),
    ("owner ---- -------- in_run may_wait", LAST, "no worker holds it and none will"),
    ("owner ---- -------- in_run --------", LAST, "no worker holds it and none will"),
    ("owner ---- -------- ------ may_wait", LAST, "no worker holds it and none will"),
    ("owner ---- -------- ------ --------", LAST, "no worker holds it and none will"),
    ("----- held acquired in_run may_wait", LEAVE, "a holder is left, which will decide in its turn"),
    ("----- held acquired in_run --------", LEAVE, "a holder is left, which will decide in its turn"),
    ("----- held acquired ------ may_wait", LEAVE, "a holder is left, which will decide in its turn"),
    ("----- held acquired ------ --------", LEAVE, "a holder is left, which will decide in its turn"),
    ("----- held -------- in_run may_wait", LEAVE, "a holder is left, which will decide in its turn"),
    ("----- held -------- in_run --------", LEAVE, "a holder is left, which will decide in its turn"),
    ("----- held -------- ------ may_wait", LEAVE, "a holder is left, which will decide in its turn"),
    ("----- held -------- ------ --------", LEAVE, "a holder is left, which will decide in its turn"),
    ("----- ---- acquired in_run may_wait", LEAVE, "it must not wait in the run; the last worker to end takes it over"),
    ("----- ---- acquired in_run --------", LEAVE, "it must not wait in the run; the last worker to end takes it over"),
    ("----- ---- acquired ------ may_wait", WAIT, "the only holder, at its end: waiting costs the run nothing"),
    ("----- ---- acquired ------ --------", LEAVE, "it has waited long enough; the last worker to end takes it over"),
    ("----- ---- -------- in_run may_wait", LAST, "no worker holds it and none will"),
    ("----- ---- -------- in_run --------", LAST, "no worker holds it and none will"),
    ("----- ---- -------- ------ may_wait", LAST, "no worker holds it and none will"),
    ("----- ---- -------- ------ --------", LAST, "no worker holds it and none will"),
]


@pytest.mark.parametrize(("situation", "expected", "why"), DECIDE)
def test_decision_for_a_holder(situation: str, expected: Verdict, why: str) -> None:
    owner, held, acquired, in_run, may_wait = ("-" not in word for word in situation.split())
    verdict = decide(only_owner_cleans=owner, is_held=held, may_be_acquired=acquired, in_run=in_run, may_wait=may_wait)
    assert verdict is expected, why


def test_table_of_decisions_is_complete() -> None:
    assert len({situation for situation, _, _ in DECIDE}) == len(DECIDE) == 2**5


# -- after an interrupt nothing is done twice, and nothing hangs

FIXTURE = "'db' (conftest.py:12)"
RECORD = ShareRecord(FIXTURE, "db", Kind.YIELDS_TWICE, 1, "gw0", 1, "test_it.py::test_a", 1.0)


@pytest.fixture
def releaser(tmp_path: Path) -> Releaser:
    directory = create_directory(tmp_path)
    journal = ShareJournal(directory, "key", "gw0", FIXTURE)
    journal.hold()
    journal.publish(State.READY, RECORD)
    membership = Membership(Workers(directory, "gw0"))
    membership.register()
    membership.drain()
    return Releaser(journal, membership, only_owner_cleans=False, is_test_left=None)


def test_release_after_an_interrupt_once_it_was_decided(releaser: Releaser) -> None:
    for _ in range(2):
        assert releaser.wait_for_verdict(WaitingClock(Timer()), 60.0) is Verdict.LAST
        assert releaser.journal.state() is State.CLEANING
        assert releaser.journal.is_locked()
    releaser.journal.unlock()
    assert not releaser.journal.is_locked()


def test_release_after_an_interrupt_while_it_was_decided(releaser: Releaser) -> None:
    releaser.journal.move(State.READY, State.CLEANING)
    assert releaser.wait_for_verdict(WaitingClock(Timer()), 60.0) is Verdict.LAST
    releaser.journal.unlock()


def test_release_after_an_interrupt_once_it_has_left(releaser: Releaser) -> None:
    releaser.journal.leave()
    assert releaser.wait_for_verdict(WaitingClock(Timer()), 60.0) is Verdict.LAST, "it does not wait for itself"
    releaser.journal.unlock()


def test_release_after_an_interrupt_once_another_worker_has_cleaned_up(releaser: Releaser) -> None:
    releaser.journal.move(State.READY, State.CLEANING)
    releaser.journal.publish(State.CLEANED, RECORD)
    assert releaser.wait_for_verdict(WaitingClock(Timer()), 60.0) is Verdict.LEAVE
