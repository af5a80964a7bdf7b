"""Workers that wait long leave a mark on disk, for the controller to tell. Knows nothing of pytest."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from pytest_shared_session_scope._run import fileio

if TYPE_CHECKING:
    from typing_extensions import Self

    from pytest_shared_session_scope._engine.clock import Clock

# A wait that is shorter (seconds) leaves no mark, so that taking a share touches no further file.
_UNMARKED: Final = 2.0


@dataclasses.dataclass(frozen=True)
class Mark:
    """A worker waits for the share with the key, since then (seconds since the epoch)."""

    worker: str
    key: str
    since: float


class Waiting:
    """One worker's wait for one share, inside `with`."""

    def __init__(self, directory: Path, worker: str, key: str, clock: Clock) -> None:
        self._directory, self._worker = directory, worker
        self._key = key
        self._clock = clock
        self._since = clock.time()
        self._began = clock.monotonic()
        self._is_marked = False

    def __enter__(self) -> Self:
        return self

    @property
    def _path(self) -> Path:
        return _directory(self._directory) / f"{fileio.quoted(self._worker)}.json"

    def look(self) -> None:
        """Leave the mark when it is time. Called again and again while the worker waits."""
        if not self._is_marked and self._clock.monotonic() - self._began >= _UNMARKED:
            self._is_marked = True
            temporary = self._path.with_suffix(".new")
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump([self._key, self._since], file)
            temporary.replace(self._path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_marked:
            self._path.unlink(missing_ok=True)


def marks(directory: Path) -> list[Mark]:
    """Return who waits; one that died while it waited is among them."""
    found: list[Mark] = []
    for name in sorted(os.listdir(_directory(directory))):
        if name.endswith(".json"):
            with contextlib.suppress(FileNotFoundError):  # it waits no more
                key, since = json.loads((_directory(directory) / name).read_text("utf-8"))
                found.append(Mark(fileio.unquoted(name.removesuffix(".json")), key, since))
    return found


def _directory(directory: Path) -> Path:
    return directory / "waiting"
