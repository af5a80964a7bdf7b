"""The options of the package, on pytest's command line and in its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import pytest

if TYPE_CHECKING:
    from pytest_shared_session_scope._reporting.terminal import When

REPORT: Final = "shared_session_scope_report"
JSON: Final = "--shared-report-json"
TRACE: Final = "--shared-trace"
# When the section at the end of the run is printed.
AUTO: Final = "auto"
ALWAYS: Final = "always"
NEVER: Final = "never"


def add_options(parser: pytest.Parser) -> None:
    """Add them."""
    parser.addini(
        "shared_session_scope_timeout",
        "how long (seconds) a worker waits for a shared fixture that another worker sets up; without limit by default",
    )
    parser.addini(
        "shared_session_scope_check_annotations",
        "whether a test that annotates a shared fixture with a type it can never be is an error; on by default",
        type="bool",
        default=True,
    )
    parser.addini(
        REPORT,
        "when to tell at the end what each shared fixture cost: always, never, or auto, which is the default: with -v, "
        "and when something went wrong",
        default=AUTO,
    )
    group = parser.getgroup("shared fixtures")
    group.addoption(
        "--shared-report",
        action="store_const",
        const=ALWAYS,
        dest=REPORT,
        help="tell at the end what each shared fixture cost: who set it up and cleaned it up, and who waited",
    )
    group.addoption(
        JSON,
        metavar="FILE",
        help="write what each shared fixture cost to FILE, as JSON",
    )
    group.addoption(
        TRACE,
        metavar="FILE",
        help="write the setups, waits and cleanups of shared fixtures to FILE, as a trace that Perfetto opens",
    )


def are_files_wanted(config: pytest.Config) -> bool:
    """Say whether the run is to be told in a file."""
    return bool(config.getoption(JSON) or config.getoption(TRACE))


def report_wanted(config: pytest.Config) -> When:
    """Return when the section is wanted. Raises `UsageError` for a word that is not known."""
    word: str = config.getoption(REPORT) or config.getini(REPORT)
    if word not in (AUTO, ALWAYS, NEVER):
        raise pytest.UsageError(f"{REPORT} = {word} in the configuration: it can be auto, always or never")
    return cast("When", word)
