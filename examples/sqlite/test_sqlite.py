"""A database that is built once and cloned by each worker. Tests write to the clone."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_shared_session_scope import SharedLock, shared_session_scope_fixture


@shared_session_scope_fixture
def template(tmp_path_factory: pytest.TempPathFactory, note: Callable[[str, str], None]) -> Iterator[Path]:
    """A database file with its schema and first rows. This slow step is done once."""
    note("set up", "template")
    path = tmp_path_factory.mktemp("template") / "shop.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE clones (path TEXT)")
        connection.execute("CREATE TABLE items (name TEXT PRIMARY KEY, price INTEGER)")
        connection.executemany("INSERT INTO items VALUES (?, ?)", [("tea", 3), ("coffee", 4)])
    yield path
    path.unlink()
    note("cleaned up", "template")


@pytest.fixture(scope="session")
def clone(template: Path, shared_lock: SharedLock, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This worker's copy. It is an ordinary session fixture, so every worker has its own."""
    path = tmp_path_factory.mktemp("clone") / "shop.sqlite"
    # The template lists its clones, so no worker may copy it while another one writes to it.
    with shared_lock("clone-template"):
        shutil.copyfile(template, path)
        with contextlib.closing(sqlite3.connect(template)) as connection, connection:
            connection.execute("INSERT INTO clones VALUES (?)", [str(path)])
    return path


@pytest.fixture
def connection(clone: Path) -> Iterator[sqlite3.Connection]:
    """A connection to this worker's copy. The changes of each test are rolled back."""
    with contextlib.closing(sqlite3.connect(clone)) as connection:
        yield connection
        connection.rollback()


def test_a_price_is_changed(connection: sqlite3.Connection) -> None:
    """Every test starts from the template's rows."""
    assert connection.execute("SELECT price FROM items WHERE name = 'tea'").fetchone() == (3,)
    connection.execute("UPDATE items SET price = 5 WHERE name = 'tea'")
    assert connection.execute("SELECT price FROM items WHERE name = 'tea'").fetchone() == (5,)


def test_each_worker_made_one_clone(template: Path, clone: Path) -> None:
    """The list in the template contains this worker's clone once."""
    with contextlib.closing(sqlite3.connect(template)) as connection:
        clones = [path for (path,) in connection.execute("SELECT path FROM clones")]
    assert clones.count(str(clone)) == 1
    assert len(clones) == len(set(clones))
