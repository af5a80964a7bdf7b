"""Two ways past the annotation: a store of one's own, and a pair of functions."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any

from pytest_shared_session_scope import LocalFileStoreMixin, StoreValueNotExists, shared_session_scope_fixture

Table = list[dict[str, str]]


class CsvStore(LocalFileStoreMixin):
    """Keeps a table in a CSV file. A store gets the value as it is, and answers for giving back the same."""

    def read(self, identifier: str, fixture_values: dict[str, Any]) -> Table:
        """Return the table."""
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        if not path.exists():
            raise StoreValueNotExists(identifier)
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def write(self, identifier: str, data: Table, fixture_values: dict[str, Any]) -> None:
        """Keep the table. Called once; the other workers read when it is done."""
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(data[0]))
            writer.writeheader()
            writer.writerows(data)


@shared_session_scope_fixture(CsvStore())
def cities(note: Callable[[str, str], None]) -> Table:
    """A table that took long to fetch."""
    note("set up", "cities")
    return [{"name": "Oslo", "country": "Norway"}, {"name": "Lima", "country": "Peru"}]


class Token:
    """A class of somebody else's, which does not say what it holds."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def header(self) -> str:
        """Return the header to send."""
        return f"Bearer {self._secret}"

    def dump(self) -> str:
        """Return the token as text."""
        return self._secret


@shared_session_scope_fixture(serialize=Token.dump, deserialize=Token)
def token(note: Callable[[str, str], None]) -> Token:
    """A token that is fetched once. `serialize` makes text of it, `deserialize` a token again."""
    note("set up", "token")
    return Token("s3cret")


def test_the_table(cities: Table) -> None:
    """It is the list of dicts that it was."""
    assert [city["name"] for city in cities] == ["Oslo", "Lima"]


def test_the_token(token: Token) -> None:
    """It is a token in every worker."""
    assert token.header() == "Bearer s3cret"
