"""Which workers may still acquire a share, and which shares are open for a worker at its end to take over."""

from __future__ import annotations

import itertools
from collections.abc import Container
from pathlib import Path

import pytest

from pytest_shared_session_scope._engine.membership import Membership, OpenShare, OpenShares, can_acquire
from pytest_shared_session_scope._run.files import create_directory
from pytest_shared_session_scope._run.journal import Kind, ShareRecord, State
from pytest_shared_session_scope._run.membership import CONTROLLER, Workers, WorkerState
from pytest_shared_session_scope._run.share_journal import ShareJournal

EXPECTED, RUNNING, DRAINING, GONE = WorkerState
YES, NO = True, False
OPEN, CLOSED = False, True
ALIVE, DEAD = True, False


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return create_directory(tmp_path)


CAN_ACQUIRE = [
    (EXPECTED, OPEN, ALIVE, YES, "it has not run its tests yet"),
    (EXPECTED, OPEN, DEAD, YES, "it may be replaced"),
    (EXPECTED, CLOSED, ALIVE, YES, "a test that it has been sent may need its first share"),
    (EXPECTED, CLOSED, DEAD, NO, "no worker is started in its place"),
    (RUNNING, OPEN, ALIVE, YES, "it runs tests"),
    (RUNNING, OPEN, DEAD, YES, "it may be replaced"),
    (RUNNING, CLOSED, ALIVE, YES, "it still runs the tests that it has been sent"),
    (RUNNING, CLOSED, DEAD, NO, "no worker is started in its place"),
    (DRAINING, OPEN, ALIVE, NO, "it acquires nothing any more"),
    (DRAINING, OPEN, DEAD, YES, "it may be replaced"),
    (DRAINING, CLOSED, ALIVE, NO, "it acquires nothing any more"),
    (DRAINING, CLOSED, DEAD, NO, "no worker is started in its place"),
    (GONE, OPEN, ALIVE, NO, "the controller says so"),
    (GONE, OPEN, DEAD, NO, "the controller says so"),
    (GONE, CLOSED, ALIVE, NO, "the controller says so"),
    (GONE, CLOSED, DEAD, NO, "the controller says so"),
]


@pytest.mark.parametrize(("state", "is_closed", "is_alive", "expected", "why"), CAN_ACQUIRE)
def test_which_workers_can_still_acquire(
    state: WorkerState, is_closed: bool, is_alive: bool, expected: bool, why: str
) -> None:
    assert can_acquire(state, is_closed=is_closed, is_alive=lambda: is_alive) is expected, why


def test_table_of_workers_is_complete() -> None:
    combinations = itertools.product(WorkerState, (OPEN, CLOSED), (ALIVE, DEAD))
    assert {row[:3] for row in CAN_ACQUIRE} == set(combinations)
    assert len(CAN_ACQUIRE) == 16


@pytest.mark.parametrize(
    ("state", "is_closed"),
    [(GONE, OPEN), (GONE, CLOSED), (EXPECTED, OPEN), (RUNNING, OPEN), (DRAINING, CLOSED)],
)
def test_lock_is_not_probed_if_it_does_not_matter(state: WorkerState, is_closed: bool) -> None:
    can_acquire(state, is_closed=is_closed, is_alive=lambda: pytest.fail("probed the liveness lock"))


def test_dead_holders_are_removed_until_one_is_alive(directory: Path) -> None:
    holders = {worker: Workers(directory, worker) for worker in ("gw0", "gw1")}
    for worker, workers in holders.items():
        workers.hold_liveness_lock()
        ShareJournal(directory, "key", worker, "'db'").hold()
    journal, membership = ShareJournal(directory, "key", "gw2", "'db'"), Membership(Workers(directory, "gw2"))
    holders["gw0"].release_liveness_lock()
    assert membership.is_any_alive(journal, journal.other_holders())
    assert journal.other_holders() == ["gw1"]
    holders["gw1"].release_liveness_lock()
    assert not membership.is_any_alive(journal, journal.other_holders())
    assert journal.other_holders() == []


