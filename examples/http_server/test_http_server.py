"""A fixture that yields once: one worker runs it, and the others receive the value.

The code after the yield runs once, in the same worker, when no worker needs the value any more.
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
    """The data that tests need to reach the server. The process object stays in the worker that started it."""

    url: str
    pid: int

    def request(self, path: str, order: bytes | None = None) -> dict[str, int]:
        """Send a GET request, or a POST request if there is an order, and return the response."""
        with urllib.request.urlopen(self.url + path, order, timeout=10) as response:
            content: dict[str, int] = json.load(response)
            return content


@shared_session_scope_fixture
def server(note: Callable[[str, str], None]) -> Iterator[Server]:
    """One server for all workers, stopped when no worker needs it any more."""
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
    """Poll the server until it responds. The other workers receive the value only after this."""
    deadline = time.monotonic() + seconds
    while not is_ready(server):
        assert time.monotonic() < deadline, f"no response from {server.url}"
        time.sleep(0.05)


def is_ready(server: Server) -> bool:
    """Whether the server responds."""
    try:
        return "pid" in server.request("/health")
    except OSError:  # the server is not listening yet
        return False


def test_every_worker_uses_the_same_process(server: Server) -> None:
    """The server was started only once."""
    assert server.request("/health") == {"pid": server.pid}


def test_an_order_gets_a_number(server: Server) -> None:
    """The numbers depend on the other workers, but a later order always gets a higher one."""
    first, second = (server.request("/orders", b"one tea")["number"] for _ in range(2))
    assert first < second
