"""A conftest as users write it. Checked by type checkers; pytest may load it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from pytest_shared_session_scope import SharedGenerator, shared_json_scope_fixture, shared_session_scope_fixture


@dataclasses.dataclass
class Server:
    port: int


@shared_session_scope_fixture
def port() -> int:
    return 80


@shared_session_scope_fixture(timeout=60)
def server(port: int) -> Iterator[Server]:
    yield Server(port)


@shared_json_scope_fixture()
def servers(server: Server) -> SharedGenerator[list[Server]]:
    known = yield None
    yield known or [server]
