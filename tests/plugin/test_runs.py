"""A run's directory is private, invisible to other runs, and removed at the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Suite

CONFTEST = """
@shared_session_scope_fixture
def secret() -> Iterator[str]:
    log("setup", os.environ.get("RUN", ""))
    yield "sesame " + os.environ.get("RUN", "")
    log("cleanup", os.environ.get("RUN", ""))

@shared_session_scope_fixture
def returned() -> str:
    return "sesame"

@shared_session_scope_fixture
def twice(shared_lock) -> SharedGenerator[str]:
    value = yield None
    yield value or "sesame"
"""


def _left(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and b"sesame" in path.read_bytes()]


@pytest.mark.parametrize("workers", [None, 2])
@pytest.mark.parametrize("is_given", [True, False], ids=["--basetemp", "default"])
def test_files_are_private_and_gone_after_the_run(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: int | None, is_given: bool
) -> None:
    suite.write(
        conftest=CONFTEST,
        test_it="""
        import contextlib, stat
        @pytest.mark.parametrize("i", range(4))
        def test_it(i, secret, returned, twice, shared_lock, tmp_path_factory):
            with shared_lock("a lock"):
                base = tmp_path_factory.getbasetemp()
                run = base / "shared-session-scope"
                run = run if run.is_dir() else base.parent / "shared-session-scope"
                for path in [run, *run.rglob("*")]:
                    with contextlib.suppress(FileNotFoundError):  # another worker's file, removed meanwhile
                        log("mode", path.is_dir(), oct(stat.S_IMODE(path.stat().st_mode)))
            log("run", str(run))
        """,
    )
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(tmp_path))
    basetemp = ["--basetemp", str(tmp_path / "base")] if is_given else []
    command = [sys.executable, "-m", "pytest", "-p", "shared_session_scope", "-p", "no:cacheprovider", *basetemp]
    command += [] if workers is None else ["-p", "xdist", "-n", str(workers)]
    done = subprocess.run(command, cwd=suite.path, capture_output=True, text=True, timeout=60, umask=0, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {(is_directory, mode) for _, is_directory, mode in suite.words("mode")} == {
        (True, "0o700"),
        (False, "0o600"),
    }
    for _, run in suite.words("run"):
        assert not Path(run).exists()
    assert _left(tmp_path) == []


@pytest.mark.parametrize(
    ("dots", "left"), [(200, ["returned", "secret", "twice"]), (5000, ["returned"])], ids=["short", "long"]
)
def test_stored_value_of_a_yielding_fixture_is_removed_by_its_cleanup(suite: Suite, dots: int, left: list[str]) -> None:
    """A short value is part of the fixture's journal, which is removed with the run's directory."""
    suite.write(
        conftest=f"""
DOTS = "." * {dots}  # more than a report shows

@shared_session_scope_fixture
def secret() -> Iterator[str]:
    yield DOTS + "sesame" + DOTS

@shared_session_scope_fixture
def twice() -> SharedGenerator[str]:
    value = yield None
    yield value or DOTS + "sesame" + DOTS

@shared_session_scope_fixture
def returned() -> str:
    return DOTS + "sesame" + DOTS

@pytest.fixture(scope="session", autouse=True)
def after_all(tmp_path_factory):
    yield
    run = tmp_path_factory.getbasetemp() / "shared-session-scope"
    files = [path for path in run.rglob("*") if path.is_file()]
    names = [path.name.partition("-")[0] for path in files if b"sesame" in path.read_bytes()]
    log("left", sorted(names))
""",
        test_it="def test_it(secret, twice, returned): pass",
    )
    suite.run().assert_outcomes(passed=1)
    assert suite.words("left") == [["left", left]]


@pytest.mark.parametrize(("first", "second"), [(200, 200), (200, 5000), (5000, 200)])
def test_stored_value_of_a_crashed_owner_is_removed_by_the_next_cleanup(suite: Suite, first: int, second: int) -> None:
    """Short values are part of the fixture's journal, which is removed with the run's directory."""
    suite.write(
        conftest=f"""
@pytest.fixture(scope="session", autouse=True)
def after_all(tmp_path_factory):
    yield
    run = tmp_path_factory.getbasetemp().parent / "shared-session-scope"
    values = run / "values"
    log("left", [path.name for path in values.rglob("*") if path.is_file() and b"sesame" in path.read_bytes()])

@shared_session_scope_fixture
def secret(after_all) -> Iterator[str]:
    dots = "." * ({second} if Path("died").exists() else {first})
    yield dots + "sesame" + dots
