"""The reports of a run: the section at its end, the files, and the waiting line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from conftest import Suite

CONFTEST = """
    @shared_session_scope_fixture
    def server(tmp_path_factory) -> Iterator[int]:
        "Set up while the other worker waits; a worker that has waited for two seconds writes a file."
        waiting = tmp_path_factory.getbasetemp().parent / "shared-session-scope" / "waiting"
        until = time.monotonic() + 60
        while os.environ["WORKERS"] == "2" and not list(waiting.glob("*.json")):
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(0.2)  # so that this is the slowest setup and is listed first
        yield 80

    @shared_session_scope_fixture(params=["small", "large"])
    def text(request, server) -> SharedGenerator[str]:
        value = yield None
        yield value or "x" * (1 if request.param == "small" else 5000)
"""
TEST = """
    @pytest.mark.parametrize("i", range(4))
    def test_it(i, text): pass
"""
HEAD = r"=+ shared fixtures =+"


@pytest.fixture
def servers(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Suite:
    suite.write(conftest=CONFTEST, test_it=TEST)
    monkeypatch.setenv("WORKERS", "2")
    return suite


def _section(result: pytest.RunResult) -> list[str]:
    """Return the lines of the section about shared fixtures."""
    lines = result.outlines
    begin = next((index for index, line in enumerate(lines) if re.fullmatch(HEAD, line)), len(lines))
    section = lines[begin + 1 :]
    end = next((index for index, line in enumerate(section) if line.startswith("===") or not line), len(section))
    return section[:end]


def _check(lines: list[str], patterns: list[str]) -> None:
    assert len(lines) == len(patterns), lines
    for line, pattern in zip(lines, patterns, strict=True):
        regex = pattern.replace("TIME", r"[\d.]+ m?s").replace("GW", r"gw\d")
        assert re.fullmatch(regex, line), (line, pattern)


def test_section(servers: Suite) -> None:
    result = servers.run("--shared-report", workers=2)
    result.assert_outcomes(passed=8)
    section = _section(result)
    _check(
        section[:3],
        [
            r"'server' \(conftest.py:\d+\), yields once, int, \d+ bytes",
            "  set up by GW in TIME; used by 2 workers; saved TIME of setup;",
            "    longest wait TIME; cleaned up by GW in TIME",
        ],
    )
    large = next(index for index, line in enumerate(section) if "'large'" in line)
    _check(
        section[large : large + 1],
        [r"'text' \(conftest.py:\d+\) with text='large', yields twice, str, 5.0 kB"],
    )
    _check(
        [line for line in section if "shared fixtures;" in line],
        ["3 shared fixtures; set up in TIME; saved TIME of setup;"],
    )
    assert "these tests are not slow; --durations counts this as their setup or teardown:" in section
    _check(
        [line for line in section if "waiting for 'server'" in line],
        [r"  TIME waiting for 'server' in GW, test_it.py::\S+"],
    )
    assert max(map(len, section)) <= 80


def test_section_without_workers(servers: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKERS", "1")
    section = _section(servers.run("--shared-report"))
    _check(
        [section[0], section[1], section[-1]],
        [
            r"'server' \(conftest.py:\d+\), yields once, int, \d+ bytes",
            "  set up in TIME; cleaned up in TIME",
            "3 shared fixtures; set up in TIME; cleaned up in TIME",
        ],
    )


WANTED = [
    pytest.param("auto", [], False, id="auto"),
    pytest.param("auto", ["-v"], True, id="auto, -v"),
    pytest.param("never", ["-v"], False, id="never, -v"),
    pytest.param("never", ["--shared-report"], True, id="the option wins"),
    pytest.param("always", ["-q"], True, id="always"),
]


@pytest.mark.parametrize(("ini", "arguments", "is_printed"), WANTED)
def test_when_the_section_is_printed(suite: Suite, ini: str, arguments: list[str], is_printed: bool) -> None:
    suite.write(conftest="@shared_session_scope_fixture\ndef db() -> int: return 1", test_it="def test_it(db): pass")
    suite.path.joinpath("pytest.ini").write_text(f"[pytest]\nshared_session_scope_report = {ini}\n")
    assert bool(_section(suite.run(*arguments))) is is_printed


def test_unknown_value_of_the_option_is_a_usage_error(suite: Suite) -> None:
    suite.path.joinpath("pytest.ini").write_text("[pytest]\nshared_session_scope_report = maybe\n")
    result = suite.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: shared_session_scope_report = maybe in the configuration: it can be auto, always or never"]
    )


def test_run_that_shares_nothing_says_so_on_request(suite: Suite) -> None:
    suite.write(test_it="def test_it(): pass")
    for workers in (None, 1):
        assert _section(suite.run("--shared-report", workers=workers)) == ["no fixture was shared"]
        assert _section(suite.run("-v", workers=workers)) == []


def test_failures_are_printed_without_a_request(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def bad() -> int:
            raise OSError("no route")

        @shared_session_scope_fixture
        def worse() -> Iterator[int]:
            yield 1
            raise OSError("no way back")
        """,
        test_it="""
        def test_bad(bad): pass
        def test_worse(worse): pass
        """,
    )
    result = suite.run("--color=yes", workers=2)
    red = [line for line in result.outlines if line.startswith("\x1b[31m  ")]
    _check(
        sorted(line.removeprefix("\x1b[31m").removesuffix("\x1b[0m") for line in red),
        [
            "  cleanup failed in GW after TIME: OSError: no way back",
            "  setup failed in GW after TIME: OSError: no route",
        ],
    )
    assert _section(suite.run("-q", workers=2)) == []


