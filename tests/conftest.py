"""Fixtures and helpers of the plugin's tests: suites that are written to disk and run by real pytest processes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

# Prepended to every module of a suite. `log` appends the worker and some words to one file, which therefore shows the
# order of events across workers. `wait_for` orders processes by waiting for files that they create.
_PREAMBLE = """\
import json, os, time
from pathlib import Path
from typing import *
import pytest
from pytest_shared_session_scope import *

def log(*words):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "master")
    with open(os.environ["SUITE_LOG"], "a") as file:
        file.write(json.dumps([worker, *words]) + "\\n")

def wait_for(*names):
    until = time.monotonic() + 30
    while not all(Path(name).exists() for name in names):
        assert time.monotonic() < until, names
        time.sleep(0.005)

"""

# A conftest with a fixture that yields twice and one that yields once; both log their setups and cleanups.
TWICE_AND_ONCE = """
@shared_session_scope_fixture
def twice() -> SharedGenerator[int]:
    value = yield None
    if value is None:
        log("setup", "twice")
    if (yield 1) is CleanupToken.LAST:
        log("cleanup", "twice")

@shared_session_scope_fixture
def once() -> Iterator[int]:
    log("setup", "once")
    yield 1
    log("cleanup", "once")
"""

# Ways of running a suite. Its fixtures must behave the same in all of them.
WAYS = {
    "without xdist": [],
    "n0": ["-p", "xdist", "-n", "0"],
    "n1": ["-p", "xdist", "-n", "1"],
    "n2": ["-p", "xdist", "-n", "2"],
    "n8": ["-p", "xdist", "-n", "8"],
    "loadscope": ["-p", "xdist", "-n", "3", "--dist", "loadscope"],
    "loadfile": ["-p", "xdist", "-n", "3", "--dist", "loadfile"],
    "loadgroup": ["-p", "xdist", "-n", "3", "--dist", "loadgroup"],
    "worksteal": ["-p", "xdist", "-n", "3", "--dist", "worksteal"],
    "each": ["-p", "xdist", "--dist", "each", "--tx", "3*popen"],
}


# In seconds; far longer than any test needs on a busy machine.
_LONGEST_TEST = 240


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Set a timeout for tests that hang, if pytest-timeout is loaded, and restore the default action of Ctrl-C.

    A shell starts background jobs with SIGINT ignored, and the processes of the tests would inherit that.
    """
    if config.getoption("timeout", default=0) is None:
        config.option.timeout = _LONGEST_TEST
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select every N-th test that starts processes, from the K-th, if `TEST_PART=K/N` is in the environment.

    For CI: one Python version runs all tests. Each other version runs a different part of the slow tests and all others.
    """
    part, _, parts = os.environ.get("TEST_PART", "1/1").partition("/")
    named = ("soak", "test_benchmarks")
    slow = [
        item
        for item in items
        if "pytester" in getattr(item, "fixturenames", ()) or any(name in item.nodeid for name in named)
    ]
    left_out = set(slow) - set(slow[int(part) - 1 :: int(parts)])
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


class Suite:
    """A suite of tests in its own directory, run in its own processes."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self._log = pytester.path / "log.jsonl"
        monkeypatch.setenv("SUITE_LOG", str(self._log))
        # Load only the plugins that a test names: other installed plugins must not affect the results.
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
            monkeypatch.delenv(name)

    def write(self, **modules: str) -> None:
        """Write modules by name (`conftest=...`, `test_it=...`); `sub__conftest` is `sub/conftest.py`."""
        for name, text in modules.items():
            path = self.path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            future = "from __future__ import annotations\n"
            body = text.removeprefix(future)
            path.write_text((future if body != text else "") + _PREAMBLE + _dedent(body), "utf-8")

    def run(self, *args: str, workers: int | None = None, timeout: float = 120) -> pytest.RunResult:
        """Run the suite, under xdist if `workers` is given."""
        xdist = [] if workers is None else ["-p", "xdist", "-n", str(workers)]
        self._log.unlink(missing_ok=True)
        return self.pytester.runpytest_subprocess(
            "-p", "shared_session_scope", "-p", "no:cacheprovider", *xdist, *args, timeout=timeout
        )

    @property
    def events(self) -> list[list[Any]]:
        """The logged events in order, each a worker followed by its words."""
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text("utf-8").splitlines()]

    def words(self, first: str) -> list[list[Any]]:
        """Return the words, without the worker, of each event whose first word is `first`."""
        return [words for _, *words in self.events if words[0] == first]


def _dedent(text: str) -> str:
    import textwrap

    return textwrap.dedent(text)


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """A suite to write and run."""
    return Suite(pytester, monkeypatch)


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def way(request: pytest.FixtureRequest) -> list[str]:
    """The arguments of each of the ways to run a suite."""
    arguments: list[str] = request.param
    return arguments


@pytest.fixture
def run_parent(tmp_path: Path) -> Path:
    """The directory in which a test creates a run's directory."""
    return tmp_path
