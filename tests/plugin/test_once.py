"""Each style of fixture, in each way of running a suite, has one setup and one cleanup, after its last use."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Suite

CONFTEST = """
@shared_session_scope_fixture
def returned() -> dict[str, int]:
    log("setup", "returned")
    return {"pid": os.getpid()}

@shared_session_scope_fixture
def once() -> Iterator[int]:
    log("setup", "once")
    yield os.getpid()
    log("cleanup", "once")

@shared_session_scope_fixture
def twice() -> SharedGenerator[int]:
    value = yield None
    if value is None:
        log("setup", "twice")
        value = os.getpid()
    token = yield value
    if token is CleanupToken.LAST:
        log("cleanup", "twice")

@shared_session_scope_fixture()
def bare():
    value = yield
    if value is None:
        log("setup", "bare")
        value = [1, "two", None]
    if (yield value) == "last":
        log("cleanup", "bare")

@shared_session_scope_fixture(FileStore(), params=["a", "b"], ids=["x", "y"])
def parametrized(request, twice) -> SharedGenerator[tuple[str, int]]:
    value = yield None
    if value is None:
        log("setup", f"parametrized {request.param}")
        value = (request.param, twice)
    token = yield value
    if token is CleanupToken.LAST:
        log("cleanup", f"parametrized {request.param}")

@pytest.fixture(scope="session", params=[1, 2])
def ordinary(request):
    log("begin", f"ordinary {request.param}")
    yield request.param
    log("end", f"ordinary {request.param}")

@shared_session_scope_fixture
def dependent(ordinary, twice) -> SharedGenerator[list[int]]:
    value = yield None
    if value is None:
        log("setup", f"dependent {ordinary}")
        value = [ordinary, twice]
    token = yield value
    log("let go", f"dependent {ordinary}")
    if token is CleanupToken.LAST:
        log("cleanup", f"dependent {ordinary}")

@pytest.fixture
def used(request):
    def use(name, value):
        log("use", name, value)
    return use
"""

MODULE = """
@pytest.mark.parametrize("i", range(4))
def test_plain(i, used, returned, once, twice, bare):
    used("returned", returned["pid"])
    used("once", once)
    used("twice", twice)
    assert bare == [1, "two", None]
    used("bare", bare)

@pytest.mark.parametrize("i", range(2))
def test_parametrized(i, used, parametrized):
    assert type(parametrized) is tuple
    used(f"parametrized {parametrized[0]}", parametrized)

@pytest.mark.parametrize("i", range(2))
def test_dependent(i, used, dependent):
    used(f"dependent {dependent[0]}", dependent)
"""

CLEANED = [
    "bare",
    "dependent 1",
    "dependent 2",
    "once",
    "parametrized a",
    "parametrized b",
    "twice",
]


def check_once(events: list[list[Any]], cleaned: list[str], returned: list[str]) -> None:
    """Check that each share was set up once and cleaned up once, with its uses in between and one value throughout."""
    words = [words for _, *words in events]
    assert sorted(name for what, name, *_ in words if what == "setup") == sorted(cleaned + returned)
    assert sorted(name for what, name, *_ in words if what == "cleanup") == sorted(cleaned)
    for name in cleaned + returned:
        uses = [index for index, (what, *rest) in enumerate(words) if what == "use" and rest[0] == name]
        assert uses, f"{name} was never used"
        assert words.index(["setup", name]) < uses[0]
        assert name in returned or words.index(["cleanup", name]) > uses[-1]
        assert len({str(words[use]) for use in uses}) == 1, f"{name} had more than one value"


def test_each_share_is_set_up_once_and_cleaned_up_once(suite: Suite, way: list[str]) -> None:
    suite.write(conftest=CONFTEST, test_one=MODULE, test_two=MODULE)
    result = suite.run(*way)
    tests = 2 * (4 + 4 + 4) * (3 if "each" in way else 1)
    result.assert_outcomes(passed=tests)
    check_once(suite.events, CLEANED, ["returned"])


def test_cleanups_run_in_reverse_and_before_their_dependencies(suite: Suite, way: list[str]) -> None:
    suite.write(conftest=CONFTEST, test_one=MODULE)
    suite.run(*way)
    words = [words for _, *words in suite.events]
    cleanup = {words[1]: index for index, words in enumerate(words) if words[0] == "cleanup"}
    assert cleanup["twice"] > max(cleanup[name] for name in ("dependent 1", "dependent 2", "parametrized a"))
    # Each worker releases the share before the ordinary fixture that the share depends on ends.
    for worker in {worker for worker, *_ in suite.events}:
        mine = [words for w, *words in suite.events if w == worker]
        for number in (1, 2):
            for index, event in enumerate(mine):
                if event == ["let go", f"dependent {number}"]:
                    begun = mine[:index].count(["begin", f"ordinary {number}"])
                    ended = mine[:index].count(["end", f"ordinary {number}"])
                    assert begun == ended + 1, mine


@pytest.mark.parametrize("workers", [None, 0, 2, 8])
@pytest.mark.parametrize("option", ["-x", "--maxfail=2"])
def test_a_run_that_stops_early_cleans_up_once(suite: Suite, workers: int | None, option: str) -> None:
    suite.write(
        conftest=CONFTEST,
        test_one="""
        @pytest.mark.parametrize("i", range(60))
        def test_it(i, used, returned, once, twice, bare):
            used("once", once)
            used("twice", twice)
            time.sleep(0.01)
            assert i not in (7, 8)
        """,
    )
    result = suite.run(option, workers=workers)
    assert result.ret != 0
    setups, cleanups = suite.words("setup"), suite.words("cleanup")
    assert sorted(setups) == [["setup", name] for name in ("bare", "once", "returned", "twice")]
    assert sorted(cleanups) == [["cleanup", name] for name in ("bare", "once", "twice")]
    words = [words for _, *words in suite.events]
    for name in ("once", "twice"):
        last_use = max(index for index, event in enumerate(words) if event[:2] == ["use", name])
        assert words.index(["cleanup", name]) > last_use


@pytest.mark.parametrize("workers", [None, 2])
def test_dependency_ends_after_the_share_even_if_requested_again(suite: Suite, workers: int | None) -> None:
    """pytest 7 registers the end of a fixture again for each test that requests it."""
    suite.write(
        conftest="""
        @pytest.fixture(scope="session")
        def place():
            yield
            log("closed")

        @shared_session_scope_fixture
        def db(place) -> SharedGenerator[int]:
            value = yield None
            token = yield value or 1
            log("left" if token is None else "cleanup")
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(8))
        def test_db(i, db): pass

        @pytest.mark.parametrize("i", range(8))
        def test_place(i, place): pass
        """,
    )
    suite.run(workers=workers).assert_outcomes(passed=16)
    ends: dict[str, list[str]] = {}
    for worker, word in suite.events:
        ends.setdefault(worker, []).append(word)
    assert all(words in (["left", "closed"], ["cleanup", "closed"], ["closed"]) for words in ends.values()), ends
