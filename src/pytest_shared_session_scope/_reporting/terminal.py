"""The section about shared fixtures at the end of a run, and lines in the middle of it, on pytest's terminal.

The only module of this package that knows pytest.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_shared_session_scope._reporting import summary

if TYPE_CHECKING:
    import pytest

    from pytest_shared_session_scope._reporting.outcome import Outcome

# When to print the whole section. `auto`: with -v, and when something went wrong.
When: TypeAlias = Literal["auto", "always", "never"]


def report_outcome(
    reporter: pytest.TerminalReporter,
    outcome: Outcome,
    *,
    when: When,
    durations: int | None = None,
    problems: Sequence[str] = (),
) -> None:
    """Print the section if there is anything to print.

    `durations` is pytest's option of that name, `problems` are failures of the reporting itself.
    """
    width = max(shutil.get_terminal_size().columns, 80)
    lines = section(outcome, width, when=when, verbosity=reporter.verbosity, durations=durations)
    lines += [summary.Line(text, {"red": True}) for text in problems]
    if lines:
        reporter.section("shared fixtures", red=bool(problems or summary.not_cleaned_up(outcome)))
    for line in lines:
        reporter.line(line.text, **line.markup)


def section(outcome: Outcome, width: int, *, when: When, verbosity: int, durations: int | None) -> list[summary.Line]:
    """Return the lines to print: all of them, or only those about missing cleanups and about pytest's durations."""
    if is_wanted(outcome, when, verbosity):
        return summary.lines(outcome, width, durations)
    lines = [summary.Line(text, {"red": True}) for text in summary.not_cleaned_up(outcome)]
    if durations is not None and when == "auto":
        # Otherwise pytest's list of durations would blame the tests that waited for others.
        lines += summary.durations_of_shares(outcome, durations)
    return lines


def is_wanted(outcome: Outcome, when: When, verbosity: int) -> bool:
    """Whether to print the whole section."""
    if when != "auto":
        return when == "always"
    return bool(outcome.setups) and (verbosity > 0 or (outcome.went_wrong and verbosity == 0))


def new_reporter(config: pytest.Config) -> pytest.TerminalReporter | None:
    """Return a reporter for runs in which pytest does not ask plugins for their summaries; None with `-p no:terminal`.

    pytest does not ask after an internal error, nor if another plugin, such as pytest-rich, replaces its reporter.
    """
    if config.pluginmanager.is_blocked("terminal"):
        return None
    # From the module that is registered as pytest's plugin, because pytest 7 does not export the class.
    terminal: Any = config.pluginmanager.get_plugin("terminal")
    reporter: pytest.TerminalReporter = terminal.TerminalReporter(config)
    return reporter


def line_writer(config: pytest.Config) -> Callable[[str], None] | None:
    """Return a function that prints a line between pytest's own lines; None with `-q` or without pytest's reporter."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or reporter.verbosity < 0:
        return None
    writer = config.get_terminal_writer()

    def write_line(text: str) -> None:
        is_line_open = bool(writer.width_of_current_line)
        before = "\n" if is_line_open else ""
        # With -v, pytest ends any line that it has left open before it prints the next one.
        after = "" if is_line_open and reporter.verbosity > 0 else "\n"
        # One call, so that a line of the main thread cannot end up inside this one.
        reporter.write(f"{before}{text}{after}", flush=True)
        # pytest-sugar moves the cursor back up to the line of each test file, and has to know of the additional line.
        getattr(reporter, "reset_tracked_lines", _do_nothing)()

    return write_line


def _do_nothing() -> None:
    """Replace a method that pytest's own reporter does not have."""
