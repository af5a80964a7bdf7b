"""One share on disk: its holders, its states, and what is garbled."""

from __future__ import annotations

import dataclasses
import stat
import sys
from pathlib import Path

import pytest

from pytest_shared_session_scope import _facts, _run, _summary
from pytest_shared_session_scope._presence import Presence
from pytest_shared_session_scope._records import ShareRecord
from pytest_shared_session_scope._run import Workers
from pytest_shared_session_scope._share_files import ShareFiles
from pytest_shared_session_scope._unfinished import revive, unfinished
from pytest_shared_session_scope.errors import StoreError

FIXTURE = "'db' (conftest.py:12)"
RECORD = ShareRecord(FIXTURE, "db", "yields twice", 1, "gw0", 1, "test_it.py::test_a", 1.0)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return _run.create_directory(tmp_path)


@pytest.fixture
def files(directory: Path) -> ShareFiles:
    files = ShareFiles(directory, "key", "gw0", FIXTURE)
    files.create()
    return files


@pytest.fixture
def others(directory: Path, files: ShareFiles) -> ShareFiles:
    """The same share, as another worker sees it."""
    return ShareFiles(directory, "key", "gw1", FIXTURE)


def test_share_that_nobody_has_asked_for(directory: Path) -> None:
    files = ShareFiles(directory, "key", "gw0", FIXTURE)
    assert not files.exists()
    assert not files.hold()
    assert not files.is_locked()
    assert files.read("ready") is None
    assert _run.share_keys(directory) == []


def test_holding_leaving_and_gone(files: ShareFiles, others: ShareFiles) -> None:
    files.create()  # a second time is nothing
    assert files.hold()
    assert files.hold()
    assert files.is_holding()
    assert not others.is_holding()
    assert (others.other_holders(), others.leaving(), files.other_holders()) == (["gw0"], [], [])
    files.leave()
    assert (others.other_holders(), others.leaving(), files.is_holding()) == ([], ["gw0"], False)
    files.unleave()
    assert (others.other_holders(), others.leaving()) == ([], [])
    files.unleave()
    files.unhold()
    files.leave()
    assert others.leaving() == [], "who was dropped leaves nothing"


def test_dead_holder_is_dropped_holding_or_leaving(files: ShareFiles, others: ShareFiles) -> None:
    files.hold()
    others.drop_holder("gw0")
    assert others.other_holders() == []
    files.hold()
    files.leave()
    others.drop_holder("gw0")
    assert others.leaving() == []
    others.drop_holder("gw0")


@pytest.mark.parametrize("worker", ["gw0", "x!leaving", "../gw0", "a/b", "ä", "con"])
def test_holders_may_have_any_name(directory: Path, worker: str) -> None:
    files, other = (ShareFiles(directory, "key", name, FIXTURE) for name in (worker, "another"))
    files.create()
    files.hold()
    assert (other.other_holders(), other.leaving()) == ([worker], [])
    files.leave()
    assert (other.other_holders(), other.leaving()) == ([], [worker])
    files.publish("ready", RECORD)
    assert files.read("ready") == RECORD


def test_states_appear_move_and_vanish_whole(files: ShareFiles, others: ShareFiles) -> None:
    assert not others.has("ready")
    files.publish("ready", RECORD)
    assert others.read("ready") == RECORD
    others.rename("ready", "cleaning")
    assert not files.has("ready")
    assert files.read("cleaning") == RECORD
    files.publish("cleaned-1", dataclasses.replace(RECORD, cleaned_by="gw1"))
    files.discard("cleaning")
    files.discard("cleaning")
    assert sorted(path.name for path in files.directory.iterdir()) == ["cleaned-1.json"]


def test_ended_and_open_setups(files: ShareFiles) -> None:
    for state in ("cleaned-1", "lost-2", "cleaned-10", "failed", "ready"):
        files.publish(state, RECORD)
    assert files.ended() == 3
    assert sorted(files.open_states()) == ["lost-2", "ready"]
    files.rename("ready", "cleaning")
    files.publish("setting-up", RECORD)
    assert sorted(files.open_states()) == ["cleaning", "lost-2", "setting-up"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b"\xff\xfe", bytes(64)])
