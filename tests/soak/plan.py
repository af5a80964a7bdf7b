"""The plan of one run: a random suite, the way to run it, and the failures to inject. Each seed gives one plan."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterable, Sequence
from typing import Any, Final

KINDS: Final = ("twice", "twice", "once", "returns")
DISTS: Final = ("load", "loadscope", "loadfile", "loadgroup", "worksteal", "each")
HOWS: Final = ("exit", "kill", "segfault")
SIGNALS: Final = ("interrupt group", "interrupt", "terminate", "kill")
# Each scenario, named after what it adds to a plain run, with the weight of its draw.
SCENARIOS: Final = {
    "calm": 1,
    "failures": 2,
    "deaths": 8,
    "deaths and failures": 3,
    "signal": 2,
    "signal and deaths": 2,
}


@dataclasses.dataclass(frozen=True)
class Fixture:
    """A fixture of the suite.

    `kind` is `twice`, `once`, `returns`, or `ordinary` for a session fixture that is not shared. `params` is the number of
    its parameters; with `is_indirect` the tests pass them. `raises` is empty, `setup` or `cleanup`.
    """

    name: str
    kind: str
    uses: tuple[str, ...] = ()
    params: int = 0
    is_indirect: bool = False
    raises: str = ""
    milliseconds: int = 0
    is_typed: bool = True


@dataclasses.dataclass(frozen=True)
class Test:
    """A test function: its arguments, the fixtures it requests by name, its repeats, and which of these fail."""

    name: str
    module: str
    arguments: tuple[str, ...]
    requests: tuple[str, ...] = ()
    repeats: int = 1
    fails: tuple[int, ...] = ()
    group: str = ""
    milliseconds: int = 0


@dataclasses.dataclass(frozen=True)
class Death:
    """The death of one worker: the first worker to reach `point` dies, after `milliseconds` if the point is a timer."""

    point: str
    how: str
    milliseconds: int = 0


@dataclasses.dataclass(frozen=True)
class Plan:
    """The plan of one run. `signal` is sent as soon as the log has `signal_after` lines."""

    seed: int
    scenario: str
    fixtures: tuple[Fixture, ...]
    tests: tuple[Test, ...]
    workers: int
    dist: str
    is_tx: bool = False
    maxfail: int = 0
    restarts: int | None = None
    deaths: tuple[Death, ...] = ()
    signal: str = ""
    signal_after: int = 0

    def closure(self, names: Iterable[str]) -> set[str]:
        """Return the names of the fixtures and of all their dependencies."""
        by_name = {fixture.name: fixture for fixture in self.fixtures}
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += by_name[name].uses
        return found


def make(seed: int, scenario: str | None = None) -> Plan:
    """Make the plan of a seed, for the given scenario or a random one."""
    rng = random.Random(seed)
    drawn = rng.choices(list(SCENARIOS), list(SCENARIOS.values()))[0]
    scenario = scenario or drawn
    fixtures = _fixtures(rng, scenario)
    dist = rng.choice(DISTS)
    plan = Plan(
        seed=seed,
        scenario=scenario,
        fixtures=fixtures,
        tests=(),
        workers=rng.choice((2, 2, 2, 3, 3, 3, 4, 4, 5, 6)),
        dist=dist,
        is_tx=dist == "each" or rng.random() < 0.2,
    )
    plan = dataclasses.replace(plan, tests=_tests(rng, plan))
    if "failures" in scenario:
        plan = _with_failures(rng, plan)
    if "deaths" in scenario:
        plan = _with_deaths(rng, plan)
    if "signal" in scenario:
        plan = dataclasses.replace(plan, signal=rng.choice(SIGNALS), signal_after=rng.randint(8, 120))
    return plan


def _fixtures(rng: random.Random, scenario: str) -> tuple[Fixture, ...]:
    fixtures = [Fixture(f"o{n}", "ordinary", params=rng.choice((0, 2))) for n in range(rng.randint(1, 2))]
    for n in range(rng.randint(3, 7)):
        names = [fixture.name for fixture in fixtures]
        params = rng.choice((2, 3)) if rng.random() < 0.2 else 0
        raises = rng.choice(("setup", "cleanup")) if "failures" in scenario and rng.random() < 0.15 else ""
        fixtures.append(
            Fixture(
                name=f"f{n}",
                kind=rng.choice(KINDS),
                uses=_some(rng, names, rng.choice((0, 0, 1, 1, 2))),
                params=params,
                is_indirect=bool(params) and rng.random() < 0.5,
                raises=raises,
                milliseconds=rng.choice((0, 0, 1, 5, 30)),
                is_typed=rng.random() < 0.7,
            )
        )
    return tuple(fixtures)


def _tests(rng: random.Random, plan: Plan) -> tuple[Test, ...]:
    shared = [fixture.name for fixture in plan.fixtures if fixture.kind != "ordinary"]
    parametrized = {fixture.name for fixture in plan.fixtures if fixture.params}
    modules = [f"test_{n}" for n in range(rng.randint(1, 3))]
    tests = []
    for n in range(rng.randint(4, 9)):
        # At most two parametrized fixtures per test keep the suites small.
        arguments = _some(rng, shared, rng.randint(1, 3))
        while len(plan.closure(arguments) & parametrized) > 2:
            arguments = arguments[1:]
        known = plan.closure(arguments)
        requestable = [
            name for name in shared if not (plan.closure([name]) & parametrized) - known and name not in arguments
        ]
        tests.append(
            Test(
                name=f"test_{n}",
                module=rng.choice(modules),
                arguments=arguments,
                requests=_some(rng, requestable, rng.choice((0, 0, 1, 2))),
                repeats=rng.choice((1, 2, 3, 4)) if len(known & parametrized) < 2 else 1,
                group=rng.choice(("", "a", "b", "c")),
                milliseconds=rng.choice((0, 0, 2, 10)),
            )
        )
    return tuple(tests)


def _with_failures(rng: random.Random, plan: Plan) -> Plan:
    chosen = rng.sample(range(len(plan.tests)), rng.randint(1, 3))
    tests = [
        dataclasses.replace(test, fails=(rng.randrange(test.repeats),)) if n in chosen else test
        for n, test in enumerate(plan.tests)
    ]
    return dataclasses.replace(plan, tests=tuple(tests), maxfail=rng.choice((0, 1, 1, 2, 3)))


def _with_deaths(rng: random.Random, plan: Plan) -> Plan:
    deaths = [_death(rng, plan) for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4, 6)))]
    # Under `--dist each` xdist does not replace workers: it tries to, and fails an assertion of its own.
    dist, is_tx = (rng.choice(DISTS[:-1]), False) if plan.dist == "each" else (plan.dist, plan.is_tx)
    return dataclasses.replace(
        plan, deaths=tuple(deaths), dist=dist, is_tx=is_tx, restarts=rng.choice((None, None, None, 0, 1, 2))
    )


def _death(rng: random.Random, plan: Plan) -> Death:
    how = rng.choice(HOWS)
    where = rng.choice(
        ("test", "test", "test", "setup", "cleanup", "cleanup", "release", "timer", "timer", "end timer")
    )
    if where == "test":
        test = rng.choice(plan.tests)
        return Death(f"test {test.name} {rng.randrange(test.repeats)}", how)
    if where.endswith("timer"):
        return Death(where, how, milliseconds=rng.randint(0, 200 if where == "timer" else 40))
    kinds = {"setup": ("twice", "once", "returns"), "cleanup": ("twice", "once"), "release": ("twice",)}[where]
    fixtures = [fixture for fixture in plan.fixtures if fixture.kind in kinds]
    if not fixtures:
        return Death("timer", how, milliseconds=rng.randint(0, 200))
    return Death(f"{where} {rng.choice(fixtures).name}", how)


def _some(rng: random.Random, names: Sequence[str], number: int) -> tuple[str, ...]:
    return tuple(rng.sample(names, min(number, len(names))))


def dumps(plan: Plan) -> str:
    """Return the plan as JSON text."""
    return json.dumps(dataclasses.asdict(plan), indent=1)


def loads(text: str) -> Plan:
    """Parse a plan that `dumps` wrote."""
    fields: dict[str, Any] = json.loads(text)
    for name, cls in (("fixtures", Fixture), ("tests", Test), ("deaths", Death)):
        fields[name] = tuple(cls(**_tuples(member)) for member in fields[name])
    return Plan(**fields)


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
