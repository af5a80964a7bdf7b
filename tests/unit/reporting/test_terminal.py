"""Which lines of the section are printed, and how a line is printed between pytest's own."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from samples import SETUP, altered, outcome_of

from pytest_shared_session_scope._reporting import summary, terminal
from pytest_shared_session_scope._reporting.outcome import End, Outcome
from pytest_shared_session_scope._reporting.terminal import When

FINE = outcome_of(SETUP)
NOTHING = Outcome((), (), {})
LEFT = outcome_of(altered(end=End.NOT_CLEANED_UP))
WANTED: list[tuple[Outcome, When, int, bool]] = [
    (FINE, "auto", 0, False),
    (FINE, "auto", 1, True),
    (FINE, "never", 1, False),
    (FINE, "always", -1, True),
    (NOTHING, "auto", 1, False),
    (NOTHING, "always", 0, True),
    (LEFT, "auto", 0, True),
    (LEFT, "auto", -1, False),
    (LEFT, "never", 0, False),
]


@pytest.mark.parametrize(("outcome", "when", "verbosity", "is_wanted"), WANTED)
def test_when_the_section_is_wanted(outcome: Outcome, when: When, verbosity: int, is_wanted: bool) -> None:
    assert terminal.is_wanted(outcome, when, verbosity) is is_wanted
    lines = terminal.section(outcome, 80, when=when, verbosity=verbosity, durations=None)
    assert (lines == summary.lines(outcome, 80)) is is_wanted
    if not is_wanted:
        assert [line.text for line in lines] == summary.not_cleaned_up(outcome)


@pytest.mark.parametrize(("when", "listed"), [("auto", 3), ("never", 0)])
def test_durations_are_explained_without_the_section(when: When, listed: int) -> None:
    lines = terminal.section(FINE, 80, when=when, verbosity=0, durations=2)
    assert lines == (summary.durations_of_shares(FINE, 2) if listed else [])
    assert bool(lines) is bool(listed)


@dataclasses.dataclass
class Reporter:
    """Stands in for pytest's terminal reporter and its writer."""

    verbosity: int = 0
    width_of_current_line: int = 0
    printed: list[str] = dataclasses.field(default_factory=list)
    resets: int = 0

    def write(self, text: str, *, flush: bool) -> None:
        assert flush
        self.printed.append(text)

    def section(self, title: str, *, red: bool) -> None:
        self.printed.append(f"{title}, red={red}")

    def line(self, text: str, **markup: bool) -> None:
        self.printed.append(f"{text} {markup}")

    def get_plugin(self, name: str) -> Reporter:
        assert name == "terminalreporter"
        return self

    @property
    def pluginmanager(self) -> Reporter:
        return self

    def get_terminal_writer(self) -> Reporter:
        return self


def _report(outcome: Outcome, *problems: str) -> list[str]:
    reporter: Any = Reporter()
    terminal.report_outcome(reporter, outcome, when="auto", problems=problems)
    printed: list[str] = reporter.printed
    return printed


def test_no_section_without_lines() -> None:
    assert _report(FINE) == []


def test_problems_of_the_reporting_are_printed() -> None:
    assert _report(FINE, "cannot write x") == ["shared fixtures, red=True", "cannot write x {'red': True}"]


def test_section_with_leftovers_is_red() -> None:
    assert _report(LEFT)[0] == "shared fixtures, red=True"


LINES = [
    pytest.param(0, 0, "text\n", id="on an empty line"),
    pytest.param(0, 7, "\ntext\n", id="after dots"),
    pytest.param(1, 0, "text\n", id="verbose, on an empty line"),
    pytest.param(1, 7, "\ntext", id="verbose, after a line that pytest will end"),
]


@pytest.mark.parametrize(("verbosity", "width", "printed"), LINES)
def test_line_in_the_middle_of_a_run_is_one_write(verbosity: int, width: int, printed: str) -> None:
    reporter: Any = Reporter(verbosity, width)
    write_line = terminal.line_writer(reporter)
    assert write_line
    write_line("text")
    assert reporter.printed == [printed]


def test_no_lines_when_pytest_is_quiet() -> None:
    reporter: Any = Reporter(verbosity=-1)
    assert terminal.line_writer(reporter) is None
