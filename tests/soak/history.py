"""The history of a run, built from the log of its fixtures and tests. Reads and writes no files."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

NEVER: Final = 10**9


@dataclasses.dataclass(frozen=True)
class Event:
    """One line of the log. `index` is its position, which orders the events of different processes."""

    index: int
    event: str
    worker: str
    pid: int
    time: float
    words: dict[str, Any]

    @property
    def made(self) -> str:
        """The setup that the event is about."""
        made: str = self.words["made"]
        return made

    def __str__(self) -> str:
        words = " ".join(f"{name}={value}" for name, value in self.words.items() if name not in ("text", "value"))
        return f"line {self.index + 1}: {self.worker} {self.event} {words}"


@dataclasses.dataclass(frozen=True)
class Span:
    """The indices between which a process held a share, or a test used one. `uses` are the dependencies of the setup."""

    pid: int
    made: str
    begin: int
    end: int
    what: str
    kind: str = "test"
    uses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Survivor:
    """The indices at which a worker that was not killed began to tear down its session, and finished."""

    draining: int
    finished: int


def parse(text: str) -> list[Event]:
    """Parse the events of a log."""
    return [_event(index, json.loads(line)) for index, line in enumerate(text.splitlines())]


def _event(index: int, line: dict[str, Any]) -> Event:
    event, worker, pid, time = (line.pop(name) for name in ("event", "worker", "pid", "time"))
    return Event(index, event, worker, pid, time, line)


class History:
    """The events of a run, with the queries that the rules have in common."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)

    def named(self, *names: str) -> list[Event]:
        """Return the events with one of these names, in order."""
        return [event for event in self.events if event.event in names]

    @functools.cached_property
    def deaths(self) -> dict[int, int]:
        """The index at which each process killed itself."""
        return {event.pid: event.index for event in self.named("die")}

    def died_at(self, pid: int) -> int:
        """Return the index at which a process died, or `NEVER`."""
        return self.deaths.get(pid, NEVER)

    def end_of(self, begin: Event, *names: str) -> Event | None:
        """Return the event that ended a setup or a cleanup in the process that began it."""
        for event in self.events[begin.index + 1 :]:
            if event.event in names and event.pid == begin.pid and event.words.get("made") == begin.made:
                return event
        return None

    def is_cut_off(self, begin: Event, *names: str) -> bool:
        """Whether the process died between the beginning and the end of a setup or cleanup."""
        has_died = begin.pid in self.deaths or begin.pid not in self.finished
        return has_died and self.end_of(begin, *names) is None

    @functools.cached_property
    def finished(self) -> dict[int, int]:
        """The index at which each process finished. A process without one was killed, by itself or from outside."""
        return {event.pid: event.index for event in self.named("finished")}

    def was_seen(self, setup: Event) -> bool:
        """Whether the value was certainly published, because a worker or a test received it."""
        if any(event.made == setup.made for event in self.named("acquired", "released")):
            return True
        return any(event.words["value"]["made"] == setup.made for event in self.named("see"))

    @functools.cached_property
    def setups(self) -> dict[str, list[Event]]:
        """The setups that began, in order, for each share."""
        found: dict[str, list[Event]] = {}
        for event in self.named("setup"):
            found.setdefault(event.words["share"], []).append(event)
        return found

    @functools.cached_property
    def holds(self) -> list[Span]:
        """The spans in which processes held shares that need cleanup."""
        return list(self._holds())

    def _holds(self) -> Iterator[Span]:
        for event in self.named("set up", "acquired"):
            if event.words["kind"] == "returns":
                continue
            released = self.end_of(event, "released")
            end = min(released.index if released else NEVER, self.died_at(event.pid))
            what = f"{event.worker} held {event.made} from line {event.index + 1} to {_line(end)}"
            yield Span(event.pid, event.made, event.index, end, what, event.words["kind"], tuple(event.words["uses"]))

    @functools.cached_property
    def test_uses(self) -> list[Span]:
        """The spans in which tests used shares."""
        return list(self._test_uses())

    def _test_uses(self) -> Iterator[Span]:
        for event in self.named("see"):
            end = min(self._end_of_test(event), self.died_at(event.pid))
            made = event.words["value"]["made"]
            what = f"{event.words['test']} in {event.worker} used {made} from line {event.index + 1} to {_line(end)}"
            yield Span(event.pid, made, event.index, end, what)

    def _end_of_test(self, see: Event) -> int:
        later = [event for event in self.events[see.index + 1 :] if event.pid == see.pid]
        ends = [event for event in later if event.event == "end" and event.words["test"] == see.words["test"]]
        # A signal may have prevented the log of the test's end. The test is over when the worker tears down its session.
        teardown = [event for event in later if event.event in ("draining", "released", "close", "finished")]
        return next((event.index for event in ends or teardown), NEVER)

    @functools.cached_property
    def survivors(self) -> list[Survivor]:
        """The workers that finished their collection and were not killed."""
        draining = {event.pid: event.index for event in reversed(self.named("draining"))}
        return [
            Survivor(draining.get(event.pid, NEVER), self.finished.get(event.pid, NEVER))
            for event in self.named("collected")
            if event.worker != "controller" and event.pid not in self.deaths
        ]

    def shared_uses(self, made: str) -> set[str]:
        """Return the direct and indirect dependencies of a setup that need cleanup."""
        uses = {event.made: event for event in self.named("set up")}
        found: set[str] = set()
        waiting = [made]
        while waiting:
            setup = uses.get(waiting.pop())
            for used in setup.words["uses"] if setup else ():
                waiting.append(used)
                if used in uses and uses[used].words["kind"] != "returns":
                    found.add(used)
        return found


def _line(index: int) -> str:
    return "the end" if index == NEVER else f"line {index + 1}"
