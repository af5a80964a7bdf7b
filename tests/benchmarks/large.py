"""The cost of large values for their owner and their readers, compared with pickle and with a plain copy.

Each part runs in its own process, which creates the value before it measures processor time and the peak memory beyond
the value. A journey has one owner and three readers. The owner loads the pickle as well, because every worker needs a
copy of the value. It does not read the copied bytes, because bytes need no copy.
"""

from __future__ import annotations

import functools
import json
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

from pytest_shared_session_scope._codec.codec import CustomCodec, TypedCodec
from pytest_shared_session_scope._run.files import create_directory
from pytest_shared_session_scope.store import FileStore

from . import bench_codec
from .suite import environment
from .table import Row, interleaved, median_ratio, ms

_READERS: Final = 3
_STATUS: Final = Path("/proc/self/status")


class Part(NamedTuple):
    """The cost of one part of a journey: processor time in seconds, and peak memory in bytes or None if unknown."""

    cpu: float
    peak: int | None


class Large(NamedTuple):
    """A large value, its type, the method to compare with, and the number of reads which that method needs."""

    make: Callable[[float], object]
    value_type: Any
    peer: str
    reads: int
    target: str = ""


def _floats(scale: float) -> list[float]:
    rng = random.Random(1)
    return [rng.random() for _ in range(int(1_000_000 * scale))]


_EACH: Final = _READERS + 1
_VALUES: Final = {
    "100,000 models": Large(
        lambda scale: bench_codec.rows(int(100_000 * scale)), list[bench_codec.Row], "pickle", _EACH, "0.60"
    ),
    "1,000,000 floats": Large(_floats, list[float], "pickle", _EACH),
    "text of 100 MB": Large(lambda scale: "0123456789" * int(10_000_000 * scale), str, "pickle", _EACH),
    "100 MB of bytes": Large(
        lambda scale: random.Random(1).randbytes(int(100_000_000 * scale)), None, "copy", _READERS, "1.20"
    ),
}


def rows(*, quick: bool) -> list[Row]:
    """Return the rows of this benchmark."""
    scale, rounds = (0.01, 1) if quick else (1.0, 5)
    return [row for name in _VALUES for row in _compare(name, scale, rounds)]


def _compare(name: str, scale: float, rounds: int) -> list[Row]:
    large = _VALUES[name]
    variants = {variant: functools.partial(_journey, name, variant, scale) for variant in ("shared", large.peer)}
    found = interleaved(variants, rounds)
    whole = {variant: [_sum(parts, variant, large) for parts in many] for variant, many in found.items()}
    owner, reader = ([parts[role] for parts in found["shared"]] for role in (0, 1))
    peers = [part.cpu for part in found[large.peer][0]]
    return [
        Row(
            f"large: {name}, whole journey as a ratio to {large.peer}",
            f"{median_ratio(whole['shared'], whole[large.peer]):.2f}",
            large.target,
            f"owner {_shown(owner)}, reader {_shown(reader)}; {large.peer}: write {ms(peers[0])}, read {ms(peers[1])}",
        )
    ]


def _sum(parts: tuple[Part, Part], variant: str, large: Large) -> float:
    return parts[0].cpu + parts[1].cpu * (_READERS if variant == "shared" else large.reads)


def _shown(parts: list[Part]) -> str:
    text = ms(statistics.median(part.cpu for part in parts))
    peaks = [part.peak for part in parts if part.peak is not None]
    return f"{text} and {statistics.median(peaks) / 1e6:.0f} MB" if peaks else text


def _journey(name: str, variant: str, scale: float) -> tuple[Part, Part]:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as directory:
        create_directory(Path(directory))
        return _measured(name, variant, "owner", directory, scale), _measured(name, variant, "reader", directory, scale)


def _measured(name: str, variant: str, role: str, directory: str, scale: float) -> Part:
    command = [sys.executable, "-m", __name__, name, variant, role, directory, str(scale)]
    environ = environment(Path(directory))
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=environ, cwd=Path(__file__).parents[2]
    )
    return Part(*json.loads(done.stdout))


def _main(name: str, variant: str, role: str, directory: str, scale: str) -> None:
    large = _VALUES[name]
    # Imports and adapters are needed once per worker, so they do not count as the cost of a large value.
    owner, reader = _functions(large, variant, Path(directory))
    value = large.make(float(scale)) if role == "owner" else None
    before, began = _reset_peak(), time.process_time()
    kept = owner(value) if role == "owner" else reader()
    spent = time.process_time() - began
    peak = _memory("VmHWM")
    del kept
    print(json.dumps([spent, None if before is None or peak is None else peak - before]))


def _functions(large: Large, variant: str, directory: Path) -> tuple[Callable[[Any], object], Callable[[], object]]:
    path = directory / "value"
    if variant == "copy":
        return path.write_bytes, path.read_bytes
    if variant == "pickle":
        return (
            lambda value: path.write_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL)),
            lambda: pickle.loads(path.read_bytes()),
        )
    store, key = FileStore(), "large-0123456789"
    values = {"tmp_path_factory": SimpleNamespace(getbasetemp=lambda: directory)}
    codec: Any = (
        TypedCodec(large.value_type, "'large'") if large.value_type else CustomCodec(bytes, bytes, "'large'", "text")
    )

    def own(value: Any) -> object:
        data, copy = codec.dump(value)
        store.write(key, data, values)
        return copy

    return own, lambda: codec.load(store.read(key, values))


def _reset_peak() -> int | None:
    """Reset the peak memory and return the current memory in bytes, or None on systems other than Linux."""
    if not _STATUS.exists():
        return None
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    return _memory("VmRSS")


def _memory(name: str) -> int | None:
    if not _STATUS.exists():
        return None
    line = next(line for line in _STATUS.read_text("ascii").splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    _main(*sys.argv[1:])