def test_setup_of_a_crashed_worker_is_printed_with_the_next_one(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def server() -> Iterator[int]:
            yield 80
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(3))
        def test_it(i, server):
            if not Path("died").exists():
                Path("died").touch()
                os.kill(os.getpid(), 9)
        """,
    )
    section = _section(suite.run(workers=1))
    assert [line for line in section if "set up by" in line or "set up again by" in line]
    text = "\n".join(section)
    assert re.search(r"  set up by gw0 in [\d.]+ m?s\nnot cleaned up: shared fixture 'server' .* and crashed at ", text)
    assert re.search(r"  set up again by gw1 in [\d.]+ m?s; cleaned up by gw1 in ", text)
    assert "1 shared fixture; 2 setups;" in text


def test_reporting_is_not_loaded_when_nothing_is_shared(suite: Suite) -> None:
    suite.write(
        test_it="""
        import sys
        def test_it():
            names = ("_reporting.terminal", "_reporting.summary", "_reporting.outcome", "_reporting.exports", "_engine")
            assert not [name for name in names if f"pytest_shared_session_scope.{name}" in sys.modules]
        """
    )
    path = suite.path / "test_it.py"
    path.write_text(path.read_text().replace("from pytest_shared_session_scope import *", ""))
    suite.run().assert_outcomes(passed=1)


@pytest.mark.parametrize("ini", ["auto", "never"])
@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_durations_are_explained(suite: Suite, ini: str, quiet: list[str]) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> Iterator[int]:
            time.sleep(0.2)
            yield 1
        """,
        test_a="""
        def test_a(db):
            Path("a").touch()
        """,
        # Keeps the other worker waiting at its end, whichever worker starts first.
        test_b="""
        def test_b():
            wait_for("a")
            time.sleep(1)

        def test_c(db): pass
        """,
    )
    suite.path.joinpath("pytest.ini").write_text(f"[pytest]\nshared_session_scope_report = {ini}\n")
    section = _section(suite.run("--durations=2", "--dist", "loadfile", *quiet, workers=2))
    if ini == "never":
        assert section == []
        return
    # Which of the two takes longer depends on the machine's load; the unit tests check the order.
    section[1:3] = sorted(section[1:3], key=lambda line: "setting up" in line)
    _check(
        section,
        [
            "these tests are not slow; --durations counts this as their setup or teardown:",
            "  TIME waiting to clean up 'db' in GW, test_a.py::test_a",
            "  TIME setting up 'db' in GW, test_a.py::test_a",
            *(["  and 1 more; --durations=0 lists all of them"] if len(section) > 3 else []),
        ],
    )


# --- files -----------------------------------------------------------------------------------------------


def test_json_report_and_trace(servers: Suite) -> None:
    result = servers.run("--shared-report-json=out/report.json", "--shared-trace=trace.json", "-q", workers=2)
    result.assert_outcomes(passed=8)
    report = json.loads((servers.path / "out" / "report.json").read_text())
    assert report["version"] == 1
    assert report["workers"] == ["gw0", "gw1"]
    server, *others = report["setups"]
    assert [server[key] for key in ("name", "kind", "type", "end")] == ["server", "yields once", "int", "cleaned up"]
    assert server["seconds"] >= 0.2
    assert server["taken_by"] == ["gw0", "gw1"]
    [reader] = [acquisition for acquisition in server["takes"] if acquisition["outcome"] == "read"]
    assert 0 < reader["waited"] <= server["seconds"] + 30
    assert server["saved"] == server["seconds"]
    assert server["cleanup"]["worker"] == server["worker"]
    assert {setup["parameters"] for setup in others} == {"text='small'", "text='large'"}
    for setup in report["setups"]:
        assert all(type(setup[key]) is float for key in ("at", "seconds", "waited", "saved")), setup
        assert type(setup["setup"]) is type(setup["bytes"]) is int, setup
    _check_trace(json.loads((servers.path / "trace.json").read_text()))


