"""Who takes part in a run: leases between real processes, the roster, the states."""

from __future__ import annotations

import contextlib
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_shared_session_scope._engine.membership import Presence
from pytest_shared_session_scope._run import locks
from pytest_shared_session_scope._run.directory import create_directory, progress_path, remove_directory, share_keys
from pytest_shared_session_scope._run.membership import (
    CLOSED,
    CONTROLLER,
    DRAINING,
    EXPECTED,
    GONE,
    RUNNING,
    UNHELD,
    Roster,
    Workers,
)
from pytest_shared_session_scope._run.share_journal import ShareJournal

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return create_directory(tmp_path)


HOLD_LEASE = """
import sys
from pathlib import Path
from pytest_shared_session_scope._engine.membership import Presence
from pytest_shared_session_scope._run.membership import Workers

Presence(Workers(Path(sys.argv[1]), sys.argv[2])).register()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(directory: Path) -> Iterator[Start]:
    """Start a worker's process, which lives until it is killed."""
    with contextlib.ExitStack() as stack:

        def start(worker: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", HOLD_LEASE, str(directory), worker]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield start


def test_lease_lives_and_dies_with_its_process(directory: Path, start: Start) -> None:
    workers = Workers(directory, "gw1")
    assert not workers.is_alive("gw0")
    process = start("gw0")
    assert workers.is_alive("gw0")
    assert workers.is_any_alive()
    process.kill()
    process.wait()
    assert not workers.is_alive("gw0")
    assert not workers.is_any_alive()
    assert workers.roster().states == {"gw0": RUNNING}


def test_holders_that_died_are_removed_until_one_lives(directory: Path, start: Start) -> None:
    processes = {worker: start(worker) for worker in ("gw0", "gw1")}
    files = ShareJournal(directory, "key", "gw2", "'db'")
    for worker in processes:
        ShareJournal(directory, "key", worker, "'db'").hold()
    presence = Presence(Workers(directory, "gw2"))
    processes["gw0"].kill()
    processes["gw0"].wait()
    assert presence.is_any_alive(files, sorted(files.other_holders()))
    assert files.other_holders() == ["gw1"]
    processes["gw1"].kill()
    processes["gw1"].wait()
    assert not presence.is_any_alive(files, files.other_holders())
    assert files.other_holders() == []


def test_who_probes_a_lease_does_not_hold_it(directory: Path) -> None:
    holder = Workers(directory, "gw0")
    holder.hold_lease()
    holder.hold_lease()  # a second time is nothing
    assert Workers(directory, "gw1").is_alive("gw0")
    holder.release_lease()
    holder.release_lease()
    assert not Workers(directory, "gw1").is_alive("gw0")
    holder.hold_lease()
    assert Workers(directory, "gw1").is_alive("gw0")
    holder.release_lease()


def test_alive_without_a_lease(directory: Path) -> None:
    """Nothing proves the death of a worker that is being started; one that nobody knows does not live."""
    workers = Workers(directory, "gw0")
    assert workers.is_alive("gw0"), "who asks lives"
    assert not workers.is_alive("gw1")
    workers.mark("gw1", EXPECTED)
    assert workers.is_alive("gw1")
    workers.mark("gw1", GONE)
    assert not workers.is_alive("gw1")


def test_who_is_gone_is_dead_whatever_its_lease(directory: Path) -> None:
    holder = Workers(directory, "gw0")
    holder.hold_lease()
    workers = Workers(directory, CONTROLLER)
    workers.mark("gw0", GONE)
    assert not workers.is_alive("gw0")
    holder.release_lease()


@pytest.mark.parametrize(
    ("marks", "state"),
    [
        ([EXPECTED], EXPECTED),
        ([EXPECTED, RUNNING], RUNNING),
        ([RUNNING], RUNNING),
        ([EXPECTED, DRAINING], DRAINING),
        ([EXPECTED, RUNNING, DRAINING], DRAINING),
        ([DRAINING, RUNNING], DRAINING),
        ([EXPECTED, RUNNING, DRAINING, GONE], GONE),
        ([GONE, RUNNING, EXPECTED], GONE),
    ],
)
def test_state_is_the_last_whose_marker_is_there(directory: Path, marks: list[str], state: str) -> None:
    workers = Workers(directory, "gw0")
    for mark in marks:
        workers.mark("gw0", mark)
    assert workers.roster() == Roster({"gw0": state}, closed=False)


def test_state_that_is_taken_back(directory: Path) -> None:
    workers = Workers(directory, "gw0")
    workers.mark("gw0", RUNNING)
    workers.mark("gw0", DRAINING)
    workers.unmark("gw0", DRAINING)
    workers.unmark("gw0", DRAINING)
    assert workers.roster().states == {"gw0": RUNNING}


def test_roster_of_the_run(directory: Path) -> None:
    workers = Workers(directory, CONTROLLER)
    assert workers.roster() == Roster({}, closed=False, unheld=False)
    workers.hold_lease()
    assert workers.roster() == Roster({}, closed=False, unheld=False), "a lease is no state"
    workers.mark(CONTROLLER, UNHELD)
    assert workers.roster() == Roster({}, closed=False, unheld=True)
    workers.mark(CONTROLLER, CLOSED)
    assert workers.roster() == Roster({}, closed=True, unheld=True)
    workers.release_lease()


@pytest.mark.parametrize("worker", ["gw0", "a.running", "../gw0", "ä/b", "x!leaving", "controller.closed", "%2e"])
def test_workers_may_have_any_name(directory: Path, worker: str) -> None:
    """Ids come from `--tx id=...`."""
    workers = Workers(directory, "gw99")
    workers.mark(worker, DRAINING)
    assert workers.roster() == Roster({worker: DRAINING}, closed=False)
    assert len(list((directory / "workers").iterdir())) == 1
    assert progress_path(directory, worker).parent == directory / "progress"


def test_presence_registers_once_and_drains_until_it_takes_again(directory: Path) -> None:
    presence = Presence(Workers(directory, "gw0"))
    assert presence.workers.roster().states == {}
    presence.register()
    assert presence.workers.roster().states == {"gw0": RUNNING}
    presence.drain()
    presence.drain()
    assert presence.workers.roster().states == {"gw0": DRAINING}
    presence.register()
    assert presence.workers.roster().states == {"gw0": RUNNING}
    assert not presence.is_draining
    presence.workers.release_lease()


def test_who_is_left(directory: Path) -> None:
    presence = Presence(Workers(directory, "gw0"))
    presence.register()
    assert not presence.is_anybody_left(), "but this one"
    workers = Workers(directory, CONTROLLER)
    workers.mark("gw1", EXPECTED)
    assert presence.is_anybody_left()
    assert presence.others() == ["gw1"]
    workers.mark("gw1", GONE)
    assert not presence.is_anybody_left()
    assert presence.others() == []
    workers.mark("gw2", RUNNING)  # it has no lease: it is dead, and may be replaced
    assert presence.is_anybody_left()
    assert presence.may_be_unheld()
    workers.mark("gw3", EXPECTED)
    workers.mark(CONTROLLER, CLOSED)
    assert not presence.is_anybody_left(), "gw3 still collects its tests, and is sent none"
    started = Workers(directory, "gw3")
    started.hold_lease()
    assert presence.is_anybody_left(), "gw3 may still need its first share"
    started.release_lease()
    assert not presence.is_anybody_left()
    presence.workers.release_lease()


def test_who_could_ask_when_last_looked_at_is_asked_first(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    presence = Presence(Workers(directory, "gw0"))
    others = {name: Workers(directory, name) for name in ("gw1", "gw2")}
    for name, workers in others.items():
        workers.hold_lease()
        workers.mark(name, RUNNING)
    assert presence.is_anybody_left()
    with monkeypatch.context() as patched:
        patched.delattr(Workers, "roster")
        assert presence.is_anybody_left(), "one of them can: the other needs no look"
    for count, (name, workers) in enumerate(others.items(), 1):
        workers.mark(name, DRAINING)
        assert presence.is_anybody_left() is (count < len(others))
    others["gw1"].unmark("gw1", DRAINING)
    assert presence.is_anybody_left(), "it runs a test again"
    others["gw1"].mark("gw1", GONE)
    assert not presence.is_anybody_left()
    for workers in others.values():
        workers.release_lease()


def test_state_of_one_worker_is_that_of_the_roster(directory: Path) -> None:
    workers = Workers(directory, "gw0")
    for state in (EXPECTED, RUNNING, DRAINING, GONE):
        workers.mark("gw1", state)
        assert workers.state_of("gw1") == workers.roster().states["gw1"] == state
    assert not workers.is_closed()
    workers.mark(CONTROLLER, CLOSED)
    assert workers.is_closed() == workers.roster().closed is True


def test_dead_controller_closes_the_run(directory: Path) -> None:
    presence = Presence(Workers(directory, "gw0"), is_controller_dead=lambda: True)
    Workers(directory, CONTROLLER).mark("gw1", EXPECTED)
    assert not presence.is_anybody_left()


def test_share_that_nobody_holds_is_noted(directory: Path) -> None:
    presence = Presence(Workers(directory, "gw0"))
    assert not presence.may_be_unheld()
    presence.note_unheld()
    assert presence.may_be_unheld()


def test_lock_is_waited_for_as_long_as_it_is_told(directory: Path) -> None:
    lock, other = (locks.new_lock(directory / "locks" / "a") for _ in range(2))
    assert locks.wait_lock(lock, 0)
    assert locks.is_locked(directory / "locks" / "a")
    assert not locks.wait_lock(other, 0)
    assert not locks.wait_lock(other, 0.01)
    lock.release()
    assert not locks.is_locked(directory / "locks" / "a")
    assert locks.wait_lock(other)
    other.release()


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_only_its_user_can_read_what_the_run_writes(directory: Path) -> None:
    workers = Workers(directory, "gw0")
    workers.hold_lease()
    workers.mark("gw0", RUNNING)
    lock = locks.new_lock(directory / "locks" / "a")
    assert locks.wait_lock(lock, 0)
    for path in [directory, *directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    lock.release()
    workers.release_lease()


def test_directory_is_made_once_and_removed_with_all(tmp_path: Path) -> None:
    directory = create_directory(tmp_path)
    for key in ("b", "a"):
        ShareJournal(directory, key, "gw0", key).hold()
    assert create_directory(tmp_path) == directory
    assert share_keys(directory) == ["a", "b"]
    remove_directory(directory)
    assert list(tmp_path.iterdir()) == []
    remove_directory(directory)
