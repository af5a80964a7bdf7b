"""A worker crashes at each critical point: still one setup, one cleanup by a survivor, and no endless wait."""

from __future__ import annotations

import pytest
from conftest import Suite

CONFTEST = """
import ctypes, signal

HOW = {
    "exit": lambda: os._exit(3),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda: ctypes.string_at(0),
}

def is_first(name):
    "Whether this is the first call with this name, in any process."
    try:
        os.close(os.open(name, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

def die_once(how="kill"):
    if is_first("died"):
        log("die")
        HOW[how]()

def meet(worker):
    "Wait until each of the three workers has arrived here."
    if not Path("met").exists():
        Path(f"here-{worker}").touch()
        wait_for("here-gw0", "here-gw1", "here-gw2")
        Path("met").touch()

@shared_session_scope_fixture
def twice() -> SharedGenerator[str]:
    value = yield None
    if value is None:
        log("setup", "twice")
        value = "value"
        Path("twice-owner").write_text(str(os.getpid()))
    token = yield value
    if token is CleanupToken.LAST:
        log("cleanup", "twice")

@shared_session_scope_fixture
def once() -> Iterator[str]:
    log("setup", "once")
    Path("once-owner").write_text(str(os.getpid()))
    yield f"value of {os.getpid()}"
    log("cleanup", "once")

@shared_session_scope_fixture
def returned() -> str:
    log("setup", "returned")
    return "value"
"""

DEATHS = {
    "exit": ("exit", "owner", []),
    "kill": ("kill", "owner", []),
    "segfault": ("segfault", "owner", []),
    "no restart": ("kill", "owner", ["--max-worker-restart=0"]),
    "a holder": ("kill", "holder", []),
    "a holder, no restart": ("kill", "holder", ["--max-worker-restart=0"]),
    "a bystander": ("kill", "bystander", []),
}


@pytest.mark.parametrize(("how", "victim", "args"), DEATHS.values(), ids=DEATHS.keys())
def test_crash_in_a_test(suite: Suite, how: str, victim: str, args: list[str]) -> None:
    suite.write(
        conftest=CONFTEST,
        test_it=f"""
        from conftest import die_once, meet

        @pytest.mark.parametrize("i", range(24))
        def test_it(i, request, worker_id):
            # The bystander, gw2, holds nothing.
            is_bystander = {victim == "bystander"} and worker_id == "gw2"
            values = [] if is_bystander else [request.getfixturevalue(name) for name in ("twice", "once", "returned")]
            meet(worker_id)
            # The two fixtures may have different owners.
            owners = [int(Path(f"{{name}}-owner").read_text()) for name in ("twice", "once")]
            is_holder = os.getpid() not in owners
            if {{"owner": os.getpid() == owners[0], "holder": is_holder, "bystander": is_bystander}}[{victim!r}]:
                die_once({how!r})
            if values:
                log("use")
        """,
    )
    result = suite.run(*args, workers=3)
    assert len(suite.words("die")) == 1
    assert result.parseoutcomes()["failed"] == 1
    for name in ("twice", "returned"):
        assert suite.words("setup").count(["setup", name]) == 1
    assert suite.words("cleanup").count(["cleanup", "twice"]) == 1
    # A fixture that yields once is lost with its owner. Only then is it set up again, if another test needs it.
    lost = int(result.stdout.str().count("not cleaned up"))
    assert suite.words("setup").count(["setup", "once"]) == suite.words("cleanup").count(["cleanup", "once"]) + lost
    assert lost <= (victim == "owner")
    words = [words for _, *words in suite.events]
    assert words.index(["cleanup", "twice"]) > max(index for index, word in enumerate(words) if word == ["use"])


@pytest.mark.parametrize("workers", [2, 3])
def test_six_crashes_in_one_run(suite: Suite, workers: int) -> None:
    suite.write(
        conftest=CONFTEST,
        test_it="""
        from conftest import HOW

        @pytest.mark.parametrize("i", range(24))
        def test_it(i, twice, returned):
            assert (twice, returned) == ("value", "value")
            if i % 4 == 1:
                HOW["kill"]()
        """,
    )
    result = suite.run(workers=workers)
    while "BrokenPipeError" in result.stdout.str():
        # xdist ends the whole run if a worker crashes at the moment when xdist writes to it.
        result = suite.run(workers=workers)
    result.assert_outcomes(passed=18, failed=6)
    assert sorted(words for _, *words in suite.events) == [
        ["cleanup", "twice"],
        ["setup", "returned"],
        ["setup", "twice"],
    ]


