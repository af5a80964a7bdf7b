"""The names of the later releases of 0.x as type checkers see them. Checked, never run."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from accepted import Schema, from_bytes, from_rows, name_of, to_rows
from typing_extensions import assert_type

from pytest_shared_session_scope import (
    CleanupToken,
    JsonStore,
    SetupToken,
    SharedGenerator,
    shared_session_scope_json,
    shared_session_scope_pickle,
)


@shared_session_scope_json
def bare() -> Schema:
    return Schema("x")


@shared_session_scope_pickle
def bare_and_pickled() -> Schema:
    return Schema("x")


@shared_session_scope_pickle()
def yielded_twice() -> SharedGenerator[Schema]:
    schema = yield None
    if schema is SetupToken.FIRST:
        schema = Schema("x")
    token: CleanupToken | None = yield schema
    assert token is not CleanupToken.LAST


@shared_session_scope_json(params=[1], ids=str, name="n", autouse=True, timeout=1, metadata_storage=JsonStore())
def every_option() -> Generator[int | None, CleanupToken | SetupToken | int | None, None]:
    number = yield None
    yield number if isinstance(number, int) else 1


@shared_session_scope_json(serialize=to_rows, deserialize=from_rows)
def opted_out() -> Schema:
    return Schema("x")


@shared_session_scope_pickle(serialize=to_rows, deserialize=from_rows, parse=name_of)
def opted_out_and_parsed() -> Iterator[Schema]:
    yield Schema("x")


@shared_session_scope_json(parse=name_of)
def parsed() -> SharedGenerator[Schema]:
    schema: Any = yield None
    yield schema


assert_type(bare(), Schema)
assert_type(bare_and_pickled(), Schema)
assert_type(yielded_twice(), Schema)
assert_type(every_option(), int)
assert_type(opted_out(), Schema)
assert_type(opted_out_and_parsed(), str)
assert_type(parsed(), str)


# Uses that type checkers refuse.


@shared_session_scope_json(first=SetupToken.FIRST)  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType]
def first() -> int:
    return 1


@shared_session_scope_pickle(store=JsonStore())  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType]
def store() -> int:
    return 1


@shared_session_scope_json(serialize=to_rows, deserialize=from_bytes)  # type: ignore[misc]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def pair_of_two_kinds() -> Schema:
    return Schema("x")


@shared_session_scope_json(serialize=to_rows)  # type: ignore[operator]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def serialize_alone() -> Schema:
    return Schema("x")


@shared_session_scope_pickle(parse=name_of)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def another_value_than_parse_accepts() -> str:
    return "x"
