"""A Redis server that lives in the worker that started it, with a separate database for each worker."""

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
    """The directory with the server's socket and log, and the run id that the server gave itself."""

    directory: Path
    run_id: str = ""

    def run(self, *command: str, database: int = 0) -> str:
        """Run a command and return the response."""
        options = ["-s", str(self.directory / "socket"), "-n", str(database), "-e"]
        done = subprocess.run(["redis-cli", *options, *command], capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()

    def info(self, name: str) -> str:
        """Return one field of the server's INFO."""
        return next(line.partition(":")[2] for line in self.run("INFO").splitlines() if line.startswith(f"{name}:"))


@shared_session_scope_fixture
def redis(note: Callable[[str, str], None]) -> Iterator[Redis]:
    """One server for all workers, which uses no port and saves nothing to disk."""
    if shutil.which("redis-server") is None or shutil.which("redis-cli") is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    note("set up", "redis")
    # The path of a socket must be short, so it cannot be in pytest's own directory.
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
    """Poll the server until it responds. The other workers receive the value only after this."""
    deadline = time.monotonic() + seconds
    while not is_ready(redis):
        assert process.poll() is None, f"redis-server has exited: {(redis.directory / 'log').read_text()}"
        assert time.monotonic() < deadline, f"no response from redis-server: {(redis.directory / 'log').read_text()}"
        time.sleep(0.02)


def is_ready(redis: Redis) -> bool:
    """Whether the server responds."""
    try:
        return redis.run("PING") == "PONG"
    except subprocess.CalledProcessError:  # the server is not listening yet
        return False


@pytest.fixture(scope="session")
def database(redis: Redis) -> int:
    """The number of this worker's database. The server counts the workers, so no two receive the same number."""
    number = int(redis.run("INCR", "workers"))
    redis.run("RPUSH", "names", os.environ.get("PYTEST_XDIST_WORKER", "master"))
    return number


def test_a_counter(redis: Redis, database: int) -> None:
    """The counter is in this worker's database, so other workers cannot change it."""
    before = int(redis.run("INCR", "visits", database=database))
    assert int(redis.run("INCR", "visits", database=database)) == before + 1


def test_all_workers_use_one_server(redis: Redis, database: int) -> None:
    """All workers use the same server process, and each of them has requested one database."""
    assert redis.info("run_id") == redis.run_id
    names = redis.run("LRANGE", "names", "0", "-1").splitlines()
    assert len(names) == len(set(names))
    assert (redis.directory / "log").read_text().lower().count("ready to accept connections") == 1
