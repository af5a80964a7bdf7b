"""A fixture that returns: one worker computes the value, the others read it.

Its return annotation says how the value travels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from pydantic import BaseModel

from pytest_shared_session_scope import shared_session_scope_fixture


@dataclasses.dataclass(frozen=True)
class Release:
    """An ordinary dataclass: nothing in it knows of JSON."""

    version: tuple[int, int]
    support: timedelta


class Settings(BaseModel):
    """A pydantic model."""

    tenant: str
    release: Release
    limits: dict[str, float]


@shared_session_scope_fixture
def started(note: Callable[[str, str], None]) -> datetime:
    """When the first test began that takes it: in every worker the same moment, to the microsecond."""
    note("set up", "started")
    return datetime.now(timezone.utc)


@shared_session_scope_fixture
def release(note: Callable[[str, str], None]) -> Release:
    """The release under test."""
    note("set up", "release")
    return Release(version=(1, 4), support=timedelta(days=365))


@shared_session_scope_fixture
def settings(release: Release, note: Callable[[str, str], None]) -> Settings:
    """The settings of what is tested. A shared fixture may take another one."""
    note("set up", "settings")
    return Settings(tenant="acme", release=release, limits={"requests": 50, "seconds": 2.5})


def test_a_moment(started: datetime) -> None:
    """It is a datetime, with its time zone."""
    assert started.utcoffset() == timedelta(0)
    assert started <= datetime.now(timezone.utc)


def test_a_dataclass(release: Release) -> None:
    """The version is a tuple, not the list that JSON would make of it."""
    assert release == Release((1, 4), timedelta(days=365))


def test_a_model(settings: Settings, release: Release) -> None:
    """What a model holds travels as well: here a dataclass, and a float."""
    assert settings.release == release
    assert settings.limits["seconds"] == 2.5
