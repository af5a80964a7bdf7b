"""After Ctrl-C or a signal to the controller, each share is cleaned up once and no process remains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from conftest import Suite

CONFTEST = """
@shared_session_scope_fixture
def twice() -> SharedGenerator[str]:
    value = yield None
    if value is None:
        log("setup", "twice")
    token = yield "sesame"
    if token is CleanupToken.LAST:
        log("cleanup", "twice")

@shared_session_scope_fixture
def once() -> Iterator[str]:
    log("setup", "once")
    yield "sesame"
    log("cleanup", "once")

@shared_session_scope_fixture
def returned() -> str:
    return "sesame"
"""


def _interrupt(controller: psutil.Process) -> None:
    controller.send_signal(signal.SIGINT)


def _interrupt_all(controller: psutil.Process) -> None:
    os.killpg(controller.pid, signal.SIGINT)


def _terminate(controller: psutil.Process) -> None:
    controller.send_signal(signal.SIGTERM)


def _kill(controller: psutil.Process) -> None:
    controller.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("send", [_interrupt, _interrupt_all, _terminate, _kill])
def test_a_signal_to_the_controller(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, send: Callable[[psutil.Process], None]
) -> None:
    suite.write(
        conftest=CONFTEST,
        test_it="""
        @pytest.mark.parametrize("i", range(4))
        def test_it(i, twice, once, returned):
            log("ready")
            time.sleep(60)
        """,
    )
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(tmp_path))
    command = [sys.executable, "-m", "pytest", "-p", "shared_session_scope", "-p", "xdist", "-n", "3"]
    out = (suite.path / "out").open("w")
    with out, subprocess.Popen(command, cwd=suite.path, stdout=out, stderr=out, start_new_session=True) as run:
        until = time.monotonic() + 60
        while len(suite.words("ready")) < 3:
            assert run.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        controller = psutil.Process(run.pid)
        processes = [controller, *controller.children(recursive=True)]
        send(controller)
        run.wait(20)
    # execnet lets a worker run for 5 s without its controller. The timeout is twice the promise, for busy machines.
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []
    assert sorted(words for words in suite.words("cleanup")) == [["cleanup", "once"], ["cleanup", "twice"]]
    assert [path for path in tmp_path.rglob("*") if path.is_file() and b"sesame" in path.read_bytes()] == []


def test_ctrl_c_without_xdist(suite: Suite) -> None:
    suite.write(
        conftest=CONFTEST,
        test_it="""
        def test_it(twice, once, returned):
            os.kill(os.getpid(), 2)
            time.sleep(60)
        """,
    )
    assert suite.run().ret == pytest.ExitCode.INTERRUPTED
    assert sorted(suite.words("cleanup")) == [["cleanup", "once"], ["cleanup", "twice"]]


def test_ctrl_c_in_a_cleanup_loses_no_other_cleanup(suite: Suite) -> None:
    suite.write(
        conftest=CONFTEST
        + """
@shared_session_scope_fixture
def interrupted() -> Iterator[int]:
    yield 1
    log("cleanup", "interrupted")
    os.kill(os.getpid(), 2)
    time.sleep(60)
""",
        test_it="def test_it(twice, once, interrupted): pass",
    )
    assert suite.run().ret == pytest.ExitCode.INTERRUPTED
    assert suite.words("cleanup") == [["cleanup", "interrupted"], ["cleanup", "once"], ["cleanup", "twice"]]


def test_interrupt_while_a_dependent_share_is_released(suite: Suite) -> None:
    """Its dependency must not end first. The release raises at once, at a point where no signal could be sent."""
    suite.write(
        conftest="""
        from pytest_shared_session_scope._engine.engine import Engine

        release = Engine.release

        def interrupted(self, share, **kwargs):
            if share.fixture_name == "client" and not Path("interrupted").exists():
                Path("interrupted").touch()
                raise KeyboardInterrupt
            return release(self, share, **kwargs)

        Engine.release = interrupted

        @pytest.fixture(scope="session", params=[0, 1])
        def port(request):
            return request.param

        @shared_session_scope_fixture
        def server(port) -> SharedGenerator[int]:
            value = yield None
            if (yield value or 1) is CleanupToken.LAST:
                log("cleanup", "server")

        @shared_session_scope_fixture
        def client(server) -> SharedGenerator[int]:
            value = yield None
            if (yield value or 1) is CleanupToken.LAST:
                log("cleanup", "client")
        """,
        test_it="""
        def test_it(client):
            pass
        """,
    )
    assert suite.run().ret == pytest.ExitCode.INTERRUPTED
    assert suite.events == [["master", "cleanup", "client"], ["master", "cleanup", "server"]]


def test_share_whose_wait_was_interrupted_is_taken_over(suite: Suite) -> None:
    """pytest refuses to set a fixture up again whose setup was interrupted, unless its finalizers have run."""
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> SharedGenerator[str]:
            value = yield None
            if value is None:
                Path("begun").touch()
                wait_for("interrupted")
                value = "postgres"
            if (yield value) is CleanupToken.LAST:
                log("cleanup")

        @pytest.hookimpl(tryfirst=True)
        def pytest_keyboard_interrupt():
            Path("interrupted").touch()
        """,
        test_a="""
        def test_a(db):
            os.kill(os.getpid(), 9)
        """,
        test_b="""
        import signal, threading

        @pytest.fixture(scope="session")
        def second():
            wait_for("begun")
            threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()

        def test_b(second, db): pass
        """,
    )
    result = suite.run("--dist", "loadfile", "--max-worker-restart=0", workers=2)
    print(result.stdout.str())
    assert suite.words("cleanup") == [["cleanup"]]
    assert "AssertionError" not in result.stdout.str()
