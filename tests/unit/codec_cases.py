"""Types and values for the codec's tests, and a fingerprint that is independent of the codec's comparison.

Each of `CASES` states whether its value travels. `fingerprint` is a second implementation of "equal, with equal types".
"""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import io
import ipaddress
import math
import os
import pathlib
import re
import struct
import threading
import types
import typing
import uuid
import zoneinfo
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
)
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, Protocol, TypeVar, Union

import pydantic
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel, SecretBytes, SecretStr
from typing_extensions import NotRequired, TypeAliasType, TypedDict

T = TypeVar("T")
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
ODD_ZONE = dt.timezone(dt.timedelta(hours=1, minutes=1, seconds=1))
NAMED_ZONE = dt.timezone(dt.timedelta(hours=2), "CEST")
NAN = float("nan")
A_UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


class Case(NamedTuple):
    """A type, how to make a value of it, and whether the value travels."""

    name: str
    type: Any
    make: Callable[[], Any]
    travels: bool


# --- classes ---------------------------------------------------------------------------------------------


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Pair(enum.Enum):
    ONE = (1, 2)
    TWO = (3, 4)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(str, enum.Enum):
    YES = "yes"


class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Meeting(NamedTuple):
    when: dt.datetime
    who: Sequence[str]


class Branch(NamedTuple):
    when: dt.datetime
    branches: tuple[Branch, ...] = ()


@dataclasses.dataclass(frozen=True)
class Key:
    a: int
    b: str = "b"


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    a: int
    when: dt.datetime


@dataclasses.dataclass
class Job:
    name: str
    weight: float = 1.0
    tags: Sequence[str] = ()
    done: bool = dataclasses.field(default=False, init=False)


@dataclasses.dataclass
class SubJob(Job):
    extra: int = 0


@dataclasses.dataclass
class Box(Generic[T]):
    content: T


@dataclasses.dataclass
class WithInitVar:
    a: int
    seed: dataclasses.InitVar[int]
    b: int = dataclasses.field(init=False, default=0)

    def __post_init__(self, seed: int) -> None:
        self.b = self.a + seed


@dataclasses.dataclass
class NoCompare:
    a: int
    b: float = dataclasses.field(compare=False, default=0.0)


@dataclasses.dataclass
class Doubling:
    a: int

    def __post_init__(self) -> None:
        self.a *= 2


@pydantic.dataclasses.dataclass
class Checked:
    a: int
    b: bytes = b""


class User(BaseModel):
    id: int
    name: str = "x"
    mail: str | None = None


class Admin(User):
    rights: list[str] = []


class Measured(BaseModel):
    value: float
    maybe: float | None = None
    raw: bytes = b""
    when: dt.datetime | None = None


class Tree(BaseModel):
    value: int
    children: list[Tree] = []


class TimeTree(BaseModel):
    when: dt.datetime
    children: list[TimeTree] = []


class Aliased(BaseModel):
    a: int = Field(alias="b")
    b: int = Field(alias="a")
    c: int = Field(default=0, validation_alias=pydantic.AliasChoices("x", "y"))


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    a: int

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return self.a * 2


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int = 0


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    a: int
    when: dt.datetime


class Private(BaseModel):
    a: int
    _secret: int = PrivateAttr(default=1)

    def set(self, secret: int) -> Private:
        self._secret = secret
        return self


class PrivateLock(BaseModel):
    _lock: Any = PrivateAttr(default_factory=threading.Lock)


class Excluded(BaseModel):
    a: int
    password: str = Field(default="", exclude=True)


class ExcludedRequired(BaseModel):
    password: str = Field(exclude=True)


class Hidden(BaseModel):
    token: Any = Field(default=None, repr=False)


class Login(BaseModel):
    user: str
    password: SecretStr


class Doubler(BaseModel):
    a: int

    @pydantic.field_validator("a")
    @classmethod
    def double(cls, a: int) -> int:
        return a * 2


class Rounder(BaseModel):
    a: float

    @pydantic.field_serializer("a")
    def rounded(self, a: float) -> int:
        return round(a)


class Sorter(BaseModel):
    items: list[int]

    @pydantic.field_serializer("items")
    def sort(self, items: list[int]) -> list[int]:
        items.sort()
        return items


class Cached(BaseModel):
    a: int

    @functools.cached_property
    def twice(self) -> int:
        return self.a * 2

    def warm(self) -> Cached:
        assert self.twice
        return self


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    born: dt.datetime


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    weight: float