def _check_trace(trace: dict[str, Any]) -> None:
    """Check that each event has the fields that the trace format requires."""
    rows = {}
    for event in trace["traceEvents"]:
        assert event["pid"] == 1
        assert isinstance(event["tid"], int)
        if event["ph"] == "M":
            assert event["name"] == "thread_name"
            rows[event["tid"]] = event["args"]["name"]
        else:
            assert event["ph"] == "X"
            assert event["ts"] >= 0
            assert event["dur"] >= 0
            assert event["tid"] in rows
    assert [*rows.values()] == ["gw0", "gw1"]
    names = {event["name"] for event in trace["traceEvents"]}
    assert names >= {"set up 'server'", "wait for 'server'", "read 'server'", "clean up 'server'", "clean up 'text'"}
    [setup] = [event for event in trace["traceEvents"] if event["name"] == "set up 'server'"]
    [wait] = [event for event in trace["traceEvents"] if event["name"] == "wait for 'server'"]
    assert setup["tid"] != wait["tid"]
    # A waiting worker gets the value as soon as it is ready.
    assert abs(setup["ts"] + setup["dur"] - wait["ts"] - wait["dur"]) < 2_000_000


def test_files_of_a_run_that_shares_nothing(suite: Suite) -> None:
    suite.write(test_it="def test_it(): pass")
    suite.run("--shared-report-json=report.json", "--shared-trace=trace.json", "-p", "no:terminal")
    assert json.loads((suite.path / "report.json").read_text())["setups"] == []
    assert json.loads((suite.path / "trace.json").read_text())["traceEvents"] == []


def test_files_that_cannot_be_written_do_not_fail_the_run(suite: Suite) -> None:
    suite.write(conftest="@shared_session_scope_fixture\ndef db() -> int: return 1", test_it="def test_it(db): pass")
    result = suite.run("--shared-report-json=conftest.py/report.json", "--shared-trace=.", "-W", "error", workers=1)
    assert result.ret == pytest.ExitCode.OK
    report, trace = _section(result)
    assert report.startswith(f"cannot write {suite.path / 'conftest.py' / 'report.json'}: ")
    assert trace.startswith(f"cannot write {suite.path}: ")


# --- while it runs ---------------------------------------------------------------------------------------

SLOW = """
    @shared_session_scope_fixture
    def db() -> int:
        time.sleep(6)
        return 1
"""
SLOW_TEST = "@pytest.mark.parametrize('i', range(3))\ndef test_it(i, db): pass"


def test_waiting_line_during_a_slow_setup(suite: Suite) -> None:
    suite.write(conftest=SLOW, test_it=SLOW_TEST)
    result = suite.run(workers=3)
    result.assert_outcomes(passed=3)
    printed = [line for line in result.outlines if "waiting for shared fixture" in line]
    _check(
        printed[:1],
        [
            r"GW, GW are waiting for shared fixture 'db' \(conftest.py:\d+\): GW has been setting it up for \d s",
        ],
    )
    assert len(printed) <= 2


@pytest.mark.parametrize("quiet", ["-q", "-pno:terminal"])
def test_no_waiting_line_when_pytest_is_quiet(suite: Suite, quiet: str) -> None:
    suite.write(conftest=SLOW, test_it=SLOW_TEST)
    result = suite.run(quiet, workers=2)
    assert result.ret == pytest.ExitCode.OK
    assert "waiting" not in result.stdout.str() + result.stderr.str()


# --- beside other reporters ------------------------------------------------------------------------------

LINES = """
import pytest
from pathlib import Path

@pytest.mark.parametrize("i", range(2))
def test_fast(i): pass

def test_wait():
    "Wait until every file's first line is printed, before any worker waits for the fixture."
    Path(Path(__file__).name + ".begun").touch()
    while len(list(Path().glob("*.begun"))) < 3:
        pass

@pytest.mark.parametrize("i", range(3))
def test_slow(i, db): pass
"""


