"""Tests of the judge: hand-written logs, each with the rules that it breaks."""

from __future__ import annotations

import dataclasses
import json

import pytest

from soak import judge as judges
from soak import plan as plans
from soak.history import History, parse
from soak.judge import Outcome

PLAN = plans.make(1, "deaths")
KINDS = {"t": "twice", "o": "once", "r": "returns"}
QUIET = Outcome()


def history(*lines: str) -> History:
    """Build the history of lines such as `gw0 set-up t`, `gw1 see t#2 test=a` or `gw0 die`, one second apart.

    `t` stands for `t#1`. The first letter of a share is its kind: `t` yields twice, `o` yields once, `r` returns.
    """
    return History(parse("\n".join(json.dumps({**_event(line), "time": n}) for n, line in enumerate(lines))))


def _event(line: str) -> dict[str, object]:
    worker, event, *rest = line.split()
    words = dict(word.split("=") for word in rest if "=" in word)
    record = {"event": event.replace("-", " "), "worker": worker, "pid": ord(worker[-1]), "time": 0.0}
    names = [word for word in rest if "=" not in word]
    if not names:
        return {**record, **words}
    share, _, number = names[0].partition("#")
    made = f"{share}#{number or 1}"
    value = {"share": share, "made": made, "is": words.pop("is", "right")}
    uses = [words.pop("uses")] if "uses" in words else []
    kind = KINDS.get(share[0], "ordinary")
    return {
        **record, "share": share, "fixture": share, "kind": kind, "made": made, "value": value, "uses": uses, "test": "a", **words
    }  # fmt: skip


def rules(lines: list[str], outcome: Outcome = QUIET) -> list[str]:
    """List the rules that a log breaks."""
    return [violation.rule for violation in judges.judge(history(*lines), PLAN, outcome)]


GOOD = [
    "gw0 collected", "gw1 collected",
    "gw0 open p", "gw0 setup t", "gw0 set-up t uses=p#1", "gw0 see t", "gw0 end test=a",
    "gw1 open p#2", "gw1 acquired t uses=p#2", "gw1 see t test=b", "gw1 end test=b", "gw1 released t", "gw1 close p#2",
    "gw0 clean t", "gw0 cleaned t", "gw0 released t", "gw0 close p",
    "gw0 setup o", "gw0 set-up o", "gw0 clean o", "gw0 cleaned o", "gw0 released o",
    "gw1 setup r", "gw1 set-up r", "gw1 see r test=c", "gw1 end test=c",
    "gw0 finished", "gw1 finished",
]  # fmt: skip

END = ["gw0 clean t", "gw0 cleaned t", "gw0 released t", "gw0 finished"]
ALLOWED = {
    "a whole run": GOOD,
    "death inside a setup": [
        "gw0 setup t", "gw0 die", "gw1 setup t#2", "gw1 set-up t#2", "gw1 clean t#2", "gw1 released t#2"
    ],
    "death between the last line of a setup and its publication": [
        "gw0 setup t", "gw0 set-up t", "gw0 die", "gw1 collected", "gw1 setup t#2", "gw1 set-up t#2", "gw1 clean t#2",
        "gw1 released t#2",
    ],
    "death of the owner of a fixture that yields once": [
        "gw0 setup o", "gw0 set-up o", "gw0 see o", "gw1 see o", "gw0 die",
        "gw2 setup o#2", "gw2 set-up o#2", "gw1 end test=a", "gw2 clean o#2", "gw2 released o#2",
    ],
    "death of the only holder, and a survivor takes over": [
        "gw0 setup t", "gw0 set-up t", "gw0 see t", "gw0 die",
        "gw1 collected", "gw1 acquired t", "gw1 clean t", "gw1 cleaned t", "gw1 released t", "gw1 finished",
    ],
    "death during a cleanup, and a survivor cleans up again": [
        "gw1 collected", "gw0 setup t", "gw0 set-up t", "gw0 see t", "gw0 end test=a", "gw0 clean t", "gw0 die",
        "gw1 acquired t", "gw1 clean t", "gw1 cleaned t", "gw1 released t", "gw1 finished",
    ],
    "another setup after a death during the cleanup": [
        "gw0 setup t", "gw0 set-up t", "gw0 see t", "gw0 end test=a", "gw0 clean t", "gw0 die",
        "gw1 setup t#2", "gw1 set-up t#2", "gw1 clean t#2", "gw1 released t#2",
    ],
    "a replacement requests a share that was cleaned up before its predecessor died in the last teardown": [
        "gw0 setup t", "gw0 set-up t", "gw0 see t", "gw0 end test=a", "gw0 clean t", "gw0 released t", "gw0 die",
        "gw1 started", "gw1 setup t#2", "gw1 set-up t#2", "gw1 clean t#2", "gw1 released t#2",
    ],
}  # fmt: skip


