"""The outcome of a run, read from its directory."""

from __future__ import annotations

from pathlib import Path

from samples import RECORD

from pytest_shared_session_scope._reporting import outcome, summary
from pytest_shared_session_scope._run.fileio import create_directory
from pytest_shared_session_scope._run.journal import Kind, State
from pytest_shared_session_scope._run.share_journal import ShareJournal


def test_shares_that_were_not_cleaned_up_are_in_the_order_of_their_setups(tmp_path: Path) -> None:
    directory = create_directory(tmp_path)
    states = (State.SETTING_UP, State.LOST, State.CLEANING, State.READY, State.CLEANED, State.READY)
    for number, (key, state) in enumerate(zip("dcbaef", states, strict=True)):
        kind = Kind.RETURNS if key == "f" else Kind.YIELDS_TWICE
        record = RECORD._replace(fixture=key, kind=kind, started=float(number))
        ShareJournal(directory, key, "gw0", key).publish(state, record)
    lines = summary.not_cleaned_up(outcome.read(directory, {}, {}))
    assert [line.partition("shared fixture ")[2][:2] for line in lines] == ["d:", "c:", "b:", "a:"]