""",
        test_it="""
        def test_dies(secret):
            Path("died").touch()
            os.kill(os.getpid(), 9)

        def test_it(secret):
            pass
        """,
    )
    suite.run(workers=1).assert_outcomes(passed=1, failed=1)
    assert suite.words("left") == [["left", []]]


@pytest.mark.parametrize("workers", [[], ["-p", "xdist", "-n", "2"]], ids=["without xdist", "n2"])
def test_two_runs_at_once_do_not_see_each_other(
    suite: Suite, monkeypatch: pytest.MonkeyPatch, workers: list[str]
) -> None:
    """Each run waits in a test until the other has set its own share up."""
    suite.write(
        conftest=CONFTEST,
        test_it="""
        @pytest.mark.parametrize("i", range(3))
        def test_it(i, secret):
            me = os.environ["RUN"]
            Path(f"in-{me}").touch()
            other = "ba"["ab".index(me)]
            until = time.monotonic() + 30
            while not Path(f"in-{other}").exists() and time.monotonic() < until:
                time.sleep(0.01)
            assert secret == f"sesame {me}" and Path(f"in-{other}").exists()
        """,
    )
    command = [sys.executable, "-m", "pytest", "-p", "shared_session_scope", "-p", "no:cacheprovider", *workers]
    runs = []
    for run in ("a", "b"):
        monkeypatch.setenv("RUN", run)
        runs.append(subprocess.Popen(command, cwd=suite.path, stdout=subprocess.PIPE, text=True))
    for process in runs:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, out
    assert sorted(suite.words("setup")) == [["setup", "a"], ["setup", "b"]]
    assert sorted(suite.words("cleanup")) == [["cleanup", "a"], ["cleanup", "b"]]


@pytest.mark.parametrize("workers", [None, 2])
def test_a_run_after_another_with_the_same_basetemp(suite: Suite, tmp_path: Path, workers: int | None) -> None:
    suite.write(
        conftest=CONFTEST,
        test_it="""
        @pytest.mark.parametrize("i", range(3))
        def test_it(i, secret, returned): pass
        """,
    )
    args = ["-p", "xdist", "-n", str(workers)] if workers else []
    command = [sys.executable, "-m", "pytest", "-p", "shared_session_scope", "-p", "no:cacheprovider", *args]
    for _ in range(2):
        done = subprocess.run(
            [*command, "--basetemp", str(tmp_path / "base")],
            cwd=suite.path,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0
    assert len(suite.words("setup")) == len(suite.words("cleanup")) == 2


def test_named_lock_admits_one_worker_at_a_time(suite: Suite) -> None:
    suite.write(
        test_it="""
        @pytest.mark.parametrize("i", range(12))
        def test_it(i, shared_lock):
            with shared_lock("../../a name\\0"):
                os.mkdir("inside")  # raises if another worker is inside
                time.sleep(0.01)
                os.rmdir("inside")
            with shared_lock("another"), shared_lock("one"):
                pass
        """
    )
    suite.run(workers=3).assert_outcomes(passed=12)


def test_named_lock_that_cannot_be_acquired_in_time(suite: Suite) -> None:
    suite.write(
        test_a="""
        def test_a(shared_lock):
            with shared_lock("name"):
                Path("held").touch()
                while not Path("tried").exists():
                    time.sleep(0.01)
        """,
        test_b="""
        def test_b(shared_lock):
            while not Path("held").exists():
                time.sleep(0.01)
            try:
                with shared_lock("name", timeout=0.05):
                    pass
            finally:
                Path("tried").touch()
        """,
    )
    result = suite.run("--dist", "loadfile", workers=2)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*LockTimeoutError: shared lock 'name': worker gw? waited 0.05 s for it: worker gw? has held it for * s, "
            "since test_a.py::test_a (call); raise timeout= or look at what is done under the lock",
            "test_b.py:*: LockTimeoutError",
        ]
    )


def test_named_lock_that_is_entered_twice(suite: Suite) -> None:
    suite.write(
        test_it="""
        def test_it(shared_lock):
            with shared_lock("name"), shared_lock("name", timeout=0.05):
                pass
        """
    )
    suite.run().stdout.fnmatch_lines(
        [
            "E*LockTimeoutError: shared lock 'name': worker master waited 0.05 s for it, and has held it itself for * s, "
            "since test_it.py::test_it (call); a named lock cannot be entered twice: leave it first"
        ]
    )


def test_note_about_the_holder_of_a_named_lock_is_removed(suite: Suite) -> None:
    suite.write(
        test_it="""
        def test_it(shared_lock, tmp_path_factory):
            with shared_lock("name"): pass
            [locks] = tmp_path_factory.getbasetemp().glob("**/locks")
            assert not list(locks.glob("*.json"))
        """
    )
    suite.run().assert_outcomes(passed=1)