def kind_of(pet: Any) -> str:
    return str(pet["kind"] if isinstance(pet, dict) else pet.kind)


TaggedCat = Annotated[Cat, pydantic.Tag("cat")]
TaggedDog = Annotated[Dog, pydantic.Tag("dog")]


class OwnSchema(BaseModel):
    """A model that defines its own schema."""

    when: dt.datetime

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler(source)


class CatLike(BaseModel):
    name: str


class DogLike(BaseModel):
    name: str


class Generic1(BaseModel, Generic[T]):
    content: T


class Numbers(RootModel[list[float]]):
    pass


class Moments(RootModel[dict[str, dt.datetime]]):
    pass


class Plain(TypedDict):
    a: int
    b: NotRequired[bytes]


class Partial(TypedDict, total=False):
    when: dt.datetime
    keys: dict[Color, int]


class OwnBytes(TypedDict):
    a: bytes


OwnBytes.__pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")  # type: ignore[attr-defined]


class MyStr(str):
    __slots__ = ()


class MyInt(int):
    pass


class MyList(list[int]):
    pass


class MyDict(dict[str, int]):
    pass


class MyDatetime(dt.datetime):
    pass


class Arbitrary:
    def __init__(self) -> None:
        self.a = 1


class EqualToAll:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class BadEq(BaseModel):
    __hash__ = None  # type: ignore[assignment]
    a: Any = None

    def __eq__(self, other: object) -> bool:
        return True


class RaisingEq(BaseModel):
    __hash__ = None  # type: ignore[assignment]
    a: int

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no")


class SupportsName(Protocol):
    name: str


UserId = NewType("UserId", int)
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | float | bool | None")
Ids = TypeAliasType("Ids", list[UserId])
Pairs = TypeAliasType("Pairs", list[tuple[T, int]], type_params=(T,))
Maybe = TypeAliasType("Maybe", T | None, type_params=(T,))


def adhoc(value: Any, **attributes: Any) -> Any:
    value.__dict__.update(attributes)
    return value


def cyclic() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


def nested(depth: int) -> list[Any]:
    items: list[Any] = []
    for _ in range(depth):
        items = [items]
    return items


def generate() -> Iterator[int]:
    yield 1


# --- scalars, and types that contain them ---------------------------------------------------------------

MOMENT = dt.datetime(2024, 5, 6, 7, 8, 9, 123456)
# Name, type, value: each travels on its own and in every container below.
LEAVES: list[tuple[str, Any, Any]] = [
    ("none", None, None),
    ("bool", bool, True),
    ("int", int, -(2**70)),
    ("float", float, 1.0),
    ("minus zero", float, -0.0),
    ("nan", float, NAN),
    ("inf", float, float("-inf")),
    ("int as float", float, 3),
    ("complex", complex, complex(-0.0, NAN)),
    ("str", str, "ü\x00\u2028\U0001f600"),
    ("bytes", bytes, b"\xff\x00"),
    ("bytearray", bytearray, bytearray(b"\xfe")),
    ("decimal", decimal.Decimal, decimal.Decimal("1.500")),
    ("decimal nan", decimal.Decimal, decimal.Decimal("NaN")),
    ("fraction", fractions.Fraction, fractions.Fraction(1, 3)),
    ("date", dt.date, dt.date(2024, 5, 6)),
    ("naive datetime", dt.datetime, MOMENT),
    ("utc", dt.datetime, MOMENT.replace(tzinfo=dt.timezone.utc)),
    ("zoneinfo", dt.datetime, MOMENT.replace(tzinfo=BERLIN)),
    ("fold", dt.datetime, dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN)),
    ("odd offset", dt.datetime, MOMENT.replace(tzinfo=ODD_ZONE)),
    ("named offset", dt.datetime, MOMENT.replace(tzinfo=NAMED_ZONE)),
    ("time", dt.time, dt.time(1, 2, 3, 4)),
    ("zoneinfo time", dt.time, dt.time(1, tzinfo=BERLIN)),
    ("fold time", dt.time, dt.time(1, fold=1)),
    ("timedelta", dt.timedelta, dt.timedelta(days=-1, microseconds=1)),
    ("zone", zoneinfo.ZoneInfo, BERLIN),
    ("uuid", uuid.UUID, A_UUID),
    ("path", pathlib.Path, pathlib.Path("/a/b")),
    ("ip", ipaddress.IPv4Address, ipaddress.IPv4Address("127.0.0.1")),
    ("network", ipaddress.IPv6Network, ipaddress.IPv6Network("::/8")),
    ("pattern", re.Pattern[str], re.compile("a+", re.IGNORECASE)),
    ("enum", Color, Color.BLUE),
    ("tuple enum", Pair, Pair.TWO),
    ("int enum", Level, Level.HIGH),
    ("str enum", Word, Word.YES),
    ("flag", Right, Right.READ | Right.WRITE),
    ("literal", Literal["a", 1, Color.RED, b"x"], Color.RED),
    ("new type", UserId, UserId(3)),
    ("url", pydantic.HttpUrl, pydantic.HttpUrl("https://a.b/c")),
]