@pytest.mark.parametrize("lines", ALLOWED.values(), ids=ALLOWED.keys())
def test_an_allowed_log_breaks_no_rule(lines: list[str]) -> None:
    reported = ("not cleaned up: shared fixture 'o'", "not cleaned up: shared fixture 't'")
    names = {event.words["fixture"] for event in history(*lines).named("setup") if event.words["kind"] != "returns"}
    lost = tuple(line for line in reported if line[-2] in names and "die" in " ".join(lines))
    assert rules(lines, Outcome(reported=lost)) == []


BROKEN = {
    "set up twice while the first lives": (
        ["gw0 setup t", "gw0 set-up t", "gw1 setup t#2", "gw1 set-up t#2", "gw0 clean t", "gw0 released t", "gw1 clean t#2",
         "gw1 released t#2"],
        ["set up twice"],
    ),
    "set up twice though only the owner died, and the value was read": (
        ["gw0 setup t", "gw0 set-up t", "gw1 acquired t", "gw0 die", "gw2 setup t#2", "gw2 set-up t#2", "gw1 clean t",
         "gw1 released t", "gw2 clean t#2", "gw2 released t#2"],
        ["set up twice"],
    ),
    "set up again after the cleanup, by the replacement of a worker that died before it": (
        ["gw2 die", "gw1 started", "gw0 setup t", "gw0 set-up t", "gw0 clean t", "gw0 released t",
         "gw1 setup t#2", "gw1 set-up t#2", "gw1 clean t#2", "gw1 released t#2"],
        ["set up twice"],
    ),
    "not taken over by a worker that still holds the dependency": (
        ["gw0 collected", "gw0 setup td", "gw0 set-up td", "gw1 acquired td", "gw1 setup t", "gw1 set-up t uses=td#1",
         "gw1 see t", "gw1 die", "gw0 draining", "gw0 clean td", "gw0 released td", "gw0 finished"],
        ["lost"],
    ),
    "too late to take over, and not reported": (
        ["gw0 collected", "gw0 setup td", "gw0 set-up td", "gw1 acquired td", "gw1 setup t", "gw1 set-up t uses=td#1",
         "gw0 draining", "gw1 see t", "gw1 die", "gw0 clean td", "gw0 released td", "gw0 finished"],
        ["not reported"],
    ),
    "set up again after the cleanup, requested by name with a parameter": (
        ["gw0 setup t[1]", "gw0 set-up t[1]", *[line.replace(" t", " t[1]") for line in END], "gw1 begin test=a",
         "gw1 setup t[1]#2", "gw1 set-up t[1]#2", "gw1 clean t[1]#2", "gw1 released t[1]#2"],
        ["requested later"],
    ),
    "set up again after the cleanup": (
        ["gw0 setup t", "gw0 set-up t", *END, "gw1 setup t#2", "gw1 set-up t#2", "gw1 clean t#2", "gw1 released t#2"],
        ["set up twice"],
    ),
    "yields once, set up again though its owner lives": (
        ["gw0 setup o", "gw0 set-up o", "gw1 setup o#2", "gw1 set-up o#2", "gw0 clean o", "gw0 released o", "gw1 clean o#2",
         "gw1 released o#2"],
        ["set up twice"],
    ),
    "a returned value computed twice": (
        ["gw0 setup r", "gw0 set-up r", "gw1 setup r#2", "gw1 set-up r#2"], ["set up twice"]
    ),
    "a failed setup tried again": (
        ["gw0 setup t", "gw0 setup-raised t error=PlannedError", "gw1 setup t#2", "gw1 setup-raised t#2 error=PlannedError"],
        ["set up twice"],
    ),
    "cleaned up by two workers": (
        ["gw0 setup t", "gw0 set-up t", "gw1 acquired t", "gw0 clean t", "gw0 released t", "gw1 clean t", "gw1 released t"],
        ["cleaned up twice", "cleaned up too early"],
    ),
    "cleaned up twice in one worker": (
        ["gw0 setup t", "gw0 set-up t", *END, "gw0 acquired t", *END], ["cleaned up twice", "cleaned up too early"]
    ),
    "never cleaned up": (
        ["gw0 collected", "gw0 setup t", "gw0 set-up t", "gw0 see t", "gw0 end test=a", "gw0 released t", "gw0 finished"],
        ["lost"],
    ),
    "never taken over": (
        ["gw1 collected", "gw0 setup t", "gw0 set-up t", "gw0 see t", "gw0 die", "gw1 finished"], ["lost"]
    ),
    "cleanup cut off by a death, and never repeated": (
        ["gw1 collected", "gw0 setup t", "gw0 set-up t", "gw0 see t", "gw0 end test=a", "gw0 clean t", "gw0 die",
         "gw1 finished"],
        ["lost"],
    ),
    "yields once, never cleaned up by its living owner": (
        ["gw0 collected", "gw0 setup o", "gw0 set-up o", "gw0 finished"], ["lost"]
    ),
    "no worker left, and not reported": (
        ["gw0 collected", "gw0 setup t", "gw0 set-up t", "gw0 see t", "gw0 die"], ["not reported"]
    ),
    "yields once, the owner died, and not reported": (
        ["gw0 setup o", "gw0 set-up o", "gw0 see o", "gw0 die", "gw1 collected", "gw1 finished"], ["not reported"]
    ),
    "cleaned up while a test uses it": (
        ["gw0 setup t", "gw0 set-up t", "gw1 see t", *END, "gw1 end test=a"], ["cleaned up too early"]
    ),
    "used after the cleanup": (
        ["gw0 setup t", "gw0 set-up t", *END, "gw1 see t", "gw1 end test=a"], ["cleaned up too early"]
    ),
    "used after a cleanup that was cut off by a death": (
        ["gw0 setup t", "gw0 set-up t", "gw0 see t", "gw0 end test=a", "gw0 clean t", "gw0 die", "gw1 see t", "gw1 end test=a",
         "gw2 acquired t", "gw2 clean t", "gw2 released t"],
        ["cleaned up too early"],
    ),
    "cleaned up while another worker holds it": (
        ["gw0 setup t", "gw0 set-up t", "gw1 acquired t", *END, "gw1 released t"], ["cleaned up too early"]
    ),
    "acquired after the cleanup": (
        ["gw0 setup t", "gw0 set-up t", *END, "gw1 acquired t", "gw1 released t"], ["cleaned up too early"]
    ),
    "an ordinary dependency ended first": (
        ["gw0 open p", "gw0 setup t", "gw0 set-up t uses=p#1", "gw0 close p", *END], ["dependency ended first"]
    ),
    "a shared dependency cleaned up first": (
        ["gw0 setup td", "gw0 set-up td", "gw0 setup t", "gw0 set-up t uses=td#1", "gw0 clean td", "gw0 released td", *END],
        ["dependency ended first"],
    ),
    "a shared dependency cleaned up by another worker": (
        ["gw0 setup td", "gw0 set-up td", "gw1 acquired td", "gw0 setup t", "gw0 set-up t uses=td#1", "gw0 released td",
         "gw1 clean td", "gw1 released td", *END],
        ["dependency ended first"],
    ),
    "yields once, and its owner keeps it when a parameter changes": (
        ["gw0 open p[1]", "gw0 setup o", "gw0 set-up o uses=p[1]#1", "gw0 close p[1]", "gw0 clean o", "gw0 released o"],
        ["owner stayed"],
    ),
    "a wrong value": (
        ["gw0 setup t", "gw0 set-up t", "gw1 see t is=wrong", "gw1 end test=a", *END], ["wrong value"]
    ),
    "a value without a setup": (["gw1 see t#7", "gw1 end test=a"], ["wrong value"]),
    "a wrong value sent to a fixture": (
        ["gw0 setup t", "gw0 set-up t", "gw1 acquired t is=wrong", "gw1 released t", *END], ["wrong value"]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_promise_is_found(lines: list[str], expected: list[str]) -> None:
    assert rules(lines) == expected


OUTCOMES = {
    "hang": (Outcome(is_hanging=True), ["hang"]),
    "process": (Outcome(processes=("1: 'python'",)), ["process left"]),
    "files": (Outcome(files=("values/x",)), ["files left"]),
    "report": (Outcome(reported=("not cleaned up: shared fixture 't'",)), ["reported wrongly"]),
    "our internal error": (Outcome(output="INTERNALERROR> shared_session_scope"), ["internal error"]),
    "xdist's internal error": (Outcome(output="INTERNALERROR> xdist"), ["internal error elsewhere"]),
}


@pytest.mark.parametrize(("outcome", "expected"), OUTCOMES.values(), ids=OUTCOMES.keys())
def test_the_outcome_is_judged(outcome: Outcome, expected: list[str]) -> None:
    assert rules(GOOD, outcome) == expected


def test_a_possible_cleanup_must_not_only_be_reported() -> None:
    reported = Outcome(reported=("not cleaned up: shared fixture 't'",))
    assert rules(BROKEN["never taken over"][0], reported) == ["reported, not cleaned up"]
    assert rules(BROKEN["too late to take over, and not reported"][0], reported) == []


@pytest.mark.parametrize(("planned", "expected"), [(True, []), (False, ["unplanned failure"])])
def test_a_failure_must_be_planned(planned: bool, expected: list[str]) -> None:
    failed = {"event": "failed", "worker": "gw0", "pid": 48, "time": 0.0, "test": "a", "when": "setup"}
    events = parse(json.dumps({**failed, "planned": planned, "text": "boom"}))
    assert [violation.rule for violation in judges.judge(History(events), PLAN, QUIET)] == expected


def test_a_run_without_deaths_runs_every_test() -> None:
    plan = dataclasses.replace(plans.make(1, "calm"), dist="load")
    lines = ["gw0 collected tests=2", "gw0 begin test=a", "gw0 end test=a"]
    events = history(*lines).events
    counted = [dataclasses.replace(event, words={**event.words, "tests": 2}) for event in events]
    violations = judges.judge(History(counted), plan, QUIET)
    assert [violation.rule for violation in violations] == ["tests lost"]
    assert judges.judge(History([*counted, counted[1]]), plan, QUIET) == []


def test_a_signal_that_interrupts_a_setup_allows_another() -> None:
    lines = [
        "gw0 setup t",
        "gw0 setup-raised t error=KeyboardInterrupt",
        "gw1 setup t#2",
        "gw1 setup-raised t#2 error=X",
    ]
    assert rules(lines) == ["set up twice"]
    assert rules(lines, Outcome(is_signalled=True)) == []


def test_a_plan_survives_its_file() -> None:
    for seed in range(50):
        plan = plans.make(seed)
        assert plans.loads(plans.dumps(plan)) == plan == plans.make(seed)


def test_a_death_before_the_first_line_of_a_setup_may_be_reported() -> None:
    line = "not cleaned up: shared fixture 't' (x.py:1): worker gw1 crashed at 12:00:00 in a while setting it up for a"
    log = ["gw0 collected", "gw1 collected", "gw1 die", "gw0 finished"]
    assert rules(log, Outcome(reported=(line,))) == []
    assert rules(log, Outcome(reported=(line.replace("gw1", "gw0"),))) == ["reported wrongly"]
