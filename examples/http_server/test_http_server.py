"""A fixture that yields once: one worker runs it, the others get the value.

What follows the yield runs once, in the same worker, when no worker needs the value any more.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from pytest_shared_session_scope import shared_session_scope_fixture


@dataclasses.dataclass(frozen=True)
class Server:
    """What a test has to know of the server. The process itself stays in the worker that started it."""

    url: str
    pid: int

    def ask(self, path: str, order: bytes | None = None) -> dict[str, int]:
        """Send a GET, or a POST where there is an order; return the answer."""
        with urllib.request.urlopen(self.url + path, order, timeout=10) as answer:
            content: dict[str, int] = json.load(answer)
            return content


@shared_session_scope_fixture
def server(note: Callable[[str, str], None]) -> Iterator[Server]:
    """One server for all workers, stopped when none needs it any more."""
    note("set up", "server")
    command = [sys.executable, str(Path(__file__).with_name("server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            server = Server(f"http://127.0.0.1:{port}", process.pid)
            wait_until_ready(server)
            yield server
        finally:
            process.terminate()
    note("cleaned up", "server")


def wait_until_ready(server: Server, seconds: float = 10) -> None:
    """Ask until the server answers. The other workers get the value only after this."""
    deadline = time.monotonic() + seconds
    while not is_ready(server):
        assert time.monotonic() < deadline, f"no answer from {server.url}"
        time.sleep(0.05)


def is_ready(server: Server) -> bool:
    """Say whether the server answers."""
    try:
        return "pid" in server.ask("/health")
    except OSError:  # nobody listens there yet
        return False


def test_every_worker_asks_the_same_process(server: Server) -> None:
    """It was started once."""
    assert server.ask("/health") == {"pid": server.pid}


def test_an_order_gets_a_number(server: Server) -> None:
    """Which one depends on the other workers, but a later order gets a higher one."""
    first, second = (server.ask("/orders", b"one tea")["number"] for _ in range(2))
    assert first < second
