"""A PostgreSQL server for the run, a template database that is built once, and a clone of it for each worker.

PostgreSQL refuses to run as root, so root starts it as the user `postgres`, whom its package brings.
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

# Debian keeps the server's programs, one directory for each version, away from the PATH.
DEBIAN = Path("/usr/lib/postgresql")
TEMPLATE = "shop_template"


@dataclasses.dataclass(frozen=True)
class Server:
    """What every worker has to know: where the programs are, and where the data, the socket and the log."""

    programs: Path
    directory: Path

    @property
    def log(self) -> str:
        """What the server says that it did."""
        return (self.directory / "log").read_text()

    def start(self) -> None:
        """Make the data directory and start the server. `pg_ctl` waits until it answers."""
        options = ["-N", "-U", "tests", "-A", "trust", "--locale=C"]
        as_owner(self.directory, self.programs / "initdb", *options, "-D", "data")
        # No port, so none can be taken; nothing that survives a power cut; every database made or dropped is logged.
        settings = f"-c listen_addresses='' -k {shlex.quote(str(self.directory))} -F -c log_statement=ddl"
        as_owner(self.directory, self.programs / "pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", settings)

    def stop(self) -> None:
        """Stop the server and remove its data."""
        as_owner(self.directory, self.programs / "pg_ctl", "stop", "-w", "-m", "immediate", "-D", "data")
        shutil.rmtree(self.directory)

    def run(self, statements: str, database: str = "postgres") -> list[str]:
        """Run SQL statements one by one; return the rows that they give."""
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "tests"]
        return call(["psql", *options, "-h", str(self.directory), "-d", database], self.directory, statements)

    def databases(self) -> list[str]:
        """Return the server's own list, without what it began with."""
        return self.run("SELECT datname FROM pg_database WHERE datname LIKE 'shop%' ORDER BY datname")


def as_owner(directory: Path, program: Path, *args: str) -> None:
    """Run one of the server's programs as the user that the server is to run as."""
    call([str(program), *args], directory, user="postgres" if os.geteuid() == 0 else None)


def call(command: list[str], directory: Path, text: str = "", user: str | None = None) -> list[str]:
    """Run a command; return the lines it prints."""
    # What the user's own server is reached by has nothing to do with this one.
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
    """Return the directory of the server's programs; skip the test where there is none."""
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
        # A short path, since a socket's may not be long; and one that the server's user can get to.
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
    """A database with its schema and first rows: what takes long is done once."""
    pg_template = yield None
    if pg_template is None:
        note("set up", "pg_template")
        pg_template = TEMPLATE
        # A worker that died while it built the template left half of it.
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
    """This worker's clone. An ordinary session fixture: each worker has its own, and writes to it as it likes."""
    clone = f"shop_{worker}"
    # One after the other: PostgreSQL refuses to clone a database that anybody is connected to, as each worker is here.
    with shared_lock("clone-template"):
        rows = postgres.run("SELECT count(*) FROM items", pg_template)
        assert rows == ["2"]
        postgres.run(f"CREATE DATABASE {clone} TEMPLATE {pg_template}")
    yield clone
    postgres.run(f"DROP DATABASE {clone}")


@pytest.fixture(scope="session")
def worker() -> str:
    """This worker's name: `gw0` and so on; pytest-xdist's own fixture, `worker_id`, is not there without it."""
    return os.environ.get("PYTEST_XDIST_WORKER", "master")


def test_a_price_is_changed(postgres: Server, database: str) -> None:
    """Each test starts from the template's rows, whatever the other workers do to theirs."""
    ask = "SELECT price FROM items WHERE name = 'tea';"
    change = "UPDATE items SET price = 5 WHERE name = 'tea';"
    assert postgres.run(f"BEGIN; {ask} {change} {ask} ROLLBACK", database) == ["3", "5"]


def test_the_server_tells_what_was_done(postgres: Server, pg_template: str, database: str) -> None:
    """By its own log it was started once, the template made once, and this worker's clone made once, from it."""
    log = postgres.log
    assert log.count("database system is ready to accept connections") == 1
    assert log.count(f"statement: CREATE DATABASE {pg_template}") == 1
    assert log.count(f"statement: CREATE DATABASE {database} TEMPLATE {pg_template}") == 1
    assert {pg_template, database} <= {*postgres.databases()}
