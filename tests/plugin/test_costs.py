"""Work that is done once per fixture and worker, never per test. Calls are counted, because times on shared machines vary."""

from __future__ import annotations

from conftest import Suite

# Counts, in each worker, how often annotations are resolved, adapters and keys built, and journals read or written.
_COUNTING = """
import collections

from pydantic import TypeAdapter
from pytest_shared_session_scope._fixtures import definition
from pytest_shared_session_scope._session import identity
from pytest_shared_session_scope._run.journal_file import JournalFile

COUNTS = collections.Counter()

def count(what, owner, name):
    function = getattr(owner, name)
    def counted(*args, **kwargs):
        COUNTS[what] += 1
        return function(*args, **kwargs)
    setattr(owner, name, counted)

count("adapters", TypeAdapter, "__init__")
count("annotations", definition, "sharing_of")
count("keys", identity, "identify")
count("writes", JournalFile, "append")
count("reads", JournalFile, "read_from")

@shared_session_scope_fixture
def twice() -> SharedGenerator[dict[str, int]]:
    value = yield None
    yield value or {"a": 1}

@shared_session_scope_fixture
def returned(twice) -> list[int]:
    return [1]

def pytest_sessionfinish():
    if "PYTEST_XDIST_WORKER" in os.environ:
        log("counts", dict(COUNTS))
"""


def test_nothing_is_built_or_looked_up_per_test(suite: Suite) -> None:
    counts: list[dict[str, int]] = []
    for tests in (4, 400):
        suite.write(
            conftest=_COUNTING,
            test_it=f"""
            @pytest.mark.parametrize("number", range({tests}))
            def test_it(number, twice, returned):
                pass
            """,
        )
        suite.run(workers=1).assert_outcomes(passed=tests)
        [(_, counted)] = suite.words("counts")
        counts.append(counted)
    few, many = counts
    assert few == many
    assert (few["adapters"], few["annotations"], few["keys"]) == (2, 2, 2), "one of each for each fixture"


def test_outcome_of_a_run_is_read_by_one_process(suite: Suite) -> None:
    suite.write(
        conftest="""
        from pytest_shared_session_scope._reporting import outcome
        from pytest_shared_session_scope._reporting import leftovers

        def logging(what, owner, name):
            function = getattr(owner, name)
            def logged(*args, **kwargs):
                log(what)
                return function(*args, **kwargs)
            setattr(owner, name, logged)

        logging("reads", outcome, "read")
        logging("reports earlier runs", leftovers.Leftovers, "report")
        logging("ends", leftovers.Leftovers, "end")

        @shared_session_scope_fixture
        def db() -> Iterator[int]:
            yield 1
        """,
        test_it="""
        @pytest.mark.parametrize("number", range(4))
        def test_it(number, db):
            pass
        """,
    )
    suite.run("-v", "-p", "cacheprovider", workers=2).assert_outcomes(passed=4)
    assert suite.events == [["master", "reports earlier runs"], ["master", "reads"], ["master", "ends"]]
