"""What is told of a run at its end, on the terminal and in files. Loaded where a fixture was shared, or it is asked.

Called by the plugin in the process that pytest was started as: the controller, or the only one.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from pytest_shared_session_scope._reporting import outcome, summary
from pytest_shared_session_scope._reporting.waiting import watch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from pytest_shared_session_scope._reporting.messages import Death
    from pytest_shared_session_scope._reporting.outcome import Outcome


def outcome_of(directory, deaths):
    if directory is None:
        return outcome.Outcome((), (), deaths)
    return outcome.read(directory, deaths, {})


def tell(terminalreporter, config, facts, when):
    left = summary.not_cleaned_up(facts)
    if terminalreporter is None:
        return left
    lines = _lines(config, facts, left, when)
    if lines:
        terminalreporter.section("shared fixtures", red=bool(left))
    for line in lines:
        terminalreporter.line(line.text, **line.markup)
    return left


def _lines(config, facts, left, when):
    durations = config.getoption("durations", None)
    if is_wanted(config, facts, when):
        return summary.lines(facts, max(shutil.get_terminal_size().columns, 80), durations)
    lines = [summary.Line(text, {"red": True}) for text in left]
    if durations is not None and when == "auto":
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


def write_files(config, facts, run, json_name, trace_name):
    if json_name is not None:
        from pytest_shared_session_scope._reporting.json_report import report
        _path(config, json_name).write_text(report(facts, run).model_dump_json(indent=2) + "\n", "utf-8")
    if trace_name is not None:
        from pytest_shared_session_scope._reporting.trace import trace
        _path(config, trace_name).write_text(json.dumps(trace(facts)), "utf-8")


def _path(config, name):
    path = config.invocation_params.dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def is_wanted(config, facts, word):
    if word != "auto":
        return word == "always"
    verbosity = int(config.getoption("verbose") or 0)
    return bool(facts.setups) and (verbosity > 0 or (facts.went_wrong and verbosity == 0))
