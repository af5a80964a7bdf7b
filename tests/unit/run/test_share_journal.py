"""One share on disk: its holders, its states, and what is garbled."""

from __future__ import annotations

import stat
import sys
from collections.abc import Container
from pathlib import Path

import pytest

from pytest_shared_session_scope._engine.membership import Presence
from pytest_shared_session_scope._engine.orphans import Search, Unfinished, is_waited_for, revive
from pytest_shared_session_scope._reporting import outcome, summary
from pytest_shared_session_scope._run import records
from pytest_shared_session_scope._run.directory import create_directory, share_keys
from pytest_shared_session_scope._run.journal import Journal, line
from pytest_shared_session_scope._run.journal_file import shared_file
from pytest_shared_session_scope._run.membership import Workers
from pytest_shared_session_scope._run.records import ShareRecord
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope.errors import StoreError

FIXTURE = "'db' (conftest.py:12)"
RECORD = ShareRecord(FIXTURE, "db", "yields twice", 1, "gw0", 1, "test_it.py::test_a", 1.0)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return create_directory(tmp_path)


@pytest.fixture
def files(directory: Path) -> ShareJournal:
    return ShareJournal(directory, "key", "gw0", FIXTURE)


@pytest.fixture
def others(directory: Path, files: ShareJournal) -> ShareJournal:
    """The same share, as another worker sees it."""
    return ShareJournal(directory, "key", "gw1", FIXTURE)


def test_share_that_nobody_has_asked_for(directory: Path) -> None:
    files = ShareJournal(directory, "key", "gw0", FIXTURE)
    assert not files.is_locked()
    assert files.read("ready") is None
    assert files.other_holders() == []
    assert share_keys(directory) == []


def test_holding_leaving_and_gone(files: ShareJournal, others: ShareJournal) -> None:
    files.hold()
    files.hold()
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


def test_dead_holder_is_dropped_holding_or_leaving(files: ShareJournal, others: ShareJournal) -> None:
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
    files, other = (ShareJournal(directory, "key", name, FIXTURE) for name in (worker, "another"))
    files.hold()
    assert (other.other_holders(), other.leaving()) == ([worker], [])
    files.leave()
    assert (other.other_holders(), other.leaving()) == ([], [worker])
    files.publish("ready", RECORD)
    assert files.read("ready") == RECORD


def test_states_appear_move_and_vanish_whole(files: ShareJournal, others: ShareJournal) -> None:
    assert not others.has("ready")
    files.publish("ready", RECORD)
    assert others.read("ready") == RECORD
    others.rename("ready", "cleaning")
    assert not files.has("ready")
    assert files.read("cleaning") == RECORD
    files.publish("cleaned-1", RECORD._replace(cleaned_by="gw1"))
    files.discard("cleaning")
    files.discard("cleaning")
    assert others.states() == ["cleaned-1"]


def test_short_value_is_in_the_journal_until_it_is_wiped(files: ShareJournal, others: ShareJournal) -> None:
    assert not files.wipe_value()
    files.publish_ready(RECORD, is_held=True, value="sesame")
    others.hold()
    assert (others.read("ready"), others.value()) == (RECORD, "sesame")
    length = files.path.stat().st_size
    others.rename("ready", "cleaning")
    others.publish("cleaned-1", RECORD, instead_of="cleaning")
    longer = others.path.stat().st_size
    assert others.wipe_value()
    assert others.wipe_value(), "once more, after an interrupt"
    assert others.path.stat().st_size == longer > length
    assert b"sesame" not in others.path.read_bytes()
    for seen in (files, ShareJournal(files.path.parents[1], "key", "gw2", FIXTURE)):
        assert (seen.states(), seen.other_holders() != []) == (["cleaned-1"], True)


def test_value_of_another_setup_is_not_taken_for_the_last_ones(files: ShareJournal, others: ShareJournal) -> None:
    files.publish_ready(RECORD, is_held=False, value="first")
    files.put_aside()
    assert b"first" not in files.path.read_bytes(), "it died with its worker"
    files.publish("ready", RECORD)
    assert (others.read("ready"), others.value()) == (RECORD, None)
    assert not others.wipe_value()
    files.put_aside()
    files.publish_ready(RECORD, is_held=False, value="third")
    assert (others.read("ready"), others.value()) == (RECORD, "third")


def test_garbled_short_value_is_an_error_that_names_the_fixture(files: ShareJournal) -> None:
    files.publish_ready(RECORD, is_held=False, value="sesame")
    files.path.write_bytes(files.path.read_bytes().replace(b"sesame", b"sesamo"))
    assert files.read("ready") == RECORD
    with pytest.raises(StoreError) as caught:
        files.value()
    assert str(caught.value) == (
        f"shared fixture {FIXTURE}: what its workers noted is garbled: the checksum of its value differs; nothing but "
        f"the plugin may write to {files.path}"
    )


