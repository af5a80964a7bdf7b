"""The shares that nobody has cleaned up, for a worker at its end to adopt."""

from __future__ import annotations

import dataclasses
from collections.abc import Container
from typing import TYPE_CHECKING

from pytest_shared_session_scope._run.directory import share_keys
from pytest_shared_session_scope._run.records import Kind
from pytest_shared_session_scope._run.share_journal import ShareJournal
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_shared_session_scope._engine.membership import Presence
    from pytest_shared_session_scope._run.records import ShareRecord


@dataclasses.dataclass(frozen=True)
class Unfinished:
    """A share that yields twice and is not cleaned up, and whether a live worker holds it or is cleaning it up."""

    files: ShareJournal
    record: ShareRecord
    is_held: bool


class Search:
    """Looks for the run's unfinished shares, each time only at what is new."""

    def __init__(self, directory: Path, presence: Presence) -> None:
        self._directory = directory
        self._presence = presence
        self._files: dict[str, ShareJournal] = {}
        # They stay so, unless there is news.
        self._finished: set[str] = set()

    def unfinished(self, known: Container[str]) -> list[Unfinished]:
        """Return the unfinished shares, but those whose keys are `known`; what was set up last comes first."""
        found = [self._look(key) for key in share_keys(self._directory) if key not in known]
        return sorted((one for one in found if one is not None), key=lambda one: one.record.started, reverse=True)

    def _look(self, key: str) -> Unfinished | None:
        if key not in self._files:
            self._files[key] = ShareJournal(self._directory, key, self._presence.worker, key)
        if key in self._finished and not self._files[key].has_news():
            return None
        one = _unfinished(self._files[key], self._presence)
        if one is None:
            self._finished.add(key)
        else:
            self._finished.discard(key)
        return one


def is_waited_for(one: Unfinished, presence: Presence, *, may_adopt: bool) -> bool:
    """Say whether there is nothing to do but to wait for a share, without a look at all the others.

    Until nobody else can ask, nothing can be adopted. After that, others clean up what they hold; what they leave by
    their deaths can wait until this one is clean, or left, or for a while.
    """
    if not may_adopt:
        return presence.is_anybody_left() and (not one.files.has_news() or _unfinished(one.files, presence) is not None)
    now = _unfinished(one.files, presence)
    return now is not None and now.is_held


def _unfinished(files: ShareJournal, presence: Presence) -> Unfinished | None:
    """Return it, or None where its journal says that it is not; that is all that a None depends on."""
    try:
        with files:
            record, is_held = None, False
            while record is None and files.is_open():  # once more where it went from one state to the other meanwhile
                record = files.read("ready")
                is_held = record is not None and presence.is_any_alive(files, files.other_holders() + files.leaving())
                if record is None:
                    record = files.read("cleaning")
                    is_held = record is not None and files.is_locked()
    except StoreError:
        return None  # who asks for it is told, and so is the report
    if record is None or record.kind != Kind.YIELDS_TWICE.value:
        return None
    return Unfinished(files, record, is_held)


def revive(files: ShareJournal) -> None:
    """Make a share ready again whose cleanup was cut off by the death of its worker, which had the lock.

    Only for who adopts it when nobody can ask any more: nobody else is to be handed what is half cleaned up.
    """
    if files.has("cleaning") and not files.is_locked():
        try:
            if files.try_lock() and files.has("cleaning"):
                files.rename("cleaning", "ready")
        finally:
            files.unlock()
