"""A share on disk: its holders, its setups, its lock; and an error that names the fixture if it is garbled."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from pytest_shared_session_scope._run.files import create_directory, share_keys
from pytest_shared_session_scope._run.journal import Failure, Journal, Kind, ShareRecord, State, line, publication
from pytest_shared_session_scope._run.journal_file import journal_file
from pytest_shared_session_scope._run.share_journal import Setup, ShareJournal, is_short
from pytest_shared_session_scope.errors import StoreError

FIXTURE = "'db' (conftest.py:12)"
RECORD = ShareRecord(FIXTURE, "db", Kind.YIELDS_TWICE, 1, "gw0", 1, "test_it.py::test_a", 1.0)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return create_directory(tmp_path)


@pytest.fixture
def path(directory: Path) -> Path:
    return directory / "shares" / "key"


@pytest.fixture
def journal(directory: Path) -> ShareJournal:
    return ShareJournal(directory, "key", "gw0", FIXTURE)


@pytest.fixture
def other(directory: Path) -> ShareJournal:
    """The same share, as another worker sees it."""
    return ShareJournal(directory, "key", "gw1", FIXTURE)


def test_share_that_no_worker_has_tried_to_acquire(directory: Path, journal: ShareJournal) -> None:
    assert not journal.is_locked()
    assert not journal.has_news()
    assert (journal.state(), journal.setup(), journal.failure(), journal.setups()) == (None, None, None, ([], []))
    assert journal.other_holders() == []
    assert share_keys(directory) == []


# -- holders


def test_worker_holds_leaves_and_is_gone(journal: ShareJournal, other: ShareJournal) -> None:
    journal.hold()
    journal.hold()
    assert journal.is_holding()
    assert not other.is_holding()
    assert (other.other_holders(), other.other_leavers(), journal.other_holders()) == (["gw0"], [], [])
    journal.leave()
    assert (other.other_holders(), other.other_leavers(), journal.is_holding()) == ([], ["gw0"], False)
    assert journal.other_leavers() == []
    journal.drop_holder()
    assert (other.other_holders(), other.other_leavers()) == ([], [])
    journal.drop_holder()
    journal.leave()
    assert other.other_leavers() == [], "a worker that was dropped leaves nothing"


def test_dead_worker_is_dropped_holding_or_leaving(journal: ShareJournal, other: ShareJournal) -> None:
    journal.hold()
    other.drop_holder("gw0")
    assert other.other_holders() == []
    journal.hold()
    journal.leave()
    other.drop_holder("gw0")
    assert other.other_leavers() == []
    other.drop_holder("gw0")


@pytest.mark.parametrize("worker", ["gw0", "x!leaving", "../gw0", "a/b", "ä", "con"])
def test_holders_may_have_any_name(directory: Path, worker: str) -> None:
    journal, other = (ShareJournal(directory, "key", name, FIXTURE) for name in (worker, "another"))
    journal.hold()
    assert (other.other_holders(), other.other_leavers()) == ([worker], [])
    journal.leave()
    assert (other.other_holders(), other.other_leavers()) == ([], [worker])


def test_dependents_and_dynamic_use(journal: ShareJournal, other: ShareJournal) -> None:
    assert not other.may_be_needed()
    journal.add_dependent("dependent")
    assert (other.dependents(), other.may_be_needed()) == (["dependent"], True)
    journal.drop_dependent("dependent")
    assert (other.dependents(), other.may_be_needed()) == ([], False)
    journal.note_dynamic()
    assert other.may_be_needed()


# -- setups


def test_setup_goes_from_state_to_state(journal: ShareJournal, other: ShareJournal) -> None:
    journal.publish(State.SETTING_UP, RECORD)
    assert (other.state(), other.setup()) == (State.SETTING_UP, Setup(State.SETTING_UP, RECORD))
    journal.publish_ready(RECORD, is_held=True)
    assert (other.setup(), other.other_holders()) == (Setup(State.READY, RECORD), ["gw0"])
    other.move(State.READY, State.CLEANING)
    assert journal.setup() == Setup(State.CLEANING, RECORD)
    cleaned = RECORD._replace(cleaned_by="gw0")
    journal.publish_cleaned(cleaned)
    assert (other.state(), other.setup(), other.other_holders()) == (None, None, [])
    assert other.setups() == ([Setup(State.CLEANED, cleaned)], [])


def test_interrupted_setup_is_forgotten(journal: ShareJournal, other: ShareJournal) -> None:
    journal.publish(State.SETTING_UP, RECORD)
    journal.discard_setup()
    assert (other.state(), other.setups(), other.put_aside()) == (None, ([], []), 1)


def test_failure_lasts_until_the_share_is_ready(journal: ShareJournal, other: ShareJournal) -> None:
    failed = RECORD._replace(failure=Failure("error", "OSError", "no", ""))
    journal.publish(State.SETTING_UP, RECORD)
    journal.publish(State.FAILED, failed)
    assert (other.state(), other.failure(), other.put_aside()) == (None, failed, 1)
    journal.publish(State.SETTING_UP, RECORD)
    assert (other.state(), other.failure()) == (State.SETTING_UP, failed)
    journal.publish_ready(RECORD, is_held=False)
    assert (other.failure(), other.setups()) == (None, ([Setup(State.READY, RECORD)], []))


def test_short_value_comes_with_its_record(journal: ShareJournal, other: ShareJournal) -> None:
    journal.publish_ready(RECORD, is_held=True, value="sesame")
    assert other.setup() == Setup(State.READY, RECORD, "sesame")
    other.move(State.READY, State.CLEANING)
    assert journal.setup() == Setup(State.CLEANING, RECORD, "sesame")
    assert journal.put_aside() == 2
    again = RECORD._replace(generation=2)
    journal.publish_ready(again, is_held=False)
    assert other.setup() == Setup(State.READY, again, None), "not the value of the earlier setup"
    journal.publish_ready(again, is_held=False, value="")
    assert other.setup() == Setup(State.READY, again, "")


def test_garbled_value_is_an_error_that_names_the_fixture(journal: ShareJournal, path: Path) -> None:
    journal.publish_ready(RECORD, is_held=False, value="sesame")
    path.write_bytes(path.read_bytes().replace(b"sesame", b"sesamo"))
    assert journal.state() is State.READY
    with pytest.raises(StoreError) as caught:
        journal.setup()
    assert str(caught.value) == (
        f"shared fixture {FIXTURE}: its journal is garbled: the checksum of its value differs; nothing but the plugin "
        f"may write to {path}"
    )
    assert journal.setups() == ([Setup(State.READY, RECORD)], []), "the report does not show the value"


def test_garbled_record_is_an_error_beside_the_readable_ones(journal: ShareJournal, path: Path) -> None:
    journal.publish(State.CLEANED, RECORD)
    journal_file(str(path)).append(line("publish", "ready", "2", "[]"))
    setups, [error] = journal.setups()
    assert setups == [Setup(State.CLEANED, RECORD)]
    assert "its journal is garbled: not a whole record" in str(error)


def test_only_the_current_state_can_be_left(journal: ShareJournal) -> None:
    journal.publish(State.CLEANING, RECORD)
    with pytest.raises(StoreError, match="it is no longer ready, though only this worker may change that"):
        journal.move(State.READY, State.CLEANING)
    assert journal.state() is State.CLEANING


@pytest.mark.parametrize("state", [State.SETTING_UP, State.READY, State.CLEANING])
def test_setup_that_a_dead_worker_left_is_put_aside(journal: ShareJournal, other: ShareJournal, state: State) -> None:
    assert journal.put_aside() == 1
    journal.publish(State.CLEANED, RECORD)
    assert journal.put_aside() == 2
    record = RECORD._replace(generation=2)
    journal.publish(state, record)
    assert other.put_aside() == 3
    assert journal.setups() == ([Setup(State.CLEANED, RECORD), Setup(State.LOST, record)], [])
    assert journal.put_aside() == 3


class Masked(str):
    """A text that formats as another, as the members of an enum of texts do."""

    __slots__ = ()

    def __str__(self) -> str:
        return "***"


SHORT = {
    "text": ("a", True),
    "nothing": ("", True),
    "JSON": ('[{"a": "\\n"}]', True),
    "as long as allowed": ("a" * 4096, True),
    "too long": ("a" * 4097, False),
    "two bytes for a character": ("\xe4", False),
    "end of a line": ("a\n", False),
    "end of an entry": ("a\x1e", False),
    "begin of a value": ("a\x1fb", False),
    "bytes": (b"a", False),
    "text that formats as another": (Masked("a"), False),
    "not a text": (1, False),
}


@pytest.mark.parametrize(("value", "expected"), SHORT.values(), ids=list(SHORT))
def test_short_values(value: object, expected: bool) -> None:
    assert is_short(value) is expected


GARBLED = {
    "foreign": b"value",
    "zeros": bytes(64),
    "unknown word": line("sing", "gw0"),
    "not UTF-8": b"\n\xff\xfe\x1e",
    "moved without a setup": line("move", "lost", "ready"),
    "not a record": line("publish", "ready", "1", "[]"),
    "record of another format": line("publish", "ready", "1", '{"format": 2}'),
    "half a record": line("publish", "ready", "1", "{"),
    "no record": line("publish", "ready"),
}


@pytest.mark.parametrize("content", GARBLED.values(), ids=list(GARBLED))
def test_garbled_journal_is_an_error_that_names_the_fixture(journal: ShareJournal, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            journal.setup()
        assert str(caught.value).startswith(f"shared fixture {FIXTURE}: its journal is garbled: ")
        assert str(caught.value).endswith(f"; nothing but the plugin may write to {path}")


# -- lines that are cut off


def test_line_that_a_dead_worker_did_not_finish_is_skipped(
    directory: Path, path: Path, journal: ShareJournal, other: ShareJournal
) -> None:
    whole = publication(State.READY, RECORD)
    journal.hold()
    before = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(before + whole[:cut])
        seen = ShareJournal(directory, "key", "gw1", FIXTURE)
        assert (seen.state(), seen.other_holders()) == (None, ["gw0"])
        seen.hold()
        assert (seen.is_holding(), seen.state(), seen.other_holders()) == (True, None, ["gw0"])
        third = ShareJournal(directory, "key", "gw2", FIXTURE)
        assert (third.other_holders(), third.state()) == (["gw0", "gw1"], None)
    path.write_bytes(before + whole)
    assert other.setup() == Setup(State.READY, RECORD)


def test_line_that_is_still_being_written_is_read_once_it_is_whole(
    path: Path, journal: ShareJournal, other: ShareJournal
) -> None:
    whole = publication(State.READY, RECORD)
    journal.hold()
    for cut in (1, 2, 50, len(whole) - 1):
        journal_file(str(path)).append(whole[:cut])
        assert other.state() is None
        assert other.has_news()
        journal_file(str(path)).append(whole[cut:])
        assert other.setup() == Setup(State.READY, RECORD)
        assert not other.has_news()
        other.discard_setup()


@pytest.mark.parametrize("number", range(1, 5))
def test_interrupt_while_a_journal_is_read_leaves_it_readable(
    directory: Path, journal: ShareJournal, other: ShareJournal, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.hold()
    journal.publish(State.READY, RECORD)
    journal.move(State.READY, State.CLEANING)
    journal.hold()
    applied = 0
    apply = Journal._apply

    def interrupted(self: Journal, text: str) -> None:
        nonlocal applied
        apply(self, text)
        applied += 1
        if applied == number:
            raise KeyboardInterrupt

    monkeypatch.setattr(Journal, "_apply", interrupted)
    seen = ShareJournal(directory, "key", "gw2", FIXTURE)
    with pytest.raises(KeyboardInterrupt):
        seen.state()
    assert (seen.state(), seen.other_holders()) == (State.CLEANING, ["gw1", "gw0"])


# -- the lock and the file


def test_share_is_locked_by_one_worker(journal: ShareJournal, other: ShareJournal) -> None:
    journal.unlock()
    assert journal.try_lock()
    assert other.is_locked()
    assert not other.try_lock()
    journal.unlock()
    assert not other.is_locked()


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_only_its_user_can_read_a_share(path: Path, journal: ShareJournal) -> None:
    journal.hold()
    journal.publish(State.READY, RECORD)
    assert journal.try_lock()
    journal.unlock()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