def test_only_a_state_that_is_there_can_be_renamed(files: ShareJournal) -> None:
    files.publish("cleaning", RECORD)
    with pytest.raises(StoreError, match="it is no longer ready, though only this worker may change that"):
        files.rename("ready", "cleaning")
    assert files.states() == ["cleaning"]


def test_what_a_dead_worker_left_is_put_aside(files: ShareJournal, others: ShareJournal) -> None:
    assert files.put_aside() == 0
    for state in ("cleaned-1", "lost-2", "cleaned-10", "failed", "ready", "setting-up"):
        files.publish(state, RECORD)
    assert others.put_aside() == 5
    assert files.states() == ["cleaned-1", "cleaned-10", "failed", "lost-2", "lost-4", "lost-5"]
    assert files.put_aside() == 5


def test_open_is_what_is_ready_or_being_cleaned_up(files: ShareJournal) -> None:
    files.publish("ready", RECORD)
    assert files.is_open()
    files.rename("ready", "cleaning")
    assert files.is_open()
    files.discard("cleaning")
    assert not files.is_open()


GARBLED = {
    "foreign": b"value",
    "zeros": bytes(64),
    "unknown word": line("sing", "gw0"),
    "no UTF-8": b"\n\xff\xfe\x1e",
    "renamed what is not there": line("rename", "lost-1", "ready"),
    "record that is none": line("publish", "ready", "-", "[]"),
    "record of another format": line("publish", "ready", "-", '{"format": 2}'),
    "half a record": line("publish", "ready", "-", "{"),
    "no record": line("publish", "ready"),
}


@pytest.mark.parametrize("content", GARBLED.values(), ids=list(GARBLED))
def test_garbled_journal_is_an_error_that_names_the_fixture(files: ShareJournal, content: bytes) -> None:
    files.path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            files.read("ready")
        assert str(caught.value).startswith(f"shared fixture {FIXTURE}: what its workers noted is garbled: ")
        assert str(caught.value).endswith(f"; nothing but the plugin may write to {files.path}")


def test_line_of_a_worker_that_died_in_the_middle_of_it_is_none(files: ShareJournal, others: ShareJournal) -> None:
    whole = line("publish", "ready", "-", records.encode(RECORD))
    files.hold()
    before = files.path.read_bytes()
    for cut in range(len(whole)):
        files.path.write_bytes(before + whole[:cut])
        seen = ShareJournal(files.path.parents[1], "key", "gw1", FIXTURE)
        assert (seen.states(), seen.other_holders()) == ([], ["gw0"])
        seen.hold()
        assert (seen.is_holding(), seen.states(), seen.other_holders()) == (True, [], ["gw0"])
        other = ShareJournal(files.path.parents[1], "key", "gw2", FIXTURE)
        assert (other.other_holders(), other.states()) == (["gw0", "gw1"], [])
    files.path.write_bytes(before + whole)
    assert others.read("ready") == RECORD


def test_line_that_is_still_being_written_is_read_once_it_is_whole(files: ShareJournal, others: ShareJournal) -> None:
    whole = line("publish", "ready", "-", records.encode(RECORD))
    files.hold()
    for cut in (1, 2, 50, len(whole) - 1):
        shared_file(str(files.path)).append(whole[:cut])
        assert not others.has("ready")
        shared_file(str(files.path)).append(whole[cut:])
        assert others.read("ready") == RECORD
        others.discard("ready")


def test_share_lock(files: ShareJournal, others: ShareJournal) -> None:
    files.unlock()
    assert files.try_lock()
    assert others.is_locked()
    assert not others.try_lock()
    files.unlock()
    assert not others.is_locked()


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_only_its_user_can_read_a_share(files: ShareJournal) -> None:
    files.hold()
    files.publish("ready", RECORD)
    assert files.try_lock()
    files.unlock()
    assert stat.S_IMODE(files.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.path.parent.stat().st_mode) == 0o700


def publish(directory: Path, key: str, state: str, record: ShareRecord = RECORD) -> ShareJournal:
    files = ShareJournal(directory, key, "gw0", key)
    files.publish(state, record)
    return files


def unfinished(directory: Path, known: Container[str] = ()) -> list[Unfinished]:
    """Return the unfinished shares, as a worker sees them that looks for the first time."""
    return Search(directory, Presence(Workers(directory, "gw1"))).unfinished(known)


def test_unfinished_shares_are_those_that_yield_twice_and_are_not_clean(directory: Path) -> None:
    for key, state in (("a", "ready"), ("b", "cleaning"), ("c", "cleaned-1"), ("d", "failed"), ("e", "lost-1")):
        publish(directory, key, state)
    publish(directory, "f", "ready", RECORD._replace(kind="yields once"))
    publish(directory, "g", "ready", RECORD._replace(kind="returns"))
    publish(directory, "h", "ready", RECORD._replace(started=2.0))
    ShareJournal(directory, "i", "gw0", "i").hold()
    found = unfinished(directory, {"none"})
    assert [one.files.key for one in found] == ["h", "a", "b"], "what was set up last comes first"
    assert not any(one.is_held for one in found)
    assert [one.files.key for one in unfinished(directory, {"h", "b"})] == ["a"]