@functools.cache
def model_holding(tp: Any) -> type[BaseModel]:
    return pydantic.create_model(f"Holder of {tp}", value=(tp, ...))


@functools.cache
def dataclass_holding(tp: Any) -> Any:
    return dataclasses.make_dataclass("Held_" + re.sub(r"\W", "_", str(tp)), [("value", tp)], frozen=True)


HOLDERS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "bare": (lambda tp: tp, lambda tp, v: v),
    "in a list": (list.__class_getitem__, lambda tp, v: [v, v]),
    "in a model": (model_holding, lambda tp, v: model_holding(tp).model_construct(value=v)),
    "in a dataclass": (dataclass_holding, lambda tp, v: dataclass_holding(tp)(v)),
}
# A model turns the 3 of a `float` field into 3.0 and rejects a NaN for a Decimal, wherever it validates.
EXCEPTIONS = {("int as float", "in a model"), ("decimal nan", "in a model")}
HELD = [
    Case(f"{name} {holder}", make_type(tp), functools.partial(make_value, tp, v), (name, holder) not in EXCEPTIONS)
    for name, tp, v in LEAVES
    for holder, (make_type, make_value) in HOLDERS.items()
    if not (tp is bytearray and holder == "in a model")
]


def travels(name: str, tp: Any, make: Callable[[], Any]) -> Case:
    return Case(name, tp, make, travels=True)


def refused(name: str, tp: Any, make: Callable[[], Any]) -> Case:
    return Case(name, tp, make, travels=False)


