"""What a store takes: what it says, what its base says, or any object where it reads and writes in its own way."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_shared_session_scope import FileStore, JsonStore, LocalFileStoreMixin, PickleStore
from pytest_shared_session_scope.store import holds_of


class NoBase:
    def read(self, identifier: str, fixture_values: dict[str, Any]) -> Any: ...
    def write(self, identifier: str, data: Any, fixture_values: dict[str, Any]) -> None: ...


class OverTheMixin(NoBase, LocalFileStoreMixin): ...


class OwnForm(NoBase, FileStore): ...


class OwnFormOverJson(NoBase, JsonStore): ...


class OwnFormInherited(OwnForm): ...


class OwnWrite(JsonStore):
    def write(self, identifier: str, data: Any, fixture_values: dict[str, Any]) -> None: ...


class OwnFixtures(FileStore):
    fixtures = ["database"]  # noqa: RUF012 - as users write it


class SaysText(OwnForm):
    holds = "text"


class SaysTextOfItself:
    def __init__(self) -> None:
        self.holds = "text"


CASES = [
    *((NoBase, "objects"), (OverTheMixin, "objects"), (OwnForm, "objects"), (OwnFormOverJson, "objects")),
    *((OwnFormInherited, "objects"), (OwnWrite, "json"), (OwnFixtures, "text"), (SaysText, "text")),
    *((SaysTextOfItself, "text"), (FileStore, "text"), (JsonStore, "json"), (PickleStore, "objects")),
]


@pytest.mark.parametrize(("store", "holds"), CASES)
def test_what_a_store_takes(store: type, holds: str) -> None:
    assert holds_of(store()) == holds
