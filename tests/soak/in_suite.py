"""What the fixtures and tests of a random suite do: log, and die where the plan says so.

Copied into the suite's directory and loaded there with `-p in_suite`: it imports nothing else of the soak.
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
# Reentrant: a signal's handler may interrupt the main thread anywhere.
_LOGGING = threading.RLock()
_TIMERS: set[str] = set()


class PlannedError(Exception):
    """What a fixture or test raises that is planned to."""


def log(event: str, **words: Any) -> None:
    """Append one line in one system call, so that the lines of all processes are whole and in order."""
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
    """Return the next death at this point that no other worker has died."""
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
    # The lock is never released: nothing is logged after a death.
    _LOGGING.acquire()
    log("die", point=point, how=how)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
    if how == "segfault":
        ctypes.string_at(0)
    os._exit(1)


def _perhaps_start_timer(point: str) -> None:
    """Let this worker die a little later, wherever it then is; asked once in each process."""
    if point in _TIMERS or _WORKER == "controller":
        return
    _TIMERS.add(point)
    death = _claim(point)
    if death is not None:
        # A segfault in a thread of its own would first have to wait for the interpreter.
        how = "kill" if death["how"] == "segfault" else death["how"]
        timer = threading.Timer(death["milliseconds"] / 1000, _die, (point, how))
        timer.daemon = True
        timer.start()


# -- fixtures


def _share(name: str, request: pytest.FixtureRequest, uses: list[dict[str, str]]) -> str:
    """Return what tells shares apart: the fixture with every parameter that it, or what it uses, runs with."""
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
        # Half of them in files of their own, the others in their journals.
        length = 5000 * (zlib.crc32(self.name.encode()) % 2)
        value = {"share": self.share, "made": made, "more": "." * length, **self._deps}
        self.log("set up", made, value=value, uses=self.uses)
        return value

    def take(self, value: dict[str, str]) -> None:
        self.log("took", value["made"], value=value, uses=self.uses)

    def let_go(self, value: dict[str, str], *, is_last: bool) -> None:
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
                _perhaps_die(f"let go {self.name}")
        finally:
            self.log("left", made)


def twice(name: str, request: Any, uses: list[dict[str, str]], ms: int, raises: str) -> Generator[Any, Any, None]:
    """Do what a fixture that yields twice does."""
    share = _Share("twice", name, request, uses, ms, raises)
    value = yield None
    if value is None:
        value = share.set_up()
    else:
        share.take(value)
    token = yield value
    share.let_go(value, is_last=token is CleanupToken.LAST)


def once(name: str, request: Any, uses: list[dict[str, str]], ms: int, raises: str) -> Iterator[dict[str, str]]:
    """Do what a fixture that yields once does."""
    share = _Share("once", name, request, uses, ms, raises)
    value = share.set_up()
    yield value
    share.let_go(value, is_last=True)


def returns(name: str, request: Any, uses: list[dict[str, str]], ms: int, raises: str) -> dict[str, str]:
    """Do what a fixture that returns does."""
    return _Share("returns", name, request, uses, ms, raises).set_up()


def ordinary(name: str, request: Any, uses: list[dict[str, str]], _: int, __: str) -> Iterator[dict[str, str]]:
    """Do what a session fixture does that every worker has one of."""
    share = _share(name, request, uses)
    made = f"{share}#{os.getpid()}.{time.monotonic_ns()}"
    log("open", made=made)
    yield {"share": share, "made": made, "pid": str(os.getpid())}
    log("close", made=made)


# -- tests


@pytest.fixture
def testing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Log when a test begins and ends: set up after, and torn down before, everything of the session."""
    log("begin", test=request.node.nodeid)
    _perhaps_start_timer("timer")
    yield
    log("end", test=request.node.nodeid)


def test(
    name: str,
    i: int,
    request: Any,
    uses: list[dict[str, str]],
    asks: tuple[str, ...],
    ms: int,
    *,
    fails: tuple[int, ...],
) -> None:
    """Do what a test does; called by the suite's tests, collected by none."""
    for value in uses:
        log("see", test=request.node.nodeid, value=value)
    for fixture in asks:
        log("see", test=request.node.nodeid, value=request.getfixturevalue(fixture))
    _perhaps_die(f"test {name} {i}")
    time.sleep(ms / 1000)
    if i in fails:
        raise PlannedError("in a test")


# -- hooks


def pytest_configure() -> None:
    """Log that the process takes part."""
    log("started")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Log that the process knows its tests."""
    log("collected", tests=len(session.items))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Let the worker die while it tears its session down."""
    if nextitem is None:
        _begin_to_end()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Let the worker die at its end."""
    _begin_to_end()


def _begin_to_end() -> None:
    log("ending")
    _perhaps_start_timer("end timer")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Log that the process has come to its end."""
    log("finished")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Log what failed in this process."""
    if report.failed and _WORKER != "controller":
        text = report.longreprtext
        log("failed", test=report.nodeid, when=report.when, planned="PlannedError" in text, text=text[-3000:])
