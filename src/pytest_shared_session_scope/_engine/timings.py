"""What one worker notes of its shares for the report: in memory while it runs, in one file at its end.

Taking a share is the hot path: here it reads the clock, which is no system call, and touches no file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_shared_session_scope._run import fileio

if TYPE_CHECKING:
    from pytest_shared_session_scope._engine.clock import Clock
    from pytest_shared_session_scope._engine.share import Acquired
    from pytest_shared_session_scope._run.records import ShareRecord

SET_UP: Final = "set up"
READ: Final = "read"
# The setup raised, here or in another worker, or the worker gave up waiting.
NOTHING: Final = "nothing"


class Take(NamedTuple):
    """One worker asked once for a share.

    `at` is in seconds since the epoch, `waited` the seconds for which it waited for other workers, `seconds` those of
    the setup, or of reading what another worker set up. `generation` is 0 where it got nothing.
    """

    key: str
    item: str
    at: float
    waited: float
    outcome: str
    seconds: float = 0.0
    generation: int = 0


class Asking:
    """A worker asks for a share: begun when it is made."""

    def __init__(self, key: str, item: str, clock: Clock) -> None:
        self._key = key
        self._item = item
        self._clock = clock
        self._at = clock.time()
        self._since = clock.monotonic()

    def end(self, taken: Acquired | None) -> Take:
        """Return what is to be noted; None where nothing was taken."""
        passed = self._clock.monotonic() - self._since
        if taken is None:
            return Take(self._key, self._item, self._at, passed, NOTHING)
        outcome = SET_UP if taken.is_owner else READ
        waited = max(passed - taken.seconds, 0.0)
        return Take(self._key, self._item, self._at, waited, outcome, taken.seconds, taken.generation)


class Ending:
    """The end of a share's setup, whose cleanup begins when this is made; `since` is when its worker let go.

    `item` is the node id of the test that has to wait for it.
    """

    def __init__(self, clock: Clock, since: float, item: str) -> None:
        self._clock = clock
        self._item = item
        self._at = clock.time()
        self._began = clock.monotonic()
        self._waited = self._began - since

    def noted_in(self, record: ShareRecord, worker: str, error: BaseException | None) -> ShareRecord:
        """Return the record with who cleaned up, and how that went."""
        return record._replace(
            cleaned_by=worker,
            cleanup_waited=self._waited,
            cleanup_item=self._item,
            cleanup_started=self._at,
            cleanup_seconds=self._clock.monotonic() - self._began,
            cleanup_error=None if error is None else f"{type(error).__name__}: {error}",
        )


class Observed:
    """What one worker has noted. `ending` is the node id of the test that is being torn down, or was last."""

    def __init__(self) -> None:
        self.ending = ""
        self.takes: list[Take] = []
        self.note = self.takes.append

    def write(self, directory: Path, worker: str) -> None:
        """Write it into the run's directory, at the worker's end."""
        text = json.dumps([take._asdict() for take in self.takes])
        path = _directory(directory) / f"{fileio.quoted(worker)}.json"
        temporary = path.with_suffix(".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(text)
        temporary.replace(path)


def read(directory: Path) -> dict[str, list[Take]]:
    """Return what the workers of a run have noted, by worker; one that died has noted nothing."""
    found: dict[str, list[Take]] = {}
    for path in sorted(_directory(directory).glob("*.json")):
        takes: list[dict[str, Any]] = json.loads(path.read_text("utf-8", "surrogatepass"))
        found[fileio.unquoted(path.stem)] = [Take(**take) for take in takes]
    return found


def _directory(directory: Path) -> Path:
    return directory / "observed"
