"""Uses that type checkers refuse, each with the errors that they must report. Checked, never run.

An error that is no longer reported fails too, because both checkers report unused ignores.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from accepted import IntStore, RowStore, Schema, from_bytes, from_rows, name_of, to_bytes, to_rows

from pytest_shared_session_scope import (
    CleanupToken,
    JsonStore,
    SharedGenerator,
    Store,
    shared_json_scope_fixture,
    shared_session_scope_fixture,
)

# `serialize` and `deserialize` that do not fit each other, the store, or the fixture's type.


@shared_json_scope_fixture(serialize=to_rows, deserialize=from_bytes)  # type: ignore[misc]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def pair_of_two_kinds() -> Schema:
    return Schema("x")


@shared_json_scope_fixture(serialize=to_rows, deserialize=int)  # type: ignore[misc]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def pair_of_two_kinds_by_a_class() -> Schema:
    return Schema("x")


@shared_session_scope_fixture(serialize=to_rows, deserialize=from_rows)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
def rows_in_the_default_store() -> Schema:
    return Schema("x")


@shared_session_scope_fixture(RowStore(), serialize=to_bytes, deserialize=from_bytes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def bytes_in_a_store_of_rows() -> Schema:
    return Schema("x")


@shared_json_scope_fixture(IntStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def text_in_a_store_of_numbers() -> str:
    return "x"


@shared_json_scope_fixture(serialize=to_rows, deserialize=from_rows)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def another_value_returned() -> str:
    return "x"


@shared_session_scope_fixture(serialize=to_bytes, deserialize=from_bytes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def another_value_yielded_once() -> Iterator[str]:
    yield "x"


@shared_json_scope_fixture(RowStore(), serialize=to_rows, deserialize=from_rows)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def another_value_yielded_twice() -> SharedGenerator[str]:
    yield None
    yield "x"


@shared_session_scope_fixture(serialize=to_bytes, deserialize=from_bytes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def bytes_of_another_value_returned() -> str:
    return "x"


@shared_session_scope_fixture(serialize=to_bytes, deserialize=from_bytes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def bytes_of_another_value_yielded_twice() -> SharedGenerator[str]:
    yield None
    yield "x"


@shared_json_scope_fixture(serialize=to_rows, deserialize=from_rows)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def rows_of_another_value_yielded_once() -> Iterator[str]:
    yield "x"


@shared_json_scope_fixture(serialize=to_rows, deserialize=from_rows)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def rows_of_another_value_yielded_twice() -> SharedGenerator[str]:
    yield None
    yield "x"


@shared_session_scope_fixture(IntStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def text_in_a_store_of_numbers_once() -> Iterator[str]:
    yield "x"


@shared_session_scope_fixture(IntStore())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def text_in_a_store_of_numbers_twice() -> SharedGenerator[str]:
    yield None
    yield "x"


@shared_session_scope_fixture(serialize=to_bytes, deserialize=from_rows)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
def bytes_in_and_rows_out() -> Iterator[Schema]:
    yield Schema("x")


@shared_json_scope_fixture(RowStore(), serialize=to_bytes, deserialize=from_bytes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def bytes_in_a_store_of_rows_by_json() -> SharedGenerator[Schema]:
    yield None
    yield Schema("x")


@shared_session_scope_fixture(serialize=to_bytes, deserialize=from_bytes)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def perhaps_none() -> Schema | None:
    return None


@shared_session_scope_fixture(parse=name_of)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
def another_value_than_parse_accepts() -> str:
    return "x"


@shared_session_scope_fixture(serialize=to_bytes, deserialize=from_bytes, parse=str.upper)  # type: ignore[misc]  # pyright: ignore[reportArgumentType]
def parse_accepts_another_value() -> Schema:
    return Schema("x")


# One without the other.


@shared_json_scope_fixture(serialize=to_rows)  # type: ignore[operator]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def serialize_alone() -> Schema:
    return Schema("x")


@shared_session_scope_fixture(deserialize=from_rows)  # type: ignore[operator]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def deserialize_alone() -> Schema:
    return Schema("x")


@shared_session_scope_fixture(serialize=to_bytes)  # type: ignore[operator]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def serialize_alone_once() -> Iterator[Schema]:
    yield Schema("x")


@shared_json_scope_fixture(JsonStore(), deserialize=from_rows)  # type: ignore[operator]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def deserialize_alone_twice() -> SharedGenerator[Schema]:
    yield None
    yield Schema("x")


# Options.


@shared_session_scope_fixture(retries=3)  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def unknown_option() -> int:
    return 1


@shared_json_scope_fixture(scope="session")  # type: ignore[operator]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def scope() -> int:
    return 1


@shared_json_scope_fixture(retries=3)  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def unknown_option_of_json() -> Iterator[int]:
    yield 1


@shared_session_scope_fixture(scope="module")  # type: ignore[operator]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def scope_of_two_yields() -> SharedGenerator[int]:
    yield None
    yield 1


@shared_json_scope_fixture(timeout=[3])  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType]
def timeout_of_json() -> Iterator[int]:
    yield 1


@shared_session_scope_fixture(timeout="3")  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType]
def timeout() -> int:
    return 1


@shared_json_scope_fixture(serialize=to_rows, deserialize=from_rows, timeout="3")  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def timeout_beside_a_pair() -> Schema:
    return Schema("x")


@shared_session_scope_fixture(first=True)  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType]
def first() -> int:
    return 1


@shared_session_scope_fixture(JsonStore(), name=3)  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def name() -> int:
    return 1


# Objects that do not implement `Store`.


@shared_session_scope_fixture("database")  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def a_name_for_a_store() -> int:
    return 1


@shared_json_scope_fixture(store=object())  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def an_object_for_a_store() -> int:
    return 1


@shared_session_scope_fixture(store=JsonStore)  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType,reportCallIssue,reportUntypedFunctionDecorator]
def a_class_for_a_store() -> int:
    return 1


@shared_session_scope_fixture(JsonStore)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
def a_class_for_a_store_by_position() -> int:
    return 1


class NoLock:
    fixtures = ("database",)

    def read(self, identifier: str, fixture_values: dict[str, object]) -> int:
        return len(identifier) + len(fixture_values)


not_a_store: Store[int] = NoLock()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]


@shared_session_scope_fixture(metadata_storage=NoLock())  # type: ignore[call-overload,untyped-decorator]  # pyright: ignore[reportArgumentType]
def not_a_store_for_metadata() -> int:
    return 1


# Wrong yields.


@shared_session_scope_fixture
def another_second_yield() -> SharedGenerator[int]:
    yield None
    yield "x"  # type: ignore[misc]  # pyright: ignore[reportReturnType]


@shared_session_scope_fixture
def another_only_yield() -> Iterator[int]:
    yield "x"  # type: ignore[misc]  # pyright: ignore[reportReturnType]


@shared_json_scope_fixture()
def another_second_yield_in_json() -> SharedGenerator[list[int]]:
    yield None
    yield ["x"]  # type: ignore[list-item]  # pyright: ignore[reportReturnType]


@shared_json_scope_fixture
def another_only_yield_in_json() -> Iterator[int]:
    yield None  # type: ignore[misc]  # pyright: ignore[reportReturnType]


@shared_session_scope_fixture
def a_token_taken_for_another() -> Generator[int | None, CleanupToken | int | None, None]:
    yield None
    token: int = yield 1  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    print(token)


# A wrong type for a fixture's value.

acquired: str = another_only_yield()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
