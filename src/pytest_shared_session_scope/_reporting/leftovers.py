"""The shares that a run did not clean up, kept in the rootdir's pytest cache until the next run reports them.

There is one file per run. While the run is going on, the file names the run's directory; afterwards it contains the
lines to report. A run whose processes are all dead, and that never ended its file, is ended by the next run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_shared_session_scope._run import files, membership
from pytest_shared_session_scope._run.files import NAME, remove_directory

if TYPE_CHECKING:
    from typing_extensions import Self


class _Cache(Protocol):
    """The one method of pytest's cache that is needed."""

    def mkdir(self, name: str, /) -> Path:
        """Return a directory of this name in the cache, which is created if it does not exist."""
        ...


class Leftovers:
    """The leftovers in `directory`; with None nothing is kept.

    Reporting must never fail a run. So no method raises for a file that cannot be read or written: `begin` and `end`
    return a message in that case, and `report` includes a line.
    """

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory

    @classmethod
    def in_cache(cls, cache: _Cache | None) -> Self:
        """Return the leftovers of the rootdir whose cache this is; None with `-p no:cacheprovider`."""
        try:
            return cls(None if cache is None else cache.mkdir(NAME))
        except OSError:  # a read-only rootdir, for instance, of which pytest itself warns
            return cls(None)

    def begin(self, run: str, run_directory: Path) -> str | None:
        """Note that a run has begun and works in `run_directory`."""
        return self._write(run, {"directory": str(run_directory)})

    def end(self, run: str, lines: list[str]) -> str | None:
        """Note that a run has ended, with the lines about the shares that it did not clean up."""
        return self._write(run, {"lines": lines} if lines else None)

    def report(self, describe: Callable[[Path], list[str]]) -> list[str]:
        """Return what earlier runs did not clean up, each line once. End runs whose processes are all dead.

        `describe` returns the lines about what is in a run's directory.
        """
        lines: list[str] = []
        for path in sorted(self.directory.glob("*.json")) if self.directory else []:
            try:
                lines += _report_one(path, describe)
            except FileNotFoundError:
                pass  # another process reports or ends this run at the same moment
            except (OSError, ValueError) as error:
                lines.append(f"cannot report what it did not clean up: {path}: {error}; delete that file")
        return lines

    def _write(self, run: str, entry: dict[str, object] | None) -> str | None:
        if self.directory is None:
            return None
        path = self.directory / f"{files.quoted(run)}.json"
        try:
            if entry is None:
                path.unlink(missing_ok=True)
            else:
                files.write_atomic(path, json.dumps(entry).encode())
        except OSError as error:
            return f"the next run may report wrongly what this run has not cleaned up: cannot write {path}: {error}"
        return None


def _report_one(path: Path, describe: Callable[[Path], list[str]]) -> list[str]:
    """Return the lines of one run and forget the run; nothing while it is going on."""
    entry = _parse(path.read_bytes())
    if isinstance(entry, Path) and membership.Workers(entry, "").is_any_alive():
        return []
    path.unlink()  # first, so that only one of several runs that start together reports it
    return end_dead_run(entry, describe) if isinstance(entry, Path) else entry


def _parse(text: bytes) -> Path | list[str]:
    """Return the directory of a run that has not ended, or the lines of one that has."""
    match json.loads(text):
        case {"lines": [*lines]} if all(isinstance(line, str) for line in lines):
            return lines
        # The directory will be removed, so it must be one that this plugin has made.
        case {"directory": str(directory)} if Path(directory).name == NAME:
            return Path(directory)
        case _:
            raise ValueError("it was not written by pytest_shared_session_scope")


def end_dead_run(directory: Path, describe: Callable[[Path], list[str]]) -> list[str]:
    """Remove the directory of a run whose processes are dead; return what the run did not clean up.

    Raises `FileNotFoundError` if another process does the same at this moment, or if the directory is gone.
    """
    mine = directory.rename(directory.with_name(f"{directory.name}-{os.getpid()}"))
    lines = describe(mine)
    remove_directory(mine)
    return lines
