"""What happened in a run, from the lines that its fixtures and tests logged; touches no file."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

NEVER: Final = 10**9


@dataclasses.dataclass(frozen=True)
class Event:
    """One line of the log. `index` is its place there: what orders events of different processes."""

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
    """From when to when (indices) a process held a share, or a test used one. `uses` is what it was made with."""

    pid: int
    made: str
    begin: int
    end: int
    what: str
    kind: str = "test"
    uses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Survivor:
    """When (indices) a worker that was not killed began to tear its session down, and when it was done."""

    ending: int
    finished: int


def parse(text: str) -> list[Event]:
    """Return the events of a log."""
    return [_event(index, json.loads(line)) for index, line in enumerate(text.splitlines())]


def _event(index: int, line: dict[str, Any]) -> Event:
    event, worker, pid, time = (line.pop(name) for name in ("event", "worker", "pid", "time"))
    return Event(index, event, worker, pid, time, line)


class History:
    """The events of a run, and what is asked of them more than once."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = list(events)

    def named(self, *names: str) -> list[Event]:
        """Return the events with one of these names, in order."""
        return [event for event in self.events if event.event in names]

    @functools.cached_property
    def deaths(self) -> dict[int, int]:
        """The index at which each process died by its own hand."""
        return {event.pid: event.index for event in self.named("die")}

    def died_at(self, pid: int) -> int:
        """Return when a process died, `NEVER` for one that did not."""
        return self.deaths.get(pid, NEVER)

    def end_of(self, begin: Event, *names: str) -> Event | None:
        """Return what ended a setup or a cleanup in the process that began it."""
        for event in self.events[begin.index + 1 :]:
            if event.event in names and event.pid == begin.pid and event.words.get("made") == begin.made:
                return event
        return None

    def is_cut_off(self, begin: Event, *names: str) -> bool:
        """Say whether the process died between the beginning of a setup or cleanup and its end."""
        has_died = begin.pid in self.deaths or begin.pid not in self.finished
        return has_died and self.end_of(begin, *names) is None

    @functools.cached_property
    def finished(self) -> dict[int, int]:
        """When each process came to its end; one that did not was killed by itself, or from outside."""
        return {event.pid: event.index for event in self.named("finished")}

    def was_seen(self, setup: Event) -> bool:
        """Say whether what was set up was published for certain: a worker or a test has had it."""
        if any(event.made == setup.made for event in self.named("took", "left")):
            return True
        return any(event.words["value"]["made"] == setup.made for event in self.named("see"))

    @functools.cached_property
    def setups(self) -> dict[str, list[Event]]:
        """The setups that began, by share, in order."""
        found: dict[str, list[Event]] = {}
        for event in self.named("setup"):
            found.setdefault(event.words["share"], []).append(event)
        return found

    @functools.cached_property
    def holds(self) -> list[Span]:
        """When which process held which share that is to be cleaned up."""
        return list(self._holds())

    def _holds(self) -> Iterator[Span]:
        for event in self.named("set up", "took"):
            if event.words["kind"] == "returns":
                continue
            left = self.end_of(event, "left")
            end = min(left.index if left else NEVER, self.died_at(event.pid))
            what = f"{event.worker} held {event.made} from line {event.index + 1} to {_line(end)}"
            yield Span(event.pid, event.made, event.index, end, what, event.words["kind"], tuple(event.words["uses"]))

    @functools.cached_property
    def test_uses(self) -> list[Span]:
        """When which test used which share."""
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
        # A signal may have cut off what logs a test's end: it is over when the worker tears its session down.
        teardown = [event for event in later if event.event in ("ending", "left", "close", "finished")]
        return next((event.index for event in ends or teardown), NEVER)

    @functools.cached_property
    def survivors(self) -> list[Survivor]:
        """The workers that knew their tests and were not killed."""
        ending = {event.pid: event.index for event in reversed(self.named("ending"))}
        return [
            Survivor(ending.get(event.pid, NEVER), self.finished.get(event.pid, NEVER))
            for event in self.named("collected")
            if event.worker != "controller" and event.pid not in self.deaths
        ]

    def shared_uses(self, made: str) -> set[str]:
        """Return the setups that one depends on and that are to be cleaned up, at any depth."""
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
