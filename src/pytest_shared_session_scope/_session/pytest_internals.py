"""The private names of pytest that this package needs, each behind a function of this module and nowhere else.

pytest offers no public way to ask for these things. `tests/plugin/test_private_names.py` fails when a name goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest


def base_directory(config: pytest.Config) -> Path:
    """Return pytest's base temporary directory of this process."""
    # The public way is a fixture, and a controller has no fixtures; xdist reads the same attribute for its workers.
    private: Any = config
    return Path(private._tmp_path_factory.getbasetemp())  # noqa: SLF001


def fixtures_of(
    metafunc: pytest.Metafunc,
) -> tuple[Sequence[str], Mapping[str, Sequence[pytest.FixtureDef[Any]]]]:
    """Return the fixtures that a test function takes, and the definitions of each fixture that the test uses."""
    private: Any = metafunc.definition
    info = private._fixtureinfo  # noqa: SLF001
    return info.argnames, info.name2fixturedefs


def dependencies_of(request: pytest.FixtureRequest, fixturedef: pytest.FixtureDef[Any]) -> list[pytest.FixtureDef[Any]]:
    """Return the definitions of the fixtures that a fixture requests. pytest has set them up already."""
    names = [name for name in fixturedef.argnames if name != "request"]
    return [request._get_active_fixturedef(name) for name in names]  # noqa: SLF001


def end_fixtures(session: pytest.Session, *, keep_session: bool = False) -> None:
    """End every fixture that is set up; with `keep_session`, all but those of the session."""
    state: Any = session._setupstate  # noqa: SLF001
    state.teardown_exact(session if keep_session else None)


def request_through(session: pytest.Session, item: Any) -> pytest.FixtureRequest:
    """Set a test up without its fixtures; return a request that can set up one fixture as that test would.

    The test may have ended, or be the one that runs: whatever it holds is left as it is.
    """
    kept = item.fixturenames, item.funcargs, item._request  # noqa: SLF001
    item._initrequest()  # noqa: SLF001
    request: pytest.FixtureRequest = item._request  # noqa: SLF001
    item.fixturenames = []
    try:
        session._setupstate.setup(item)  # noqa: SLF001
    finally:
        item.fixturenames, item.funcargs, item._request = kept  # noqa: SLF001
    return request
