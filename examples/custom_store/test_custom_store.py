"""Two alternatives to the annotation: a custom store, and the functions `serialize` and `deserialize`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

from pytest_shared_session_scope import LocalFileStoreMixin, StoreValueNotExists, shared_session_scope_fixture

Table = list[dict[str, str]]


class CsvStore(LocalFileStoreMixin):
    """A store that keeps a table in a CSV file. It receives the value itself and must return an equal one."""

    def read(self, identifier: str, fixture_values: dict[str, Any]) -> Table:
        """Read the table."""
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        if not path.exists():
            raise StoreValueNotExists(identifier)
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def write(self, identifier: str, data: Table, fixture_values: dict[str, Any]) -> None:
        """Write the table. Called once; the other workers read after it has returned."""
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(data[0]))
            writer.writeheader()
            writer.writerows(data)


@shared_session_scope_fixture(CsvStore())
def cities(note: Callable[[str, str], None]) -> Table:
    """A table that is slow to fetch."""
    note("set up", "cities")
    return [{"name": "Oslo", "country": "Norway"}, {"name": "Lima", "country": "Peru"}]


class Token:
    """A third-party class that does not declare its fields."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def header(self) -> str:
        """Return the value of the Authorization header."""
        return f"Bearer {self._secret}"

    def dump(self) -> str:
        """Return the token as text."""
        return self._secret


@shared_session_scope_fixture(serialize=Token.dump, deserialize=Token)
def token(note: Callable[[str, str], None]) -> Token:
    """A token that is fetched once. `serialize` turns it into text, and `deserialize` turns the text into a token."""
    note("set up", "token")
    return Token("s3cret")


def test_the_table(cities: Table) -> None:
    """The table arrives as the same list of dicts."""
    assert [city["name"] for city in cities] == ["Oslo", "Lima"]


def test_the_token(token: Token) -> None:
    """Every worker receives a `Token`."""
    assert token.header() == "Bearer s3cret"
