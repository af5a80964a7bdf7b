"""From the facts of a run to the lines of the section at its end. Prints nothing, touches no file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pytest_shared_session_scope._reporting import messages, outcome

if TYPE_CHECKING:
    from pytest_shared_session_scope._reporting.outcome import Outcome, Setup

# A wait below this many seconds is not worth a word: reading a value takes about as long.
_WORTH_TELLING: Final = 0.01
# So many of the longest are listed where pytest was not asked for durations.
_FEW: Final = 3
# So many workers there are at least where one may wait for another.
_OTHERS: Final = 2
_A_TENTH: Final = 0.1
_TEN: Final = 10.0
_THOUSAND: Final = 1000


@dataclasses.dataclass(frozen=True)
class Line:
    """A line, and how pytest's terminal writer is to mark it: `{"red": True}`."""

    text: str
    markup: dict[str, bool] = dataclasses.field(default_factory=dict[str, bool])


def lines(facts: Outcome, width: int, durations: int | None = None) -> list[Line]:
    """Return the section about what a run shared, for a terminal of `width` columns.

    `durations` is pytest's option of that name: how many of the slowest are asked for, 0 for all.
    """
    found = [line for setup in facts.setups for line in _setup(setup, facts, width)]
    found += [Line(text, {"red": True}) for text in facts.garbled]
    found += [Line(text) for text in _fill(_totals(facts), width, "", ";")]
    return [*found, *whose_durations(facts, durations)]


def not_cleaned_up(facts: Outcome) -> list[str]:
    """Return a line for each setup that was not cleaned up, in their order, and for what cannot be read."""
    left = [setup.record for setup in facts.setups if setup.end == outcome.NOT_CLEANED_UP]
    told = [messages.not_cleaned_up(record, facts.deaths) for record in sorted(left, key=lambda record: record.started)]
    return [*told, *facts.garbled]


# --- one setup -------------------------------------------------------------------------------------------


def _setup(setup: Setup, facts: Outcome, width: int) -> Iterator[Line]:
    for text in _fill(list(_head(setup)), width, "", ","):
        yield Line(text, {"bold": True})
    for text in _fill(list(_course(setup, is_alone=len(facts.workers) == 1)), width, "  ", ";"):
        if text.strip():
            yield Line(text)
    for text in _trouble(setup):
        yield Line(f"  {text}", {"red": True})
    if setup.end == outcome.NOT_CLEANED_UP:
        yield Line(messages.not_cleaned_up(setup.record, facts.deaths), {"red": True})


def _head(setup: Setup) -> Iterator[str]:
    record = setup.record
    yield record.definition + (f" with {record.parameters}" if record.parameters else "")
    yield record.kind.value
    if record.value_type:
        yield record.value_type
    if record.size is not None:
        yield size(record.size)


def _course(setup: Setup, *, is_alone: bool) -> Iterator[str]:
    """Yield how it went, as far as it went well."""
    record = setup.record
    if setup.is_shared:
        again = " again" if record.generation > 1 else ""
        by = "" if is_alone else f" by {record.worker}"
        yield f"set up{again}{by} in {seconds(record.seconds)}"
        if len(setup.takers) > 1:
            yield f"taken by {len(setup.takers)} workers"
            yield f"{seconds(setup.saved)} of setting up saved"
    elif record.failure is not None and record.failure.outcome not in ("error", "fail"):
        yield f"its setup ended in {record.failure.outcome} in {record.worker} after {seconds(record.seconds)}"
    longest = max((take.waited for _, take in setup.waits), default=0.0)
    if longest >= _WORTH_TELLING:
        yield f"waited for {seconds(longest)} at most"
    if setup.end == outcome.CLEANED_UP and record.cleanup_error is None:
        by = "" if is_alone else f" by {record.cleaned_by}"
        yield f"cleaned up{by} in {seconds(record.cleanup_seconds)}"


