"""A run that stops before its last test cleans up once."""

from __future__ import annotations

import pytest
from conftest import TWICE_AND_ONCE, Suite

TESTS = """
@pytest.mark.parametrize("i", range(20))
def test_it(i, request, twice, once):
    time.sleep(0.01)
    if i == 5:
        {stop}
"""
ALL = [["cleanup", "once"], ["cleanup", "twice"], ["setup", "once"], ["setup", "twice"]]

STOPS = {
    "pytest.exit": "pytest.exit('enough')",
    "shouldstop": "request.session.shouldstop = 'enough'",
    "shouldfail": "request.session.shouldfail = 'enough'",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
}


@pytest.mark.parametrize("workers", [None, 3])
@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS.keys())
def test_a_stop_in_a_test(suite: Suite, stop: str, workers: int | None) -> None:
    suite.write(conftest=TWICE_AND_ONCE, test_it=TESTS.format(stop=stop))
    suite.run(workers=workers)
    assert sorted(words for _, *words in suite.events) == ALL


@pytest.mark.parametrize("workers", [None, 3])
def test_an_error_in_collection(suite: Suite, workers: int | None) -> None:
    suite.write(conftest=TWICE_AND_ONCE, test_it=TESTS.format(stop="pass"), test_wrong="import nothing_of_this_name")
    suite.run(workers=workers)
    assert sorted(words for _, *words in suite.events) == ([] if workers is None else ALL)  # xdist continues
    suite.run("--continue-on-collection-errors", workers=workers)
    assert sorted(words for _, *words in suite.events) == ALL


def test_a_worker_that_fails_internally(suite: Suite) -> None:
    suite.write(
        conftest=TWICE_AND_ONCE
        + """
@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    result = yield
    if "5" in item.name:
        raise AssertionError("internal")
    return result
""",
        test_it=TESTS.format(stop="pass"),
    )
    result = suite.run(workers=3)
    result.stdout.fnmatch_lines(["*AssertionError: internal*"])
    assert sorted(words for _, *words in suite.events) == ALL


def test_worker_that_acquires_its_first_share_after_the_run_is_closed(suite: Suite) -> None:
    """After Ctrl-C in the controller alone, a worker continues with its current test."""
    suite.write(
        conftest=TWICE_AND_ONCE,
        test_a="""
def test_takes_it(twice):
    Path("taken").touch()
""",
        test_b="""
import signal

def test_comes_late(request):
    wait_for("taken")
    os.kill(os.getppid(), signal.SIGINT)
    directory = Path(request.config.workerinput["shared_session_scope"]["directory"])
    wait_for(directory / "workers" / "controller.closed")
    time.sleep(0.5)  # time for another worker to clean up too early; otherwise that fault would go unnoticed
    request.getfixturevalue("twice")
    log("taken")
""",
    )
    suite.run("--dist", "loadfile", workers=2)
    assert [words for _, *words in suite.events] == [["setup", "twice"], ["taken"], ["cleanup", "twice"]]
