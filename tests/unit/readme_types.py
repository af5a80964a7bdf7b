"""Values for the README's two tables of types, by the text of each row."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import io
import ipaddress
import re
import threading
import uuid
import zoneinfo
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypeVar

import attrs
import numpy as np  # here: pytester unloads the modules that a test imports, and numpy cannot be loaded twice
import pydantic
from codec_cases import BERLIN, NAN, Admin, Excluded, MyStr, User, cyclic, generate, nested
from pydantic import BaseModel, Field, RootModel, SecretStr
from typing_extensions import TypeAliasType, TypedDict

T = TypeVar("T")
UNANNOTATED = object()
INF = float("inf")
UserId = NewType("UserId", int)


class Color(enum.Enum):
    RED = "red"


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


@dataclasses.dataclass(frozen=True)
class Release:
    version: tuple[int, int]
    day: dt.date


@dataclasses.dataclass(frozen=True)
class Slotted(Generic[T]):
    __slots__ = ("content",)
    content: T


class Point(NamedTuple):
    x: int
    y: float


@attrs.frozen
class Spot:
    at: tuple[int, int]
    when: dt.datetime
    _seen: bool = False


Pairs = TypeAliasType("Pairs", list[tuple[T, T]], type_params=(T,))


class OddZone(dt.tzinfo):
    def utcoffset(self, when: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=1)

    def dst(self, when: dt.datetime | None) -> None:
        return None

    def tzname(self, when: dt.datetime | None) -> str:
        return "odd"


class Movie(TypedDict):
    name: str
    year: int


class Settings(BaseModel):
    name: str
    release: Release


class Numbers(RootModel[list[float]]):
    pass


class Box(BaseModel, Generic[T]):
    content: T


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Plain:
    pass


RELEASE = Release((1, 4), dt.date(2024, 2, 29))
MOMENTS = [
    dt.datetime(2024, 10, 27, 2, 30, 0, 1, BERLIN, fold=1),
    dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2), "CEST")),
    dt.datetime(2024, 1, 1),
]

TRAVELS: dict[str, list[tuple[Any, Any]]] = {
    "None": [(None, None)],
    "bool": [(bool, True)],
    "int": [(int, -(2**70))],
    "float": [(float, 0.1), (float, NAN), (float, -INF), (float, -0.0)],
    "complex": [(complex, 1 - 2j)],
    "str": [(str, "ü\x00")],
    "bytes": [(bytes, b"\xff\x00")],
    "bytearray": [(bytearray, bytearray(b"\xff"))],
    "Decimal": [(decimal.Decimal, decimal.Decimal("1.50"))],
    "Fraction": [(fractions.Fraction, fractions.Fraction(1, 3))],
    "UUID": [(uuid.UUID, uuid.UUID(int=5))],
    "Path": [(Path, Path("a/b"))],
    "re.Pattern[str]": [(re.Pattern[str], re.compile("a+", re.IGNORECASE))],
    "IPv4Address": [(ipaddress.IPv4Address, ipaddress.IPv4Address("127.0.0.1"))],
    "HttpUrl": [(pydantic.HttpUrl, pydantic.HttpUrl("https://a.b/c"))],
    "date": [(dt.date, dt.date(2024, 2, 29))],
    "time": [(dt.time, dt.time(1, 2, 3, 4, BERLIN, fold=1))],
    "datetime": [(dt.datetime, moment) for moment in MOMENTS],
    "timedelta": [(dt.timedelta, dt.timedelta(days=-1, microseconds=1))],
    "ZoneInfo": [(zoneinfo.ZoneInfo, BERLIN)],
    "Color": [(Color, Color.RED)],
    "Enum": [(dict[Color, int], {Color.RED: 1})],
    "Right": [(Right, Right.READ)],
    "Flag": [(Right, Right.READ | Right.WRITE)],
    'Literal["a", 1]': [(Literal["a", 1], "a"), (Literal["a", 1], 1)],
    "UserId": [(UserId, UserId(1))],
    "NewType": [(list[UserId], [UserId(1)])],
    "list[T]": [(list[dt.date], [dt.date(2024, 2, 29)])],
    "tuple[T, ...]": [(tuple[int, ...], (1, 2))],
    "tuple[int, str]": [(tuple[int, str], (1, "a"))],
    "set[T]": [(set[int], {1, 2})],
    "frozenset[T]": [(frozenset[str], frozenset("ab"))],
    "deque[T]": [(collections.deque[int], collections.deque([1], 3))],
    "dict[K, V]": [
        (dict[tuple[int, dt.date], set[int]], {(1, dt.date(2024, 2, 29)): {1}}),
        (dict[int, int], {1: 2}),
    ],
    "OrderedDict[K, V]": [(collections.OrderedDict[str, int], collections.OrderedDict(b=1, a=2))],
    "defaultdict[K, V]": [(collections.defaultdict[str, list[int]], collections.defaultdict(list, a=[1]))],
    "Counter[K]": [(collections.Counter[str], collections.Counter("aab"))],
    "Sequence[T]": [(Sequence[int], [1]), (Sequence[int], (1,)), (Sequence[int], collections.deque([1]))],
    "Mapping[K, V]": [(Mapping[str, int], {"a": 1}), (Mapping[str, int], collections.OrderedDict(a=1))],
    "Iterable[T]": [(Iterable[int], {1}), (Iterable[int], (1,))],
    "Set[T]": [(AbstractSet[int], {1}), (AbstractSet[int], frozenset({1}))],
    "T | U": [
        (int | str, "1"),
        (list[int] | tuple[int, ...], (1,)),
        (uuid.UUID | str, str(uuid.UUID(int=5))),
    ],
    "T | None": [(float | None, None), (float | None, NAN)],
    "Release": [(Release, RELEASE)],
    "Spot": [(Spot, Spot((1, 2), moment)) for moment in MOMENTS],
    "Pairs[int]": [(Pairs[int], [(1, 2)]), (dict[tuple[int, int], Pairs[Spot]], {(1, 2): []})],
    "Point": [(Point, Point(1, NAN))],
    "NamedTuple": [(list[Point], [Point(1, 2.5)])],
    "Movie": [(Movie, {"name": "x", "year": 1927})],
    "TypedDict": [(list[Movie], [{"name": "x", "year": 1927}])],
    "Settings": [(Settings, Settings(name="a", release=RELEASE))],
    "Numbers": [(Numbers, Numbers([1.5, NAN]))],
    "RootModel": [(list[Numbers], [Numbers([1.5])])],
    "Box[int]": [
        (Box[int], Box[int](content=1)),
        (Annotated[Cat | Dog, Field(discriminator="kind")], Dog()),
        (Slotted[dt.datetime], Slotted(MOMENTS[0])),
    ],
    "nothing": [(UNANNOTATED, {"a": [1, 2.5, None, {"b": True}]}), (UNANNOTATED, [NAN])],
    "Any": [(Any, {"a": [1, 2.5, None, {"b": True}]})],
}

REFUSED: dict[str, list[tuple[Any, Callable[[], Any]]]] = {
    '`Admin()` under `User`, `True` under `int`, `MyStr("x")` under `str`': [
        (User, lambda: Admin(id=1)),
        (int, lambda: True),
        (str, lambda: MyStr("x")),
    ],
    "`(1, 2)` without an annotation": [(UNANNOTATED, lambda: (1, 2))],
    '`SecretStr("x")`, a field with `exclude=True` that is set': [
        (SecretStr, lambda: SecretStr("x")),
        (Excluded, lambda: Excluded(a=1, password="x")),
    ],
    "`Plain()`, a class of no kind listed above; `lambda: 1`, a lock, a file, a generator": [
        (Plain, Plain),
        (Any, Plain),
        (Callable[[], int], lambda: lambda: 1),
        (Any, threading.Lock),
        (Any, lambda: io.StringIO("x")),
        (Generator[int, None, None], generate),
    ],
    "a `datetime` in a zone that is no `ZoneInfo` and no `timezone`": [
        (dt.datetime, lambda: dt.datetime(2024, 5, 6, tzinfo=OddZone())),
        (list[Spot], lambda: [Spot((1, 2), dt.datetime(2024, 5, 6, tzinfo=OddZone()))]),
    ],
    "a numpy array": [(Any, lambda: np.zeros(2))],
    "a list that holds itself, 400 lists in each other": [
        (list[Any], cyclic),
        (list[Any], lambda: nested(400)),
    ],
}