def test_worker_registers_once_and_drains_until_it_acquires_again(directory: Path) -> None:
    membership = Membership(Workers(directory, "gw0"))
    assert membership.workers.snapshot().states == {}
    membership.register()
    assert membership.workers.snapshot().states == {"gw0": RUNNING}
    membership.drain()
    membership.drain()
    assert membership.workers.snapshot().states == {"gw0": DRAINING}
    membership.register()
    assert membership.workers.snapshot().states == {"gw0": RUNNING}
    assert not membership.is_draining
    membership.workers.release_liveness_lock()


def test_which_workers_are_left(directory: Path) -> None:
    membership = Membership(Workers(directory, "gw0"))
    membership.register()
    assert not membership.is_anybody_left(), "except this one"
    workers = Workers(directory, CONTROLLER)
    workers.mark("gw1", EXPECTED)
    assert membership.is_anybody_left()
    assert membership.others() == ["gw1"]
    workers.mark("gw1", GONE)
    assert not membership.is_anybody_left()
    assert membership.others() == []
    workers.mark("gw2", RUNNING)  # without a liveness lock: it is dead, and may be replaced
    assert membership.is_anybody_left()
    assert membership.may_have_orphans()
    workers.mark("gw3", EXPECTED)
    workers.close_run()
    assert not membership.is_anybody_left(), "gw3 still collects its tests, and is sent none"
    started = Workers(directory, "gw3")
    started.hold_liveness_lock()
    assert membership.is_anybody_left(), "gw3 may still need its first share"
    started.release_liveness_lock()
    assert not membership.is_anybody_left()
    membership.workers.release_liveness_lock()


