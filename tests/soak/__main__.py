"""The command line of the soak test: `python -m tests.soak --runs 1000`."""

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

# Violations of these rules are counted, but do not fail the soak test.
_LENIENT: Final = (
    "reported, not cleaned up",
    "internal error elsewhere",
    "owner stayed",
    "requested later",
)
# The number of violations that are printed of a failing run, and the characters of each.
_NUMBER: Final = 6
_LENGTH: Final = 700


def main(arguments: list[str]) -> int:
    """Run the soak test; return 1 if a run broke a promise."""
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
    parser.add_argument("--runs", type=int, default=20, help="number of runs")
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of the first run; each further run uses the next number"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="number of simultaneous runs")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="start no run after this time")
    parser.add_argument("--scenario", choices=list(plans.SCENARIOS), help="run only this scenario (default: all)")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, help="seconds after which a run counts as hanging")
    parser.add_argument("--grace", type=float, default=GRACE, help="seconds after which a process counts as left over")
    parser.add_argument("--directory", type=Path, help="parent of the runs' directories; failed runs are kept")
    parser.add_argument(
        "--lenient", action="append", default=list(_LENIENT), help="a rule whose violations are only counted"
    )
    parser.add_argument("--judge", type=Path, metavar="DIRECTORY", help="judge a kept run again")
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
    """The totals of all runs. Prints every run that broke a promise."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._begun = time.monotonic()
        self.runs = 0
        self.kills = 0
        self.failed: list[int] = []
        self._rules: dict[str, list[int]] = collections.defaultdict(list)
        self._slowest = (0.0, 0)

    def add(self, result: Result) -> None:
        """Count a run, and remove its directory unless it failed."""
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
        rules = ", ".join(map(_counted, sorted(self._rules.items()))) or "none"
        return (
            f"{self.runs} runs in {time.monotonic() - self._begun:.0f} s, {self.kills} killed workers, "
            f"{len(self.failed)} runs failed; violations: {rules}; slowest: {seconds:.1f} s (seed {seed})"
        )


def _counted(rule: tuple[str, list[int]]) -> str:
    name, seeds = rule
    some = ", ".join(map(str, sorted(set(seeds))[:_NUMBER]))
    return f"{name} {len(seeds)} (seeds {some})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
