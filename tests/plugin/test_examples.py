"""The examples run as suites: each fixture is set up once and cleaned up once, whatever the options."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

import pytest
from conftest import Suite

EXAMPLES = Path(__file__).parents[2] / "examples"
# The shared fixtures of each example, with whether each has a cleanup.
FIXTURES = {
    "custom_store": {"cities": False, "token": False},
    "first_release": {"my_fixture": True, "now": False, "shared_list": False},
    "frame": {"trips": False},
    "http_server": {"server": True},
    "postgresql": {"pg_template": True, "postgres": True},
    "redis": {"redis": True},
    "sqlite": {"template": True},
    "two_yields": {"bucket": True},
    "values": {"release": False, "settings": False, "started": False},
}
# Examples with requirements of their own, by the name in their skip message.
NEEDS = {"PostgreSQL": "postgresql", "Redis": "redis", "polars": "frame"}
WITHOUT_SERVERS = [f"--ignore={EXAMPLES / name}" for name in NEEDS.values()]
LIGHT = FIXTURES.keys() - NEEDS.values()
WORKERS = {"gw0", "gw1", "gw2", "gw3"}
HEADING = "what the shared fixtures did"


def _run(suite: Suite, *args: str) -> pytest.RunResult:
    return suite.pytester.runpytest_subprocess(
        "-p", "shared_session_scope", "-p", "no:cacheprovider", "-rs", *args, timeout=120
    )


def _missing(result: pytest.RunResult) -> set[str]:
    """Return the skipped examples; fail if EXAMPLES_REQUIRED, which CI sets, names one of them."""
    skipped = re.findall(r"^SKIPPED .*: (\w+) is not installed: ", result.stdout.str(), re.MULTILINE)
    missing = {NEEDS[word] for word in skipped}
    assert not missing & {*os.environ.get("EXAMPLES_REQUIRED", "").split()}, result.stdout.str()
    return missing


def _summary(result: pytest.RunResult) -> dict[str, dict[str, list[str]]]:
    """Return the workers by fixture and event, as the run's last section lists them."""
    begin = next(index for index, line in enumerate(result.outlines) if HEADING in line)
    summary = {}
    for line in result.outlines[begin + 1 :]:
        if match := re.match(r"(\w+) +(set up by .+)", line):
            events = (event.split(" by ") for event in match[2].split(", "))
            summary[match[1]] = {event: workers.split() for event, workers in events}
    return summary


def _check(result: pytest.RunResult, names: Collection[str], acquirers: set[str] | None) -> None:
    """Check that each fixture of these examples was set up once, except in skipped examples."""
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()
    fixtures = _fixtures({*names} - _missing(result))
    summary = _summary(result)
    assert summary.keys() == fixtures.keys()
    for name, events in summary.items():
        assert len(events["set up"]) == 1, name
        assert acquirers is None or set(events["acquired"]) == acquirers, name
        assert len(events.get("cleaned up", [])) == fixtures[name], name


def _fixtures(names: Collection[str]) -> dict[str, bool]:
    return {fixture: is_cleaned_up for name in names for fixture, is_cleaned_up in FIXTURES[name].items()}


def test_every_example_is_listed() -> None:
    assert {path.parent.name for path in EXAMPLES.glob("*/test_*.py")} == FIXTURES.keys()
    assert len(_fixtures(FIXTURES)) == sum(map(len, FIXTURES.values())), "the journal knows a fixture by its name"


@pytest.mark.parametrize("name", FIXTURES)
def test_an_example(suite: Suite, name: str) -> None:
    result = _run(suite, "-p", "xdist", "-n", "4", str(EXAMPLES / name))
    _check(result, [name], WORKERS)
    if _missing(result):
        pytest.skip(next(line for line in result.outlines if line.startswith("SKIPPED")))


def test_all_examples_in_one_process(suite: Suite) -> None:
    _check(_run(suite, str(EXAMPLES)), FIXTURES, {"master"})


def test_all_examples_in_one_run(suite: Suite) -> None:
    _check(_run(suite, "-p", "xdist", "-n", "4", str(EXAMPLES)), FIXTURES, WORKERS)


# These tests leave out the examples with servers: each takes seconds to start, and the options do not affect it.


def test_examples_in_one_process_of_xdist(suite: Suite) -> None:
    _check(_run(suite, "-p", "xdist", "-n", "0", *WITHOUT_SERVERS, str(EXAMPLES)), LIGHT, {"master"})


def test_examples_under_importlib_mode(suite: Suite) -> None:
    arguments = ["-p", "xdist", "-n", "4", "--import-mode", "importlib", *WITHOUT_SERVERS]
    _check(_run(suite, *arguments, str(EXAMPLES)), LIGHT, WORKERS)


@pytest.mark.parametrize("dist", ["loadscope", "loadfile", "worksteal"])
def test_examples_under_other_dist_modes(suite: Suite, dist: str) -> None:
    # The mode decides how many workers acquire a fixture.
    _check(_run(suite, "-p", "xdist", "-n", "4", "--dist", dist, *WITHOUT_SERVERS, str(EXAMPLES)), LIGHT, None)
