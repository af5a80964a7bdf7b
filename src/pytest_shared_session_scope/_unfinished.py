"""The shares that nobody has cleaned up, for a worker at its end to adopt."""

from __future__ import annotations

import dataclasses
from collections.abc import Container
from typing import TYPE_CHECKING

from pytest_shared_session_scope import _run
from pytest_shared_session_scope._annotation import Kind
from pytest_shared_session_scope._share_files import ShareFiles
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_shared_session_scope._presence import Presence
    from pytest_shared_session_scope._records import ShareRecord


@dataclasses.dataclass(frozen=True)
class Unfinished:
    """A share that yields twice and is not cleaned up, and whether a live worker holds it or is cleaning it up."""

    files: ShareFiles
    record: ShareRecord
    is_held: bool


def unfinished(
    directory: Path, presence: Presence, known: Container[str], finished: dict[str, ShareFiles] | None = None
) -> list[Unfinished]:
    """Return the unfinished shares, but those whose keys are `known`; what was set up last comes first.

    `finished` keeps those that are found finished, for who looks again: they are read anew only where there is news.
    """
    finished = {} if finished is None else finished
    found: list[Unfinished] = []
    for key in _run.share_keys(directory):
        if key in known or (key in finished and not finished[key].has_news()):
            continue
        try:
            with ShareFiles(directory, key, presence.worker, key) as files:
                one = _unfinished(files, presence)
        except StoreError:
            continue  # who asks for it is told, and so is the report
        if one is None:
            finished[key] = files
        else:
            found.append(one)
    return sorted(found, key=lambda one: one.record.started, reverse=True)


def is_waited_for(one: Unfinished, presence: Presence, *, may_adopt: bool) -> bool:
    """Say whether there is nothing to do but to wait for a share, without a look at all the others.

    Until somebody else can ask, nothing can be adopted. After that, others clean up what they hold; what they leave by
    their deaths can wait until this one is clean, or left.
    """
    if not may_adopt:
        return presence.is_anybody_left() and (not one.files.has_news() or _again(one, presence) is not None)
    now = _again(one, presence)
    return now is not None and now.is_held


def _again(one: Unfinished, presence: Presence) -> Unfinished | None:
    """Return what has become of an unfinished share by now."""
    try:
        with one.files:
            return _unfinished(one.files, presence)
    except StoreError:
        return None  # as above


def _unfinished(files: ShareFiles, presence: Presence) -> Unfinished | None:
    """Return it, or None where its journal says that it is not; that is all that a None depends on."""
    if not files.is_open():
        return None
    record = files.read("ready")
    is_held = record is not None and presence.is_any_alive(files, files.other_holders() + files.leaving())
    if record is None:
        record = files.read("cleaning")
        is_held = record is not None and files.is_locked()
    if record is None or record.kind != Kind.YIELDS_TWICE.value:
        return None
    return Unfinished(files, record, is_held)


def revive(files: ShareFiles) -> None:
    """Make a share ready again whose cleanup was cut off by the death of its worker, which had the lock.

    Only for who adopts it when nobody can ask any more: nobody else is to be handed what is half cleaned up.
    """
    if files.has("cleaning") and not files.is_locked():
        try:
            if files.try_lock() and files.has("cleaning"):
                files.rename("cleaning", "ready")
        finally:
            files.unlock()
