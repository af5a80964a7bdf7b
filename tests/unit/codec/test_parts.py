"""The parts of a value: each is found once, with its path, in linear time and memory."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from pytest_shared_session_scope._codec.formatting import path_of
from pytest_shared_session_scope._codec.parts import holds_itself, holds_secret, parts_of

DEEP = 10_000


@dataclasses.dataclass
class Node:
    next: Any = None


def nested_lists(depth: int, innermost: Any = None) -> Any:
    for _ in range(depth):
        innermost = [innermost]
    return innermost


def nested_dicts(depth: int, innermost: Any = None) -> Any:
    for _ in range(depth):
        innermost = {"a": innermost}
    return innermost


def chain(depth: int, innermost: Any = None) -> Any:
    for _ in range(depth):
        innermost = Node(innermost)
    return innermost


NESTED: list[Callable[..., Any]] = [nested_lists, nested_dicts, chain]


def test_parts_are_found_with_their_paths() -> None:
    node = Node({"a": [1, {2}], "b": Node("x")})
    assert [path_of(part.steps) for part in parts_of(node)] == [
        *("$", "$.next", "$.next.a", "$.next.a", "$.next.a[0]", "$.next.a[1]", "$.next.a[1][0]"),
        *("$.next.b", "$.next.b", "$.next.b.next"),
    ]


def test_what_a_shared_part_holds_is_found_once() -> None:
    shared = [1, 2]
    assert [part.value for part in parts_of([shared, shared])] == [[shared, shared], shared, 1, 2, shared]


@pytest.mark.parametrize("nest", NESTED)
def test_a_walk_through_a_deep_value_takes_linear_memory(nest: Callable[..., Any]) -> None:
    """A path for each part would take 400 MB."""
    value = nest(DEEP)
    tracemalloc.start()
    try:
        assert sum(1 for _ in parts_of(value)) > DEEP
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("nest", NESTED)
def test_a_vast_value_is_taken_for_one_with_a_secret(nest: Callable[..., Any]) -> None:
    assert holds_secret(nest(100_000))
    assert not holds_secret(nest(DEEP))


@pytest.mark.parametrize("nest", NESTED)
def test_a_secret_deep_in_a_value_is_found(nest: Callable[..., Any]) -> None:
    assert holds_secret(nest(1000, SecretStr("x")))
    assert not holds_secret(nest(1000, "x"))


@pytest.mark.parametrize("nest", NESTED)
def test_a_cycle_is_found_and_sharing_is_none(nest: Callable[..., Any]) -> None:
    innermost: list[Any] = []
    value = [nest(100, innermost), nest(100, innermost)]
    assert not holds_itself(value)
    innermost.append(value)
    assert holds_itself(value)
    innermost[0] = innermost
    assert holds_itself(value)
