"""A Redis server that ends with the worker that started it, and a database of its own for each worker."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_shared_session_scope import shared_session_scope_fixture


@dataclasses.dataclass(frozen=True)
class Redis:
    """Where the server listens and writes its log, and what it calls this run of itself."""

    directory: Path
    run_id: str = ""

    def run(self, *command: str, database: int = 0) -> str:
        """Run a command; return the answer."""
        options = ["-s", str(self.directory / "socket"), "-n", str(database), "-e"]
        done = subprocess.run(["redis-cli", *options, *command], capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()

    def info(self, name: str) -> str:
        """Return one line of what the server tells about itself."""
        return next(line.partition(":")[2] for line in self.run("INFO").splitlines() if line.startswith(f"{name}:"))


@shared_session_scope_fixture
def redis(note: Callable[[str, str], None]) -> Iterator[Redis]:
    """One server for all workers, with nothing on any port or disk."""
    if shutil.which("redis-server") is None or shutil.which("redis-cli") is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    note("set up", "redis")
    # A socket's path may not be long, so it is not in pytest's own directory.
    with tempfile.TemporaryDirectory(prefix="redis-") as directory:
        redis = Redis(Path(directory))
        options = ["--port", "0", "--unixsocket", "socket", "--dir", directory, "--logfile", "log", "--save", ""]
        with subprocess.Popen(["redis-server", *options], cwd=directory) as process:
            try:
                wait_until_ready(redis, process)
                yield dataclasses.replace(redis, run_id=redis.info("run_id"))
            finally:
                process.terminate()
    note("cleaned up", "redis")


def wait_until_ready(redis: Redis, process: subprocess.Popen[bytes], seconds: float = 20) -> None:
    """Ask until the server answers. The other workers get the value only after this."""
    deadline = time.monotonic() + seconds
    while not is_ready(redis):
        assert process.poll() is None, f"redis-server has ended: {(redis.directory / 'log').read_text()}"
        assert time.monotonic() < deadline, f"no answer from redis-server: {(redis.directory / 'log').read_text()}"
        time.sleep(0.02)


def is_ready(redis: Redis) -> bool:
    """Say whether the server answers."""
    try:
        return redis.run("PING") == "PONG"
    except subprocess.CalledProcessError:  # nobody listens there yet
        return False


@pytest.fixture(scope="session")
def database(redis: Redis) -> int:
    """This worker's database. The server itself counts the workers: nobody gets a number twice."""
    number = int(redis.run("INCR", "workers"))
    redis.run("RPUSH", "names", os.environ.get("PYTEST_XDIST_WORKER", "master"))
    return number


def test_a_counter(redis: Redis, database: int) -> None:
    """It is this worker's alone, so it counts what this worker does, whatever the others do."""
    before = int(redis.run("INCR", "visits", database=database))
    assert int(redis.run("INCR", "visits", database=database)) == before + 1


def test_the_server_tells_which_one_it_is(redis: Redis, database: int) -> None:
    """Every worker talks to one and the same run of the server, where it has asked for one database."""
    assert redis.info("run_id") == redis.run_id
    names = redis.run("LRANGE", "names", "0", "-1").splitlines()
    assert len(names) == len(set(names))
    assert (redis.directory / "log").read_text().lower().count("ready to accept connections") == 1
