"""The run's directory: where it is, what is in it, and its removal."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from pytest_shared_session_scope._run import fileio

NAME: Final = "shared-session-scope"


def create_directory(parent: Path) -> Path:
    """Create the run's directory inside `parent` where it is not there yet, readable by its user alone."""
    directory = parent / NAME
    directory.mkdir(mode=0o700, exist_ok=True)
    for name in ("workers", "progress", "shares", "values", "locks", "observed", "waiting"):
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    return directory


def progress_path(directory: Path, worker: str) -> Path:
    """Return the path of the file in which a worker marks the tests that are over."""
    return directory / "progress" / fileio.quoted(worker)


def remove_directory(directory: Path) -> None:
    """Remove the run's directory with everything in it."""
    shutil.rmtree(directory, ignore_errors=True)


def share_keys(directory: Path) -> list[str]:
    """Return the key of every share that somebody has asked for in the run."""
    return sorted(os.listdir(directory / "shares"))