def test_finished_share_is_looked_at_again_only_where_there_is_news(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = Presence(Workers(directory, "gw1"))
    files = publish(directory, "a", "setting-up")
    search = Search(directory, presence)
    assert search.unfinished(()) == []
    with monkeypatch.context() as patched:
        patched.delattr(ShareJournal, "read")
        patched.delattr(ShareJournal, "is_open")
        assert search.unfinished(()) == []
    files.publish_ready(RECORD, is_held=False)
    assert [one.files.key for one in search.unfinished(())] == ["a"]
    files.publish("cleaned-1", RECORD, instead_of="ready")
    assert search.unfinished(()) == []


def test_share_that_goes_from_one_state_to_the_other_meanwhile_is_not_taken_for_finished(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = publish(directory, "a", "cleaning")
    read = ShareJournal.read

    def reviving(self: ShareJournal, state: str) -> ShareRecord | None:
        record = read(self, state)
        if files.has("cleaning"):
            files.rename("cleaning", "ready")
        return record

    monkeypatch.setattr(ShareJournal, "read", reviving)
    search = Search(directory, Presence(Workers(directory, "gw1")))
    for _ in range(2):
        assert [(one.files.key, one.is_held) for one in search.unfinished(())] == [("a", False)]


@pytest.mark.parametrize("is_leaving", [False, True])
def test_unfinished_share_is_held_by_who_lives(directory: Path, is_leaving: bool) -> None:
    files = publish(directory, "a", "ready")
    holder = Presence(Workers(directory, "gw0"))
    holder.register()
    files.hold()
    if is_leaving:
        files.leave()
    assert [one.is_held for one in unfinished(directory)] == [True]
    holder.workers.release_lease()
    assert [one.is_held for one in unfinished(directory)] == [False]


def test_what_is_waited_for_at_the_end(directory: Path) -> None:
    files = publish(directory, "a", "ready")
    holder, running = (Presence(Workers(directory, name)) for name in ("gw0", "gw2"))
    presence = Presence(Workers(directory, "gw1"))
    holder.register()
    running.register()
    files.hold()
    [one] = unfinished(directory)
    assert is_waited_for(one, presence, may_adopt=False)
    assert is_waited_for(one, presence, may_adopt=True)
    running.drain()
    holder.drain()
    assert not is_waited_for(one, presence, may_adopt=False), "nobody can ask any more: now it may be adopted"
    assert is_waited_for(one, presence, may_adopt=True), "its holder will clean it up"
    holder.workers.release_lease()
    assert not is_waited_for(one, presence, may_adopt=True), "its holder is dead"
    assert is_waited_for(one, presence, may_adopt=False), "and may be replaced"
    files.publish("cleaned-1", RECORD, instead_of="ready")
    assert not is_waited_for(one, presence, may_adopt=False)
    assert not is_waited_for(one, presence, may_adopt=True)
    files.path.write_bytes(b"garbled")
    assert not is_waited_for(one, presence, may_adopt=True), "who asks for it is told, and so is the report"
    running.workers.release_lease()


def test_share_whose_cleanup_was_cut_off_is_revived_once_nobody_cleans_it_up(directory: Path) -> None:
    files = publish(directory, "a", "cleaning")
    other = ShareJournal(directory, "a", "gw1", FIXTURE)
    assert files.try_lock()
    assert [one.is_held for one in unfinished(directory)] == [True]
    revive(other)
    assert other.has("cleaning")
    files.unlock()
    revive(other)
    assert other.has("ready")
    revive(other)
    assert other.has("ready")


def test_what_was_not_cleaned_up_comes_in_the_order_of_the_setups(directory: Path) -> None:
    for number, (key, state) in enumerate([("d", "setting-up"), ("c", "lost-1"), ("b", "cleaning"), ("a", "ready")]):
        publish(directory, key, state, RECORD._replace(fixture=key, started=float(number)))
    publish(directory, "e", "cleaned-1")
    publish(directory, "f", "ready", RECORD._replace(kind="returns"))
    lines = summary.not_cleaned_up(outcome.read(directory, {}, {}))
    assert [line.partition("shared fixture ")[2][:2] for line in lines] == ["d:", "c:", "b:", "a:"]


@pytest.mark.parametrize("number", range(1, 5))
def test_an_interrupt_while_a_journal_is_read_leaves_it_readable(
    files: ShareJournal, others: ShareJournal, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    others.hold()
    files.publish("ready", RECORD)
    files.rename("ready", "cleaning")
    files.hold()
    applied = 0
    apply = Journal._apply

    def interrupted(self: Journal, text: str) -> None:
        nonlocal applied
        apply(self, text)
        applied += 1
        if applied == number:
            raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "_apply", interrupted)
    seen = ShareJournal(files.path.parents[1], "key", "gw2", FIXTURE)
    with pytest.raises(KeyboardInterrupt):
        seen.states()
    assert (seen.states(), seen.other_holders()) == (["cleaning"], ["gw1", "gw0"])
