"""Every combination of what a decision depends on, with its verdict and the reason for it."""

from __future__ import annotations

import itertools

import pytest

from pytest_shared_session_scope._engine.decisions import Verdict, can_ask, decide
from pytest_shared_session_scope._run.membership import DRAINING, EXPECTED, GONE, RUNNING

YES, NO = True, False
OPEN, CLOSED = False, True
ALIVE, DEAD = True, False

CAN_ASK = [
    (EXPECTED, OPEN, ALIVE, YES, "its tests are still to come"),
    (EXPECTED, OPEN, DEAD, YES, "it may be replaced"),
    (EXPECTED, CLOSED, ALIVE, YES, "what it had been sent may need its first share"),
    (EXPECTED, CLOSED, DEAD, NO, "nobody is started in its place"),
    (RUNNING, OPEN, ALIVE, YES, "it runs tests"),
    (RUNNING, OPEN, DEAD, YES, "it may be replaced"),
    (RUNNING, CLOSED, ALIVE, YES, "it still runs what it had been sent"),
    (RUNNING, CLOSED, DEAD, NO, "nobody is started in its place"),
    (DRAINING, OPEN, ALIVE, NO, "it takes nothing any more"),
    (DRAINING, OPEN, DEAD, YES, "it may be replaced"),
    (DRAINING, CLOSED, ALIVE, NO, "it takes nothing any more"),
    (DRAINING, CLOSED, DEAD, NO, "nobody is started in its place"),
    (GONE, OPEN, ALIVE, NO, "the controller says so"),
    (GONE, OPEN, DEAD, NO, "the controller says so"),
    (GONE, CLOSED, ALIVE, NO, "the controller says so"),
    (GONE, CLOSED, DEAD, NO, "the controller says so"),
]


@pytest.mark.parametrize(("state", "closed", "alive", "expected", "why"), CAN_ASK)
def test_who_may_still_ask(state: str, closed: bool, alive: bool, expected: bool, why: str) -> None:
    assert can_ask(state, closed=closed, alive=lambda: alive) is expected, why


def test_table_of_who_may_ask_is_whole() -> None:
    combinations = itertools.product((EXPECTED, RUNNING, DRAINING, GONE), (OPEN, CLOSED), (ALIVE, DEAD))
    assert {row[:3] for row in CAN_ASK} == set(combinations)
    assert len(CAN_ASK) == 16


@pytest.mark.parametrize(
    ("state", "closed"),
    [(GONE, OPEN), (GONE, CLOSED), (EXPECTED, OPEN), (RUNNING, OPEN), (DRAINING, CLOSED)],
)
def test_lock_is_not_looked_at_where_it_does_not_matter(state: str, closed: bool) -> None:
    can_ask(state, closed=closed, alive=lambda: pytest.fail("looked at the lease"))


LAST, LEAVE, STAY, WAIT = Verdict.LAST, Verdict.LEAVE, Verdict.STAY, Verdict.WAIT

# owner: it owns what yields once, held: others hold the share, asked: somebody may still ask.
DECIDE = [
    ("owner held asked in_run patient", STAY, "others use what only it can end"),
    ("owner held asked in_run -------", STAY, "others use what only it can end"),
    ("owner held asked ------ patient", WAIT, "others use what only it can end"),
    ("owner held asked ------ -------", LAST, "it has waited long enough, and nobody else can end it"),
    ("owner held ----- in_run patient", STAY, "others use what only it can end"),
    ("owner held ----- in_run -------", STAY, "others use what only it can end"),
    ("owner held ----- ------ patient", WAIT, "others use what only it can end"),
    ("owner held ----- ------ -------", LAST, "it has waited long enough, and nobody else can end it"),
    ("owner ---- asked in_run patient", STAY, "others may yet use what only it can end"),
    ("owner ---- asked in_run -------", STAY, "others may yet use what only it can end"),
    ("owner ---- asked ------ patient", WAIT, "others may yet use what only it can end"),
    ("owner ---- asked ------ -------", LAST, "it has waited long enough, and nobody else can end it"),
    ("owner ---- ----- in_run patient", LAST, "nobody has it and nobody will"),
    ("owner ---- ----- in_run -------", LAST, "nobody has it and nobody will"),
    ("owner ---- ----- ------ patient", LAST, "nobody has it and nobody will"),
    ("owner ---- ----- ------ -------", LAST, "nobody has it and nobody will"),
    ("----- held asked in_run patient", LEAVE, "a holder stays, who will be asked the same"),
    ("----- held asked in_run -------", LEAVE, "a holder stays, who will be asked the same"),
    ("----- held asked ------ patient", LEAVE, "a holder stays, who will be asked the same"),
    ("----- held asked ------ -------", LEAVE, "a holder stays, who will be asked the same"),
    ("----- held ----- in_run patient", LEAVE, "a holder stays, who will be asked the same"),
    ("----- held ----- in_run -------", LEAVE, "a holder stays, who will be asked the same"),
    ("----- held ----- ------ patient", LEAVE, "a holder stays, who will be asked the same"),
    ("----- held ----- ------ -------", LEAVE, "a holder stays, who will be asked the same"),
    ("----- ---- asked in_run patient", LEAVE, "it must not wait in the run; who ends last adopts it"),
    ("----- ---- asked in_run -------", LEAVE, "it must not wait in the run; who ends last adopts it"),
    ("----- ---- asked ------ patient", WAIT, "sole holder at its end: it costs the run nothing"),
    ("----- ---- asked ------ -------", LEAVE, "it has waited long enough; who ends last adopts it"),
    ("----- ---- ----- in_run patient", LAST, "nobody has it and nobody will"),
    ("----- ---- ----- in_run -------", LAST, "nobody has it and nobody will"),
    ("----- ---- ----- ------ patient", LAST, "nobody has it and nobody will"),
    ("----- ---- ----- ------ -------", LAST, "nobody has it and nobody will"),
]


@pytest.mark.parametrize(("situation", "expected", "why"), DECIDE)
def test_what_becomes_of_a_holder(situation: str, expected: Verdict, why: str) -> None:
    owner, held, asked, in_run, patient = ("-" not in word for word in situation.split())
    verdict = decide(only_owner_cleans=owner, holders=held, may_be_asked=asked, in_run=in_run, patient=patient)
    assert verdict is expected, why


def test_table_of_what_becomes_of_a_holder_is_whole() -> None:
    assert len({situation for situation, _, _ in DECIDE}) == len(DECIDE) == 2**5
