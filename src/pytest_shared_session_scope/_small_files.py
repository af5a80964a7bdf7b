"""Small files in few system calls, by text for a path: on the way of each take. Knows nothing of the run."""

from __future__ import annotations

import contextlib
import errno
import os
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


def append(path: str, content: bytes) -> None:
    """Append to a file, readable by its user alone, whole or not at all for whoever reads whole lines of it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | BINARY, 0o600)
    try:
        if os.write(descriptor, content) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(descriptor)


def read_small(path: str, begin: int = 0) -> bytes:
    """Return what a small file holds from a byte on, in four system calls; what `open` returns makes eight."""
    descriptor = os.open(path, os.O_RDONLY | BINARY)
    try:
        if begin:
            os.lseek(descriptor, begin, os.SEEK_SET)
        content = block = os.read(descriptor, _BLOCK)
        while len(block) == _BLOCK:
            block = os.read(descriptor, _BLOCK)
            content += block
    finally:
        os.close(descriptor)
    return content
