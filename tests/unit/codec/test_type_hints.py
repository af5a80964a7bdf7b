"""Type hints: unions, aliases, names, and the fields of classes."""

from __future__ import annotations

import collections.abc
import subprocess
import sys
import typing
from typing import Annotated, Any, Literal, NewType, Optional, TypeVar

import pytest
from typing_extensions import TypeAliasType

from pytest_shared_session_scope._codec import type_hints
from pytest_shared_session_scope._codec.type_hints import members_of, type_name, unwrapped

T = TypeVar("T")
Port = NewType("Port", int)
Ids = TypeAliasType("Ids", list[int])
Pairs = TypeAliasType("Pairs", list[tuple[T, T]], type_params=(T,))


class Outer:
    class Inner:
        pass


def local() -> Any:
    class Local:
        pass

    return Local


@pytest.mark.parametrize(
    ("tp", "name"),
    [
        (int, "int"),
        (type(None), "None"),
        (None, "None"),
        (list[int], "list[int]"),
        (typing.List[int], "List[int]"),  # noqa: UP006
        (collections.abc.Iterator[int], "Iterator[int]"),
        (int | None, "int | None"),
        (dict[str, Outer], "dict[str, Outer]"),
        (Outer.Inner, "Outer.Inner"),
        (local(), "Local"),
        (list[local()], "list[Local]"),  # type: ignore[misc]
        (Literal["a.b", "c"], "Literal['a.b', 'c']"),
        (Any, "Any"),
        (Port, "Port"),
    ],
    ids=repr,
)
def test_types_are_named_as_users_write_them(tp: Any, name: str) -> None:
    assert type_name(tp) == name


def test_members_are_those_of_a_union_that_is_not_wrapped() -> None:
    assert members_of(int | None) == members_of(Optional[int]) == (int, type(None))  # noqa: UP045
    assert members_of(int) == (int,)
    assert members_of(Annotated[int | str, "x"]) == (Annotated[int | str, "x"],)
    assert members_of(unwrapped(Annotated[int | str, "x"])) == (int, str)


def test_unwrapped_types_are_those_behind_aliases() -> None:
    assert unwrapped(Annotated[Port, "x"]) is int
    assert unwrapped(Ids) == list[int]
    assert unwrapped(Pairs[int]) == list[tuple[int, int]]


def test_imports_no_pydantic() -> None:
    code = f"import sys, {type_hints.__name__}; print([n for n in sys.modules if n.startswith('pydantic')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
