"""The soak as a command: `python -m tests.soak --runs 1000`."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from . import plan as plans
from .run import GRACE, TIMEOUT, Result, judge_again, run

# Counted, but no failure of the soak.
_LENIENT: Final = (
    "told, not cleaned up",
    "internal error elsewhere",
    "owner stayed",
    "asked for later",
)
# How much of a failing run is printed: violations, and characters of each.
_NUMBER: Final = 6
_LENGTH: Final = 700


def main(arguments: list[str]) -> int:
    """Run the soak; 1 where a run broke a promise."""
    options = _parser().parse_args(arguments)
    if options.judge:
        violations = judge_again(options.judge)
        print(*violations, sep="\n")
        return bool(violations)
    parent = options.directory or Path(tempfile.mkdtemp(prefix="soak-"))
    totals = Totals(options)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for result in _results(pool, options, parent):
            totals.add(result)
    print(totals)
    return bool(totals.failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="how many runs")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first run; the next has the next")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many runs at a time")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no run after these")
    parser.add_argument("--scenario", choices=list(plans.SCENARIOS), help="only this one (default: any)")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="seconds until a run counts as hanging")
    parser.add_argument("--grace", type=float, default=GRACE, help="seconds until a process counts as left")
    parser.add_argument("--directory", type=Path, help="where the runs' directories go; those that fail are kept")
    parser.add_argument("--lenient", action="append", default=list(_LENIENT), help="a rule to count only")
    parser.add_argument("--judge", type=Path, metavar="DIRECTORY", help="judge a run that was kept once more")
    return parser


def _results(
    pool: concurrent.futures.ThreadPoolExecutor, options: argparse.Namespace, parent: Path
) -> Iterator[Result]:
    until = time.monotonic() + options.seconds
    waiting: set[concurrent.futures.Future[Result]] = set()
    for seed in range(options.seed, options.seed + options.runs):
        if time.monotonic() > until:
            break
        plan = plans.make(seed, options.scenario)
        waiting.add(pool.submit(run, plan, parent, options.timeout, options.grace))
        if len(waiting) >= options.jobs:
            done, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            yield from (future.result() for future in done)
    yield from (future.result() for future in waiting)


class Totals:
    """What all runs came to; prints each that broke a promise."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._begun = time.monotonic()
        self.runs = 0
        self.kills = 0
        self.failed: list[int] = []
        self._rules: dict[str, list[int]] = collections.defaultdict(list)
        self._slowest = (0.0, 0)

    def add(self, result: Result) -> None:
        """Count a run; keep its directory only where it failed."""
        self.runs += 1
        self.kills += result.kills
        self._slowest = max(self._slowest, (result.seconds, result.plan.seed))
        for violation in result.violations:
            self._rules[violation.rule].append(result.plan.seed)
        severe = [violation for violation in result.violations if violation.rule not in self._options.lenient]
        if severe:
            self.failed.append(result.plan.seed)
            self._print(result, [str(violation) for violation in severe])
        else:
            shutil.rmtree(result.directory, ignore_errors=True)
        if self.runs % 50 == 0:
            print(self, flush=True)

    def _print(self, result: Result, violations: list[str]) -> None:
        scenario = f" --scenario {self._options.scenario!r}" if self._options.scenario else ""
        print(f"seed {result.plan.seed} ({result.plan.scenario}, {result.seconds:.1f} s), in {result.directory}:")
        print(*(f"    {violation[:_LENGTH]}" for violation in violations[:_NUMBER]), sep="\n")
        if len(violations) > _NUMBER:
            print(f"    and {len(violations) - _NUMBER} more in violations.txt")
        print(f"    again: python -m tests.soak --runs 1 --seed {result.plan.seed}{scenario}", flush=True)

    def __str__(self) -> str:
        seconds, seed = self._slowest
        rules = ", ".join(map(_told, sorted(self._rules.items()))) or "none"
        return (
            f"{self.runs} runs in {time.monotonic() - self._begun:.0f} s, {self.kills} killed workers, "
            f"{len(self.failed)} runs failed; violations: {rules}; slowest: {seconds:.1f} s (seed {seed})"
        )


def _told(rule: tuple[str, list[int]]) -> str:
    name, seeds = rule
    some = ", ".join(map(str, sorted(set(seeds))[:_NUMBER]))
    return f"{name} {len(seeds)} (seeds {some})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