def _trouble(setup: Setup) -> Iterator[str]:
    record = setup.record
    own = f"shared fixture {record.fixture}: "  # which the head of the setup says
    if record.failure is not None and record.failure.outcome in ("error", "fail"):
        name = record.failure.type_name.removeprefix("pytest_shared_session_scope.errors.")
        what = _first_line(f"{name}: {record.failure.message.removeprefix(own)}")
        yield f"its setup failed in {record.worker} after {seconds(record.seconds)}: {what}"
    if setup.end == outcome.CUT_OFF:
        yield f"its setup in {record.worker} was cut off: the process was ended inside it"
    if record.cleanup_error is not None:
        took = seconds(record.cleanup_seconds)
        error = record.cleanup_error.replace(own, "", 1)
        yield f"its cleanup failed in {record.cleaned_by} after {took}: {_first_line(error)}"


# --- all of them -----------------------------------------------------------------------------------------


def _totals(facts: Outcome) -> list[str]:
    setups = facts.setups
    if not setups:
        return ["no fixture was shared"]
    shares = len({setup.key for setup in setups})
    told = [f"{shares} shared fixture{'s' if shares > 1 else ''}"]
    if shares != len(setups):
        told.append(f"{len(setups)} setups")
    told.append(f"set up in {seconds(sum(setup.record.seconds for setup in setups))}")
    saved = sum(setup.saved for setup in setups)
    if saved:
        told.append(f"{seconds(saved)} of setting up saved")
    waited = sum(setup.waited for setup in setups)
    if waited >= _WORTH_TELLING:
        told.append(f"waited for {seconds(waited)} by all workers together")
    if any(setup.record.cleaned_by for setup in setups):
        told.append(f"cleaned up in {seconds(sum(setup.record.cleanup_seconds for setup in setups))}")
    return told


def whose_durations(facts: Outcome, wanted: int | None) -> list[Line]:
    """Return what tests did for others, or waited for: pytest's own durations count that as their setup or teardown.

    `wanted` is as for `lines`. In a run in one process they are right: there it is as with any session fixture.
    """
    if len(facts.workers) < _OTHERS:
        return []
    least = _A_TENTH if wanted is None else _WORTH_TELLING
    found = sorted((part for setup in facts.setups for part in _parts(setup) if part[0] >= least), reverse=True)
    if not found:
        return []
    told = [Line("these tests are not slow; what --durations counts as their setup or teardown:")]
    shown = found[: _FEW if wanted is None else wanted or None]
    told += [Line(f"  {seconds(took)} in {worker} {item} {what}") for took, worker, item, what in shown]
    if len(shown) < len(found):
        told.append(Line(f"  and {len(found) - len(shown)} more, which --durations=0 lists"))
    return told


def _parts(setup: Setup) -> Iterator[tuple[float, str, str, str]]:
    """Yield for how long which worker, in which test, did what."""
    record, name = setup.record, repr(setup.record.fixture_name)
    yield record.seconds, record.worker, record.item, f"set up {name}"
    for worker, take in setup.waits:
        yield take.waited, worker, take.item, f"waited for {name}"
    if record.cleaned_by is not None:
        yield record.cleanup_waited, record.cleaned_by, record.cleanup_item, f"waited to clean up {name}"
        yield record.cleanup_seconds, record.cleaned_by, record.cleanup_item, f"cleaned up {name}"


# --- words -----------------------------------------------------------------------------------------------


def seconds(number: float) -> str:
    """Return a duration in three digits or so."""
    if number < _A_TENTH:
        return f"{number * 1000:.0f} ms"
    return f"{number:.2f} s" if number < _TEN else f"{number:.1f} s"


def size(number: int) -> str:
    """Return a number of bytes in three digits or so."""
    if number < _THOUSAND:
        return f"{number} bytes"
    amount = number / _THOUSAND
    for unit in ("kB", "MB"):
        if amount < _THOUSAND:
            return f"{amount:.1f} {unit}"
        amount /= _THOUSAND
    return f"{amount:.1f} GB"


def _fill(parts: list[str], width: int, indent: str, between: str) -> list[str]:
    """Return the parts in lines, none of them broken."""
    found: list[str] = []
    line = indent
    for part in parts:
        text = part if part is parts[-1] else part + between
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
