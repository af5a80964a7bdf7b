"""The types of a conftest's fixtures for modules that import them. Checked, never run."""

from __future__ import annotations

from suite.conftest import Server, port, server, servers
from typing_extensions import assert_type

assert_type(port(), int)
assert_type(server(port()), Server)
assert_type(servers(server(port=port())), list[Server])
server("80")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
