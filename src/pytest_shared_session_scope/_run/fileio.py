"""Small files of the run's directory, read and written in few system calls, and that directory itself.

Paths on the way of every acquire are text: building a `Path` costs more than the system call that it is for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import Final

# The name of the run's directory, inside pytest's base temporary directory.
NAME: Final = "shared-session-scope"
# Windows translates line ends in a descriptor that is opened without this flag.
BINARY: Final[int] = getattr(os, "O_BINARY", 0)
_BLOCK: Final = 1 << 16


def create_directory(parent: Path) -> Path:
    """Create the run's directory inside `parent` if it does not exist yet, readable by its user alone."""
    directory = parent / NAME
    directory.mkdir(mode=0o700, exist_ok=True)
    for name in ("workers", "waiting", "progress", "shares", "values", "locks", "timings"):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    return directory


def remove_directory(directory: Path) -> None:
    """Remove the run's directory and everything in it."""
    shutil.rmtree(directory, ignore_errors=True)


def share_keys(directory: Path) -> list[str]:
    """Return the key of every share that a worker has tried to acquire in the run."""
    return sorted(os.listdir(directory / "shares"))


def quoted(name: str) -> str:
    """Return a file name for any name."""
    if name.isascii() and name.isalnum():
        return name
    # Imported here: it takes 8 ms, in every worker, and most names need no quoting.
    from urllib.parse import quote

    return quote(name, safe="").replace(".", "%2E")  # `.` and `..` are names of directories


def unquoted(name: str) -> str:
    """Return the name that `quoted` turned into a file name."""
    if "%" not in name:
        return name
    from urllib.parse import unquote

    return unquote(name)


def touch(path: str | Path) -> None:
    """Create an empty file, readable by its user alone, if it does not exist yet."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def remove(path: str | Path) -> None:
    """Remove a file if it exists."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def write_atomic(path: str | Path, *parts: bytes) -> None:
    """Write a file, readable by its user alone, so that readers see all of it or none.

    It is written as `<path>.new` and then renamed. Five system calls for one part; `open` alone makes seven.
    """
    temporary = f"{path}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY, 0o600)
    try:
        for part in parts:
            left = memoryview(part)
            while left:
                left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)
    os.replace(temporary, path)


def read_from(descriptor: int, begin: int) -> bytes:
    """Return the content of an open file from byte `begin` on, in one system call if it is short."""
    content = block = _read_block(descriptor, begin)
    while len(block) == _BLOCK:
        block = _read_block(descriptor, begin + len(content))
        content += block
    return content


if sys.platform != "win32":

    def _read_block(descriptor: int, begin: int) -> bytes:
        return os.pread(descriptor, _BLOCK, begin)

else:  # pragma: no cover - Windows

    def _read_block(descriptor: int, begin: int) -> bytes:
        os.lseek(descriptor, begin, os.SEEK_SET)
        return os.read(descriptor, _BLOCK)
