"""This plugin and other common plugins do not disturb each other."""

from __future__ import annotations

import pytest
from conftest import TWICE_AND_ONCE, Suite

ALL = [["cleanup", "once"], ["cleanup", "twice"], ["setup", "once"], ["setup", "twice"]]
TESTS = "@pytest.mark.parametrize('i', range(12))\ndef test_it(i, twice, once): pass"


@pytest.mark.parametrize("method", ["signal", "thread"])
def test_timeout_is_postponed_while_a_worker_waits(suite: Suite, method: str) -> None:
    """Both waits, in a setup and in the last teardown, exceed the test's timeout. A test that hangs is still ended."""
    pytest.importorskip("pytest_timeout")
    suite.write(
        conftest=TWICE_AND_ONCE
        + """
@shared_session_scope_fixture
def slow() -> SharedGenerator[int]:
    value = yield None
    if value is None:
        Path("slow-begun").touch()
        wait_for("slow-waited-for")
        time.sleep(3)
    if (yield 1) is CleanupToken.LAST:
        log("cleanup", "slow")
""",
        # The owner has a long timeout. The worker that waits for it, and at the end to be last, has a short one.
        test_a="""
        @pytest.mark.timeout(30)
        def test_a(slow, tmp_path_factory, worker_id):
            run = tmp_path_factory.getbasetemp().parent / "shared-session-scope"
            other = {"gw0": "gw1", "gw1": "gw0"}[worker_id]
            wait_for(run / "workers" / f"{other}.draining")
            time.sleep(3)
        """,
        # Only this worker acquires `twice`. It waits until the other worker can no longer acquire it.
        test_b="""
        def test_before():
            wait_for("slow-begun")
            Path("slow-waited-for").touch()

        @pytest.mark.timeout(2)
        def test_b(slow, twice): pass
        """,
    )
    result = suite.run("-p", "pytest_timeout", "-o", f"timeout_method={method}", "--dist", "loadfile", "-v", workers=2)
    result.assert_outcomes(passed=3)
    assert sorted(suite.words("cleanup")) == [["cleanup", "slow"], ["cleanup", "twice"]]
    suite.write(test_a="@pytest.mark.timeout(0.5)\ndef test_a(twice): time.sleep(30)")
    if method == "signal":  # method `thread` ends the whole process
        suite.run("-p", "pytest_timeout", "test_a.py").stdout.fnmatch_lines(["*Timeout*"])


def test_rerunfailures_sets_up_a_cleaned_up_share_again(suite: Suite) -> None:
    pytest.importorskip("pytest_rerunfailures")
    suite.write(
        conftest=TWICE_AND_ONCE,
        test_it="""
        def test_it(twice, once):
            log("test")
            assert len(Path(os.environ["SUITE_LOG"]).read_text().split('"test"')) > 2
        """,
    )
    for workers in (None, 2):
        suite.run("-p", "pytest_rerunfailures", "--reruns", "2", workers=workers).assert_outcomes(passed=1)
        words = [words for _, *words in suite.events if words != ["test"]]
        assert len(suite.words("test")) == 2
        for name in ("once", "twice"):
            of_one = [word for word, which in words if which == name]
            assert of_one in (["setup", "cleanup"], ["setup", "cleanup", "setup", "cleanup"])


def test_rerunfailures_may_repeat_a_failed_setup(suite: Suite) -> None:
    pytest.importorskip("pytest_rerunfailures")
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def flaky() -> int:
            log("setup")
            if not Path("tried").exists():
                Path("tried").touch()
                raise OSError("not yet")
            return 1
        """,
        test_it="@pytest.mark.parametrize('i', range(4))\ndef test_it(i, flaky): assert flaky == 1",
    )
    suite.run("-p", "pytest_rerunfailures", "--reruns", "1", workers=1).assert_outcomes(passed=4)
    assert suite.words("setup") == [["setup"], ["setup"]]


def test_randomly(suite: Suite) -> None:
    pytest.importorskip("pytest_randomly")
    suite.write(conftest=TWICE_AND_ONCE, test_it=TESTS)
    suite.run("-p", "pytest_randomly", workers=3).assert_outcomes(passed=12)
    assert sorted(words for _, *words in suite.events) == ALL


def test_cov(suite: Suite) -> None:
    pytest.importorskip("pytest_cov")
    suite.write(conftest=TWICE_AND_ONCE, test_it=TESTS)
    result = suite.run("-p", "pytest_cov.plugin", "--cov=.", "--cov-report=term", workers=3)
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines(["test_it.py *%"])
    assert sorted(words for _, *words in suite.events) == ALL


@pytest.mark.parametrize("plugin", ["pytest_asyncio", "anyio"])
def test_asynchronous_tests(suite: Suite, plugin: str) -> None:
    pytest.importorskip(plugin)
    name, mark = {"pytest_asyncio": ("pytest_asyncio.plugin", "asyncio"), "anyio": ("anyio.pytest_plugin", "anyio")}[
        plugin
    ]
    suite.write(
        conftest=TWICE_AND_ONCE + "\n@pytest.fixture(scope='session')\ndef anyio_backend(): return 'asyncio'\n",
        test_it=f"""
        import asyncio
        pytestmark = pytest.mark.{mark}

        @pytest.mark.parametrize("i", range(6))
        async def test_it(i, twice, once):
            await asyncio.sleep(0)
        """,
    )
    suite.run("-p", name, workers=2).assert_outcomes(passed=6)
    assert sorted(words for _, *words in suite.events) == ALL