@pytest.mark.parametrize("state", ["ready", "failed", "setting-up", "cleaning"])
def test_garbled_record_is_an_error_that_names_the_fixture(files: ShareFiles, state: str, content: bytes) -> None:
    (files.directory / f"{state}.json").write_bytes(content)
    with pytest.raises(StoreError) as caught:
        files.read(state)
    begin = f"shared fixture {FIXTURE}: what a worker noted in {state}.json is garbled: "
    assert str(caught.value).startswith(begin)
    assert str(caught.value).endswith(f"nothing but the plugin may write to the run's directory {files.directory}")


def test_share_lock(files: ShareFiles, others: ShareFiles) -> None:
    assert files.lock is files.lock
    assert _run.try_lock(files.lock)
    assert others.is_locked()
    assert not _run.try_lock(others.lock)
    files.lock.release()
    assert not others.is_locked()


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_only_its_user_can_read_a_share(files: ShareFiles) -> None:
    files.hold()
    files.publish("ready", RECORD)
    assert _run.try_lock(files.lock)
    files.lock.release()
    for path in [files.directory, *files.directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def publish(directory: Path, key: str, state: str, record: ShareRecord = RECORD) -> ShareFiles:
    files = ShareFiles(directory, key, "gw0", key)
    files.create()
    files.publish(state, record)
    return files


def test_unfinished_shares_are_those_that_yield_twice_and_are_not_clean(directory: Path) -> None:
    for key, state in (("a", "ready"), ("b", "cleaning"), ("c", "cleaned-1"), ("d", "failed"), ("e", "lost-1")):
        publish(directory, key, state)
    publish(directory, "f", "ready", dataclasses.replace(RECORD, kind="yields once"))
    publish(directory, "g", "ready", dataclasses.replace(RECORD, kind="returns"))
    publish(directory, "h", "ready", dataclasses.replace(RECORD, started=2.0))
    (directory / "shares" / "i").mkdir()
    found = unfinished(directory, Presence(Workers(directory, "gw1")), known={"none"})
    assert [one.files.key for one in found] == ["h", "a", "b"], "what was set up last comes first"
    assert not any(one.is_held for one in found)
    assert [one.files.key for one in unfinished(directory, Presence(Workers(directory, "gw1")), known={"h", "b"})] == [
        "a"
    ]


@pytest.mark.parametrize("is_leaving", [False, True])
def test_unfinished_share_is_held_by_who_lives(directory: Path, is_leaving: bool) -> None:
    files = publish(directory, "a", "ready")
    holder = Presence(Workers(directory, "gw0"))
    holder.register()
    files.hold()
    if is_leaving:
        files.leave()
    presence = Presence(Workers(directory, "gw1"))
    assert [one.is_held for one in unfinished(directory, presence, known=())] == [True]
    holder.workers.release_lease()
    assert [one.is_held for one in unfinished(directory, presence, known=())] == [False]


def test_share_whose_cleanup_was_cut_off_is_revived_once_nobody_cleans_it_up(directory: Path) -> None:
    files = publish(directory, "a", "cleaning")
    other = ShareFiles(directory, "a", "gw1", FIXTURE)
    assert _run.try_lock(files.lock)
    assert [one.is_held for one in unfinished(directory, Presence(Workers(directory, "gw1")), known=())] == [True]
    revive(other)
    assert other.has("cleaning")
    files.lock.release()
    revive(other)
    assert other.has("ready")
    revive(other)
    assert other.has("ready")


def test_what_was_not_cleaned_up_comes_in_the_order_of_the_setups(directory: Path) -> None:
    for number, (key, state) in enumerate([("d", "setting-up"), ("c", "lost-1"), ("b", "cleaning"), ("a", "ready")]):
        publish(directory, key, state, dataclasses.replace(RECORD, fixture=key, started=float(number)))
    publish(directory, "e", "cleaned-1")
    publish(directory, "f", "ready", dataclasses.replace(RECORD, kind="returns"))
    lines = _summary.not_cleaned_up(_facts.read(directory, {}, {}))
    assert [line.partition("shared fixture ")[2][:2] for line in lines] == ["d:", "c:", "b:", "a:"]