CONTAINERS = [
    travels("list", list[int], lambda: [1, 2]),
    travels("empty list", list[int], list),
    travels("set", set[int], lambda: {3, 1}),
    travels("frozenset", frozenset[str], lambda: frozenset("ab")),
    travels("tuple", tuple[int, str], lambda: (1, "a")),
    travels("long tuple", tuple[int, ...], lambda: (1, 2, 3)),
    travels("empty tuple", tuple[()], lambda: ()),
    travels("deque", collections.deque[int], lambda: collections.deque([1])),
    travels("deque with maxlen", collections.deque[int], lambda: collections.deque([1], 3)),
    travels("dict", dict[str, int], lambda: {"a": 1}),
    travels("int keys", dict[int, int], lambda: {1: 1, 2: 2}),
    travels("bool keys", dict[bool, int], lambda: {True: 1}),
    travels("float keys", dict[float, int], lambda: {1.0: 1, NAN: 2}),
    travels("uuid keys", dict[uuid.UUID, int], lambda: {A_UUID: 1}),
    travels("date keys", dict[dt.date, int], lambda: {dt.date(2024, 1, 1): 1}),
    travels("zoned keys", dict[dt.datetime, int], lambda: {MOMENT.replace(tzinfo=BERLIN): 1}),
    travels("tuple keys", dict[tuple[int, str], int], lambda: {(1, "a"): 1, (2, "b"): 2}),
    travels("dataclass keys", dict[Key, int], lambda: {Key(1): 1}),
    travels("named tuple keys", dict[Point, int], lambda: {Point(1): 1}),
    travels("enum keys", dict[Color, int], lambda: {Color.RED: 1}),
    travels("tuple enum keys", dict[Pair, int], lambda: {Pair.ONE: 1}),
    travels("int enum keys", dict[Level, int], lambda: {Level.LOW: 1}),
    travels("literal keys", dict[Literal[1, 2], int], lambda: {1: 1}),
    travels("model keys", dict[Closed, int], lambda: dict([(Closed(a=1), 2)])),  # noqa: C406 - frozen, though checkers do not know
    travels("frozenset keys", dict[frozenset[int], str], lambda: {frozenset({1}): "x"}),
    travels("flags under tuple keys", dict[tuple[int, int], Right], lambda: {(1, 2): Right.READ | Right.WRITE}),
    travels("literals under tuple keys", dict[tuple[int, int], Literal[1, True]], lambda: {(1, 2): True, (3, 4): 1}),
    travels("bytes keys", dict[bytes, str], lambda: {b"\xff": "x"}),
    travels("none keys", dict[str | None, int], lambda: {None: 1, "None": 2}),
    travels("int and str keys", dict[int | str, int], lambda: {1: 1, "1": 2}),
    travels("ordered dict", collections.OrderedDict[str, int], lambda: collections.OrderedDict(b=1, a=2)),
    travels("ordered int keys", collections.OrderedDict[int, int], lambda: collections.OrderedDict({2: 1, 1: 2})),
    travels("counter", collections.Counter[str], lambda: collections.Counter("aab")),
    travels("tuple counter", collections.Counter[tuple[int, int]], lambda: collections.Counter({(1, 2): 3})),
    travels("defaultdict", collections.defaultdict[str, list[int]], lambda: collections.defaultdict(list, a=[1])),
    travels("defaultdict of none", collections.defaultdict[str, int], lambda: collections.defaultdict(None, a=1)),
    travels("other factory", collections.defaultdict[str, object], lambda: collections.defaultdict(list)),
    travels("sequence of list", Sequence[int], lambda: [1]),
    travels("sequence of tuple", Sequence[int], lambda: (1, 2)),
    travels("sequence of deque", Sequence[int], lambda: collections.deque([1], 2)),
    travels("sequence of str", Sequence[str], lambda: ["a"]),
    travels("str as sequence", Sequence[str], lambda: "abc"),
    travels("typing sequence", typing.Sequence[int], lambda: (1,)),
    travels("mutable sequence", MutableSequence[int], lambda: [1]),
    travels("collection of set", Collection[int], lambda: {1, 2}),
    travels("collection of tuple", Collection[int], lambda: (1, 2)),
    travels("iterable of list", Iterable[int], lambda: [1]),
    travels("iterable of frozenset", Iterable[int], lambda: frozenset({1})),
    travels("abstract set", AbstractSet[int], lambda: {1}),
    travels("abstract frozenset", AbstractSet[tuple[int, int]], lambda: frozenset({(1, 2)})),
    travels("mapping", Mapping[str, int], lambda: {"a": 1}),
    travels("mapping of ordered", Mapping[str, int], lambda: collections.OrderedDict(a=1)),
    travels("mapping of default", Mapping[str, int], lambda: collections.defaultdict(int, a=1)),
    travels("mapping of counter", Mapping[str, int], lambda: collections.Counter("aab")),
    travels("mapping of tuple keys", Mapping[tuple[int, int], str], lambda: {(1, 2): "x"}),
    travels("mutable mapping", MutableMapping[int, str], lambda: {1: "x"}),
    travels("nested", dict[str, list[tuple[int, Mapping[int, dt.datetime]]]], lambda: {"a": [(1, {2: MOMENT})]}),
    travels("199 levels", Json, lambda: nested(150)),
    travels("pure path", pathlib.PurePath, lambda: pathlib.PurePosixPath("/a")),
    refused("path as pure path", pathlib.PurePath, lambda: pathlib.Path("/a")),
    refused("windows path", pathlib.PurePath, lambda: pathlib.PureWindowsPath("c:/a")),
    refused("path-like", os.PathLike[str], lambda: pathlib.Path("/a")),
    travels("range", range, lambda: range(1, 9, 3)),
    travels("timezone", dt.timezone, lambda: NAMED_ZONE),
    travels("tzinfo", dt.tzinfo, lambda: BERLIN),
    travels("bytes pattern", re.Pattern[bytes], lambda: re.compile(b"a")),
    travels("list of nan", list[float | None], lambda: [NAN, None, 1.5]),
    travels("shared parts", list[list[int]], lambda: [[1]] * 2),
    refused("tuple under mutable sequence", MutableSequence[int], lambda: (1,)),
    refused("str under mutable sequence", MutableSequence[str], lambda: "abc"),
    refused("frozenset under mutable set", MutableSet[int], lambda: frozenset({1})),
    travels("mutable set", MutableSet[int], lambda: {1}),
    refused("str under abstract set", AbstractSet[str], lambda: "abc"),
    refused("list in sequence of a subclass", Sequence[int], lambda: MyList([1])),
    refused("set under list", list[int], lambda: {1}),
    refused("tuple under list", list[int], lambda: (1,)),
    refused("list under tuple", tuple[int, ...], lambda: [1]),
    refused("frozenset under set", set[int], lambda: frozenset({1})),
    refused("ordered dict under dict", dict[str, int], lambda: collections.OrderedDict(a=1)),
    refused("factory of its own", collections.defaultdict[str, int], lambda: collections.defaultdict(lambda: 3)),
    refused("generator", Iterable[int], generate),
    refused("mapping proxy", Mapping[str, int], lambda: types.MappingProxyType({"a": 1})),
    refused("user dict", Mapping[str, int], lambda: collections.UserDict(a=1)),
    refused("bare list of dates", list, lambda: [dt.date(2024, 1, 1)]),
    refused("bare dict of tuples", dict, lambda: {"a": (1,)}),
    refused("bare dict of int keys", dict, lambda: {1: 1}),
    travels("bare dict of json", dict, lambda: {"a": [1, 2.5, None, {"b": True}]}),
    travels("bare list of json", list, lambda: [1, "a"]),
]

