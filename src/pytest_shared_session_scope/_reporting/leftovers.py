"""Which runs of this rootdir are going on, and what the last ones did not clean up: for the next run to tell.

One file a run, in the directory that pytest's cache gives the plugin. A file whose run has ended holds the lines that
are still to be shown; one whose processes are all dead, but which was never ended, is ended by the next run.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import cast

from pytest_shared_session_scope._run import membership
from pytest_shared_session_scope._run.directory import remove_directory



class Leftovers:
    """The ledger in `directory`; None keeps nothing, where pytest has no cache."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory

    def begin(self, run: str, run_directory: Path) -> None:
        """Note that a run has begun, which works in `run_directory`."""
        self._write(run, {"directory": str(run_directory)})

    def end(self, run: str, lines: list[str]) -> None:
        """Note that a run has ended, and what it did not clean up."""
        if self.directory is None:
            return
        if lines:
            self._write(run, {"lines": lines})
        else:
            (self.directory / f"{run}.json").unlink(missing_ok=True)

    def tell(self) -> list[str]:
        """Return what earlier runs did not clean up, each once; a run that died is ended here."""
        lines: list[str] = []
        for path in sorted(self.directory.glob("*.json")) if self.directory else []:
            with contextlib.suppress(FileNotFoundError):  # another run tells it at the same time, or has ended
                told = _tell_one(json.loads(path.read_text("utf-8")))
                if told is not None:
                    path.unlink()
                    lines += told
        return lines

    def _write(self, run: str, entry: dict[str, object]) -> None:
        if self.directory is not None:
            temporary = self.directory / f"{run}.new"
            temporary.write_text(json.dumps(entry), "utf-8")
            temporary.replace(self.directory / f"{run}.json")


def _tell_one(entry: dict[str, object]) -> list[str] | None:
    """Return the lines of an entry, None while its run is going on."""
    if "lines" in entry:
        return [str(line) for line in _list(entry["lines"])]
    directory = Path(str(entry["directory"]))
    if membership.Workers(directory, "").is_any_alive():
        return None
    return end_of_dead_run(directory)


def end_of_dead_run(directory: Path) -> list[str]:
    """Remove the directory of a run whose processes are dead; return what it did not clean up.

    Raises `FileNotFoundError` where another process does so.
    """
    # Here, since every run reads the ledger.
    from pytest_shared_session_scope._reporting import outcome, summary

    mine = directory.rename(directory.with_name(f"{directory.name}-{os.getpid()}"))
    lines = summary.not_cleaned_up(outcome.read(mine, {}, {}))
    remove_directory(mine)
    return lines


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
