"""What the tests of the plugin share: suites that are written to disk and run by real pytest processes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = ["pytester"]

# Put before every module of a suite: `log` tells in one file, in the order of what happened, which worker did what;
# `wait_for` puts processes in an order by the files they make.
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

# A conftest with a fixture that yields twice and one that yields once, which log what they do.
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

# The ways of running a suite that must make no difference to what its fixtures do.
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


# Seconds; far more than any test takes on a busy machine.
_LONGEST_TEST = 240


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """End tests that hang, by pytest-timeout where it is loaded.

    And let signals do what they do in a terminal: a shell starts what runs in the background with Ctrl-C ignored.
    """
    if config.getoption("timeout", default=0) is None:
        config.option.timeout = _LONGEST_TEST
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep, with `TEST_PART=K/N` in the environment, one in N of the tests that start processes, beginning with the K-th.

    For CI: the suite runs whole on one Python, and on each other one the rest of the tests with another part of these.
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
    """A suite of tests in a directory of its own, run in processes of their own."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self._log = pytester.path / "log.jsonl"
        monkeypatch.setenv("SUITE_LOG", str(self._log))
        # Only what a test asks for: what else is installed must not change what is tested.
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
            monkeypatch.delenv(name)

    def write(self, **modules: str) -> None:
        """Write modules by name (`conftest=...`, `test_it=...`); `sub__conftest` is one in the directory `sub`."""
        for name, text in modules.items():
            path = self.path / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            future = "from __future__ import annotations\n"
            body = text.removeprefix(future)
            path.write_text((future if body != text else "") + _PREAMBLE + _dedent(body), "utf-8")

    def run(self, *args: str, workers: int | None = None, timeout: float = 120) -> pytest.RunResult:
        """Run the suite; with `workers`, under xdist."""
        xdist = [] if workers is None else ["-p", "xdist", "-n", str(workers)]
        self._log.unlink(missing_ok=True)
        return self.pytester.runpytest_subprocess(
            "-p", "shared_session_scope", "-p", "no:cacheprovider", *xdist, *args, timeout=timeout
        )

    @property
    def events(self) -> list[list[Any]]:
        """What happened, in order: each the worker and the words it logged."""
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text("utf-8").splitlines()]

    def words(self, first: str) -> list[list[Any]]:
        """The words of the events whose first word is this, without the worker."""
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
    """The arguments of each way of running a suite."""
    arguments: list[str] = request.param
    return arguments


@pytest.fixture
def run_parent(tmp_path: Path) -> Path:
    """A directory for a run's directory."""
    return tmp_path
