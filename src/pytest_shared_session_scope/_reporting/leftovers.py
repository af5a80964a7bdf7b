"""Which runs of this rootdir are going on, and what the last ones did not clean up: for the next run to tell.

One file a run, in the directory that pytest's cache gives the plugin. A file whose run has ended holds the lines that
are still to be shown; one whose processes are all dead, but which was never ended, is ended by the next run.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pytest_shared_session_scope._run import fileio, membership
from pytest_shared_session_scope._run.fileio import remove_directory

if TYPE_CHECKING:
    import pytest

    from pytest_shared_session_scope._session.state import RunState


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
            fileio.write_atomic(self.directory / f"{run}.json", json.dumps(entry).encode())


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


def end_in_place_of_controller(config: pytest.Config, state: RunState) -> None:
    """End a run whose controller is dead, from its last worker."""
    if state.directory is None:
        return
    if state.shares is not None:
        state.shares.engine.release_liveness_lock()
    if not membership.Workers(state.directory, "").is_any_alive():
        with contextlib.suppress(FileNotFoundError):  # another worker was as fast, and does it
            ledger_of(config).end(state.run, end_of_dead_run(state.directory))


def ledger_of(config: pytest.Config) -> Leftovers:
    """Return the ledger of the config's rootdir."""
    cache = getattr(config, "cache", None)  # -p no:cacheprovider
    try:
        return Leftovers(cache and cache.mkdir("shared-session-scope"))
    except OSError:  # a rootdir that cannot be written to; pytest itself warns of it
        return Leftovers(None)


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