UNIONS = [
    travels("optional", Optional[int], lambda: None),  # noqa: UP045 - as users write it
    travels("int or str", int | str, lambda: "1"),
    travels("int or bool", int | bool, lambda: True),
    travels("int or float", int | float, lambda: 1.0),
    travels("int under float", float | bytes, lambda: 3),
    travels("uuid or str", uuid.UUID | str, lambda: str(A_UUID)),
    travels("str or uuid", str | uuid.UUID, lambda: A_UUID),
    travels("date or str", dt.date | str, lambda: "2024-01-01"),
    travels("str or date", str | dt.date, lambda: dt.date(2024, 1, 1)),
    travels("date or datetime", dt.date | dt.datetime, lambda: dt.datetime(2024, 1, 1)),
    travels("timedelta or str", dt.timedelta | str, lambda: dt.timedelta(1)),
    travels("path or str", pathlib.Path | str, lambda: "a"),
    travels("str or path", str | pathlib.Path, lambda: pathlib.Path("a")),
    travels("bytes or str", bytes | str, lambda: "abcd"),
    travels("decimal or float", decimal.Decimal | float, lambda: 1.5),
    travels("list or tuple", list[int] | tuple[int, ...], lambda: (1, 2)),
    travels("tuple or set", tuple[int, ...] | set[int], lambda: {1}),
    travels("set or frozenset", set[int] | frozenset[int], lambda: frozenset({1})),
    travels("named tuple or tuple", Point | tuple[int, float], lambda: (1, 2.0)),
    travels("tuple or named tuple", tuple[int, float] | Point, lambda: Point(1, 2.0)),
    travels("look-alike models", CatLike | DogLike, lambda: DogLike(name="x")),
    travels("list of look-alikes", list[CatLike | DogLike], lambda: [DogLike(name="x"), CatLike(name="x")]),
    travels("look-alike classes", Key | Box[int], lambda: Box(1)),
    travels("base or sub", User | Admin, lambda: Admin(id=1, rights=["a"])),
    travels("sub or base", Admin | User, lambda: User(id=1)),
    travels("model or dict", CatLike | dict[str, str], lambda: {"name": "x"}),
    travels("enum or str", Word | str, lambda: "yes"),
    travels("str or enum", str | Word, lambda: Word.YES),
    travels("int or int enum", int | Level, lambda: Level.LOW),
    travels("literal or str", Literal["a"] | str, lambda: "b"),  # noqa: PYI051 - it must choose
    travels("discriminated", Annotated[Cat | Dog, Field(discriminator="kind")], lambda: Dog(weight=NAN)),
    travels(
        "discriminated with a zone",
        list[Annotated[Cat | Dog, Field(discriminator="kind")]],
        lambda: [Cat(born=MOMENT.replace(tzinfo=BERLIN)), Dog(weight=1.5)],
    ),
    travels(
        "discriminated by a function",
        list[Annotated[TaggedCat | TaggedDog, pydantic.Discriminator(kind_of)]],
        lambda: [Cat(born=MOMENT.replace(tzinfo=BERLIN)), Dog(weight=1.5)],
    ),
    travels("none or nan", Optional[float], lambda: NAN),  # noqa: UP045 - as users write it
    travels("union in a key", dict[int | uuid.UUID, int | str | None], lambda: {A_UUID: None, 1: "1"}),
    travels("typing union", Union[int, str, None], lambda: 5),  # noqa: UP007 - as users write it
    travels("constrained", Annotated[int, Field(gt=0)] | Annotated[str, Field(min_length=2)], lambda: "12"),
    refused("ambiguous lists", list[uuid.UUID] | list[str], lambda: [str(A_UUID)]),
    refused("neither", int | str, lambda: dt.date(2024, 1, 1)),
    refused("numpy-like subclass", float | str, lambda: MyStr("x")),
]