def _screen(suite: Suite, *arguments: str) -> list[str]:
    """Run the suite on a terminal of 100 columns; return the lines that it shows at the end."""
    pty = pytest.importorskip("pty", reason="this platform has no pseudo-terminals")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-p", "shared_session_scope", "-p", "no:cacheprovider", *arguments]
    environment = os.environ | {"COLUMNS": "100", "LINES": "60", "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(command, cwd=suite.path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        printed = b""
        while piece := _read(ours):
            printed += piece
    os.close(ours)
    return _seen(printed.decode())


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end is closed
        return b""


def _seen(printed: str) -> list[str]:
    """Interpret text, line ends, cursor movements and erasing as a terminal of unlimited height would."""
    lines: list[str] = [""]
    row = column = 0
    for count, order, line_end, text in re.findall("\x1b\\[([\\d;?]*)([A-Za-z])|([\r\n])|([^\r\n\x1b]+)", printed):
        if order == "A":
            row = max(row - int(count or 1), 0)
        elif order == "B" or line_end == "\n":
            row += int(count or 1)
        elif order == "K":
            lines[row] = "" if count == "2" else lines[row][:column]
        elif line_end:
            column = 0
        lines += [""] * (row + 1 - len(lines))
        lines[row] = lines[row].ljust(column)[:column] + text + lines[row][column + len(text) :]
        column += len(text)
    return [line.rstrip() for line in lines if line.strip()]


@pytest.mark.parametrize(
    "plugin",
    [
        pytest.param("", id="pytest's own"),
        pytest.param("pytest_sugar", id="pytest-sugar"),
        pytest.param("pytest_pretty", id="pytest-pretty"),
    ],
)
def test_on_a_terminal_nothing_is_garbled(suite: Suite, plugin: str) -> None:
    """Both the waiting line and another reporter's output around it stay intact."""
    if plugin:
        pytest.importorskip(plugin, reason=f"{plugin.replace('_', '-')} is not installed")
    suite.write(conftest=SLOW)
    for name in ("test_a", "test_b", "test_c"):
        suite.path.joinpath(f"{name}.py").write_text(LINES)
    arguments = ["-p", plugin] if plugin else []
    lines = _screen(suite, *arguments, "-p", "xdist", "-n", "3", "--dist", "loadfile", "--shared-report")
    waits = [line for line in lines if "db' (" in line and "setting it up" in line]
    line = r"GW, GW are waiting for shared fixture 'db' \(conftest.py:\d+\): GW has been setting it up for \d s"
    _check(waits, [line] * len(waits))
    assert 1 <= len(waits) <= 2
    ticks = [line for line in lines if re.match(r"[ \w.]*[.✓]{2}", line)]
    assert sum(len(re.findall("✓" if plugin == "pytest_sugar" else r"\.(?!py)", line)) for line in ticks) == 18, lines
    assert any(re.fullmatch(HEAD, line) for line in lines)
    assert any("waiting for 'db' in gw" in line for line in lines)


def test_output_of_workers_on_the_terminal_is_left_alone(suite: Suite) -> None:
    suite.write(
        conftest="""
        import sys

        @shared_session_scope_fixture
        def db() -> int:
            for step in range(8):
                time.sleep(1)
                sys.stderr.write(f"step {step}\\n")  # in one piece, as the controller writes there, too
            return 1
        """,
        test_it=SLOW_TEST,
    )
    lines = _screen(suite, "-p", "xdist", "-n", "3", "-s")
    assert [line for line in lines if line.startswith("step ")] == [f"step {step}" for step in range(8)]
    assert any("waiting for shared fixture 'db'" in line for line in lines)


def test_reporter_without_a_terminal_summary(suite: Suite) -> None:
    """pytest-rich replaces pytest's own reporter on a terminal. It does not work with workers, so there are none."""
    pytest.importorskip("pytest_rich", reason="pytest-rich is not installed")
    suite.write(
        conftest="@shared_session_scope_fixture\ndef db() -> Iterator[int]:\n    yield 1\n    raise OSError('no way')",
        test_it="def test_it(db): pass",
    )
    lines = _screen(suite, "-p", "pytest_rich.plugin", "--rich")
    assert any(re.fullmatch(HEAD, line) for line in lines), lines
    assert any("no way" in line for line in lines[-6:]), lines
    lines = _screen(suite, "-p", "no:terminal", "--shared-report")
    assert lines == []
