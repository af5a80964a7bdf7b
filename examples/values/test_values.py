"""A fixture that returns: one worker computes the value, and the others read it.

The return annotation determines how the value travels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from pydantic import BaseModel

from pytest_shared_session_scope import shared_session_scope_fixture


@dataclasses.dataclass(frozen=True)
class Release:
    """An ordinary dataclass, which needs no code for JSON."""

    version: tuple[int, int]
    support: timedelta


class Settings(BaseModel):
    """A pydantic model."""

    tenant: str
    release: Release
    limits: dict[str, float]


@shared_session_scope_fixture
def started(note: Callable[[str, str], None]) -> datetime:
    """The time of the setup: the same moment in every worker, to the microsecond."""
    note("set up", "started")
    return datetime.now(timezone.utc)


@shared_session_scope_fixture
def release(note: Callable[[str, str], None]) -> Release:
    """The release under test."""
    note("set up", "release")
    return Release(version=(1, 4), support=timedelta(days=365))


@shared_session_scope_fixture
def settings(release: Release, note: Callable[[str, str], None]) -> Settings:
    """The settings of the system under test. A shared fixture may depend on another one."""
    note("set up", "settings")
    return Settings(tenant="acme", release=release, limits={"requests": 50, "seconds": 2.5})


def test_a_moment(started: datetime) -> None:
    """The value arrives as a datetime with its time zone."""
    assert started.utcoffset() == timedelta(0)
    assert started <= datetime.now(timezone.utc)


def test_a_dataclass(release: Release) -> None:
    """The version is still a tuple, although plain JSON would turn it into a list."""
    assert release == Release((1, 4), timedelta(days=365))


def test_a_model(settings: Settings, release: Release) -> None:
    """The fields of a model travel with it, here a dataclass and a dict of floats."""
    assert settings.release == release
    assert settings.limits["seconds"] == 2.5