@pytest.mark.parametrize("kind", ["Iterator", "SharedGenerator", "int"])
def test_crash_during_a_setup(suite: Suite, kind: str) -> None:
    """The next worker sets up afresh; no worker hangs on the lock."""
    bodies = {
        "Iterator": "-> Iterator[int]:\n    set_up()\n    yield 1\n    log('cleanup')",
        "SharedGenerator": "-> SharedGenerator[int]:\n    value = yield None\n    if value is None:\n        set_up()\n"
        "    if (yield 1) is CleanupToken.LAST:\n        log('cleanup')",
        "int": "-> int:\n    set_up()\n    return 1",
    }
    suite.write(
        conftest=CONFTEST
        + "\ndef set_up():\n    log('begin')\n    die_once()\n    log('setup')\n\n"
        + "@shared_session_scope_fixture\ndef fragile() "
        + bodies[kind],
        test_it="""
        @pytest.mark.parametrize("i", range(12))
        def test_it(i, fragile):
            assert fragile == 1
        """,
    )
    result = suite.run(workers=3)
    result.assert_outcomes(passed=11, failed=1)
    words = [words for _, *words in suite.events]
    assert words == [["begin"], ["die"], ["begin"], ["setup"], *([["cleanup"]] if kind != "int" else [])]
    result.stdout.fnmatch_lines(["not cleaned up: *'fragile'* crashed at * while setting it up*"] * (kind != "int"))


def test_crash_during_a_cleanup(suite: Suite) -> None:
    """A survivor cleans up again, because it is unknown how far the crashed worker got."""
    suite.write(
        conftest=CONFTEST
        + """
@shared_session_scope_fixture
def fragile() -> SharedGenerator[int]:
    value = yield None
    if value is None:
        log("setup")
    if (yield 1) is CleanupToken.LAST:
        log("begin to clean up")
        die_once()
        log("cleanup")
""",
        test_it="""
        @pytest.mark.parametrize("i", range(12))
        def test_it(i, fragile): pass
        """,
    )
    suite.run(workers=3)
    words = [words for _, *words in suite.events]
    assert words == [["setup"], ["begin to clean up"], ["die"], ["begin to clean up"], ["cleanup"]]


def test_crash_while_waiting_for_a_setup(suite: Suite) -> None:
    suite.write(
        conftest=CONFTEST
        + """
@pytest.fixture(scope="session")
def a_while_later():
    wait_for("slow-begun")
    Path("waiter").write_text(str(os.getpid()))
    os.rename("waiter", "waiter-comes")

@shared_session_scope_fixture
def slow() -> SharedGenerator[int]:
    value = yield None
    if value is None:
        log("setup")
        Path("slow-begun").touch()
        wait_for("waiter-comes")
        os.kill(int(Path("waiter-comes").read_text()), signal.SIGKILL)
    if (yield 1) is CleanupToken.LAST:
        log("cleanup")
""",
        test_a="def test_a(slow): pass",
        test_b="""
        def test_b(a_while_later, slow): pass
        def test_c(slow): pass
        """,
    )
    result = suite.run("--dist", "loadfile", workers=2)
    assert result.parseoutcomes()["failed"] == 1
    assert [words for _, *words in suite.events] == [["setup"], ["cleanup"]]


def test_crash_while_waiting_to_be_last(suite: Suite) -> None:
    suite.write(
        conftest=CONFTEST,
        test_a="""
        def test_a(twice):
            Path("pid").write_text(str(os.getpid()))
        """,
        test_b="""
        def test_b(worker_id, tmp_path_factory):
            other = {"gw0": "gw1", "gw1": "gw0"}[worker_id]
            run = tmp_path_factory.getbasetemp().parent / "shared-session-scope"
            wait_for(run / "workers" / f"{other}.draining")
            os.kill(int(Path("pid").read_text()), 9)
        """,
    )
    result = suite.run("--dist", "loadfile", workers=2)
    assert [words for _, *words in suite.events] == [["setup", "twice"], ["cleanup", "twice"]]
    assert "not cleaned up" not in result.stdout.str()