def test_worker_that_could_acquire_at_the_last_check_is_checked_first(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    membership = Membership(Workers(directory, "gw0"))
    others = {name: Workers(directory, name) for name in ("gw1", "gw2")}
    for name, workers in others.items():
        workers.hold_liveness_lock()
        workers.mark(name, RUNNING)
    assert membership.is_anybody_left()
    with monkeypatch.context() as patched:
        patched.delattr(Workers, "snapshot")
        assert membership.is_anybody_left(), "one of them can: the other needs no check"
    for count, (name, workers) in enumerate(others.items(), 1):
        workers.mark(name, DRAINING)
        assert membership.is_anybody_left() is (count < len(others))
    others["gw1"].unmark("gw1", DRAINING)
    assert membership.is_anybody_left(), "it runs a test again"
    others["gw1"].mark("gw1", GONE)
    assert not membership.is_anybody_left()
    for workers in others.values():
        workers.release_liveness_lock()


def test_dead_controller_closes_the_run(directory: Path) -> None:
    membership = Membership(Workers(directory, "gw0"), is_controller_dead=lambda: True)
    Workers(directory, CONTROLLER).mark("gw1", EXPECTED)
    assert not membership.is_anybody_left()


def test_orphan_is_announced(directory: Path) -> None:
    membership = Membership(Workers(directory, "gw0"))
    assert not membership.may_have_orphans()
    membership.workers.note_orphan()
    assert membership.may_have_orphans()


# -- open shares

FIXTURE = "'db' (conftest.py:12)"
RECORD = ShareRecord(FIXTURE, "db", Kind.YIELDS_TWICE, 1, "gw0", 1, "test_it.py::test_a", 1.0)


def publish(directory: Path, key: str, state: State, record: ShareRecord = RECORD) -> ShareJournal:
    journal = ShareJournal(directory, key, "gw0", key)
    journal.publish(state, record)
    return journal


def open_shares(directory: Path, known: Container[str] = ()) -> list[OpenShare]:
    """Return the open shares that a worker finds in its first scan."""
    return OpenShares(Membership(Workers(directory, "gw1"))).scan(known)


def test_open_shares_yield_twice_and_have_not_been_cleaned_up(directory: Path) -> None:
    states = (State.READY, State.CLEANING, State.CLEANED, State.FAILED, State.LOST, State.SETTING_UP)
    for key, state in zip("abcdef", states, strict=True):
        publish(directory, key, state)
    publish(directory, "g", State.READY, RECORD._replace(kind=Kind.YIELDS_ONCE))
    publish(directory, "h", State.READY, RECORD._replace(kind=Kind.RETURNS))
    publish(directory, "i", State.READY, RECORD._replace(started=2.0))
    ShareJournal(directory, "j", "gw0", "j").hold()
    found = open_shares(directory, {"none"})
    assert [one.key for one in found] == ["i", "a", "b"], "the last to be set up comes first"
    assert not any(one.is_held for one in found)
    assert [one.key for one in open_shares(directory, {"i", "b"})] == ["a"]


def test_share_that_is_not_open_is_read_again_only_if_its_journal_has_grown(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = publish(directory, "a", State.SETTING_UP)
    shares = OpenShares(Membership(Workers(directory, "gw1")))
    assert shares.scan(()) == []
    with monkeypatch.context() as patched:
        patched.delattr(ShareJournal, "setup")
        assert shares.scan(()) == []
    journal.publish_ready(RECORD, is_held=False)
    assert [one.key for one in shares.scan(())] == ["a"]
    journal.publish_cleaned(RECORD)
    assert shares.scan(()) == []
    assert not shares.is_ready("a")
    journal.publish_ready(RECORD._replace(generation=2), is_held=False)
    assert shares.is_ready("a")
    assert [one.key for one in shares.scan(())] == ["a"], "though its journal was read meanwhile"


@pytest.mark.parametrize("is_leaving", [False, True])
def test_open_share_is_held_by_a_live_worker(directory: Path, is_leaving: bool) -> None:
    journal = publish(directory, "a", State.READY)
    holder = Membership(Workers(directory, "gw0"))
    holder.register()
    journal.hold()
    if is_leaving:
        journal.leave()
    assert [one.is_held for one in open_shares(directory)] == [True]
    holder.workers.release_liveness_lock()
    assert [one.is_held for one in open_shares(directory)] == [False]


def test_shares_that_a_worker_waits_for_at_its_end(directory: Path) -> None:
    journal = publish(directory, "a", State.READY)
    holder, running = (Membership(Workers(directory, name)) for name in ("gw0", "gw2"))
    shares = OpenShares(Membership(Workers(directory, "gw1")))
    holder.register()
    running.register()
    journal.hold()
    [one] = shares.scan(())
    assert shares.must_wait_for(one, may_take_over=False)
    assert shares.must_wait_for(one, may_take_over=True)
    running.drain()
    holder.drain()
    assert not shares.must_wait_for(one, may_take_over=False), "no worker can acquire it any more: it may be taken over"
    assert shares.must_wait_for(one, may_take_over=True), "its holder will clean it up"
    holder.workers.release_liveness_lock()
    assert not shares.must_wait_for(one, may_take_over=True), "its holder is dead"
    assert shares.must_wait_for(one, may_take_over=False), "and may be replaced"
    journal.publish(State.CLEANED, RECORD)
    assert not shares.must_wait_for(one, may_take_over=False)
    assert not shares.must_wait_for(one, may_take_over=True)
    journal_path = directory / "shares" / "a"
    journal_path.write_bytes(b"garbled")
    assert not shares.must_wait_for(one, may_take_over=True), "reported to the workers that acquire it, and at the end"
    running.workers.release_liveness_lock()


def test_share_whose_cleanup_was_cut_off_is_revived_once_no_worker_cleans_it_up(directory: Path) -> None:
    journal = publish(directory, "a", State.CLEANING)
    shares = OpenShares(Membership(Workers(directory, "gw1")))
    assert journal.try_lock()
    assert [one.is_held for one in shares.scan(())] == [True]
    shares.revive("a")
    assert not shares.is_ready("a")
    journal.unlock()
    for _ in range(2):
        shares.revive("a")
        assert shares.is_ready("a")
    assert journal.state() is State.READY