CLASSES = [
    travels("model", User, lambda: User(id=1)),
    travels("constructed model", User, lambda: User.model_construct(id=1)),
    travels("models", list[User], lambda: [User(id=i) for i in range(20)]),
    travels("model of nan", Measured, lambda: Measured(value=NAN, maybe=NAN)),
    travels("model of bytes", Measured, lambda: Measured(value=1, raw=b"\xff")),
    travels("model of a zone", Measured, lambda: Measured(value=1, when=MOMENT.replace(tzinfo=BERLIN))),
    travels("tree", Tree, lambda: Tree(value=1, children=[Tree(value=2)])),
    travels(
        "tree of moments",
        TimeTree,
        lambda: TimeTree(when=MOMENT.replace(tzinfo=BERLIN, fold=1), children=[TimeTree(when=MOMENT)]),
    ),
    travels("aliases", Aliased, lambda: Aliased.model_validate({"a": 1, "b": 2, "x": 3})),
    travels("closed model", Closed, lambda: Closed(a=1)),
    travels("open model", Open, lambda: Open.model_validate({"a": 1, "b": [1, "x"]})),
    travels("strict model", Strict, lambda: Strict(a=1, when=MOMENT.replace(tzinfo=NAMED_ZONE))),
    travels("private attribute", Private, lambda: Private(a=1)),
    travels("excluded default", Excluded, lambda: Excluded(a=1)),
    travels("hidden", Hidden, lambda: Hidden(token=1)),
    travels("cached property", Cached, lambda: Cached(a=1).warm()),
    travels("generic model", Generic1[int], lambda: Generic1[int](content=1)),
    travels(
        "generic model of a moment", Generic1[dt.time], lambda: Generic1[dt.time](content=dt.time(1, tzinfo=BERLIN))
    ),
    travels("root model", Numbers, lambda: Numbers([1.5, NAN])),
    travels("root model of moments", Moments, lambda: Moments({"a": MOMENT.replace(tzinfo=BERLIN)})),
    travels("doubling validator", Doubler, lambda: Doubler.model_construct(a=0)),
    travels("badly comparing model", BadEq, lambda: BadEq(a=1)),
    travels("raising model", RaisingEq, lambda: RaisingEq(a=1)),
    travels("dataclass", Job, lambda: Job("a", 2.5, ["x"])),
    travels("dataclass of a tuple", Job, lambda: Job("a", 2, ("x",))),
    travels("dataclass changed", Job, lambda: adhoc(Job("a"), done=True)),
    travels("subclass", SubJob, lambda: SubJob("a", extra=1)),
    travels("slots", Slotted, lambda: Slotted(1, MOMENT.replace(tzinfo=BERLIN))),
    travels("generic dataclass", Box[int], lambda: Box(1)),
    travels("generic dataclass of a moment", Box[dt.datetime], lambda: Box(MOMENT.replace(tzinfo=BERLIN))),
    travels("init var", WithInitVar, lambda: WithInitVar(1, seed=2)),
    travels("not compared", NoCompare, lambda: NoCompare(1, b=2.0)),
    travels("doubling dataclass", Doubling, lambda: Doubling(1)),
    travels("pydantic dataclass", Checked, lambda: Checked(1, b"\xff")),
    travels("named tuple", Point, lambda: Point(1, NAN)),
    travels("named tuple of more", Meeting, lambda: Meeting(MOMENT.replace(tzinfo=BERLIN), ("a",))),
    travels("typed dict", Plain, lambda: {"a": 1, "b": b"\xff"}),
    travels("typed dict in another order", Plain, lambda: {"b": b"", "a": 1}),
    travels("partial typed dict", Partial, lambda: {"keys": {Color.RED: 1}}),
    travels("partial typed dict of a zone", Partial, lambda: {"when": MOMENT.replace(tzinfo=BERLIN)}),
    travels("typed dict with its own bytes", OwnBytes, lambda: {"a": b"abcd"}),
    travels("alias", Ids, lambda: [UserId(1)]),
    travels("generic alias", Pairs[int], lambda: [(1, 2)]),
    travels("generic alias of a moment", Pairs[dt.datetime], lambda: [(MOMENT.replace(tzinfo=BERLIN), 2)]),
    travels("generic alias in an alias", Maybe[Pairs[dt.time]], lambda: [(dt.time(1, tzinfo=BERLIN), 2)]),
    travels("named tuple of its own", Branch, lambda: Branch(MOMENT, (Branch(MOMENT.replace(tzinfo=BERLIN)),))),
    travels("recursive alias", Json, lambda: {"a": [1, 2.5, None, {"b": True}]}),
    travels("any of json", Any, lambda: {"a": [1, "x", None]}),
    travels("own schema", OwnSchema, lambda: OwnSchema(when=MOMENT)),
    refused("own schema of a zone", OwnSchema, lambda: OwnSchema(when=MOMENT.replace(tzinfo=BERLIN))),
    refused("open model of a date", Open, lambda: Open.model_validate({"b": dt.date(2024, 1, 1)})),
    refused("changed private attribute", Private, lambda: Private(a=1).set(2)),
    refused("private lock", PrivateLock, PrivateLock),
    refused("excluded", Excluded, lambda: Excluded(a=1, password="x")),
    refused("excluded and required", ExcludedRequired, lambda: ExcludedRequired(password="x")),
    refused("secret", Login, lambda: Login(user="a", password=SecretStr("x"))),
    refused("bare secret", SecretStr, lambda: SecretStr("x")),
    refused("secret bytes", SecretBytes, lambda: SecretBytes(b"x")),
    refused("ad-hoc attribute", Job, lambda: adhoc(Job("a"), more=1)),
    refused("model under its base", User, lambda: Admin(id=1)),
    refused("models under their base", list[User], lambda: [User(id=1), Admin(id=1)]),
    refused("dataclass under its base", Job, lambda: SubJob("a")),
    refused("rounding serializer", Rounder, lambda: Rounder(a=1.5)),
    refused("sorting serializer", Sorter, lambda: Sorter(items=[2, 1])),
    refused("invalid model", User, lambda: User.model_construct(id="x")),
    refused("invalid constraint", list[Annotated[int, Field(gt=0)]], lambda: [-1]),
    refused("typed dict with more keys", Plain, lambda: {"a": 1, "z": 2}),
    refused("typed dict with fewer keys", Plain, lambda: {"b": b""}),
    refused("badly comparing value", BadEq, lambda: BadEq(a=(1,))),
]