def test_owners_that_hold_each_others_shares_do_not_deadlock(suite: Suite) -> None:
    """An owner waits only for the holders of its own shares; otherwise two owners could wait for each other."""
    suite.write(
        conftest=CONFTEST
        + """
def shared(name):
    @shared_session_scope_fixture(name=name)
    def fixture() -> Iterator[int]:
        log("setup", name)
        yield os.getpid()
        log("cleanup", name)
    return fixture

first, second = shared("first"), shared("second")
""",
        test_a="""
        from conftest import die_once, wait_for

        def test_owner_of_first(first):
            Path("first-is-up").touch()
            wait_for("first-is-held")
            die_once()
        """,
        test_b="""
        def test_holder(request):
            wait_for("first-is-up")
            request.getfixturevalue("first")
            Path("first-is-held").touch()
            request.getfixturevalue("second")
            Path("second-is-up").touch()
            wait_for("first-is-up-again")
        """,
        test_c="""
        def test_sets_first_up_afresh(request):
            wait_for("second-is-up", "died")
            request.getfixturevalue("second")
            request.getfixturevalue("first")
            Path("first-is-up-again").touch()
        """,
    )
    result = suite.run("--dist", "loadfile", "--max-worker-restart=0", workers=3)
    result.assert_outcomes(passed=2, failed=1)
    words = [words for _, *words in suite.events]
    assert sorted(words[:4]) == [["die"], ["setup", "first"], ["setup", "first"], ["setup", "second"]]
    assert sorted(words[4:]) == [["cleanup", "first"], ["cleanup", "second"]]


