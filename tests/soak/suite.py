"""The text of a plan's suite and the command that runs it. Reads and writes no files."""

from __future__ import annotations

import sys

from .plan import Fixture, Plan, Test

_HEAD = """\
from collections.abc import Iterator

import in_suite
import pytest
from pytest_shared_session_scope import SharedGenerator, shared_session_scope_fixture
"""
_FIXTURE = """
@{decorator}
def {name}({arguments}){annotation}:
    {begin} in_suite.{kind}({name!r}, request, [{uses}], {milliseconds}, {raises!r})
"""
_ANNOTATIONS = {
    "twice": " -> SharedGenerator[dict[str, str]]",
    "once": " -> Iterator[dict[str, str]]",
    "returns": " -> dict[str, str]",
    "ordinary": " -> Iterator[dict[str, str]]",
}
_TEST = """
{marks}def {name}(i, request, testing{arguments}):
    in_suite.test({name!r}, i, request, [{uses}], {requests!r}, {milliseconds}, fails={fails!r})
"""


def conftest(plan: Plan) -> str:
    """Return the suite's conftest.py."""
    return _HEAD + "".join(map(_fixture, plan.fixtures))


def modules(plan: Plan) -> dict[str, str]:
    """Return the texts of the test modules, by name."""
    texts: dict[str, str] = {}
    for test in plan.tests:
        texts[test.module] = texts.get(test.module, "import in_suite\nimport pytest\n") + _test(plan, test)
    return texts


def _fixture(fixture: Fixture) -> str:
    is_ordinary = fixture.kind == "ordinary"
    options = ['scope="session"'] if is_ordinary else []
    if fixture.params and not fixture.is_indirect:
        options.append(f"params={list(range(fixture.params))}")
    name = "pytest.fixture" if is_ordinary else "shared_session_scope_fixture"
    # Only the annotation distinguishes a fixture that yields once.
    is_typed = fixture.is_typed or fixture.kind == "once"
    return _FIXTURE.format(
        decorator=f"{name}({', '.join(options)})" if options else name,
        name=fixture.name,
        arguments=", ".join(["request", *fixture.uses]),
        annotation=_ANNOTATIONS[fixture.kind] if is_typed else "",
        begin="return" if fixture.kind == "returns" else "yield from",
        kind=fixture.kind,
        uses=", ".join(fixture.uses),
        milliseconds=fixture.milliseconds,
        raises=fixture.raises,
    )


def _test(plan: Plan, test: Test) -> str:
    marks = [f'@pytest.mark.parametrize("i", range({test.repeats}))\n']
    needed = plan.closure(test.arguments)
    marks += [
        f'@pytest.mark.parametrize("{fixture.name}", range({fixture.params}), indirect=True)\n'
        for fixture in plan.fixtures
        if fixture.is_indirect and fixture.name in needed
    ]
    if test.group:
        marks.append(f'@pytest.mark.xdist_group("{test.group}")\n')
    return _TEST.format(
        marks="".join(marks),
        name=test.name,
        arguments="".join(f", {name}" for name in test.arguments),
        uses=", ".join(test.arguments),
        requests=test.requests,
        milliseconds=test.milliseconds,
        fails=test.fails,
    )


def command(plan: Plan, basetemp: str) -> list[str]:
    """Return the command that runs the suite."""
    workers = ["--tx", f"{plan.workers}*popen"] if plan.is_tx else ["-n", str(plan.workers)]
    options = [*workers, "--dist", plan.dist, "--basetemp", basetemp]
    if plan.maxfail:
        options.append(f"--maxfail={plan.maxfail}")
    if plan.restarts is not None:
        options.append(f"--max-worker-restart={plan.restarts}")
    return [*_pytest("xdist", "shared_session_scope", "in_suite", "xdist_fixes"), "-ra", "--tb=short", *options]


def next_command(basetemp: str) -> list[str]:
    """Return the command of the run that follows it and runs no tests."""
    return [*_pytest("shared_session_scope", "in_suite"), "--collect-only", "--basetemp", basetemp]


def _pytest(*plugins: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *(argument for name in plugins for argument in ("-p", name))]
