"""A share that was not cleaned up is reported at the end of the run, and once more at the start of the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from conftest import Suite

# The suite's own cache, which keeps the leftovers of a run for the next one.
CACHE = ["-p", "cacheprovider"]


def _reported(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "not cleaned up" in line]


def test_only_holder_crashes_and_no_other_worker_sees_the_fixture(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> SharedGenerator[str]:
            value = yield None
            yield value or "postgres"
        """,
        test_it="""
        def test_it(db):
            os.kill(os.getpid(), 9)
        """,
    )
    result = suite.run("--max-worker-restart=0", *CACHE, workers=1)
    result.assert_outcomes(failed=1)
    line = (
        "not cleaned up: shared fixture 'db' (conftest.py:*): worker gw0 set it up in test_it.py::test_it and "
        "crashed at ??:??:?? in test_it.py::test_it; its value is 'postgres'"
    )
    result.stdout.fnmatch_lines(["=* shared fixtures =*", line])
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    quiet = suite.run("-q", "--collect-only", *CACHE)
    assert _reported(quiet) == []
    suite.run("--collect-only", *CACHE).stdout.fnmatch_lines([f"an earlier run: {line}"])
    assert _reported(suite.run("--collect-only", *CACHE)) == []


def test_lost_teardown_is_reported_though_the_share_was_set_up_again(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def server() -> Iterator[int]:
            log("setup")
            yield os.getpid()
            log("cleanup")
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(4))
        def test_it(i, server):
            if not Path("died").exists():
                Path("died").touch()
                os.kill(os.getpid(), 9)
        """,
    )
    result = suite.run(workers=1)
    result.assert_outcomes(failed=1, passed=3)
    assert [words for _, *words in suite.events] == [["setup"], ["setup"], ["cleanup"]]
    assert len(_reported(result)) == 1
    result.stdout.fnmatch_lines(
        [
            "not cleaned up: shared fixture 'server' *: worker gw0 set it up in *0* and crashed at * in *0*; its value is *"
        ]
    )


def test_crash_during_a_setup_is_reported(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> SharedGenerator[str]:
            value = yield None
            if value is None:
                os.kill(os.getpid(), 9)
            yield value
        """,
        test_it="def test_it(db): pass",
    )
    result = suite.run("--max-worker-restart=0", workers=1)
    result.stdout.fnmatch_lines(
        [
            "not cleaned up: shared fixture 'db' *: worker gw0 crashed at * in test_it.py::test_it while setting "
            "it up for test_it.py::test_it"
        ]
    )


@pytest.mark.parametrize("workers", [1, 2], ids=["its only worker", "another worker has ended"])
def test_run_whose_processes_were_all_killed_is_reported_by_the_next(suite: Suite, workers: int) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> SharedGenerator[str]:
            value = yield None
            yield value or "postgres"
        """,
        test_it=f"""
        def test_it(db, tmp_path_factory):
            run = tmp_path_factory.getbasetemp().parent / "shared-session-scope"
            until = time.monotonic() + 30
            while len(list(run.glob("workers/*.gone"))) < {workers - 1}:
                assert time.monotonic() < until
                time.sleep(0.01)
            log("ready")
            time.sleep(60)
        """,
        test_other="def test_other(): pass",
    )
    command = [sys.executable, "-m", "pytest", "-p", "shared_session_scope", "-p", "xdist", "-n", str(workers)]
    run = subprocess.Popen(command, cwd=suite.path, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while not suite.words("ready"):
        assert run.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    while_it_runs = suite.pytester.runpytest_subprocess("-p", "shared_session_scope", "--collect-only", timeout=60)
    assert _reported(while_it_runs) == []
    children = psutil.Process(run.pid).children(recursive=True)
    for pid in [run.pid, *(child.pid for child in children)]:
        os.kill(pid, signal.SIGKILL)
    run.wait()
    psutil.wait_procs(children)
    result = suite.pytester.runpytest_subprocess("-p", "shared_session_scope", "--collect-only", timeout=60)
    result.stdout.fnmatch_lines(
        [
            "an earlier run: not cleaned up: shared fixture 'db' *: worker gw? set it up in test_it.py::test_it, and "
            "the run ended before it was cleaned up; its value is 'postgres'"
        ]
    )


KILLED = """
def test_it(db):
    os.kill(os.getpid(), 9)
"""
ONLY_HOLDER = """
@shared_session_scope_fixture
def db() -> SharedGenerator[str]:
    value = yield None
    yield value or "postgres"
"""


def test_run_that_ends_with_an_internal_error_reports(suite: Suite) -> None:
    """pytest shows no summary of such a run."""
    suite.write(
        conftest=ONLY_HOLDER
        + """
def pytest_handlecrashitem():
    raise AssertionError("a plugin that is wrong")
""",
        test_it=KILLED,
    )
    result = suite.run("--max-worker-restart=0", *CACHE, workers=1)
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stdout.fnmatch_lines(["not cleaned up: shared fixture 'db' (conftest.py:*): worker gw0 set it up in *"])
    assert len(_reported(result)) == 1
    assert len(_reported(suite.run("--collect-only", *CACHE))) == 1
    assert _reported(suite.run("--collect-only", *CACHE)) == []


def test_run_without_a_terminal_leaves_the_report_to_the_next_run(suite: Suite) -> None:
    suite.write(conftest=ONLY_HOLDER, test_it=KILLED)
    result = suite.run("--max-worker-restart=0", "-p", "no:terminal", *CACHE, workers=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert _reported(result) == []
    suite.run("--collect-only", *CACHE).stdout.fnmatch_lines(["an earlier run: not cleaned up: shared fixture 'db' *"])
    assert _reported(suite.run("--collect-only", *CACHE)) == []


def test_ordinary_run_reports_nothing(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> SharedGenerator[str]:
            value = yield None
            yield value or "postgres"
        """,
        test_it="def test_it(db): pass",
    )
    for workers in (None, 2):
        for _ in range(2):
            assert _reported(suite.run(*CACHE, workers=workers)) == []
    assert list((suite.path / ".pytest_cache/d/shared-session-scope").iterdir()) == []


def test_garbled_leftovers_do_not_fail_a_run(suite: Suite) -> None:
    suite.write(test_it="def test_it(): pass")
    entry = suite.path / ".pytest_cache/d/shared-session-scope/run.json"
    entry.parent.mkdir(parents=True)
    entry.touch()
    result = suite.run(*CACHE)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [f"an earlier run: cannot report what it did not clean up: {entry}: *; delete that file"]
    )
