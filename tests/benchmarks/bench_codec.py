"""A benchmark of the codec, run as a script. It prints one table of times and ratios, and asserts nothing.

Times are processor times, and medians of interleaved runs. The codec pauses the garbage collector while it loads a
value; "gc on" is the load without this pause. Peak memory is measured by tracemalloc for one whole dump (the JSON, the
text, the copy and the guard), in addition to the value itself. The last column excludes the copy, which every worker
needs.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from pytest_shared_session_scope._codec.codec import TypedCodec
from pytest_shared_session_scope._codec.compare import difference


class Row(BaseModel):
    """A typical row of a table."""

    id: int
    name: str
    score: float
    tags: list[str]
    active: bool
    note: str | None = None


def rows(count: int) -> list[Row]:
    rng = random.Random(1)
    return [
        Row(id=i, name=f"name {i}", score=rng.random(), tags=["abcd", f"t{i % 7}"], active=i % 2 == 0)
        for i in range(count)
    ]


def values(scale: float) -> dict[str, tuple[Any, Any]]:
    """Return the type and the value for each line of the table."""
    rng, many = random.Random(2), int(100_000 * scale)
    return {
        f"{many} models": (list[Row], rows(many)),
        f"{5 * many} floats": (list[float], [rng.random() for _ in range(5 * many)]),
        f"dict of {5 * many} ints": (dict[str, int], {f"key {i}": i for i in range(5 * many)}),
        f"{many} pairs as keys": (dict[tuple[int, int], str], {(i, -i): str(i) for i in range(many)}),
        "one model": (Row, rows(1)[0]),
    }


def milliseconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return (time.process_time() - start) * 1000


def measure(tp: Any, value: Any, repeat: int) -> dict[str, float]:
    codec: Any = TypedCodec(tp, "the benchmark's")
    data, copied = codec.dump(value)
    encoding = codec.extended if data.startswith("{") else codec.native
    runs: dict[str, Callable[[], object]] = {
        "dump": lambda: encoding.dump(value),
        "load": lambda: encoding.load(data),
        "load, gc on": lambda: encoding.adapter.validate_json(data, by_alias=False, by_name=True),
        "guard": lambda: difference(value, copied),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeat):
        for name, run in runs.items():
            gc.collect()
            times[name].append(milliseconds(run))
    medians = {name: statistics.median(found) for name, found in times.items()}
    return medians | {"json": len(data), **peaks(codec, value)}


def peaks(codec: Any, value: Any) -> dict[str, float]:
    """Return the peak memory of a whole dump, and the size of the copy."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    result = codec.dump(value)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = after - before - sys.getsizeof(result[0])
    return {"peak": peak - before, "copy": size}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="1.0: 100,000 models")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    columns = (
        *("dump ms", "load ms", "guard ms", "guard/load", "guard/load gc on", "load/load gc on"),
        *("peak/json", "less copy/json"),
    )
    print(f"{'value':<24}" + "".join(f"{column:>18}" for column in columns))
    for name, (tp, value) in values(options.scale).items():
        m = measure(tp, value, options.repeat)
        found = (
            *(m["dump"], m["load"], m["guard"], m["guard"] / m["load"]),
            *(m["guard"] / m["load, gc on"], m["load"] / m["load, gc on"]),
            *(m["peak"] / m["json"], (m["peak"] - m["copy"]) / m["json"]),
        )
        print(f"{name:<24}" + "".join(f"{figure:>18.3g}" for figure in found))


if __name__ == "__main__":
    main()
