"""A PostgreSQL server for the run, a template database that is built once, and a clone of it for each worker.

PostgreSQL refuses to run as root, so root starts it as the user `postgres`, which its package creates.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_shared_session_scope import CleanupToken, SharedGenerator, SharedLock, shared_session_scope_fixture

# Debian keeps the server's programs outside the PATH, in one directory for each version.
DEBIAN = Path("/usr/lib/postgresql")
TEMPLATE = "shop_template"


@dataclasses.dataclass(frozen=True)
class Server:
    """The data that every worker needs: where the programs are, and where the data, the socket and the log are."""

    programs: Path
    directory: Path

    @property
    def log(self) -> str:
        """The content of the server's log."""
        return (self.directory / "log").read_text()

    def start(self) -> None:
        """Create the data directory and start the server. `pg_ctl` waits until the server is ready."""
        options = ["-N", "-U", "tests", "-A", "trust", "--locale=C"]
        as_owner(self.directory, self.programs / "initdb", *options, "-D", "data")
        # No port, because it could be in use already. No fsync, because the data is temporary. Every CREATE is logged.
        settings = f"-c listen_addresses='' -k {shlex.quote(str(self.directory))} -F -c log_statement=ddl"
        as_owner(self.directory, self.programs / "pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", settings)

    def stop(self) -> None:
        """Stop the server and remove its data."""
        as_owner(self.directory, self.programs / "pg_ctl", "stop", "-w", "-m", "immediate", "-D", "data")
        shutil.rmtree(self.directory)

    def run(self, statements: str, database: str = "postgres") -> list[str]:
        """Run SQL statements one by one and return their rows."""
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "tests"]
        return call(["psql", *options, "-h", str(self.directory), "-d", database], self.directory, statements)

    def databases(self) -> list[str]:
        """Return the names of the databases that this example created, as listed by the server."""
        return self.run("SELECT datname FROM pg_database WHERE datname LIKE 'shop%' ORDER BY datname")


def as_owner(directory: Path, program: Path, *args: str) -> None:
    """Run one of the server's programs as the user that owns the server."""
    call([str(program), *args], directory, user="postgres" if os.geteuid() == 0 else None)


def call(command: list[str], directory: Path, text: str = "", user: str | None = None) -> list[str]:
    """Run a command and return the lines that it prints."""
    # Settings for the user's own server must not affect this one.
    env = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    groups = None if user is None else [user]
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        cwd=directory,
        env=env,
        user=user,
        group=user,
        extra_groups=groups,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done.stdout.splitlines()


def find_programs() -> Path:
    """Return the directory of the server's programs; skip the test if PostgreSQL is not installed."""
    found = shutil.which("pg_ctl")
    versions = sorted(DEBIAN.glob("*/bin/pg_ctl"), key=lambda path: float(path.parts[-3]))
    program = Path(found).resolve() if found else versions[-1] if versions else None
    if program is None or shutil.which("psql") is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return program.parent


@shared_session_scope_fixture
def postgres(note: Callable[[str, str], None]) -> SharedGenerator[Server]:
    """One server for all workers. It outlives the worker that started it, so the last one stops it."""
    postgres = yield None
    if postgres is None:
        programs = find_programs()
        note("set up", "postgres")
        # The path of a socket must be short, and the server's user must be able to reach it.
        directory = Path(tempfile.mkdtemp(prefix="pg-"))
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        postgres = Server(programs, directory)
        postgres.start()
    token: CleanupToken | None = yield postgres
    if token is CleanupToken.LAST:
        try:
            assert not postgres.databases(), "every worker drops its clone, and the last one the template"
        finally:
            postgres.stop()
        note("cleaned up", "postgres")


@shared_session_scope_fixture
def pg_template(postgres: Server, note: Callable[[str, str], None]) -> SharedGenerator[str]:
    """A database with its schema and first rows. This slow step is done once."""
    pg_template = yield None
    if pg_template is None:
        note("set up", "pg_template")
        pg_template = TEMPLATE
        # A worker that died while building the template has left it incomplete.
        postgres.run(f"DROP DATABASE IF EXISTS {pg_template}; CREATE DATABASE {pg_template}")
        postgres.run(
            "CREATE TABLE items (name text PRIMARY KEY, price int); INSERT INTO items VALUES ('tea', 3), ('coffee', 4)",
            pg_template,
        )
    token: CleanupToken | None = yield pg_template
    if token is CleanupToken.LAST:
        postgres.run(f"DROP DATABASE {pg_template}")
        note("cleaned up", "pg_template")


@pytest.fixture(scope="session")
def database(postgres: Server, pg_template: str, shared_lock: SharedLock, worker: str) -> Iterator[str]:
    """This worker's clone. It is an ordinary session fixture, so every worker has its own and may write to it."""
    clone = f"shop_{worker}"
    # PostgreSQL refuses to clone a database that has connections, as each worker has one here: clone one at a time.
    with shared_lock("clone-template"):
        rows = postgres.run("SELECT count(*) FROM items", pg_template)
        assert rows == ["2"]
        postgres.run(f"CREATE DATABASE {clone} TEMPLATE {pg_template}")
    yield clone
    postgres.run(f"DROP DATABASE {clone}")


@pytest.fixture(scope="session")
def worker() -> str:
    """This worker's name, such as `gw0`. The fixture `worker_id` of pytest-xdist is not available without xdist."""
    return os.environ.get("PYTEST_XDIST_WORKER", "master")


def test_a_price_is_changed(postgres: Server, database: str) -> None:
    """Every test starts from the template's rows, whatever the other workers do in their clones."""
    query = "SELECT price FROM items WHERE name = 'tea';"
    change = "UPDATE items SET price = 5 WHERE name = 'tea';"
    assert postgres.run(f"BEGIN; {query} {change} {query} ROLLBACK", database) == ["3", "5"]


def test_the_log_of_the_server(postgres: Server, pg_template: str, database: str) -> None:
    """The server was started once, the template created once, and this worker's clone made from it once."""
    log = postgres.log
    assert log.count("database system is ready to accept connections") == 1
    assert log.count(f"statement: CREATE DATABASE {pg_template}") == 1
    assert log.count(f"statement: CREATE DATABASE {database} TEMPLATE {pg_template}") == 1
    assert {pg_template, database} <= {*postgres.databases()}
