"""What is told of a run at its end, on the terminal and in files. Loaded where a fixture was shared, or it is asked.

Called by the plugin in the process that pytest was started as: the controller, or the only one.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from pytest_shared_session_scope._reporting import outcome, summary
from pytest_shared_session_scope._session.options import ALWAYS, AUTO, JSON, TRACE
from pytest_shared_session_scope._session.state import STATE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from pytest_shared_session_scope._reporting.messages import Death
    from pytest_shared_session_scope._reporting.outcome import Outcome


def facts_of(config: pytest.Config, directory: Path | None, deaths: Mapping[str, Death]) -> Outcome:
    """Return what the run has shared."""
    state = config.stash[STATE]
    if directory is None:
        return outcome.Outcome((), (), deaths)
    mine = {} if state.shares is None else {state.worker: state.shares.engine.acquisitions}
    return outcome.read(directory, deaths, mine)


def tell(terminalreporter: pytest.TerminalReporter | None, config: pytest.Config, facts: Outcome) -> list[str]:
    """Print the section, if there is something to say, and where; return what was not cleaned up."""
    left = summary.not_cleaned_up(facts)
    if terminalreporter is None:
        return left
    lines = _lines(config, facts, left)
    if lines:
        terminalreporter.section("shared fixtures", red=bool(left))
    for line in lines:
        terminalreporter.line(line.text, **line.markup)
    return left


def _lines(config: pytest.Config, facts: Outcome, left: list[str]) -> list[summary.Line]:
    durations: int | None = config.getoption("durations", None)
    if is_wanted(config, facts):
        return summary.lines(facts, max(shutil.get_terminal_size().columns, 80), durations)
    lines = [summary.Line(text, {"red": True}) for text in left]
    if durations is not None and config.stash[STATE].report == AUTO:
        # Else what pytest prints of them would blame the tests that waited.
        lines += summary.whose_durations(facts, durations)
    return lines


def new_reporter(config: pytest.Config) -> pytest.TerminalReporter | None:
    """Return what to tell with where pytest asks for no summary; None without a terminal.

    That is so after an internal error, and where another plugin, as pytest-rich, took the reporter's place.
    """
    if config.pluginmanager.is_blocked("terminal"):
        return None
    # The class that pytest's own plugin brings: pytest 7 does not export it.
    terminal: Any = config.pluginmanager.get_plugin("terminal")
    reporter: pytest.TerminalReporter = terminal.TerminalReporter(config)
    return reporter


def write_files(config: pytest.Config, facts: Outcome) -> None:
    """Write the files that were asked for."""
    path = _path(config, JSON)
    if path is not None:
        from pytest_shared_session_scope._reporting.json_report import report

        path.write_text(report(facts, config.stash[STATE].run).model_dump_json(indent=2) + "\n", "utf-8")
    path = _path(config, TRACE)
    if path is not None:
        from pytest_shared_session_scope._reporting.trace import trace

        path.write_text(json.dumps(trace(facts)), "utf-8")


def _path(config: pytest.Config, option: str) -> Path | None:
    """Return where a file is to be written, in a directory that is there."""
    name: str | None = config.getoption(option)
    if name is None:
        return None
    path = config.invocation_params.dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def is_wanted(config: pytest.Config, facts: Outcome) -> bool:
    """Say whether the whole section is wanted, by the option, the ini, or since something went wrong."""
    word = config.stash[STATE].report
    if word != AUTO:
        return word == ALWAYS
    verbosity = int(config.getoption("verbose") or 0)
    return bool(facts.setups) and (verbosity > 0 or (facts.went_wrong and verbosity == 0))
