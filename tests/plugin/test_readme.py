"""The README is true: each of its blocks is run, and each row of its tables of types is tested."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from codec_cases import fingerprint
from conftest import Suite
from readme_types import REFUSED, TRAVELS, UNANNOTATED
from samples import FAILURE, SETUP, altered, outcome_of

from pytest_shared_session_scope import errors, shared_session_scope_fixture
from pytest_shared_session_scope._codec.codec import Codec, TypedCodec
from pytest_shared_session_scope._engine.timings import AcquireOutcome
from pytest_shared_session_scope._reporting import exports, summary
from pytest_shared_session_scope._reporting.outcome import Death, End
from pytest_shared_session_scope._run.journal import Kind
from pytest_shared_session_scope.errors import SharedFixtureError

ROOT = Path(__file__).parents[2]
README = ROOT.joinpath("README.md").read_text("utf-8")
CONFIGURATIONS = {"ini": "pytest.ini", "toml": "pyproject.toml"}


class Block(NamedTuple):
    """A fenced block: the heading above it, the language of the fence, and the text."""

    section: str
    language: str
    text: str


def _blocks() -> list[Block]:
    found = []
    section = ""
    for heading, language, text in re.findall(r"^#+ ([^\n]+)$|^```(\S*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        if heading and not language:
            section = heading
        else:
            found.append(Block(section, language, text))
    return found


BLOCKS = _blocks()
SUITES = sorted({block.section for block in BLOCKS if block.language == "python"})
COMMANDS = [command for block in BLOCKS if block.language == "sh" for command in block.text.splitlines()]


BEFORE = "# before\n"  # the first line of code to be migrated; it is run too, but apart from the section's suite


def _of(section: str, *languages: str) -> list[str]:
    return [
        block.text
        for block in BLOCKS
        if block.section == section and block.language in languages and not block.text.startswith(BEFORE)
    ]


def _before(section: str) -> list[str]:
    return [block.text for block in BLOCKS if block.section == section and block.text.startswith(BEFORE)]


def test_no_block_is_left_out() -> None:
    run_otherwise = {("How it works", "text"), ("Examples", "text"), ("See what a run shared", "text")}
    for block in BLOCKS:
        in_suite = block.section in SUITES and block.language in ("python", "text", *CONFIGURATIONS)
        assert in_suite or block.language == "sh" or (block.section, block.language) in run_otherwise, block
    assert README.count("\n```") == 2 * len(BLOCKS)


# --- suites ----------------------------------------------------------------------------------------------

# Each suite runs once with each configuration of its section, or once without any.
_RUNS = [
    (section, language, text)
    for section in SUITES
    for language, text in [
        (b.language, b.text) for b in BLOCKS if b.section == section and b.language in CONFIGURATIONS
    ]
    or [("", "")]
]


# The recipes call stand-ins for psql, docker and an HTTP server, which record the calls, so that a test can check them.
# `test_examples.py` uses the real PostgreSQL and polars.
PROGRAM = """#!{python} -S
import sys
with open({calls!r}, "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
print({{"run": "c0ffee", "port": "127.0.0.1:32768"}}.get(sys.argv[1], ""))
"""
CALLS = {
    "A database for each worker": [
        "-qd postgres -c CREATE DATABASE shop_gw0 TEMPLATE template_shop",
        "-qd postgres -c CREATE DATABASE shop_gw1 TEMPLATE template_shop",
        "-qd postgres -c CREATE DATABASE template_shop",
        "-qd postgres -c DROP DATABASE shop_gw0",
        "-qd postgres -c DROP DATABASE shop_gw1",
        "-qd postgres -c DROP DATABASE template_shop",
        "-qd template_shop -c CREATE TABLE items (name text, price int)",
    ],
    "A container": [
        "port c0ffee 6379/tcp",
        "run --detach --rm --publish 127.0.0.1::6379 redis:7",
        "stop c0ffee",
    ],
    "A token fetched once": ["POST /"],
}


class _Tokens(BaseHTTPRequestHandler):
    """A server that gives out tokens and records each request."""

    calls: Path

    def do_POST(self) -> None:
        with self.calls.open("a") as calls:
            calls.write(f"POST {self.path}\n")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"value": "s3cret", "expires": "2100-01-01T00:00:00Z"}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Print nothing."""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file in which the stand-ins record their calls."""
    calls = tmp_path / "calls"
    for name in ("psql", "docker"):
        tmp_path.joinpath(name).write_text(PROGRAM.format(python=sys.executable, calls=str(calls)))
        tmp_path.joinpath(name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    handler = type("Tokens", (_Tokens,), {"calls": calls})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("TOKEN_URL", f"http://127.0.0.1:{server.server_port}/")
        yield calls
        server.shutdown()


def test_every_recipe_with_expected_calls_exists() -> None:
    assert CALLS.keys() <= {*SUITES}


def test_the_container_recipe_with_docker(suite: Suite) -> None:
    (text,) = _of("A container", "python")
    docker = shutil.which("docker")
    if (
        docker is None
        or subprocess.run([docker, "image", "inspect", "redis:7"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no docker that runs and has the image: docker pull redis:7")
    suite.path.joinpath("conftest.py").write_text(text)
    _request_all(suite, text)
    suite.run(workers=2).assert_outcomes(passed=4)


@pytest.mark.parametrize(("section", "language", "configuration"), _RUNS)
def test_a_suite(suite: Suite, section: str, language: str, configuration: str, calls: Path) -> None:
    if section == "A big data frame":
        pytest.importorskip("polars", reason="polars is not installed: pip install polars")
    for text in _of(section, "python"):
        name = text.splitlines()[0].removeprefix("# ")
        assert re.fullmatch(r"(conftest|test_\w+)\.py", name), "the first line is to name the file"
        assert not suite.path.joinpath(name).exists()
        suite.path.joinpath(name).write_text(text)
    if language:
        suite.path.joinpath(CONFIGURATIONS[language]).write_text(configuration)
    _request_all(suite, *_of(section, "python"))
    result = suite.run(workers=2)
    printed = [] if _before(section) else _of(section, "text")
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if printed else pytest.ExitCode.OK), result.stdout.str()
    for text in printed:
        _check_printed(result, text)
    assert sorted(calls.read_text().splitlines() if calls.exists() else []) == CALLS.get(section, [])


@pytest.mark.parametrize("section", [section for section in SUITES if _before(section)])
def test_code_to_be_migrated(suite: Suite, section: str) -> None:
    """Code of an earlier or later release runs unchanged, or fails with the message printed below it."""
    (text,) = _before(section)
    suite.path.joinpath("conftest.py").write_text(text)
    _request_all(suite, text)
    result = suite.run(workers=2)
    printed = _of(section, "text")
    assert result.ret == (pytest.ExitCode.USAGE_ERROR if printed else pytest.ExitCode.OK), result.stdout.str()
    for lines in printed:
        _check_printed(result, lines)


def _request_all(suite: Suite, *modules: str) -> None:
    """Write tests that make both workers acquire each fixture, whatever tests the modules contain."""
    fixtures = re.findall(r"^@.*fixture\b.*\ndef (\w+)", "\n".join(modules), re.MULTILINE)
    test = f"@pytest.mark.parametrize('i', range(4))\ndef test_all(i, {', '.join(fixtures)}): pass"
    suite.path.joinpath("test_all.py").write_text(f"import pytest\n\n{test}\n")


def _check_printed(result: pytest.RunResult, text: str) -> None:
    """Check that the lines were printed, by any worker and in any directory."""
    lines = [line.strip() for line in [*result.outlines, *result.errlines]]
    for line in text.splitlines():
        pattern = re.sub(r"gw\d", r"gw\\d", re.escape(line.strip())).replace(r"\ ", r"\s+")
        pattern = pattern.replace('"conftest', r'"\S*conftest')
        assert any(re.fullmatch(pattern, printed) for printed in lines), line


# --- other blocks ----------------------------------------------------------------------------------------


def test_the_examples_print_the_summary(suite: Suite) -> None:
    result = suite.run(str(ROOT / "examples"), workers=4)
    (text,) = _of("Examples", "text")
    _check_printed(result, text)


def test_the_diagram(suite: Suite) -> None:
    """With the diagram's number of workers, one sets up, the others read, and one cleans up."""
    (diagram,) = _of("How it works", "text")
    workers = sorted(re.findall(r"gw\d", diagram))
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def thing() -> SharedGenerator[int]:
            value = yield None
            log("read" if value else "run the function")
            if (yield value or 1) is CleanupToken.LAST:
                log("clean up")
        """,
        test_it="@pytest.mark.parametrize('i', range(12))\ndef test_it(i, thing): pass",
    )
    suite.run(workers=len(workers)).assert_outcomes(passed=12)
    done = [words[0] for _, *words in suite.events]
    assert [done.count(word) for word in ("run the function", "read", "clean up")] == [1, len(workers) - 1, 1]
    for word in ("run the function", "read", "clean up"):
        assert diagram.count(word) == done.count(word), word


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command(command: str, pytestconfig: pytest.Config) -> None:
    """Each step uses files and extras that exist. `.ci/run` runs the steps from a fresh clone."""
    _, extras = ROOT.joinpath("pyproject.toml").read_text("utf-8").split("\n[project.optional-dependencies]\n")
    for step in command.split(" && "):
        match shlex.split(step):
            case ["python3", "-m", "venv", ".venv"]:
                ignored = ROOT.joinpath(".gitignore").read_text("utf-8").splitlines()
                assert {".venv", ".venv/", ".venv*/"} & {*ignored}
            case ["pip" | ".venv/bin/pip", "install", *options, target] if set(options) <= {"-q", "-e"}:
                extra = re.fullmatch(r"\.(?:\[(\w+)\])?", target)
                assert extra
                assert extra[1] is None or extras.startswith(f"{extra[1]} = [")
            case [".venv/bin/pytest", *paths, "-n", "2" | "4"]:
                for path in paths or pytestconfig.getini("testpaths"):
                    assert ROOT.joinpath(path).is_dir()
            case _:
                pytest.fail(f"unknown command: {step}")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        headings = re.findall(r"^#+ ([^\n]+)$", README, re.MULTILINE)
        anchors = ["#" + heading.lower().replace(" ", "-") for heading in headings]
        assert ROOT.joinpath(target).exists() or target in anchors, target


# --- the report ------------------------------------------------------------------------------------------


def test_the_section_about_a_run() -> None:
    """`test_report.py` checks that real workers print a section of this form."""
    text, _ = _of("See what a run shared", "text")
    assert [line.text for line in summary.lines(outcome_of(SETUP), 80)] == text.splitlines()


def test_the_picture(suite: Suite) -> None:
    """The picture has the form of a current trace: workers set up or wait, tests run, and at the end one cleans up."""
    _, picture = _of("See what a run shared", "text")
    result = suite.run(str(ROOT / "examples" / "postgresql"), "-rs", "--shared-trace=trace.json", workers=4)
    if "SKIPPED" in result.stdout.str():
        pytest.skip(next(line for line in result.outlines if line.startswith("SKIPPED")))
    drawn = _drawn(json.loads((suite.path / "trace.json").read_text("utf-8"))["traceEvents"])
    rows = picture.splitlines()
    assert [row[:5] for row in drawn] == [row[:5] for row in rows]
    assert {*"".join(drawn)} == {*picture} - {"\n"}
    for lines in (drawn, rows):
        assert len({len(line) for line in lines}) == 1
        for line in lines:
            assert re.fullmatch(r"gw\d  +[.S ]* +C* *\|", line), lines


def _drawn(events: list[dict[str, Any]], column: float = 0.05) -> list[str]:
    """Draw a trace as in the README: a row for each worker and a column for each 0.05 s."""
    names = {event["tid"]: event["args"]["name"] for event in events if event["ph"] == "M"}
    spans = [event for event in events if event["ph"] == "X"]

    def place(moment: float) -> int:
        return int(moment // (column * 1e6))

    width = place(max(span["ts"] + span["dur"] for span in spans)) + 1
    rows = {row: [" "] * width for row in names}
    for category, mark in (("wait for", "."), ("set up", "S"), ("clean up", "C")):
        for span in (span for span in spans if span["cat"] == category):
            begin, end = place(span["ts"]), place(span["ts"] + span["dur"]) + 1
            rows[span["tid"]][begin:end] = mark * (end - begin)
    return [f"{names[row]}  {''.join(marks)}|" for row, marks in rows.items()]


def test_the_options_of_pytest(suite: Suite) -> None:
    offered = re.findall(r"^  (--shared-\S+)", suite.run("--help").stdout.str(), re.MULTILINE)
    assert [row[0].strip("`") for row in _rows("option of pytest")] == offered


def test_the_options_of_the_configuration(suite: Suite) -> None:
    offered = re.findall(r"^  (shared_session_scope_\w+)", suite.run("--help").stdout.str(), re.MULTILINE)
    assert [row[0].strip("`") for row in _rows("option of the configuration")] == offered


def test_the_options_of_the_decorator() -> None:
    documented = [re.findall(r"`(\w+)`", row[0]) for row in _rows("option")]
    offered = inspect.signature(shared_session_scope_fixture).parameters.keys() - {"scope"}  # which is refused
    assert {name for names in documented for name in names} == offered


def test_the_fields_of_the_json_report() -> None:
    report = exports.report(outcome_of(altered(failure=FAILURE), gw0=Death("12:00:01")), "run")
    [setup], [death] = report["setups"], report["deaths"]
    fields = [re.findall(r"`([^`]+)`", row[0]) for row in _rows("field")]
    assert [name for names in fields for name in names] == [*setup]
    meaning = {row[0]: row[1] for row in _rows("field")}
    (top,) = [line for line in README.splitlines() if "The JSON has" in line]
    top = top[top.index("The JSON has") :]
    for text, data in (
        (meaning["`takes`"], setup["takes"][0]),
        (meaning["`cleanup`"], setup["cleanup"]),
        (meaning["`failure`"], setup["failure"]),
        (top, death),
        (top, report),
    ):
        assert data.keys() <= set(re.findall(r"`([^`]+)`", text))
    words = {
        *(end.value for end in End),
        *(kind.value for kind in Kind),
        *(outcome.value for outcome in AcquireOutcome),
    }
    words |= {"error", "fail", "skip", "xfail", "exit"}
    assert words <= set(re.findall(r"`([^`]+)`", " ".join(meaning.values())))


def test_the_table_of_errors() -> None:
    assert {row[0].strip("`") for row in _rows("error")} == set(errors.__all__)


# --- tables of types -------------------------------------------------------------------------------------


def _rows(heading: str) -> list[list[str]]:
    """Return the cells of the table that begins with this heading."""
    lines = README.splitlines()
    begin = next(index for index, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows: list[list[str]] = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            return rows
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        rows.append([cell.strip().replace("\\|", "|") for cell in cells])
    return rows


def _codec(row: str, value_type: object) -> Codec:
    """Return the codec for a row of the tables; its errors name the row."""
    return TypedCodec(Any, row, is_annotated=False) if value_type is UNANNOTATED else TypedCodec(value_type, row)


def test_each_annotation_of_the_table_carries_its_values() -> None:
    documented = [re.findall(r"`([^`]+)`", row[0]) or [row[0]] for row in _rows("annotation")]
    assert {name for names in documented for name in names} | {"nothing"} == TRAVELS.keys()
    for annotation, cases in TRAVELS.items():
        for value_type, value in cases:
            codec = _codec(annotation, value_type)
            data, copy = codec.dump(value)
            assert fingerprint(copy) == fingerprint(codec.load(data)) == fingerprint(value), annotation


def test_each_row_of_the_table_of_refusals_is_tested() -> None:
    assert [row[0] for row in _rows("value")] == list(REFUSED)


@pytest.mark.parametrize("row", REFUSED)
def test_each_value_of_the_table_of_refusals_is_refused(row: str) -> None:
    for value_type, make in REFUSED[row]:
        value = make()
        with pytest.raises(SharedFixtureError):
            _codec(row, value_type).dump(value)
