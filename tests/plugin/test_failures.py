"""A failing setup runs once, and every test that needs it reports the failure as it would without workers."""

from __future__ import annotations

import pytest
from conftest import TWICE_AND_ONCE, Suite

KINDS = {
    "returns": "def broken() -> int:\n    log('setup')\n    {fail}\n    return 1",
    "yields once": "def broken() -> Iterator[int]:\n    log('setup')\n    {fail}\n    yield 1",
    "yields twice": (
        "def broken() -> SharedGenerator[int]:\n    value = yield None\n    if value is None:\n        log('setup')\n"
        "        {fail}\n    yield value"
    ),
}
TEST = "@pytest.mark.parametrize('i', range(4))\ndef test_it(i, broken): pass"


def _write(suite: Suite, kind: str, fail: str) -> None:
    fixture = "class Trouble(Exception): pass\n\n@shared_session_scope_fixture\n" + KINDS[kind].format(fail=fail)
    suite.write(conftest=fixture, test_a=TEST, test_b=TEST)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [None, 3])
def test_setup_that_raises(suite: Suite, kind: str, workers: int | None) -> None:
    _write(suite, kind, "raise Trouble('no such host')")
    result = suite.run(workers=workers)
    result.assert_outcomes(errors=8)
    assert suite.words("setup") == [["setup"]]
    result.stdout.fnmatch_lines(["E * conftest.Trouble: no such host", "conftest.py:*: Trouble"])
    if workers:
        result.stdout.fnmatch_lines(
            [
                "E *SetupFailedError: shared fixture 'broken' (conftest.py:*): its setup failed in worker gw*, "
                "so it is not tried again: conftest.Trouble: no such host",
                "*Traceback (most recent call last):",
                "*conftest.py*, line *, in broken",
                "*raise Trouble('no such host')",
            ]
        )
    result.stdout.no_fnmatch_line("*pytest_shared_session_scope/_*.py*")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fail", "outcomes", "line"),
    [
        ("pytest.skip('not today')", {"skipped": 8}, "SKIPPED*not today"),
        ("pytest.xfail('known')", {"xfailed": 8}, "XFAIL*known"),
        ("pytest.fail('never')", {"errors": 8}, "*never*"),
    ],
)
def test_setup_that_skips_or_fails(suite: Suite, kind: str, fail: str, outcomes: dict[str, int], line: str) -> None:
    _write(suite, kind, fail)
    result = suite.run("-rsxE", workers=3)
    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines([line])
    assert suite.words("setup") == [["setup"]]


def test_exit_ends_the_run_with_its_code(suite: Suite) -> None:
    _write(suite, "returns", "pytest.exit('enough')")
    result = suite.run(workers=3)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert suite.words("setup") == [["setup"]]


@pytest.mark.parametrize("way", [[], ["-p", "xdist", "-n", "3"]], ids=["without xdist", "n3"])
def test_setup_of_a_value_that_cannot_be_shared_is_cleaned_up(suite: Suite, way: list[str]) -> None:
    suite.write(
        conftest="""
        class Opaque: pass

        @shared_session_scope_fixture
        def once() -> Iterator[dict]:
            log("setup", "once")
            yield {"a": Opaque()}
            log("cleanup", "once")

        @shared_session_scope_fixture
        def twice():
            value = yield
            if value is None:
                log("setup", "twice")
                value = Opaque()
            if (yield value) is CleanupToken.LAST:
                log("cleanup", "twice")
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(4))
        def test_once(i, once): pass

        @pytest.mark.parametrize("i", range(4))
        def test_twice(i, twice): pass
        """,
    )
    result = suite.run(*way)
    result.assert_outcomes(errors=8)
    assert sorted(words for _, *words in suite.events) == [
        ["cleanup", "once"],
        ["cleanup", "twice"],
        ["setup", "once"],
        ["setup", "twice"],
    ]
    result.stdout.fnmatch_lines(["E *CodecError: shared fixture 'once' (conftest.py:*)*Opaque*"])


