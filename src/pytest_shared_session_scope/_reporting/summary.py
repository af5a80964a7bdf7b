"""The outcome of a run as lines of text: what each shared fixture cost, what failed, and what was not cleaned up.

Pure: prints nothing and touches no file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pytest_shared_session_scope._reporting.outcome import End

if TYPE_CHECKING:
    from pytest_shared_session_scope._reporting.outcome import Death, Outcome, Setup
    from pytest_shared_session_scope._run.journal import ShareRecord

# Shorter waits (seconds) are not mentioned: reading a value takes about as long.
_WORTH_MENTIONING: Final = 0.01
# How many of the longest durations are listed unless pytest was asked for durations.
_FEW: Final = 3
_A_TENTH: Final = 0.1
_TEN: Final = 10.0
_THOUSAND: Final = 1000


@dataclasses.dataclass(frozen=True)
class Line:
    """A line, and the markup that pytest's terminal writer gives it, for instance `{"red": True}`."""

    text: str
    markup: dict[str, bool] = dataclasses.field(default_factory=dict[str, bool])


def lines(outcome: Outcome, width: int, durations: int | None = None) -> list[Line]:
    """Return the whole section, for a terminal of `width` columns.

    `durations` is pytest's option of that name: how many of the slowest are wanted, 0 for all.
    """
    found = [line for setup in outcome.setups for line in _setup(setup, outcome, width)]
    found += [Line(text, {"red": True}) for text in outcome.garbled]
    found += [Line(text) for text in _fill(_totals(outcome), width, "", ";")]
    return [*found, *durations_of_shares(outcome, durations)]


# --- what was not cleaned up -----------------------------------------------------------------------------


def not_cleaned_up(outcome: Outcome) -> list[str]:
    """Return a line for each setup that was not cleaned up, in the order of the setups, and for each garbled file."""
    left = [setup.record for setup in outcome.setups if setup.end is End.NOT_CLEANED_UP]
    left.sort(key=lambda record: record.started)
    return [*(not_cleaned_up_line(record, outcome.deaths) for record in left), *outcome.garbled]


def not_cleaned_up_line(record: ShareRecord, deaths: Mapping[str, Death]) -> str:
    """Return the line about a setup that was not cleaned up, given the workers that crashed during the run."""
    start = f"not cleaned up: shared fixture {record.fixture}: worker {record.worker}"
    own = deaths.get(record.worker)
    if record.shown is None:
        return f"{start} {own or 'ended'} while setting it up for {record.item}"
    start += f" set it up in {record.item}"
    value = f"; its value is {record.shown}"
    if own:
        return f"{start} and {own}{value}"
    others = " and ".join(f"worker {worker} {death}" for worker, death in deaths.items())
    if others:
        return f"{start}, then {others}, and no worker was left to clean it up{value}"
    return f"{start}, and the run ended before it was cleaned up{value}"


# --- one setup -------------------------------------------------------------------------------------------


def _setup(setup: Setup, outcome: Outcome, width: int) -> Iterator[Line]:
    for text in _fill(list(_head(setup)), width, "", ","):
        yield Line(text, {"bold": True})
    for text in _fill(list(_course(setup, is_alone=len(outcome.workers) == 1)), width, "  ", ";"):
        if text.strip():
            yield Line(text)
    for text in _trouble(setup):
        yield Line(f"  {text}", {"red": True})
    if setup.end is End.NOT_CLEANED_UP:
        yield Line(not_cleaned_up_line(setup.record, outcome.deaths), {"red": True})


def _head(setup: Setup) -> Iterator[str]:
    record = setup.record
    yield record.definition + (f" with {record.parameters}" if record.parameters else "")
    yield record.kind.value
    if record.value_type:
        yield record.value_type
    if record.size is not None:
        yield size(record.size)


def _course(setup: Setup, *, is_alone: bool) -> Iterator[str]:
    """Yield the parts of the setup's history that are not failures."""
    record = setup.record
    if setup.has_value:
        again = " again" if record.generation > 1 else ""
        by = "" if is_alone else f" by {record.worker}"
        yield f"set up{again}{by} in {seconds(record.seconds)}"
        if len(setup.users) > 1:
            yield f"used by {len(setup.users)} workers"
            yield f"saved {seconds(setup.saved)} of setup"
    elif setup.failure not in (None, "error", "fail"):
        yield f"setup ended with {setup.failure} in {record.worker} after {seconds(record.seconds)}"
    longest = max((acquisition.waited for _, acquisition in setup.waits), default=0.0)
    if longest >= _WORTH_MENTIONING:
        yield f"longest wait {seconds(longest)}"
    if setup.end is End.CLEANED_UP and record.cleanup_error is None:
        by = "" if is_alone else f" by {record.cleaned_by}"
        yield f"cleaned up{by} in {seconds(record.cleanup_seconds)}"


