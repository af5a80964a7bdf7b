"""Which pairs of types can have no value in common, and which are left alone."""

from __future__ import annotations

import abc
import collections.abc
import dataclasses
import datetime
import enum
import os
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NewType,
    Protocol,
    SupportsInt,
    TypedDict,
    TypeVar,
    Union,
)

import pytest
from pydantic import AwareDatetime, BaseModel, EmailStr, SecretStr
from typing_extensions import TypeAliasType

from pytest_shared_session_scope._compatibility import can_never_be

T = TypeVar("T")
UserId = NewType("UserId", int)
Ports = TypeAliasType("Ports", list[int])
Json = TypeAliasType("Json", "list[Json] | int")
Yaml = TypeAliasType("Yaml", "list[Yaml] | str")


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Row(TypedDict):
    a: int


class Point(NamedTuple):
    x: int


@dataclasses.dataclass
class Server:
    port: int


class WebServer(Server): ...


@dataclasses.dataclass
class Client:
    port: int


class Model(BaseModel):
    port: int


class Closable(Protocol):
    def close(self) -> None: ...


class Interface(abc.ABC):
    @abc.abstractmethod
    def run(self) -> None: ...


class Deaf(type):
    def __subclasscheck__(cls, other: type) -> bool:
        raise TypeError


class Unasked(metaclass=Deaf): ...


NEVER = [
    (int, str),
    (str, int),
    (None, str),
    (int, None),
    (type(None), int),
    (int | None, str),
    (int, str | bytes),
    (list[int], dict[str, int]),
    (list[int], list[str]),
    (list[int], collections.abc.Sequence[str]),
    (dict[str, int], dict[str, str]),
    (tuple[int, str], tuple[int]),
    (tuple[int, str], tuple[int, int]),
    (str, collections.abc.Mapping[str, int]),
    (Server, Client),
    (Server, int),
    (Model, Server),
    (Model, dict),
    (datetime.datetime, str),
    (datetime.date, datetime.time),
    (Path, str),
    (Row, list),
    (Point, list),
    (Color, str),
    (Color, Literal["RED"]),
    (Literal["a", "b"], Literal["c"]),
    (Literal[1], Literal[True]),
    (Literal["a"], int),
    (int, Literal["a"]),
    (UserId, str),
    (Annotated[int, "port"], Annotated[str, "port"]),
    (Ports, list[str]),
    (type[int], int),
]

LEFT_ALONE = [
    (int, int),
    (int, object),
    (int, Any),
    (Any, int),
    (int, T),
    (T, int),
    (int, "text"),
    (int, 3),
    (int, int | None),
    (int | None, int),
    (Union[int, str], str | bytes),  # noqa: UP007 - another object than int | str
    (bool, int),
    (int, bool),
    (int, float),
    (float, int),
    (int, complex),
    (bytearray, bytes),
    (int, SupportsInt),
    (Server, Closable),
    (Closable, Server),
    (Path, os.PathLike),
    (WebServer, Server),
    (Server, WebServer),
    (Server, Interface),
    (Interface, Server),
    (list[int], list),
    (list, list[int]),
    (list[int], list[Any]),
    (list[int], list[bool]),
    (list[int], collections.abc.Iterable[float]),
    (dict[str, int], collections.abc.Iterable[str]),
    (tuple[int, ...], tuple[str, ...]),
    (tuple[int, str], collections.abc.Sequence[object]),
    (Row, dict[str, int]),
    (dict[str, Any], Row),
    (Row, collections.abc.Mapping[str, object]),
    (Point, tuple[int]),
    (Literal["a"], str),
    (str, Literal["a"]),
    (Literal["a", "b"], Literal["b"]),
    (Color, Literal[Color.RED]),
    (UserId, int),
    (int, UserId),
    (Ports, list[int]),
    (Json, Yaml),
    (EmailStr, str),
    (str, EmailStr),
    (AwareDatetime, datetime.datetime),
    (SecretStr, str),
    (Unasked, int),
    (int, Unasked),
    (datetime.datetime, datetime.date),
]


@pytest.mark.parametrize(("value_type", "wanted"), NEVER, ids=str)
def test_types_with_nothing_in_common_never_fit(value_type: object, wanted: object) -> None:
    assert can_never_be(value_type, wanted)


@pytest.mark.parametrize(("value_type", "wanted"), LEFT_ALONE, ids=str)
def test_types_that_may_fit_are_left_alone(value_type: object, wanted: object) -> None:
    assert not can_never_be(value_type, wanted)