ODD = [
    refused("bool under int", int, lambda: True),
    refused("int under str", str, lambda: 1),
    refused("str under int", int, lambda: "1"),
    refused("none under int", int, lambda: None),
    refused("float under int", int, lambda: 1.0),
    refused("int enum under int", int, lambda: Level.LOW),
    refused("str enum under str", str, lambda: Word.YES),
    refused("str subclass", str, lambda: MyStr("x")),
    refused("int subclass", int, lambda: MyInt(1)),
    refused("list subclass", list[int], lambda: MyList([1])),
    refused("dict subclass", dict[str, int], lambda: MyDict(a=1)),
    refused("datetime subclass", dt.datetime, lambda: MyDatetime(2024, 1, 1)),
    refused("annotated subclass", MyList, lambda: MyList([1])),
    refused("moment under any", Any, lambda: MOMENT),
    refused("tuple under any", Any, lambda: (1,)),
    refused("set under object", object, lambda: {1}),
    refused("model under any", Any, lambda: User(id=1)),
    refused("nested under any", dict[str, Any], lambda: {"a": [{"b": A_UUID}]}),
    refused("type variable", T, lambda: (1,)),
    refused("lone surrogate", str, lambda: "\ud800"),
    refused("surrogate key", dict[str, int], lambda: {"\ud800": 1}),
    refused("long int", int, lambda: 10**5000),
    refused("too deep", Json, lambda: nested(400)),
    refused("cyclic", list[Any], cyclic),
    refused("arbitrary class", Arbitrary, Arbitrary),
    refused("arbitrary under any", Any, Arbitrary),
    refused("equal to all", Any, EqualToAll),
    refused("equal to all in a list", list[Any], lambda: [EqualToAll()]),
    refused("callable", Callable[[], int], lambda: int),
    refused("class", type[int], lambda: int),
    refused("lock", Any, threading.Lock),
    refused("module", types.ModuleType, lambda: os),
    refused("protocol", SupportsName, lambda: CatLike(name="x")),
    refused("memoryview", memoryview, lambda: memoryview(b"x")),
    refused("array", array.array, lambda: array.array("d", [1.0])),
    refused("namespace", types.SimpleNamespace, lambda: types.SimpleNamespace(a=1)),
    refused("exception", ValueError, lambda: ValueError("x")),
    refused("slice", slice, lambda: slice(1)),
    refused("ellipsis", Any, lambda: ...),
    refused("generator under any", Any, generate),
    refused("file", Any, lambda: io.BytesIO(b"x")),
    refused("url under its base", pydantic.AnyUrl, lambda: pydantic.HttpUrl("https://a.b")),
]

