"""The section about shared fixtures at the end of a run, and lines in the middle of it, on pytest's terminal.

The only module of `_reporting` that knows pytest.
"""

from __future__ import annotations

import dataclasses
import functools
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pytest_shared_session_scope._reporting import summary
from pytest_shared_session_scope._reporting.exports import write_json, write_trace
from pytest_shared_session_scope._reporting.outcome import Death, Outcome, read
from pytest_shared_session_scope._reporting.waiting import WaitingLine, look

if TYPE_CHECKING:
    import pytest

# When to print the whole section. `auto`: with -v, and when something went wrong.
When: TypeAlias = Literal["auto", "always", "never"]


class RunReport:
    """Everything that one run reports: a line while workers wait, files, and the section at the end.

    `when` says when to print the whole section. `problems` are failures of the reporting itself, which are printed
    rather than raised.
    """

    def __init__(self, config: pytest.Config, when: When, problems: list[str]) -> None:
        self._config = config
        self._when: When = when
        self._problems = problems
        self._deaths: dict[str, Death] = {}
        self._waiting_line: WaitingLine | None = None
        self._read: Outcome | None = None

    def watch(self, directory: Path) -> None:
        """Begin to report, between pytest's own lines, that workers wait; unless pytest is quiet."""
        write_line = line_writer(self._config)
        if write_line is not None:
            self._waiting_line = WaitingLine(write_line, functools.partial(look, directory))
            self._config.add_cleanup(self._stop_watching)
            self._waiting_line.start()

    def _stop_watching(self) -> None:
        if self._waiting_line is not None:
            self._problems.extend(filter(None, [self._waiting_line.stop()]))
            self._waiting_line = None

    def note_death(self, worker: str) -> None:
        """Note that a worker crashed, now."""
        self._deaths[worker] = Death(time.strftime("%H:%M:%S"), moment=time.time())

    def note_crash(self, worker: str, item: str) -> None:
        """Note which test a worker ran when it crashed."""
        if worker in self._deaths:
            self._deaths[worker] = dataclasses.replace(self._deaths[worker], item=item)

    def write_files(self, report: str | None, trace: str | None, directory: Path | None, run: str) -> None:
        """Write the JSON report and the trace of the run with the id `run` to the files of these names, where given."""
        outcome = self._outcome(directory)
        messages = [
            report and write_json(self._config.invocation_params.dir / report, outcome, run),
            trace and write_trace(self._config.invocation_params.dir / trace, outcome),
        ]
        self._problems.extend(filter(None, messages))

    def left_in(self, directory: Path) -> list[str]:
        """Return a line for each share that an earlier run, with this directory, did not clean up."""
        return summary.not_cleaned_up(read(directory, {}))

    def not_cleaned_up(self, directory: Path | None) -> list[str]:
        """Return a line for each share that this run did not clean up."""
        return summary.not_cleaned_up(self._outcome(directory))

    def print(self, reporter: pytest.TerminalReporter | None, directory: Path | None) -> None:
        """Print the section if there is anything to print; without a reporter, to a new one."""
        self._stop_watching()
        reporter = reporter or new_reporter(self._config)
        if reporter is None:
            return
        durations: int | None = self._config.getoption("durations", None)
        report_outcome(
            reporter, self._outcome(directory), when=self._when, durations=durations, problems=self._problems
        )

    def _outcome(self, directory: Path | None) -> Outcome:
        """Return the outcome, read once: by the time of the first report all workers have ended."""
        if self._read is None:
            self._read = Outcome((), (), self._deaths) if directory is None else read(directory, self._deaths)
        return self._read


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
