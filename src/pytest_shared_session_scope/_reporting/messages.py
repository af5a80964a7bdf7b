"""From what the engine noted to lines of text. Prints nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_shared_session_scope._run.journal import ShareRecord


@dataclasses.dataclass(frozen=True)
class Death:
    """A worker that crashed: the time of day, and the test that it ran, where that is known.

    `moment` is the same time in seconds since the epoch.
    """

    at: str
    item: str | None = None
    moment: float = 0.0

    def __str__(self) -> str:
        return f"died at {self.at}" + (f" in {self.item}" if self.item else "")


def not_cleaned_up(record: ShareRecord, deaths: Mapping[str, Death]) -> str:
    """Return the line about a setup that was not cleaned up, with the workers that died in its run."""
    begin = f"not cleaned up: shared fixture {record.fixture}: worker {record.worker} "
    own = deaths.get(record.worker)
    if record.shown is None:
        return f"{begin}{own or 'was ended'} while it set it up, asked for by {record.item}"
    begin += f"set it up in {record.item}"
    value = f"; its value is {record.shown}"
    if own:
        return f"{begin} and {own}{value}"
    others = " and ".join(f"worker {worker} {death}" for worker, death in deaths.items())
    if others:
        return f"{begin}, then {others}, and no worker was left that could clean up{value}"
    return f"{begin}, and the run was ended before it was cleaned up{value}"


def waited_for(
    record: ShareRecord | None, waiters: Sequence[str], *, now: float, waited: float, others: int
) -> list[str]:
    """Return the line about workers that wait, while they do, in the ways to say it, of which the longest is the first.

    `record` is the setup's, if one goes on; `others` is how many more shares are waited for.
    """
    verb = "waits" if len(waiters) == 1 else "wait"
    who = f"{', '.join(waiters)} {verb}"
    more = f" (and {others} more)" if others else ""
    if record is None:
        told = f"{who} for a shared fixture, for {waited:.0f} s"
        return [f"{told}: another worker is cleaning it up, or decides about it{more}", told]
    does = f"{record.worker} has been setting it up for {max(now - record.started, 0.0):.0f} s"
    count = f"{len(waiters)} worker{'s' if len(waiters) > 1 else ''} {verb}"
    return [
        f"waiting for shared fixture {record.fixture}: {does}; {who}{more}",
        f"waiting for shared fixture {record.definition}: {does}; {who}{more}",
        f"waiting for {record.definition}: {does}; {count}{more}",
        f"waiting for {record.definition}: {does}",
        f"waiting for {record.fixture_name!r}: {does}",
    ]
