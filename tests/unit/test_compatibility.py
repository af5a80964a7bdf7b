"""Which pairs of types can have no value in common, and which are left alone."""

from __future__ import annotations

import abc
import array
import collections.abc
import dataclasses
import datetime
import enum
import io
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import (
    IO,
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Protocol,
    SupportsInt,
    TextIO,
    TypedDict,
    TypeVar,
    Union,
)

import numpy as np
import pytest
from pydantic import AwareDatetime, BaseModel, EmailStr, SecretStr
from typing_extensions import Buffer, LiteralString, ParamSpec, Self, TypeAliasType, TypeVarTuple, Unpack

from pytest_shared_session_scope._compatibility import can_never_be

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")
# What has no meaning outside of a function.
CallableOfP: Any = eval("Callable[P, Any]")
UNPACKED: Any = eval("Unpack[Ts]")
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


class Broken(type):
    def __subclasscheck__(cls, other: type) -> bool:
        raise RuntimeError


class Unaskable(metaclass=Broken): ...


class BySize(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, list) and len(value) == 3


class ThreeOf(metaclass=BySize): ...


class Loud: ...


class LoudServer(Server, Loud): ...


class Level(enum.IntEnum):
    LOW = 1


class Word(str, enum.Enum):
    YES = "yes"


class Box(BaseModel, Generic[T]):
    held: T


class IntBox(Box[int]): ...


class PlainBox(Generic[T]): ...


def imported_as(name: str) -> Any:
    """Return a module of this file, which may be imported under two names, as a conftest by pytest and by a test."""
    module: Any = types.ModuleType(name)
    module.__file__ = __file__
    sys.modules[name] = module
    exec("class Twin: ...\n\nclass Child(Twin): ...", vars(module))
    return module


ONE, OTHER = imported_as("twins"), imported_as("tests.twins")


def local_class() -> type:
    class Local: ...

    return Local


class AgainstAll:
    """What a comparison with it gives is no truth, as a numpy array's."""

    def __eq__(self, other: object) -> Any:
        return np.array([1, 2])

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "AgainstAll()"


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
    (Level, str),
    (Word, int),
    (Client, Loud),
    (Literal["a"], int),
    (Literal["a"], Literal[[]]),
    (int, Literal["a"]),
    (UserId, str),
    (Annotated[int, "port"], Annotated[str, "port"]),
    (Ports, list[str]),
    (type[int], int),
    (type[int], type[str]),
    (Callable[[], int], Callable[[], str]),
    (Box[int], list[int]),
    (Box[int], Server),
    (ONE.Twin, int),
    (ONE.Twin, Server),
    (bytes, os.PathLike),
    (tuple[int, str, Unpack[tuple[str, ...]]], list[int]),
    (enumerate[int], int),
    (np.float64, str),
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
    (bool, float),
    (float, bool),
    (Level, float),
    (Literal[True], complex),
    (list[bool], list[float]),
    (Server, Loud),
    (Loud, Server),
    (enum.Enum, str),
    (Word, str),
    (Word, Literal["yes"]),
    (Level, int),
    (np.floating, float),
    (np.ndarray, Buffer),
    (bytes, Buffer),
    (array.array, Buffer),
    (io.StringIO, TextIO),
    (io.BytesIO, IO[bytes]),
    (TextIO, io.TextIOWrapper),
    (Box[int], Box[Any]),
    (Box[int], Box[float]),
    (Box[int], Box),
    (Box, Box[int]),
    (IntBox, Box[Any]),
    (Box[int], IntBox),
    (PlainBox[int], PlainBox[Any]),
    (PlainBox[int], PlainBox[str]),
    (ONE.Twin, OTHER.Twin),
    (ONE.Child, OTHER.Twin),
    (ONE.Twin, OTHER.Child),
    (types.GenericAlias(list, (ONE.Twin,)), types.GenericAlias(list, (OTHER.Twin,))),
    (local_class(), local_class()),
    (list[int], ThreeOf),
    (ThreeOf, list[int]),
    (Unaskable, int),
    (int, Unaskable),
    (Annotated[int, AgainstAll()], Annotated[int, AgainstAll()]),
    (list[Annotated[int, AgainstAll()]], list[Annotated[int, AgainstAll()]]),
    (tuple[int, Unpack[tuple[str, ...]]], tuple[int, str, str]),
    (tuple[int, str, str], types.GenericAlias(tuple, (int, UNPACKED))),
    (enumerate[str], collections.abc.Iterable[tuple[int, str]]),
    (Callable[[int], str], Callable[..., str]),
    (Callable[[int], str], CallableOfP),
    (Callable[[int], str], Closable),
    (type[int], type[Any]),
    (type[int], types.GenericAlias(type, (T,))),
    (type[int], type),
    (type[int], Callable[..., int]),
    (Server, Self),
    (str, LiteralString),
    (str, collections.abc.Sequence[str]),
    (str, collections.abc.Iterable[int]),
    (list[int], collections.abc.Sequence[int]),
    (list[int], collections.abc.Sequence[float]),
    (Path, os.PathLike[str]),
    (os.PathLike[str], Path),
    (dict[str, int], Row),
    (int, Union),
]


@pytest.mark.parametrize(("value_type", "wanted"), NEVER, ids=str)
def test_types_with_nothing_in_common_never_fit(value_type: object, wanted: object) -> None:
    assert can_never_be(value_type, wanted)


@pytest.mark.parametrize(("value_type", "wanted"), LEFT_ALONE, ids=str)
def test_types_that_may_fit_are_left_alone(value_type: object, wanted: object) -> None:
    assert not can_never_be(value_type, wanted)