def test_interrupted_cleanup_is_repeated_before_that_of_its_dependency(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def server() -> SharedGenerator[int]:
            value = yield None
            if (yield value or 1) is CleanupToken.LAST:
                log("cleanup", "server")

        @shared_session_scope_fixture
        def schema(server) -> SharedGenerator[int]:
            value = yield None
            if (yield value or 1) is CleanupToken.LAST:
                log("cleanup", "schema")
                if not Path("died").exists():
                    Path("died").touch()
                    os.kill(os.getpid(), 9)
        """,
        test_it="def test_it(schema): pass",
    )
    result = suite.run(workers=1)
    result.assert_outcomes(passed=1, failed=1)  # it passed; its worker crashed in the teardown
    assert suite.events == [["gw0", "cleanup", "schema"], ["gw1", "cleanup", "schema"], ["gw1", "cleanup", "server"]]
    assert "not cleaned up" not in result.stdout.str()


ENDS = {
    "Iterator": """yield 1
            log("cleanup", "server")""",
    "SharedGenerator": """value = yield None
            if (yield value or 1) is CleanupToken.LAST:
                log("cleanup", "server")""",
}


@pytest.mark.parametrize("kind", list(ENDS))
def test_crash_in_a_cleanup_while_another_worker_holds_the_dependency(suite: Suite, kind: str) -> None:
    suite.write(
        conftest=f"""
        @pytest.fixture(scope="session")
        def place():
            yield
            log("cleanup", "place")

        @shared_session_scope_fixture
        def server(place) -> {kind}[int]:
            {ENDS[kind]}

        @shared_session_scope_fixture
        def schema(server) -> SharedGenerator[int]:
            value = yield None
            if (yield value or 1) is CleanupToken.LAST:
                log("cleanup", "schema")
                if not Path("died").exists():
                    Path("died").touch()
                    os.kill(os.getpid(), 9)
        """,
        test_a="""
        def test_a(schema):
            Path("a").touch()
        """,
        # Acquires both shares while their owner waits at its end, so this worker is the last holder of the schema.
        test_b="""
        @pytest.fixture(scope="session")
        def run(tmp_path_factory):
            return tmp_path_factory.getbasetemp().parent / "shared-session-scope"

        @pytest.fixture(scope="session")
        def other(run, worker_id):
            wait_for("a")
            [other] = {"gw0", "gw1"} - {worker_id}
            wait_for(run / "workers" / f"{other}.draining")
            return other

        def test_b(other, schema, run):
            [journal] = run.glob("shares/schema-*")
            while f"leave {other}" not in journal.read_text("utf-8"):
                time.sleep(0.01)
        """,
    )
    result = suite.run("--dist", "loadfile", "--max-worker-restart=0", workers=2)
    survivor = suite.events[-1][0]
    assert [fixture for worker, _, fixture in suite.events if worker != survivor] == ["schema"]
    # Earlier, the survivor may have released the shares that both workers held, and closed its own place.
    assert [fixture for worker, _, fixture in suite.events if worker == survivor][-3:] == ["schema", "server", "place"]
    assert "ERROR" not in result.stdout.str()
    assert "not cleaned up" not in result.stdout.str()


def test_crash_in_a_takeover_is_followed_by_another_takeover(suite: Suite) -> None:
    """Two survivors try to take over an orphaned share; the faster one crashes in the cleanup, the other repeats it."""
    suite.write(
        conftest=CONFTEST
        + """
@pytest.fixture(scope="session")
def place():
    mine = next(filter(is_first, ("owner", "faster", "slower", "heir")))
    if mine == "faster":
        wait_for("slower")
    if mine == "slower":
        wait_for("cleaning")
    yield mine
    is_first("closed")

@pytest.fixture(scope="session")
def over(worker_id):
    yield
    Path(f"over-{worker_id}").touch()

@shared_session_scope_fixture
def db(place) -> SharedGenerator[int]:
    value = yield None
    if (yield value or 1) is CleanupToken.LAST:
        log("cleanup", place)
        if place == "faster":
            Path("cleaning").touch()
            wait_for("closed")
            os.kill(os.getpid(), 9)
""",
        # Crashes once both other workers have only their final wait left.
        test_a="""
        def test_a(db):
            Path("taken").touch()
            while len(list(Path().glob("over-*"))) < 2:
                time.sleep(0.01)
            os.kill(os.getpid(), 9)
        """,
        test_b="def test_b(over): wait_for('taken')",
        test_c="def test_c(over): wait_for('taken')",
    )
    result = suite.run("--dist", "loadfile", "--max-worker-restart=0", workers=3)
    assert [words[1] for _, *words in suite.events] == ["faster", "heir"]
    assert "not cleaned up" not in result.stdout.str()


def test_takeover_while_waiting_for_a_long_cleanup(suite: Suite) -> None:
    """The long cleanup ends only once the orphaned share is clean, so the waiting worker must watch both."""
    suite.write(
        conftest="""
        from pytest_shared_session_scope._engine.engine import Engine

        must_wait_for = Engine.must_wait_for

        def noting(self, share, *, may_take_over):
            is_waited = must_wait_for(self, share, may_take_over=may_take_over)
            if is_waited and may_take_over and share.record.fixture_name == "long":
                Path("waiting for the long one").touch()
            return is_waited

        Engine.must_wait_for = noting

        @shared_session_scope_fixture
        def long() -> SharedGenerator[int]:
            value = yield None
            if (yield value or 1) is CleanupToken.LAST:
                Path("long is being cleaned up").touch()
                wait_for("short is clean")
                log("cleanup", "long")

        @shared_session_scope_fixture
        def short() -> SharedGenerator[int]:
            value = yield None
            if (yield value or 1) is CleanupToken.LAST:
                if not Path("died").exists():
                    wait_for("long is being cleaned up", "waiting for the long one")
                    Path("died").touch()
                    os.kill(os.getpid(), 9)
                log("cleanup", "short")
                Path("short is clean").touch()
        """,
        test_a="def test_a(long): Path('long is set up').touch()",
        test_b="""
        @pytest.fixture(scope="session")
        def later():
            wait_for("long is set up")

        def test_b(later, short): Path("short is set up").touch()
        """,
        test_c="def test_c(): wait_for('short is set up')",
    )
    result = suite.run("--dist", "loadfile", "--max-worker-restart=0", workers=3)
    assert [words for _, *words in suite.events] == [["cleanup", "short"], ["cleanup", "long"]]
    assert "not cleaned up" not in result.stdout.str()
