"""Judges a run from what its own fixtures and tests logged. Pure: takes a history and an outcome, returns violations."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Final

from .history import NEVER, Event, History
from .plan import Plan

# Seconds: what may pass between two steps of a process on a machine that has more to do.
_MOMENT: Final = 0.1


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was seen of a run from outside.

    `told` holds the lines of the terminal summary that say `not cleaned up`, where the controller was killed with those
    that the next run said. `processes` are the commands of those left 10 s after the run, `files` what was left in the
    run's directory, after that.
    """

    output: str = ""
    told: tuple[str, ...] = ()
    is_hanging: bool = False
    processes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    is_signalled: bool = False


@dataclasses.dataclass(frozen=True)
class Violation:
    """A broken promise: which rule, and how."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


def judge(history: History, plan: Plan, outcome: Outcome) -> list[Violation]:
    """Return how the run broke the promises; an empty list where it did not."""
    violations = [
        *_set_up_once(history, outcome),
        *_cleaned_up_once(history),
        *_after_the_last_use(history),
        *_before_what_it_uses(history),
        *_same_value(history),
        *_no_unplanned_failure(history, outcome),
        *_ended_well(outcome),
    ]
    if not outcome.is_hanging:
        violations += [*_not_lost(history, outcome), *_every_test_ran(history, plan, outcome)]
    return violations


# -- set up once


def _set_up_once(history: History, outcome: Outcome) -> Iterator[Violation]:
    for share, setups in history.setups.items():
        for earlier, later in itertools.pairwise(setups):
            if not _is_setup_allowed_after(history, earlier, later, outcome):
                rule = "asked for later" if _is_asked_for_later(history, earlier, later) else "set up twice"
                yield Violation(rule, f"{share}: {earlier}; again, {later}")


def _is_asked_for_later(history: History, earlier: Event, later: Event) -> bool:
    """Say whether a running test asked, by name alone, for what depends on a parameter and was cleaned up by then.

    No test that was left named it, and pytest does not tell that one may ask: a limit that the README tells of.
    """
    before = [event for event in history.named("begin", "end") if event.pid == later.pid and event.index < later.index]
    is_in_test = bool(before) and before[-1].event == "begin"
    is_cleaned = any(clean.made == earlier.made and clean.index < later.index for clean in history.named("clean"))
    return is_in_test and is_cleaned and "[" in later.made


def _is_setup_allowed_after(history: History, earlier: Event, later: Event, outcome: Outcome) -> bool:
    # Of a fixture that yields once, the resource died with its owner. Else it must have died inside the setup, or after
    # its last line but before the value was published.
    is_owner_dead = history.died_at(earlier.pid) < later.index
    if is_owner_dead and (earlier.words["kind"] == "once" or not history.was_seen(earlier)):
        return True
    if outcome.is_signalled:
        end = history.end_of(earlier, "set up", "setup raised")
        if end is not None and end.words.get("error") in ("KeyboardInterrupt", "SystemExit"):
            return True
    return any(clean.made == earlier.made and _is_of_no_use(history, clean, later) for clean in history.named("clean"))


def _is_of_no_use(history: History, clean: Event, later: Event) -> bool:
    """Say whether nobody could know, when a share was cleaned up, that it would be needed again.

    What a worker left half cleaned by its death is of no use. And where a worker dies in its last teardown, its last
    test is given to a replacement, that asks for what was cleaned up before.
    """
    if history.is_cut_off(clean, "left") and history.died_at(clean.pid) < later.index:
        return True
    started = next((event.index for event in history.named("started") if event.pid == later.pid), 0)
    # What is last was decided a moment before the cleanup's first line, when the dying worker still lived.
    decided = clean.time - _MOMENT
    return any(event.time > decided and event.index < started for event in history.named("die"))


# -- cleaned up once


def _cleaned_up_once(history: History) -> Iterator[Violation]:
    cleans: dict[str, list[Event]] = {}
    for clean in history.named("clean"):
        cleans.setdefault(clean.made, []).append(clean)
    for made, events in cleans.items():
        for earlier, later in itertools.pairwise(events):
            if history.end_of(earlier, "left") or history.died_at(earlier.pid) > later.index:
                yield Violation("cleaned up twice", f"{made}: {earlier}; again, {later}")


def _not_lost(history: History, outcome: Outcome) -> Iterator[Violation]:
    told = " ".join(outcome.told)
    # What died half set up or half cleaned up may be told of: nobody but the fixture's author knows what is left of it.
    lost = {event.words["fixture"] for event in history.named("setup", "clean") if event.pid in history.deaths}
    for setup in history.named("set up"):
        if setup.words["kind"] == "returns" or _is_cleaned(history, setup):
            continue
        if setup.pid in history.deaths and not history.was_seen(setup):
            continue
        lost.add(setup.words["fixture"])
        is_told = f"'{setup.words['fixture']}'" in told
        if _could_be_cleaned(history, setup, outcome):
            rule = "told, not cleaned up" if is_told else "lost"
            yield Violation(rule, f"{setup} was never cleaned up, though somebody was left who could")
        elif not is_told:
            yield Violation("untold", f"{setup} was never cleaned up, and nobody said so")
    for line in () if outcome.is_signalled else outcome.told:
        # A signal may come between the last line of a cleanup and the note that it is done, a death between the note
        # that a setup begins and its first line.
        is_cut_off = any(f"worker {event.worker} crashed" in line for event in history.named("die"))
        is_before_first_line = is_cut_off and "while setting it up" in line
        if not is_before_first_line and not any(f"'{fixture}'" in line for fixture in lost):
            yield Violation("told wrongly", line)


def _is_cleaned(history: History, setup: Event) -> bool:
    return any(clean.made == setup.made and not history.is_cut_off(clean, "left") for clean in history.named("clean"))


def _could_be_cleaned(history: History, setup: Event, outcome: Outcome) -> bool:
    # After a signal, xdist kills the workers that are not done in time.
    survivors = [one for one in history.survivors if not outcome.is_signalled or one.finished < NEVER]
    if setup.words["kind"] == "once":
        return setup.pid not in history.deaths and (not outcome.is_signalled or setup.pid in history.finished)
    cut_off = [clean for clean in history.named("clean") if clean.made == setup.made]
    if cut_off and any(later.index > cut_off[-1].index for later in history.setups[setup.words["share"]]):
        # Half cleaned up when its worker died, and needed again: another setup took its place.
        return False
    last_hold = max((span.end for span in history.holds if span.made == setup.made and span.end < NEVER), default=0)
    # It takes a worker that can still have what the share depends on.
    gone = min((_gone_at(history, used) for used in history.shared_uses(setup.made)), default=NEVER)
    if gone == NEVER:
        return any(survivor.finished > last_hold for survivor in survivors)
    return any(last_hold < survivor.ending < gone for survivor in survivors)


def _gone_at(history: History, made: str) -> int:
    """Return when a share was cleaned up, or died with the owner of what yields once."""
    for event in history.events:
        if event.event == "clean" and event.made == made:
            return event.index
        if event.event == "die" and any(
            setup.made == made and setup.words["kind"] == "once" and setup.pid == event.pid
            for setup in history.named("set up")
        ):
            return event.index
    return NEVER


# -- order


def _after_the_last_use(history: History) -> Iterator[Violation]:
    for clean in history.named("clean"):
        is_cut_off = history.is_cut_off(clean, "left")
        for span in history.test_uses:
            if span.made == clean.made and span.end > clean.index:
                yield Violation("cleaned up too early", f"{clean}, but {span.what}")
        for span in history.holds:
            # Who began before in the same process holds it for this cleanup; who begins after one that was cut off by
            # death does so to clean up.
            is_own = span.pid == clean.pid and span.begin < clean.index
            is_adopting = is_cut_off and span.begin > clean.index
            if span.made == clean.made and span.end > clean.index and not (is_own or is_adopting):
                yield Violation("cleaned up too early", f"{clean}, but {span.what}")


def _before_what_it_uses(history: History) -> Iterator[Violation]:
    for end in history.named("clean", "close"):
        for span in history.holds:
            if end.made in span.uses and span.begin < end.index < span.end:
                # A fixture that yields once stays its owner's while others need it, also when pytest ends what it
                # depends on because a parameter changes: nobody else could clean it up, and waiting would cost.
                has_parameter = span.kind == "once" and "[" in end.made
                rule = "owner stayed" if has_parameter else "dependency ended first"
                yield Violation(rule, f"{end}, but {span.what}")


# -- values


def _same_value(history: History) -> Iterator[Violation]:
    values = {event.made: event.words["value"] for event in history.named("set up")}
    for event in history.named("see", "took"):
        value = event.words["value"]
        if value != values.get(value["made"]):
            yield Violation("wrong value", f"{event}: {value}, set up as {values.get(value['made'])}")


# -- the run as a whole


def _no_unplanned_failure(history: History, outcome: Outcome) -> Iterator[Violation]:
    for event in history.named("failed"):
        if event.words["planned"] or (outcome.is_signalled and "KeyboardInterrupt" in event.words["text"]):
            continue
        yield Violation("unplanned failure", f"{event}: ...{event.words['text'][-400:]}")
    if "INTERNALERROR" in outcome.output:
        lines = [line for line in outcome.output.splitlines() if "INTERNALERROR" in line]
        rule = "internal error" if "shared_session_scope" in "".join(lines) else "internal error elsewhere"
        yield Violation(rule, "\n".join(lines[-12:]))


def _every_test_ran(history: History, plan: Plan, outcome: Outcome) -> Iterator[Violation]:
    if plan.deaths or plan.maxfail or outcome.is_signalled:
        return
    begun = len(history.named("begin"))
    failed = len([event for event in history.named("failed") if event.words["when"] == "setup"])
    collected = [event.words["tests"] for event in history.named("collected") if event.worker != "controller"]
    expected = max(collected, default=0) * (plan.workers if plan.dist == "each" else 1)
    if begun + failed != expected:
        yield Violation("tests lost", f"{expected} tests, {begun} began and {failed} failed in their setup")


def _ended_well(outcome: Outcome) -> Iterator[Violation]:
    if outcome.is_hanging:
        yield Violation("hang", "the run did not end in time")
    for process in outcome.processes:
        yield Violation("process left", process)
    if outcome.files:
        yield Violation("files left", ", ".join(outcome.files[:5]))
