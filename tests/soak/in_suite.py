"""The behaviour of the fixtures and tests of a random suite: log every step, and die where the plan says so.

The module is copied into the suite's directory and loaded there with `-p in_suite`, so it imports nothing else of the
soak test.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import threading
import time
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_shared_session_scope import CleanupToken

_HERE = Path(__file__).parent
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "controller")
# Reentrant, because a signal handler may interrupt the main thread anywhere.
_LOGGING = threading.RLock()
_TIMERS: set[str] = set()


class PlannedError(Exception):
    """The error raised by a fixture or test that is planned to fail."""


def log(event: str, **words: Any) -> None:
    """Append an event to the log. One system call per line keeps the lines of all processes complete and in order."""
    record = {"event": event, "worker": _WORKER, "pid": os.getpid(), "time": time.monotonic(), **words}
    with _LOGGING:
        descriptor = os.open(_HERE / "log.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, (json.dumps(record) + "\n").encode())
        os.close(descriptor)


# -- dying


def _deaths(point: str) -> list[tuple[int, dict[str, Any]]]:
    deaths = json.loads((_HERE / "plan.json").read_text("utf-8"))["deaths"]
    return [(number, death) for number, death in enumerate(deaths) if death["point"] == point]


def _claim(point: str) -> dict[str, Any] | None:
    """Claim the next planned death at this point that no other worker has claimed."""
    for number, death in _deaths(point):
        try:
            os.close(os.open(_HERE / f"death-{number}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return death
    return None


def _perhaps_die(point: str) -> None:
    if _WORKER != "controller":
        death = _claim(point)
        if death is not None:
            _die(point, death["how"])


def _die(point: str, how: str) -> None:
    # The lock is never released, so that nothing is logged after a death.
    _LOGGING.acquire()
    log("die", point=point, how=how)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    if how == "segfault":
        ctypes.string_at(0)
    os._exit(1)


def _perhaps_start_timer(point: str) -> None:
    """Start the timer of a planned death, once per process: the worker dies wherever it is at that moment."""
    if point in _TIMERS or _WORKER == "controller":
        return
    _TIMERS.add(point)
    death = _claim(point)
    if death is not None:
        # A segfault in a second thread would have to wait for the interpreter first.
        how = "kill" if death["how"] == "segfault" else death["how"]
        timer = threading.Timer(death["milliseconds"] / 1000, _die, (point, how))
        timer.daemon = True
        timer.start()


# -- fixtures


def _share(name: str, request: pytest.FixtureRequest, uses: list[dict[str, str]]) -> str:
    """Return the name of a share: the fixture and all parameters that it depends on, directly or indirectly."""
    param = f"[{request.param}]" if hasattr(request, "param") else ""
    return name + param + "".join(sorted(f"({use['share']})" for use in uses if "[" in use["share"]))


class _Share:
    def __init__(self, kind: str, name: str, request: Any, uses: list[dict[str, str]], ms: int, raises: str) -> None:
        self.name = name
        self.share = _share(name, request, uses)
        self.uses = [use["made"] for use in uses]
        self._kind = kind
        self._deps = {f"uses {n}": use["share"] + ("" if "pid" in use else use["made"]) for n, use in enumerate(uses)}
        self._milliseconds = ms
        self._raises = raises

    def log(self, event: str, made: str, **words: Any) -> None:
        log(event, fixture=self.name, kind=self._kind, share=self.share, made=made, **words)

    def set_up(self) -> dict[str, str]:
        _perhaps_start_timer("timer")
        made = f"{self.share}#{os.getpid()}.{time.monotonic_ns()}"
        self.log("setup", made)
        try:
            time.sleep(self._milliseconds / 1000)
            _perhaps_die(f"setup {self.name}")
            if self._raises == "setup":
                raise PlannedError("in a setup")  # noqa: TRY301 - what a failing setup does
        except BaseException as error:
            self.log("setup raised", made, error=type(error).__name__)
            raise
        # Half of the fixtures have values too long for the journal, which are stored in separate files.
        length = 5000 * (zlib.crc32(self.name.encode()) % 2)
        value = {"share": self.share, "made": made, "more": "." * length, **self._deps}
        self.log("set up", made, value=value, uses=self.uses)
        return value

    def acquire(self, value: dict[str, str]) -> None:
        self.log("acquired", value["made"], value=value, uses=self.uses)

    def release(self, value: dict[str, str], *, is_last: bool) -> None:
        made = value["made"]
        try:
            if is_last:
                self.log("clean", made)
                time.sleep(self._milliseconds / 1000)
                _perhaps_die(f"cleanup {self.name}")
                self.log("cleaned", made)
                if self._raises == "cleanup":
                    raise PlannedError("in a cleanup")
            else:
                _perhaps_die(f"release {self.name}")
        finally:
            self.log("released", made)


def twice(name: str, request: Any, uses: list[dict[str, str]], ms: int, raises: str) -> Generator[Any, Any, None]:
    """Run a fixture that yields twice."""
    share = _Share("twice", name, request, uses, ms, raises)
    value = yield None
    if value is None:
        value = share.set_up()
    else:
        share.acquire(value)
    token = yield value
    share.release(value, is_last=token is CleanupToken.LAST)


def once(name: str, request: Any, uses: list[dict[str, str]], ms: int, raises: str) -> Iterator[dict[str, str]]:
    """Run a fixture that yields once."""
    share = _Share("once", name, request, uses, ms, raises)
    value = share.set_up()
    yield value
    share.release(value, is_last=True)


def returns(name: str, request: Any, uses: list[dict[str, str]], ms: int, raises: str) -> dict[str, str]:
    """Run a fixture that returns."""
    return _Share("returns", name, request, uses, ms, raises).set_up()


def ordinary(name: str, request: Any, uses: list[dict[str, str]], _: int, __: str) -> Iterator[dict[str, str]]:
    """Run an ordinary session fixture, of which every worker has its own."""
    share = _share(name, request, uses)
    made = f"{share}#{os.getpid()}.{time.monotonic_ns()}"
    log("open", made=made)
    yield {"share": share, "made": made, "pid": str(os.getpid())}
    log("close", made=made)


# -- tests


@pytest.fixture
def testing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Log the beginning and end of a test. Runs after the setup, and before the teardown, of all session fixtures."""
    log("begin", test=request.node.nodeid)
    _perhaps_start_timer("timer")
    yield
    log("end", test=request.node.nodeid)


def test(
    name: str,
    i: int,
    request: Any,
    uses: list[dict[str, str]],
    requests: tuple[str, ...],
    ms: int,
    *,
    fails: tuple[int, ...],
) -> None:
    """Run a test. Called by the tests of the suite, and not collected itself."""
    for value in uses:
        log("see", test=request.node.nodeid, value=value)
    for fixture in requests:
        log("see", test=request.node.nodeid, value=request.getfixturevalue(fixture))
    _perhaps_die(f"test {name} {i}")
    time.sleep(ms / 1000)
    if i in fails:
        raise PlannedError("in a test")


# -- hooks


def pytest_configure() -> None:
    """Log the start of the process."""
    log("started")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Log the end of the collection."""
    log("collected", tests=len(session.items))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Mark the worker as draining if this teardown ends its session."""
    if nextitem is None:
        _drain()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Mark the worker as draining at the end of its session."""
    _drain()


def _drain() -> None:
    log("draining")
    _perhaps_start_timer("end timer")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Log the end of the process."""
    log("finished")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Log the failures of this process."""
    if report.failed and _WORKER != "controller":
        text = report.longreprtext
        log("failed", test=report.nodeid, when=report.when, planned="PlannedError" in text, text=text[-3000:])
