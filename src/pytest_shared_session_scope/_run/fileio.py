"""Small files in few system calls, by text for a path: on the way of each take. Knows nothing of the run."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Final


def quoted(name: str) -> str:
    """Return the name of a file for any name."""
    if name.isascii() and name.isalnum():
        return name
    # Only here: it takes 8 ms to import, in every worker, and most names need no quoting.
    from urllib.parse import quote

    return quote(name, safe="").replace(".", "%2E")  # `.` and `..` are names of directories


def unquoted(name: str) -> str:
    """Return the name that the name of a file stands for."""
    if "%" not in name:
        return name
    from urllib.parse import unquote

    return unquote(name)


def touch(path: str | Path) -> None:
    """Create an empty file, readable by its user alone, where it is not there yet."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def remove(path: str) -> None:
    """Remove a file, where it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


# On Windows a descriptor translates line ends, unless it is told not to.
BINARY: Final[int] = getattr(os, "O_BINARY", 0)
_BLOCK: Final = 1 << 16


def write(path: str, *parts: bytes) -> None:
    """Write a file, readable by its user alone, in two system calls and one for each part; `open` makes seven."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | BINARY, 0o600)
    try:
        for part in parts:
            left = memoryview(part)
            while left:
                left = left[os.write(descriptor, left) :]
    finally:
        os.close(descriptor)


def write_atomic(path: str | Path, *parts: bytes) -> None:
    """Write a file, readable by its user alone, so that readers see the old content or all of the new one."""
    new = f"{path}.new"
    write(new, *parts)
    os.replace(new, path)


def read_on(descriptor: int, begin: int) -> bytes:
    """Return what an open file holds from a byte on, in one system call for what is short."""
    content = block = _read_at(descriptor, begin)
    while len(block) == _BLOCK:
        block = _read_at(descriptor, begin + len(content))
        content += block
    return content


if sys.platform != "win32":

    def _read_at(descriptor: int, begin: int) -> bytes:
        return os.pread(descriptor, _BLOCK, begin)

else:  # pragma: no cover - Windows

    def _read_at(descriptor: int, begin: int) -> bytes:
        os.lseek(descriptor, begin, os.SEEK_SET)
        return os.read(descriptor, _BLOCK)