@pytest.mark.parametrize("workers", [None, 3])
def test_a_cleanup_that_raises_is_an_error_and_the_others_still_clean_up(suite: Suite, workers: int | None) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def first() -> Iterator[int]:
            yield 1
            log("cleanup", "first")

        @shared_session_scope_fixture
        def second(first) -> SharedGenerator[int]:
            value = yield None
            token = yield value or 2
            if token is CleanupToken.LAST:
                log("cleanup", "second")
                raise RuntimeError("cannot drop")

        @shared_session_scope_fixture
        def third(second) -> Iterator[int]:
            yield 3
            log("cleanup", "third")
            raise RuntimeError("cannot stop")
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(6))
        def test_it(i, third): time.sleep(0.02)
        """,
    )
    result = suite.run(workers=workers)
    result.stdout.fnmatch_lines_random(["*RuntimeError: cannot drop", "*RuntimeError: cannot stop"])
    assert result.parseoutcomes()["passed"] == 6
    assert result.parseoutcomes().keys() & {"error", "errors"}
    assert [words for _, *words in suite.events] == [["cleanup", "third"], ["cleanup", "second"], ["cleanup", "first"]]


def test_wait_timeout_names_the_owner(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture(timeout=0.3)
        def slow() -> int:
            Path("begun").touch()
            while not Path("tried").exists():
                time.sleep(0.01)
            return 1

        @pytest.fixture(scope="session")
        def begun():
            while not Path("begun").exists():
                time.sleep(0.01)
        """,
        test_a="def test_a(slow): pass",
        test_b="""
        def test_b(begun, request):
            try:
                request.getfixturevalue("slow")
            finally:
                Path("tried").touch()
        """,
    )
    result = suite.run("--dist", "loadfile", workers=2)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *WaitTimeoutError: shared fixture 'slow' (conftest.py:*): worker gw? waited 0.3 s for its value: worker "
            "gw? (pid *, which is alive) has been setting it up for * s, in test_a.py::test_a; raise the timeout *"
        ]
    )


def test_the_timeout_of_the_ini_file(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def slow() -> int:
            while not Path("tried").exists():
                time.sleep(0.01)
            return 1

        def pytest_runtest_teardown(item):
            Path("tried").touch()
        """,
        test_a="def test_a(slow): pass",
        test_b="def test_b(slow): pass",
    )
    suite.path.joinpath("pytest.ini").write_text("[pytest]\nshared_session_scope_timeout = 0.2\n")
    result = suite.run("--dist", "loadfile", workers=2)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E *WaitTimeoutError: *waited 0.2 s*"])


# Prepended to a conftest: writing certain lines to a share's journal fails as on a full disk.
_FULL_DISK = """
import errno
real_write = os.write
def write(descriptor, content):
    if {begin!r} in bytes(content):
        {what}
        raise OSError(errno.ENOSPC, "No space left on device")
    return real_write(descriptor, content)
os.write = write

@shared_session_scope_fixture
def db() -> SharedGenerator[int]:
    value = yield None
    if value is None:
        log("setup")
    if (yield value or 1) is CleanupToken.LAST:
        log("cleanup")
"""


@pytest.mark.parametrize("workers", [None, 2])
def test_full_disk_after_a_cleanup_repeats_it_at_most_once_per_worker(suite: Suite, workers: int | None) -> None:
    suite.write(conftest=_FULL_DISK.format(begin=b"publish cleaned", what=""), test_it="def test_it(db): pass")
    result = suite.run(workers=workers, timeout=60)
    assert [words for _, *words in suite.events][:2] == [["setup"], ["cleanup"]]
    # The cleanup cannot be recorded, so each worker may repeat it, but only once.
    assert len(suite.words("cleanup")) <= 1 + (workers or 1)
    result.stdout.fnmatch_lines(["E*OSError: *No space left on device*"])


@pytest.mark.parametrize("what", ["", "return real_write(descriptor, content[:-1])"], ids=["nothing", "all but an end"])
def test_setup_that_cannot_be_published_on_a_full_disk_is_cleaned_up_at_once(suite: Suite, what: str) -> None:
    suite.write(
        conftest=_FULL_DISK.format(begin=b"publish ready", what=what),
        test_it="""
        def test_a(db): log("used")
        def test_b(db): log("used")
        """,
    )
    result = suite.run(workers=2, timeout=60)
    assert not suite.words("used")
    assert len(suite.words("setup")) == len(suite.words("cleanup"))
    result.stdout.fnmatch_lines(["E*OSError: *No space left on device*"])


@pytest.mark.parametrize("order", ["twice, once", "once, twice"])
def test_share_that_a_worker_acquires_but_cannot_keep_delays_no_cleanup(suite: Suite, order: str) -> None:
    """For example, when pytest-timeout's alarm arrives just after the acquire."""
    suite.write(
        conftest=TWICE_AND_ONCE
        + """
from pytest_shared_session_scope._engine import timings

real_stop = timings.AcquireTimer.stop
def stop(self, acquired):
    if acquired is not None and not acquired.is_owner and self._key.startswith("once"):
        raise TimeoutError("just now")
    return real_stop(self, acquired)
timings.AcquireTimer.stop = stop
""",
        test_a=f"""
        def test_a({order}):
            Path("a").touch()
            wait_for("b")
        """,
        test_b=f"""
        @pytest.fixture(scope="session", autouse=True)
        def later():
            wait_for("a")
            yield
            Path("b").touch()

        def test_b(later, {order}): pass
        """,
    )
    result = suite.run("--dist", "loadfile", workers=2, timeout=60)
    result.assert_outcomes(passed=1, errors=1)
    assert sorted(words for _, *words in suite.events if words[0] == "cleanup") == [
        ["cleanup", "once"],
        ["cleanup", "twice"],
    ]