CASES: list[Case] = [*HELD, *CONTAINERS, *UNIONS, *CLASSES, *ODD]


# --- the independent fingerprint -------------------------------------------------------------------------


def fingerprint(value: Any) -> Any:
    """Return nested tuples of strings that distinguish the value, with its types, from every other."""
    cls = type(value)
    if cls.__name__ == "TzInfo":
        return zone_print(value)
    simple = SIMPLE.get(cls)
    if simple is not None:
        return cls.__name__, simple(value)
    if isinstance(value, enum.Enum):
        return "enum", cls.__qualname__, str(value.name), repr(value.value)
    if isinstance(value, list | tuple | collections.deque):
        return cls.__qualname__, str(getattr(value, "maxlen", "")), tuple(map(fingerprint, value)), rest(value)
    if isinstance(value, set | frozenset):
        return cls.__qualname__, tuple(sorted(map(fingerprint, value), key=repr)), rest(value)
    if isinstance(value, dict):
        pairs = [(fingerprint(k), fingerprint(v)) for k, v in value.items()]
        ordered = pairs if cls is collections.OrderedDict else sorted(pairs, key=repr)
        return cls.__qualname__, str(getattr(value, "default_factory", "")), tuple(ordered), rest(value)
    if not hasattr(value, "__dict__") and not any("__slots__" in vars(c) for c in cls.__mro__):
        raise TypeError(f"{cls} shows nothing of itself")
    return cls.__module__, cls.__qualname__, rest(value)


def rest(value: Any) -> Any:
    cls = type(value)
    cached = {n for c in cls.__mro__ for n, at in vars(c).items() if isinstance(at, functools.cached_property)}
    found = {n: v for n, v in getattr(value, "__dict__", {}).items() if n not in cached}
    for name in getattr(cls, "__dataclass_fields__", ()):
        found[name] = getattr(value, name, None)
    for name in {n for c in cls.__mro__ for n in vars(c).get("__slots__", ())} - {
        "__pydantic_fields_set__",
        "__dict__",
    }:
        if hasattr(value, name) and name != "__weakref__":
            found[name] = getattr(value, name)
    return tuple(sorted((n, fingerprint(v)) for n, v in found.items()))


def zone_print(zone: Any) -> Any:
    if zone is None:
        return None
    if isinstance(zone, zoneinfo.ZoneInfo):
        return "zone", zone.key
    offset = zone.utcoffset(None)
    name = zone.tzname(None) if type(zone) is dt.timezone else None
    return "offset", str(offset), None if name == dt.timezone(offset).tzname(None) else name


def float_print(value: float) -> str:
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()


SIMPLE: dict[type, Callable[[Any], Any]] = {
    **dict.fromkeys((type(None), bool, str, bytes, bytearray, decimal.Decimal, fractions.Fraction, uuid.UUID), repr),
    **dict.fromkeys((dt.date, dt.timedelta, range, ipaddress.IPv4Address, ipaddress.IPv6Network), repr),
    **dict.fromkeys((pathlib.PurePosixPath, pathlib.PosixPath, pathlib.PureWindowsPath, pydantic.HttpUrl), repr),
    int: hex,
    float: float_print,
    complex: lambda c: (float_print(c.real), float_print(c.imag)),
    re.Pattern: lambda p: (repr(p.pattern), int(p.flags)),
    dt.datetime: lambda m: (m.replace(tzinfo=None).isoformat(), m.fold, zone_print(m.tzinfo)),
    dt.time: lambda m: (m.replace(tzinfo=None).isoformat(), m.fold, zone_print(m.tzinfo)),
    dt.timezone: zone_print,
    zoneinfo.ZoneInfo: zone_print,
}
