"""The examples are real suites: each fixture is set up once and cleaned up once, whatever runs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Suite

EXAMPLES = Path(__file__).parents[2] / "examples"
# The shared fixtures of each example, and whether there is something to clean up.
FIXTURES = {
    "custom_store": {"cities": False, "token": False},
    "first_release": {"my_fixture": True, "now": False, "shared_list": False},
    "http_server": {"server": True},
    "sqlite": {"template": True},
    "two_yields": {"bucket": True},
    "values": {"release": False, "settings": False, "started": False},
}
ALL = {name: is_cleaned_up for fixtures in FIXTURES.values() for name, is_cleaned_up in fixtures.items()}
WORKERS = {"gw0", "gw1", "gw2", "gw3"}
HEADING = "what the shared fixtures did"


def _run(suite: Suite, *args: str) -> pytest.RunResult:
    return suite.pytester.runpytest_subprocess(
        "-p", "shared_session_scope", "-p", "no:cacheprovider", *args, timeout=120
    )


def _told(result: pytest.RunResult) -> dict[str, dict[str, list[str]]]:
    """Return what the run's last section says: by fixture and event, the workers."""
    begin = next(index for index, line in enumerate(result.outlines) if HEADING in line)
    told = {}
    for line in result.outlines[begin + 1 :]:
        if match := re.match(r"(\w+) +(set up by .+)", line):
            events = (event.split(" by ") for event in match[2].split(", "))
            told[match[1]] = {event: workers.split() for event, workers in events}
    return told


def _check(result: pytest.RunResult, fixtures: dict[str, bool], takers: set[str] | None) -> None:
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()
    told = _told(result)
    assert told.keys() == fixtures.keys()
    for name, events in told.items():
        assert len(events["set up"]) == 1, name
        assert takers is None or set(events["taken"]) == takers, name
        assert len(events.get("cleaned up", [])) == fixtures[name], name


def test_every_example_is_known() -> None:
    assert {path.parent.name for path in EXAMPLES.glob("*/test_*.py")} == FIXTURES.keys()


@pytest.mark.parametrize("name", FIXTURES)
def test_an_example(suite: Suite, name: str) -> None:
    _check(_run(suite, "-p", "xdist", "-n", "4", str(EXAMPLES / name)), FIXTURES[name], WORKERS)


@pytest.mark.parametrize("way", [[], ["-p", "xdist", "-n", "0"]], ids=["without xdist", "n0"])
def test_all_examples_in_one_process(suite: Suite, way: list[str]) -> None:
    _check(_run(suite, *way, str(EXAMPLES)), ALL, {"master"})


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_all_examples_in_one_run(suite: Suite, mode: str) -> None:
    _check(_run(suite, "-p", "xdist", "-n", "4", "--import-mode", mode, str(EXAMPLES)), ALL, WORKERS)


@pytest.mark.parametrize("dist", ["loadscope", "loadfile", "worksteal"])
def test_all_examples_handed_out_differently(suite: Suite, dist: str) -> None:
    # How many workers take part in one fixture is up to the mode.
    _check(_run(suite, "-p", "xdist", "-n", "4", "--dist", dist, str(EXAMPLES)), ALL, None)
