"""Uses that type checkers accept, with the types that they infer for decorated fixtures. Checked, never run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from typing_extensions import assert_type

from pytest_shared_session_scope import (
    CleanupToken,
    FileStore,
    JsonStore,
    LocalFileStoreMixin,
    PickleStore,
    SetupToken,
    SharedGenerator,
    SharedLock,
    Store,
    StoreValueNotExists,
    shared_json_scope_fixture,
    shared_session_scope_fixture,
)

T = TypeVar("T")


@dataclasses.dataclass
class Schema:
    name: str


@dataclasses.dataclass
class Box(Generic[T]):
    held: T


class IntStore(LocalFileStoreMixin):
    def read(self, identifier: str, fixture_values: dict[str, Any]) -> int:
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        if not path.exists():
            raise StoreValueNotExists
        return int(path.read_text())

    def write(self, identifier: str, data: int, fixture_values: dict[str, Any]) -> None:
        self._get_path(identifier, fixture_values["tmp_path_factory"]).write_text(str(data))


class RowStore:
    fixtures = ["database"]

    def read(self, identifier: str, fixture_values: dict[str, Any]) -> list[str]:
        raise StoreValueNotExists(identifier, fixture_values)

    def write(self, identifier: str, data: list[str], fixture_values: dict[str, Any]) -> None:
        print(identifier, data, fixture_values)

    def lock(self, identifier: str, fixture_values: dict[str, Any]) -> AbstractContextManager[object]:
        return nullcontext((identifier, fixture_values))


class UntypedStore(JsonStore):
    fixtures = ["tmp_path_factory", "database"]


# The three styles, bare and called, with both decorators.


@shared_session_scope_fixture
def returned() -> Schema:
    return Schema("x")


@shared_session_scope_fixture()
def returned_when_called() -> list[Schema]:
    return [Schema("x")]


@shared_json_scope_fixture
def json_returned() -> dict[str, int]:
    return {"a": 1}


@shared_session_scope_fixture
def optional() -> Schema | None:
    return None


@shared_session_scope_fixture
def yielded_once() -> Iterator[Schema]:
    yield Schema("x")


@shared_session_scope_fixture()
def generated_once() -> Generator[Schema | None, None, None]:
    yield None


@shared_session_scope_fixture
def yielded_twice() -> SharedGenerator[Schema]:
    schema = yield None
    if schema is None:
        schema = Schema("x")
    token: CleanupToken | None = yield schema
    if token is CleanupToken.LAST:
        print("drop it")


@shared_json_scope_fixture()
def generated_twice() -> Generator[int | None, CleanupToken | int | None, None]:
    value = yield None
    token = yield value if isinstance(value, int) else 1
    assert token is None or token is CleanupToken.LAST


@shared_json_scope_fixture
def json_once() -> Iterator[Schema]:
    yield Schema("x")


@shared_json_scope_fixture()
def json_once_when_called() -> Iterator[Schema | None]:
    yield None


@shared_json_scope_fixture
def json_twice() -> SharedGenerator[Schema]:
    schema = yield None
    yield schema or Schema("x")


@shared_session_scope_fixture()
def twice_when_called() -> SharedGenerator[dict[str, list[int]]]:
    yield None
    yield {}


@shared_json_scope_fixture()
def json_returned_when_called() -> int | None:
    return None


@shared_session_scope_fixture(first=SetupToken.FIRST)
def optional_twice() -> SharedGenerator[Schema | None]:
    schema = yield None
    yield None if schema is SetupToken.FIRST else schema


def shared_list(make: Callable[[], T]) -> Callable[[], list[T]]:
    @shared_session_scope_fixture
    def made() -> SharedGenerator[list[T]]:
        values = yield None
        yield [make()] if values is None else values

    return made


def shared_by_json(make: Callable[[], T], name: str) -> Callable[[], T]:
    @shared_json_scope_fixture(name=name)
    def made() -> SharedGenerator[T]:
        value = yield None
        yield make() if value is None else value

    return made


def shared_once(make: Callable[[], T]) -> Callable[[], Box[T]]:
    @shared_session_scope_fixture
    def made() -> Iterator[Box[T]]:
        yield Box(make())

    return made


assert_type(returned(), Schema)
assert_type(returned_when_called(), list[Schema])
assert_type(json_returned(), dict[str, int])
assert_type(optional(), Schema | None)
assert_type(yielded_once(), Schema)
assert_type(generated_once(), Schema | None)
assert_type(yielded_twice(), Schema)
assert_type(generated_twice(), int)
assert_type(json_once(), Schema)
assert_type(json_once_when_called(), Schema | None)
assert_type(json_twice(), Schema)
assert_type(twice_when_called(), dict[str, list[int]])
assert_type(json_returned_when_called(), int | None)
assert_type(optional_twice(), Schema)  # a limit that the decorator's docstring names
assert_type(shared_list(datetime.now)(), list[datetime])
assert_type(shared_by_json(datetime.now, "now")(), datetime)
assert_type(shared_once(datetime.now)(), Box[datetime])


# Every option; dependencies; classes.


@shared_session_scope_fixture(
    FileStore(),
    first=SetupToken.FIRST,
    timeout=1.5,
    metadata_storage=JsonStore(),
    params=[1, "two", None],
    ids=["one", None, "three"],
    autouse=True,
    name="every",
)
def every_option(request: pytest.FixtureRequest, returned: Schema, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert request.param
    return tmp_path_factory.mktemp(returned.name)


@shared_json_scope_fixture(
    store=None, timeout=3, params=range(3), ids=str, name=None, first=None, metadata_storage=None
)
def every_default(every_option: Path) -> str:
    return every_option.name


class TestSchema:
    @shared_session_scope_fixture
    def own(self, returned: Schema) -> Iterator[Schema]:
        yield returned

    @shared_session_scope_fixture(name="other")
    def its_other(self, own: Schema) -> str:
        return own.name

    def test_it(self, own: Schema, other: str, shared_lock: SharedLock) -> None:
        with shared_lock("clone", timeout=1):
            assert own.name == other


assert_type(every_default(Path()), str)
assert_type(TestSchema().own(Schema("x")), Schema)
assert_type(TestSchema().its_other(Schema("x")), str)


# The opt-out from the annotation, and `parse`.


def to_rows(schema: Schema) -> list[str]:
    return [schema.name]


def from_rows(rows: list[str]) -> Schema:
    return Schema(rows[0])


def to_bytes(schema: Schema) -> bytes:
    return schema.name.encode()


def from_bytes(data: bytes) -> Schema:
    return Schema(data.decode())


def to_tuple(rows: list[str]) -> tuple[str, ...]:
    return tuple(rows)


def name_of(schema: Schema) -> str:
    return schema.name


@shared_json_scope_fixture(serialize=datetime.isoformat, deserialize=datetime.fromisoformat)
def when() -> datetime:
    return datetime.now()


@shared_session_scope_fixture(
    serialize=lambda when: when.isoformat(), deserialize=lambda text: datetime.fromisoformat(text)
)
def when_by_lambdas() -> datetime:
    return datetime.now()


@shared_json_scope_fixture(serialize=to_rows, deserialize=lambda rows: Schema(rows[0]))
def by_half_a_lambda() -> Schema:
    return Schema("x")


@shared_session_scope_fixture(serialize=to_bytes, deserialize=from_bytes)
def by_bytes() -> SharedGenerator[Schema]:
    schema = yield None
    yield schema or Schema("x")


@shared_session_scope_fixture(serialize=json.dumps, deserialize=json.loads)
def by_untyped_functions() -> dict[str, int]:
    return {}


@shared_json_scope_fixture(serialize=json.dumps, deserialize=json.loads)
def by_untyped_functions_twice() -> SharedGenerator[dict[str, int]]:
    yield None
    yield {}


@shared_json_scope_fixture(serialize=to_rows, deserialize=from_rows, timeout=1)
def by_rows() -> Iterator[Schema]:
    yield Schema("x")


@shared_session_scope_fixture(serialize=to_bytes, deserialize=from_bytes, parse=name_of)
def parsed_after_bytes() -> Schema:
    return Schema("x")


@shared_json_scope_fixture(serialize=to_rows, deserialize=from_rows, parse=name_of)
def parsed_after_rows() -> Iterator[Schema]:
    yield Schema("x")


@shared_session_scope_fixture(serialize=to_bytes, deserialize=from_bytes)
def by_bytes_once() -> Iterator[Schema]:
    yield Schema("x")


@shared_json_scope_fixture(serialize=to_rows, deserialize=from_rows)
def by_rows_twice() -> SharedGenerator[Schema]:
    schema = yield None
    yield schema or Schema("x")


@shared_session_scope_fixture(
    RowStore(),
    serialize=to_rows,
    deserialize=from_rows,
    parse=name_of,
    first=SetupToken.FIRST,
    timeout=1.5,
    metadata_storage=JsonStore(),
    params=[1, "two", None],
    ids=["one", None, "three"],
    autouse=False,
    name="everything",
)
def with_everything(request: pytest.FixtureRequest) -> SharedGenerator[Schema]:
    yield None
    yield Schema(str(request.param))


@shared_json_scope_fixture(
    store=JsonStore(),
    serialize=to_rows,
    deserialize=from_rows,
    parse=name_of,
    first=None,
    timeout=None,
    metadata_storage=None,
    params=None,
    ids=None,
    autouse=True,
    name=None,
)
def with_everything_in_json() -> Schema:
    return Schema("x")


@shared_session_scope_fixture(parse=name_of)
def parsed() -> SharedGenerator[Schema]:
    schema = yield None
    yield schema or Schema("x")


@shared_json_scope_fixture(parse=Schema)
def parsed_by_a_class() -> str:
    return "x"


assert_type(when(), datetime)
assert_type(when_by_lambdas(), datetime)
assert_type(by_half_a_lambda(), Schema)
assert_type(by_bytes(), Schema)
assert_type(by_untyped_functions(), dict[str, int])
assert_type(by_untyped_functions_twice(), dict[str, int])
assert_type(by_rows(), Schema)
assert_type(by_bytes_once(), Schema)
assert_type(by_rows_twice(), Schema)
taken_by_a_test: Callable[[pytest.FixtureRequest], str] = with_everything
assert_type(with_everything_in_json(), str)
assert_type(parsed_after_bytes(), str)
assert_type(parsed_after_rows(), str)
assert_type(parsed(), str)
assert_type(parsed_by_a_class(), Schema)


# Stores: the package's, one written for the first release, and one without a base class.


int_store: Store[int] = IntStore()
row_store: Store[list[str]] = RowStore()
text_store: Store[str] = FileStore()
any_store: Store[Schema] = PickleStore()


@shared_session_scope_fixture(IntStore())
def kept_as_int() -> int:
    return 1


@shared_session_scope_fixture(store=int_store, timeout=1)
def kept_as_int_twice() -> SharedGenerator[int]:
    number = yield None
    yield number or 1


@shared_json_scope_fixture(int_store)
def kept_as_int_once() -> Iterator[int]:
    yield 1


@shared_session_scope_fixture(RowStore(), serialize=to_rows, deserialize=from_rows)
def kept_as_rows() -> Schema:
    return Schema("x")


@shared_json_scope_fixture(RowStore(), serialize=to_rows, deserialize=from_rows, parse=name_of)
def kept_as_rows_parsed() -> Iterator[Schema]:
    yield Schema("x")


@shared_session_scope_fixture(PickleStore())
def pickled() -> Schema:
    return Schema("x")


@shared_session_scope_fixture(UntypedStore(), serialize=to_rows, deserialize=from_rows)
def kept_untyped() -> Iterator[Schema]:
    yield Schema("x")


@shared_session_scope_fixture(FileStore(), serialize=to_bytes, deserialize=from_bytes)
def kept_in_a_file() -> Schema:
    return Schema("x")


@shared_session_scope_fixture(RowStore(), parse=to_tuple)
def parsed_from_rows() -> list[str]:
    return ["x"]


@shared_session_scope_fixture(FileStore(), serialize=to_rows, deserialize=from_rows)
def rows_in_a_store_of_text() -> Schema:  # a limit that the decorator's docstring names
    return Schema("x")


assert_type(kept_as_int(), int)
assert_type(kept_as_int_twice(), int)
assert_type(kept_as_int_once(), int)
assert_type(kept_as_rows(), Schema)
assert_type(kept_as_rows_parsed(), str)
assert_type(pickled(), Schema)
assert_type(kept_untyped(), Schema)
assert_type(kept_in_a_file(), Schema)
assert_type(parsed_from_rows(), tuple[str, ...])
