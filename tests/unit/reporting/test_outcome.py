"""The outcome as it is read from a run's directory, and what follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from samples import ACQUISITIONS, FAILURE, RECORD, SETUP, altered, outcome_of

from pytest_shared_session_scope._engine import timings
from pytest_shared_session_scope._reporting import outcome
from pytest_shared_session_scope._reporting.outcome import Death, End, Setup
from pytest_shared_session_scope._run.files import create_directory
from pytest_shared_session_scope._run.journal import Failure, State
from pytest_shared_session_scope._run.share_journal import ShareJournal


def test_cost_and_users_of_a_setup() -> None:
    assert SETUP.cost == pytest.approx(2.5 + 3.9 + 0.05)
    assert SETUP.users == ["gw0", "gw1", "gw2"]


WENT_WRONG = [
    pytest.param(SETUP, False, id="cleaned up"),
    pytest.param(altered(end=End.KEPT), False, id="kept"),
    pytest.param(altered(end=End.NOT_CLEANED_UP), True, id="not cleaned up"),
    pytest.param(altered(end=End.CUT_OFF), True, id="cut off"),
    pytest.param(altered(end=End.FAILED, failure=FAILURE), True, id="failed"),
    pytest.param(altered(end=End.FAILED, failure=Failure("skip", "Skipped", "no docker", "")), False, id="skipped"),
    pytest.param(altered(cleanup_error="OSError: gone"), True, id="cleanup failed"),
]


@pytest.mark.parametrize(("setup", "went_wrong"), WENT_WRONG)
def test_went_wrong(setup: Setup, went_wrong: bool) -> None:
    assert outcome_of(setup).went_wrong is went_wrong


def test_run_is_read_from_its_directory(run_parent: Path) -> None:
    directory = create_directory(run_parent)
    ShareJournal(directory, "db-1", "gw1", "db").publish(State.CLEANED, RECORD)
    timings.write(directory, "gw2", [ACQUISITIONS[2][1]])
    found = outcome.read(directory, {"gw10": Death("12:00:01")})
    assert found.setups == (Setup("db-1", RECORD, End.CLEANED_UP, ACQUISITIONS[2:]),)
    assert found.workers == ("gw0", "gw1", "gw2", "gw10")
    assert not found.garbled


@pytest.mark.parametrize("content", [b"", b'[{"key": 1}]', b"[1]", b"{}", b"\xff"])
def test_garbled_timings_do_not_hide_the_setups(run_parent: Path, content: bytes) -> None:
    directory = create_directory(run_parent)
    (directory / "timings" / "gw0.json").write_bytes(content)
    ShareJournal(directory, "db-1", "gw1", "db").publish(State.CLEANED, RECORD)
    found = outcome.read(directory, {})
    assert [setup.key for setup in found.setups] == ["db-1"]
    if content != b"{}":
        [message] = found.garbled
        assert message.startswith("the timings that the workers wrote to ")


def test_garbled_journal_does_not_hide_the_others(run_parent: Path) -> None:
    directory = create_directory(run_parent)
    ShareJournal(directory, "db-1", "gw1", "db").publish(State.CLEANED, RECORD)
    (directory / "shares" / "other-1").write_bytes(b"hello\n")
    found = outcome.read(directory, {})
    assert [setup.key for setup in found.setups] == ["db-1"]
    assert len(found.garbled) == 1


def test_run_whose_directory_is_gone_shared_nothing(tmp_path: Path) -> None:
    assert outcome.read(tmp_path / "gone", {}).setups == ()
