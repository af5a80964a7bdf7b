"""The latency and the cost of waiting, with 8 workers and a setup of one second."""

from __future__ import annotations

import statistics

from .suite import Note, Ran, Suite
from .table import Row, ms, percentile

_WORKERS = 8
_SECONDS = 1.0
_CONFTEST = f"""
from pytest_shared_session_scope import shared_session_scope_fixture

@shared_session_scope_fixture
def first() -> int:
    return 1

def noted(value: int) -> int:
    note("has it", "")  # in each worker, including the owner, as soon as it has the value
    return value

@shared_session_scope_fixture(parse=noted)
def slow() -> int:
    note("sets up", "")
    time.sleep({_SECONDS})
    return 1
"""
# Each worker runs two tests, so that imports are complete before it waits. The second test sleeps, so that workers that
# wake first do not occupy the cores by ending their session.
_TESTS = "import time\n" + "".join(
    f"def test_1_{worker}(first): pass\ndef test_2_{worker}(slow): time.sleep(0.1)\n" for worker in range(_WORKERS)
)


def rows(*, quick: bool) -> list[Row]:
    """Return the rows of this benchmark."""
    with Suite(_CONFTEST, _TESTS) as suite:
        runs = [suite.run(workers=_WORKERS) for _ in range(1 if quick else 12)]
    late = [seconds for ran in runs for seconds in _late(ran)]
    share = statistics.median(one for ran in runs for one in _waiting(ran))
    middle, most = ms(percentile(late, 50)), ms(percentile(late, 100))
    return [
        Row(
            "waking: 95 % have the value after it is published",
            ms(percentile(late, 95)),
            "10 ms",
            f"median {middle}, last {most}",
        ),
        Row("waking: of a core, while a worker waits", f"{share:.2%}", "2 %"),
    ]


def _late(ran: Ran) -> list[float]:
    """Return, for each waiting worker, the seconds from the publication of the value to its arrival."""
    published = next(_has(notes) for notes in ran.notes.values() if _sets_up(notes))
    return [_has(notes) - published for notes in _waiters(ran)]


def _has(notes: list[Note]) -> float:
    return next(note.at for note in notes if note.word == "has it")


def _sets_up(notes: list[Note]) -> bool:
    return any(note.word == "sets up" for note in notes)


def _waiting(ran: Ran) -> list[float]:
    shares: list[float] = []
    for notes in _waiters(ran):
        begun, ended = _setup(notes)
        if ended.at - begun.at > _SECONDS / 2:  # otherwise it arrived late and hardly waited
            shares.append((ended.cpu - begun.cpu) / (ended.at - begun.at))
    return shares


def _waiters(ran: Ran) -> list[list[Note]]:
    return [notes for notes in ran.notes.values() if not _sets_up(notes)]


def _setup(notes: list[Note]) -> tuple[Note, Note]:
    of_second = [note for note in notes if note.about.startswith("test_2_") and note.word.startswith("setup")]
    return of_second[0], of_second[1]
