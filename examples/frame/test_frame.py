"""A big table in an Arrow file: a custom store writes it once, and every worker reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_shared_session_scope import LocalFileStoreMixin, StoreValueNotExists, shared_session_scope_fixture

pytest.importorskip("polars", reason="polars is not installed: pip install polars")

import polars as pl

ROWS = 100_000


class ArrowStore(LocalFileStoreMixin):
    """A store that keeps a frame in an Arrow file. The file has the memory layout of columns, so reading is cheap."""

    def path(self, identifier: str, fixture_values: dict[str, Any]) -> Path:
        """Return the path of the frame's file. It is in the run's directory, which only this user can read."""
        return self._get_path(identifier, fixture_values["tmp_path_factory"])

    def read(self, identifier: str, fixture_values: dict[str, Any]) -> pl.DataFrame:
        """Read the frame."""
        path = self.path(identifier, fixture_values)
        if not path.exists():
            raise StoreValueNotExists(identifier)
        return pl.read_ipc(path)

    def write(self, identifier: str, data: pl.DataFrame, fixture_values: dict[str, Any]) -> None:
        """Write the frame. Called once; the other workers read after it has returned."""
        data.write_ipc(self.path(identifier, fixture_values))


@shared_session_scope_fixture(ArrowStore())
def trips(note: Callable[[str, str], None]) -> pl.DataFrame:
    """A frame that is slow to query, so it is created once."""
    note("set up", "trips")
    numbers = pl.int_range(ROWS, eager=True)
    return pl.DataFrame({"trip": numbers, "city": ["Oslo", "Lima"] * (ROWS // 2), "km": numbers / 8})


def test_the_types_travel(trips: pl.DataFrame) -> None:
    """Arrow keeps the type of each column; CSV and JSON do not."""
    assert trips.schema == {"trip": pl.Int64, "city": pl.String, "km": pl.Float64}


def test_a_query(trips: pl.DataFrame) -> None:
    """A query has the same result in every worker."""
    longest = trips.group_by("city").agg(pl.col("km").max()).sort("city")
    assert longest.rows() == [("Lima", (ROWS - 1) / 8), ("Oslo", (ROWS - 2) / 8)]
