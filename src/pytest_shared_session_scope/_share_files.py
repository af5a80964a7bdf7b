"""The files of one share: its states, its holders, its lock. Knows nothing of pytest."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from pytest_shared_session_scope import _records, _run, _small_files
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pytest_shared_session_scope._records import ShareRecord
    from pytest_shared_session_scope._run import TriedLock

# Precedes a quoted worker id in the name of a holder's file.
_HOLDER: Final = "holder-"
# Follows it; quoting leaves no `!` in an id.
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
        self._me = quote(me, safe="")
        # Text, since a take names a dozen files, and a `Path` of each would cost more than the system calls.
        self._share = os.path.join(directory, "shares", key)
        self._lease = os.path.join(directory, "workers", f"{self._me}.lease")
        self._lock: TriedLock | None = None

    @property
    def directory(self) -> Path:
        """The share's directory."""
        return Path(self._share)

    @property
    def lock(self) -> TriedLock:
        """The share's lock: for setting up and for deciding who is last."""
        if self._lock is None:
            self._lock = _run.share_lock(self._file("lock"))
        return self._lock

    def is_locked(self) -> bool:
        """Say whether a worker has the share's lock, more cheaply than by trying it."""
        try:
            return _run.is_locked(self._file("lock"))
        except FileNotFoundError:
            return False

    def exists(self) -> bool:
        """Say whether the share's directory is there."""
        return os.path.exists(self._share)

    def create(self) -> None:
        """Create the share's directory where it is not there yet."""
        with contextlib.suppress(FileExistsError):
            os.mkdir(self._share, 0o700)

    def hold(self) -> bool:
        """Become a holder. Returns False where nobody has asked for the share before."""
        try:
            # Another name of my lease: on ext4 a new file takes five times as long as a new name, or more.
            os.link(self._lease, self._holder())
        except FileExistsError:
            return True
        except OSError:  # there is no lease, or the file system has no such names, or no more of them
            return self._hold_by_file()
        return True

    def _hold_by_file(self) -> bool:
        try:
            _small_files.touch(self._holder())
        except FileNotFoundError:
            return False
        return True

    def is_holding(self) -> bool:
        """Say whether I am seen as a holder."""
        return os.path.exists(self._holder())

    def unhold(self) -> None:
        """Stop being a holder."""
        _small_files.remove(self._holder())

    def other_holders(self) -> list[str]:
        """Return the workers that hold the share, without me, dead or alive."""
        names = [name.removeprefix(_HOLDER) for name in os.listdir(self._share) if name.startswith(_HOLDER)]
        return [unquote(name) for name in names if name != self._me and not name.endswith(_LEAVING)]

    def leave(self) -> None:
        """Stop being a holder, but be seen as `leaving` while the fixture's own code ends."""
        with contextlib.suppress(FileNotFoundError):  # dropped by one that sets the share up afresh
            os.rename(self._holder(), self._holder(_LEAVING))

    def unleave(self) -> None:
        """Be seen no more."""
        _small_files.remove(self._holder(_LEAVING))

    def leaving(self) -> list[str]:
        """Return the workers that are leaving, dead or alive."""
        names = [name.removeprefix(_HOLDER) for name in os.listdir(self._share) if name.startswith(_HOLDER)]
        return [unquote(name.removesuffix(_LEAVING)) for name in names if name.endswith(_LEAVING)]

    def drop_holder(self, worker: str) -> None:
        """Remove what a dead worker left of its holding."""
        name = self._file(_HOLDER + quote(worker, safe=""))
        _small_files.remove(name)
        _small_files.remove(name + _LEAVING)

    def note_dynamic(self) -> None:
        """Note that a test asks for the share without naming it: who else may do so is not known."""
        _small_files.touch(self._file(_DYNAMIC))

    def add_dependent(self, key: str) -> None:
        """Note that another share depends on this one, until it is cleaned up."""
        _small_files.touch(self._file(_DEPENDENT + key))

    def drop_dependent(self, key: str) -> None:
        """Note that another share does not depend on this one any more."""
        _small_files.remove(self._file(_DEPENDENT + key))

    def may_be_needed(self) -> bool:
        """Say whether the share may be needed by more than the tests that name it."""
        return any(name == _DYNAMIC or name.startswith(_DEPENDENT) for name in os.listdir(self._share))

    def has(self, state: str) -> bool:
        """Say whether the share is in a state."""
        return os.path.exists(self._file(f"{state}.json"))

    def read(self, state: str) -> ShareRecord | None:
        """Return the record of a state, None where the share is not in it. Raises `StoreError` for a garbled one."""
        try:
            return _records.parse(_small_files.read_small(self._file(f"{state}.json")).decode("utf-8", "surrogatepass"))
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
        temporary = self._file(f".{state}.{self._me}")
        _small_files.write(temporary, _records.encode(record).encode("utf-8", "surrogatepass"))
        os.replace(temporary, self._file(f"{state}.json"))

    def rename(self, state: str, to: str) -> None:
        """Move the share from one state to another."""
        os.rename(self._file(f"{state}.json"), self._file(f"{to}.json"))

    def discard(self, state: str) -> None:
        """Remove the record of a state."""
        _small_files.remove(self._file(f"{state}.json"))

    def open_states(self) -> list[str]:
        """Return the states in which a setup of the share has not been cleaned up."""
        names = [name.removesuffix(".json") for name in os.listdir(self._share)]
        return [name for name in names if name in ("setting-up", "ready", "cleaning") or name.startswith("lost-")]

    def is_open(self) -> bool:
        """Say whether the share is set up, or being cleaned up."""
        return self.has("ready") or self.has("cleaning")

    def states(self) -> list[str]:
        """Return every state of which there is a record."""
        return sorted(name.removesuffix(".json") for name in os.listdir(self._share) if name.endswith(".json"))

    def ended(self) -> int:
        """Return how many setups of the share have come to their end."""
        return sum(name.startswith(("cleaned-", "lost-")) for name in os.listdir(self._share))

    def _file(self, name: str) -> str:
        return os.path.join(self._share, name)

    def _holder(self, suffix: str = "") -> str:
        return self._file(_HOLDER + self._me + suffix)
