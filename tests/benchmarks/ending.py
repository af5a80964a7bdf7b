"""The time from the last test of a run to the exit of the last worker, without the fixtures' own cleanup."""

from __future__ import annotations

import statistics

from .suite import Ran, Suite
from .table import Row, interleaved, ms, percentile

_WORKERS = 4
_CLEANUP = 0.2
_TEST = 0.3
_PLAIN = f"""
@pytest.fixture(scope="session")
def quick():
    yield 1

@pytest.fixture(scope="session")
def slow():
    yield 1
    time.sleep({_CLEANUP})
"""
_SHARED = f"""
from pytest_shared_session_scope import CleanupToken, SharedGenerator, shared_session_scope_fixture

@shared_session_scope_fixture
def quick() -> SharedGenerator[int]:
    value = yield None
    yield value or 1

@shared_session_scope_fixture
def slow() -> SharedGenerator[int]:
    value = yield None
    token = yield value or 1
    if token is CleanupToken.LAST:
        time.sleep({_CLEANUP})
"""
# The last tests of the workers end one after the other, so that the first workers have to wait or exit.
_TESTS = "import time\n" + "".join(
    f"def test_1_{worker}(quick, slow): pass\ndef test_2_{worker}(quick, slow): time.sleep({_TEST} * (1 + {worker}))\n"
    for worker in range(_WORKERS)
)


def rows(*, quick: bool) -> list[Row]:
    """Return the rows of this benchmark."""
    with Suite(_PLAIN, _TESTS) as plain, Suite(_SHARED, _TESTS) as shared:
        variants = {"plain": lambda: plain.run(workers=_WORKERS), "shared": lambda: shared.run(workers=_WORKERS)}
        runs = interleaved(variants, 1 if quick else 9)
    late = {name: [_after_the_last_test(ran) - _CLEANUP for ran in many] for name, many in runs.items()}
    return [
        Row(
            "ending: the last worker, after the last test and the cleanup",
            ms(statistics.median(late["shared"])),
            "50 ms",
            f"at most {ms(percentile(late['shared'], 100))}; plain {ms(statistics.median(late['plain']))}",
        )
    ]


def _after_the_last_test(ran: Ran) -> float:
    notes = [note for worker in ran.notes.values() for note in worker]
    tests_end = max(note.at for note in notes if note.word == "teardown begins")
    return max(note.at for note in notes if note.word == "finish ends") - tests_end
