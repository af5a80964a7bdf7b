"""The command line of the benchmarks: `python -m tests.benchmarks`."""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Final

from .table import Row, render

_NAMES: Final = ("unused", "taking", "system_calls", "tests", "waking", "large", "scale", "ending", "dying")


def main(arguments: list[str]) -> None:
    """Run the benchmarks and print one table."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=_NAMES, help="run only this benchmark; may be repeated")
    parser.add_argument("--quick", action="store_true", help="one small round, which shows only that they work")
    options = parser.parse_args(arguments)
    found: list[Row] = []
    for name in options.only or _NAMES:
        print(name, "...", file=sys.stderr, flush=True)
        found += importlib.import_module(f".{name}", __package__).rows(quick=options.quick)
    print(render(found))


if __name__ == "__main__":
    main(sys.argv[1:])
