"""The files of one share: its states, its holders, its lock. Knows nothing of pytest."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from pytest_shared_session_scope import _records, _run
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import BaseFileLock

    from pytest_shared_session_scope._records import ShareRecord

# Follows a quoted worker id in the name of a holder file; quoting leaves no `!` in an id.
_LEAVING: Final = "!leaving"
_DYNAMIC: Final = "dynamic"
# Precedes the key of another share.
_DEPENDENT: Final = "dependent-"


class ShareFiles:
    """The files of one share.

    `ready.json` and `failed.json` are published by a rename, `cleaning.json` is `ready.json` renamed, `setting-up.json`
    is there while the owner's setup runs, `cleaned-N.json` and `lost-N.json` tell the end of the N-th setup. States
    are names rather than contents because replacing a file forces it to the disk on some file systems (ext4), which
    costs more than all the rest of a take.
    """

    def __init__(self, directory: Path, key: str, me: str, fixture: str) -> None:
        self.key = key
        self.fixture = fixture
        self.directory = directory / "shares" / key
        self._holders = self.directory / "holders"
        self._me = quote(me, safe="")
        self._lock: BaseFileLock | None = None

    @property
    def lock(self) -> BaseFileLock:
        """The share's lock: for setting up and for deciding who is last."""
        if self._lock is None:
            self._lock = _run.new_lock(self.directory / "lock")
        return self._lock

    def is_locked(self) -> bool:
        """Say whether a worker has the share's lock, more cheaply than by trying it."""
        try:
            return _run.is_locked(self.directory / "lock")
        except FileNotFoundError:
            return False

    def exists(self) -> bool:
        """Say whether the share's directories are there."""
        return self._holders.exists()

    def create(self) -> None:
        """Create the share's directories where they are not there yet."""
        with contextlib.suppress(FileExistsError):
            self.directory.mkdir(mode=0o700)
        with contextlib.suppress(FileExistsError):
            self._holders.mkdir(mode=0o700)

    def hold(self, test: str) -> bool:
        """Become a holder. Returns False where nobody has asked for the share before."""
        try:
            _write_whole(self._holders / self._me, test)
        except FileNotFoundError:
            return False
        return True

    def is_holding(self) -> bool:
        """Say whether I am seen as a holder."""
        return (self._holders / self._me).exists()

    def unhold(self) -> None:
        """Stop being a holder."""
        (self._holders / self._me).unlink(missing_ok=True)

    def other_holders(self) -> list[str]:
        """Return the workers that hold the share, without me, dead or alive."""
        names = os.listdir(self._holders)
        return [unquote(name) for name in names if name != self._me and not name.endswith(_LEAVING)]

    def leave(self) -> None:
        """Stop being a holder, but be seen as `leaving` while the fixture's own code ends."""
        with contextlib.suppress(FileNotFoundError):  # dropped by one that sets the share up afresh
            (self._holders / self._me).rename(self._holders / (self._me + _LEAVING))

    def unleave(self) -> None:
        """Be seen no more."""
        (self._holders / (self._me + _LEAVING)).unlink(missing_ok=True)

    def leaving(self) -> list[str]:
        """Return the workers that are leaving, dead or alive."""
        names = os.listdir(self._holders)
        return [unquote(name.removesuffix(_LEAVING)) for name in names if name.endswith(_LEAVING)]

    def drop_holder(self, worker: str) -> None:
        """Remove what a dead worker left of its holding."""
        name = quote(worker, safe="")
        (self._holders / name).unlink(missing_ok=True)
        (self._holders / (name + _LEAVING)).unlink(missing_ok=True)

    def note_dynamic(self) -> None:
        """Note that a test asks for the share without naming it: who else may do so is not known."""
        _run.touch(self.directory / _DYNAMIC)

    def add_dependent(self, key: str) -> None:
        """Note that another share depends on this one, until it is cleaned up."""
        _run.touch(self.directory / (_DEPENDENT + key))

    def drop_dependent(self, key: str) -> None:
        """Note that another share does not depend on this one any more."""
        (self.directory / (_DEPENDENT + key)).unlink(missing_ok=True)

    def may_be_needed(self) -> bool:
        """Say whether the share may be needed by more than the tests that name it."""
        return any(name == _DYNAMIC or name.startswith(_DEPENDENT) for name in os.listdir(self.directory))

    def has(self, state: str) -> bool:
        """Say whether the share is in a state."""
        return (self.directory / f"{state}.json").exists()

    def read(self, state: str) -> ShareRecord | None:
        """Return the record of a state, None where the share is not in it. Raises `StoreError` for a garbled one."""
        try:
            return _records.parse((self.directory / f"{state}.json").read_text("utf-8", "surrogatepass"))
        except FileNotFoundError:
            return None
        except ValueError as error:  # what is no UTF-8 is one, too
            raise StoreError(
                self.fixture,
                f"what a worker noted in {state}.json is garbled: {error}; nothing but the plugin may write to the "
                f"run's directory {self.directory}",
            ) from error

    def publish(self, state: str, record: ShareRecord) -> None:
        """Write the record of a state, whole or not at all."""
        temporary = self.directory / f".{state}.{self._me}"
        _write_whole(temporary, _records.encode(record))
        temporary.replace(self.directory / f"{state}.json")

    def rename(self, state: str, to: str) -> None:
        """Move the share from one state to another."""
        (self.directory / f"{state}.json").rename(self.directory / f"{to}.json")

    def discard(self, state: str) -> None:
        """Remove the record of a state."""
        (self.directory / f"{state}.json").unlink(missing_ok=True)

    def open_states(self) -> list[str]:
        """Return the states in which a setup of the share has not been cleaned up."""
        names = [name.removesuffix(".json") for name in os.listdir(self.directory)]
        return [name for name in names if name in ("setting-up", "ready", "cleaning") or name.startswith("lost-")]

    def states(self) -> list[str]:
        """Return every state of which there is a record."""
        return sorted(name.removesuffix(".json") for name in os.listdir(self.directory) if name.endswith(".json"))

    def ended(self) -> int:
        """Return how many setups of the share have come to their end."""
        return sum(name.startswith(("cleaned-", "lost-")) for name in os.listdir(self.directory))


def _write_whole(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(text)