def _trouble(setup: Setup) -> Iterator[str]:
    record = setup.record
    prefix = f"shared fixture {record.fixture}: "  # which the head of the setup contains already
    if record.failure is not None and setup.failure in ("error", "fail"):
        name = record.failure.type_name.removeprefix("pytest_shared_session_scope.errors.")
        error = _first_line(f"{name}: {record.failure.message.removeprefix(prefix)}")
        yield f"setup failed in {record.worker} after {seconds(record.seconds)}: {error}"
    if setup.end is End.CUT_OFF:
        yield f"setup was cut off: the process of {record.worker} ended during it"
    if record.cleanup_error is not None:
        error = _first_line(record.cleanup_error.replace(prefix, "", 1))
        yield f"cleanup failed in {record.cleaned_by} after {seconds(record.cleanup_seconds)}: {error}"


# --- all setups ------------------------------------------------------------------------------------------


def _totals(outcome: Outcome) -> list[str]:
    setups = outcome.setups
    if not setups:
        return ["no fixture was shared"]
    shares = len({setup.key for setup in setups})
    parts = [f"{shares} shared fixture{'s' if shares > 1 else ''}"]
    if shares != len(setups):
        parts.append(f"{len(setups)} setups")
    parts.append(f"set up in {seconds(sum(setup.record.seconds for setup in setups))}")
    saved = sum(setup.saved for setup in setups)
    if saved:
        parts.append(f"saved {seconds(saved)} of setup")
    waited = sum(setup.waited for setup in setups)
    if waited >= _WORTH_MENTIONING:
        parts.append(f"all workers together waited {seconds(waited)}")
    if any(setup.record.cleaned_by for setup in setups):
        parts.append(f"cleaned up in {seconds(sum(setup.record.cleanup_seconds for setup in setups))}")
    return parts


def durations_of_shares(outcome: Outcome, wanted: int | None) -> list[Line]:
    """Return the durations of shared setups, waits and cleanups, which pytest's list of durations counts for tests.

    `wanted` is as for `lines`. There are none for a run in one process, where pytest counts as for any session fixture.
    """
    if len(outcome.workers) == 1:
        return []
    least = _A_TENTH if wanted is None else _WORTH_MENTIONING
    found = sorted((part for setup in outcome.setups for part in _durations(setup) if part[0] >= least), reverse=True)
    if not found:
        return []
    listed = [Line("these tests are not slow; --durations counts this as their setup or teardown:")]
    shown = found[: _FEW if wanted is None else wanted or None]
    listed += [Line(f"  {seconds(took)} {activity} in {worker}, {item}") for took, worker, item, activity in shown]
    if len(shown) < len(found):
        listed.append(Line(f"  and {len(found) - len(shown)} more; --durations=0 lists all of them"))
    return listed


def _durations(setup: Setup) -> Iterator[tuple[float, str, str, str]]:
    """Yield each duration with the worker, the test, and the activity."""
    record, name = setup.record, repr(setup.record.fixture_name)
    yield record.seconds, record.worker, record.item, f"setting up {name}"
    for worker, acquisition in setup.waits:
        yield acquisition.waited, worker, acquisition.item, f"waiting for {name}"
    if record.cleaned_by is not None:
        yield record.cleanup_waited, record.cleaned_by, record.cleanup_item, f"waiting to clean up {name}"
        yield record.cleanup_seconds, record.cleaned_by, record.cleanup_item, f"cleaning up {name}"


# --- formatting ------------------------------------------------------------------------------------------


def seconds(number: float) -> str:
    """Return a duration with about three digits."""
    if number < _A_TENTH:
        return f"{number * 1000:.0f} ms"
    return f"{number:.2f} s" if number < _TEN else f"{number:.1f} s"


def size(number: int) -> str:
    """Return a number of bytes with about three digits."""
    if number < _THOUSAND:
        return f"{number} bytes"
    amount = number / _THOUSAND
    for unit in ("kB", "MB"):
        if amount < _THOUSAND:
            return f"{amount:.1f} {unit}"
        amount /= _THOUSAND
    return f"{amount:.1f} GB"


def _fill(parts: list[str], width: int, indent: str, separator: str) -> list[str]:
    """Return the parts in lines of at most `width` columns; a part is never broken."""
    found: list[str] = []
    line = indent
    for part in parts:
        text = part if part is parts[-1] else part + separator
        if line and not line.isspace():
            if len(line) + 1 + len(text) <= width:
                line += f" {text}"
                continue
            found.append(line)
            line = f"{indent}  "
        line += text
    return [*found, line]


def _first_line(text: str, at_most: int = 200) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= at_most else f"{line[: at_most - 3]}..."
