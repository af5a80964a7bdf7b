"""The rules of the soak test: pure functions from a history and an outcome to violations."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Final

from .history import NEVER, Event, History
from .plan import Plan

# The seconds that may pass between two steps of a process on a busy machine.
_MOMENT: Final = 0.1


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a run as observed from outside.

    `reported` holds the lines `not cleaned up` of the terminal summary and, if the controller was killed, those of the
    next run. `processes` holds the commands of processes that were still running 10 s after the run, and `files` the
    files that remained in the run's directory after that.
    """

    output: str = ""
    reported: tuple[str, ...] = ()
    is_hanging: bool = False
    processes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    is_signalled: bool = False


@dataclasses.dataclass(frozen=True)
class Violation:
    """A broken promise: the rule, and how it was broken."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


def judge(history: History, plan: Plan, outcome: Outcome) -> list[Violation]:
    """Return the violations of a run, or an empty list."""
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
                rule = "requested later" if _is_requested_later(history, earlier, later) else "set up twice"
                yield Violation(rule, f"{share}: {earlier}; again, {later}")


def _is_requested_later(history: History, earlier: Event, later: Event) -> bool:
    """Whether a running test requested a parametrized share by name alone after its cleanup.

    None of the remaining tests named the fixture, and pytest cannot predict such a request. The README documents this
    limit.
    """
    before = [event for event in history.named("begin", "end") if event.pid == later.pid and event.index < later.index]
    is_in_test = bool(before) and before[-1].event == "begin"
    is_cleaned = any(clean.made == earlier.made and clean.index < later.index for clean in history.named("clean"))
    return is_in_test and is_cleaned and "[" in later.made


def _is_setup_allowed_after(history: History, earlier: Event, later: Event, outcome: Outcome) -> bool:
    # The resource of a fixture that yields once dies with its owner. For other fixtures, the owner must have died during
    # the setup, or after the last line of the setup but before the value was published.
    is_owner_dead = history.died_at(earlier.pid) < later.index
    if is_owner_dead and (earlier.words["kind"] == "once" or not history.was_seen(earlier)):
        return True
    if outcome.is_signalled:
        end = history.end_of(earlier, "set up", "setup raised")
        if end is not None and end.words.get("error") in ("KeyboardInterrupt", "SystemExit"):
            return True
    return any(clean.made == earlier.made and _is_excusable(history, clean, later) for clean in history.named("clean"))


def _is_excusable(history: History, clean: Event, later: Event) -> bool:
    """Whether a setup after this cleanup is excusable, because no worker could predict that it would be needed.

    A share whose cleanup was cut off by a death cannot be used again. Also, if a worker dies in its last teardown, its
    last test is rerun by a replacement, which requests shares that were cleaned up before.
    """
    if history.is_cut_off(clean, "released") and history.died_at(clean.pid) < later.index:
        return True
    started = next((event.index for event in history.named("started") if event.pid == later.pid), 0)
    # The last holder is determined a moment before the first line of the cleanup, when the dying worker was still alive.
    decided = clean.time - _MOMENT
    return any(event.time > decided and event.index < started for event in history.named("die"))


# -- cleaned up once


def _cleaned_up_once(history: History) -> Iterator[Violation]:
    cleans: dict[str, list[Event]] = {}
    for clean in history.named("clean"):
        cleans.setdefault(clean.made, []).append(clean)
    for made, events in cleans.items():
        for earlier, later in itertools.pairwise(events):
            if history.end_of(earlier, "released") or history.died_at(earlier.pid) > later.index:
                yield Violation("cleaned up twice", f"{made}: {earlier}; again, {later}")


def _not_lost(history: History, outcome: Outcome) -> Iterator[Violation]:
    reported = " ".join(outcome.reported)
    # A setup or cleanup cut off by a death may be reported: only the author of the fixture knows what remains of it.
    lost = {event.words["fixture"] for event in history.named("setup", "clean") if event.pid in history.deaths}
    for setup in history.named("set up"):
        if setup.words["kind"] == "returns" or _is_cleaned(history, setup):
            continue
        if setup.pid in history.deaths and not history.was_seen(setup):
            continue
        lost.add(setup.words["fixture"])
        is_reported = f"'{setup.words['fixture']}'" in reported
        if _could_be_cleaned(history, setup, outcome):
            rule = "reported, not cleaned up" if is_reported else "lost"
            yield Violation(rule, f"{setup} was never cleaned up, although a remaining worker could have done so")
        elif not is_reported:
            yield Violation("not reported", f"{setup} was never cleaned up, and this was not reported")
    for line in () if outcome.is_signalled else outcome.reported:
        # A signal may arrive between the last line of a cleanup and its record in the journal, and a death between the
        # record of a setup and its first line.
        is_cut_off = any(f"worker {event.worker} crashed" in line for event in history.named("die"))
        is_before_first_line = is_cut_off and "while setting it up" in line
        if not is_before_first_line and not any(f"'{fixture}'" in line for fixture in lost):
            yield Violation("reported wrongly", line)


def _is_cleaned(history: History, setup: Event) -> bool:
    return any(
        clean.made == setup.made and not history.is_cut_off(clean, "released") for clean in history.named("clean")
    )


def _could_be_cleaned(history: History, setup: Event, outcome: Outcome) -> bool:
    # After a signal, xdist kills the workers that do not exit in time.
    survivors = [one for one in history.survivors if not outcome.is_signalled or one.finished < NEVER]
    if setup.words["kind"] == "once":
        return setup.pid not in history.deaths and (not outcome.is_signalled or setup.pid in history.finished)
    cut_off = [clean for clean in history.named("clean") if clean.made == setup.made]
    if cut_off and any(later.index > cut_off[-1].index for later in history.setups[setup.words["share"]]):
        # The cleanup was cut off by a death, and the share was needed again: another setup has replaced it.
        return False
    last_hold = max((span.end for span in history.holds if span.made == setup.made and span.end < NEVER), default=0)
    # Cleanup needs a worker that can still acquire the dependencies of the share.
    end = min((_end_of_resource(history, used) for used in history.shared_uses(setup.made)), default=NEVER)
    if end == NEVER:
        return any(survivor.finished > last_hold for survivor in survivors)
    return any(last_hold < survivor.draining < end for survivor in survivors)


def _end_of_resource(history: History, made: str) -> int:
    """Return the index at which a share was cleaned up or, if it yields once, died with its owner."""
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
        is_cut_off = history.is_cut_off(clean, "released")
        for span in history.test_uses:
            if span.made == clean.made and span.end > clean.index:
                yield Violation("cleaned up too early", f"{clean}, but {span.what}")
        for span in history.holds:
            # A hold that began earlier in the same process belongs to this cleanup. A hold that begins after a cleanup
            # was cut off by a death is a takeover.
            is_own = span.pid == clean.pid and span.begin < clean.index
            is_takeover = is_cut_off and span.begin > clean.index
            if span.made == clean.made and span.end > clean.index and not (is_own or is_takeover):
                yield Violation("cleaned up too early", f"{clean}, but {span.what}")


def _before_what_it_uses(history: History) -> Iterator[Violation]:
    for end in history.named("clean", "close"):
        for span in history.holds:
            if end.made in span.uses and span.begin < end.index < span.end:
                # A fixture that yields once stays with its owner while other workers need it, even if pytest ends its
                # dependency because a parameter changes: no other worker could clean it up, and waiting is expensive.
                has_parameter = span.kind == "once" and "[" in end.made
                rule = "owner stayed" if has_parameter else "dependency ended first"
                yield Violation(rule, f"{end}, but {span.what}")


# -- values


def _same_value(history: History) -> Iterator[Violation]:
    values = {event.made: event.words["value"] for event in history.named("set up")}
    for event in history.named("see", "acquired"):
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
