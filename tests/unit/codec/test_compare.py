"""The comparison of a value with its copy: which differences it finds, and at which paths."""

from __future__ import annotations

import array
import collections
import copy
import dataclasses
import datetime as dt
import decimal
import fractions
import math
import operator
import os
import pathlib
import pickle
import re
import subprocess
import sys
import threading
import uuid
import zoneinfo
from collections.abc import Callable
from typing import Any

import pytest
from codec_cases import (
    A_UUID,
    BERLIN,
    CASES,
    MOMENT,
    NAMED_ZONE,
    Admin,
    BadEq,
    Cached,
    CatLike,
    Closed,
    Color,
    DogLike,
    Doubling,
    Hidden,
    Job,
    Key,
    Level,
    MyDict,
    MyInt,
    MyList,
    MyStr,
    NoCompare,
    Open,
    Pair,
    Point,
    Private,
    PrivateLock,
    RaisingEq,
    Right,
    Slotted,
    User,
    adhoc,
    fingerprint,
    generate,
)
from pydantic import BaseModel, ConfigDict, HttpUrl, PostgresDsn, SecretStr, TypeAdapter

from pytest_shared_session_scope._codec.compare import difference
from pytest_shared_session_scope._codec.formatting import path_of, shown
from pytest_shared_session_scope._codec.parts import ABSENT, Difference, Step
from pytest_shared_session_scope._codec.scalars import are_alike, are_written_alike

NAN = float("nan")
UTC_OF_PYDANTIC = TypeAdapter(dt.datetime).validate_json('"2024-05-06T07:08:09.123456Z"')


class EqualToAll:
    """Equal to everything, and hashing like everything."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


class RaisingHash:
    hashes = True

    def __hash__(self) -> int:
        if self.hashes:
            return 1
        raise RuntimeError("no")


class Unequal:
    """Equal to nothing, itself included, as a class without `__eq__` is to its copies."""

    def __init__(self, value: object) -> None:
        self.value = value


class LyingMeta(type):
    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return 1


class LyingA(metaclass=LyingMeta):
    def __init__(self) -> None:
        self.a = 1


class LyingB(metaclass=LyingMeta):
    def __init__(self) -> None:
        self.a = 1


class Empty:
    pass


class Reducing:
    def __reduce__(self) -> Any:
        return Reducing, ()


class Stateful:
    def __init__(self, state: object) -> None:
        self.state = state

    def __getstate__(self) -> Any:
        return self.state


class SlotsOnly:
    __slots__ = ("a", "b")

    def __init__(self, a: object) -> None:
        self.a = a


@dataclasses.dataclass(slots=True)
class SlottedData:
    a: Any
    b: Any = dataclasses.field(init=False)


@dataclasses.dataclass
class IntData(int):
    a: int = dataclasses.field(init=False, default=0)


def int_data(value: int) -> IntData:
    return int.__new__(IntData, value)


class MySet(set[int]):
    pass


class Zone(dt.tzinfo):
    def __init__(self, hours: int = 0) -> None:
        self.hours = hours

    def utcoffset(self, when: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=1)

    def dst(self, when: dt.datetime | None) -> None:
        return None

    def tzname(self, when: dt.datetime | None) -> str:
        return "X"


def zoned(zone: dt.tzinfo | None, fold: int = 0) -> dt.datetime:
    return MOMENT.replace(tzinfo=zone, fold=fold)


def tied(a: Any, b: Any) -> Any:
    """Return a list of a thing that holds the list."""
    items = [a, b]
    items.append(items)
    return items


def knotted(value: int, size: int = 6) -> list[Any]:
    """Return objects that each hold all of them: a walk without memory never ends."""
    knots = [Unequal(value) for _ in range(size)]
    for knot in knots:
        knot.value = knots
    return [*knots, value]


def nest(depth: int, value: Any = 1) -> Any:
    for _ in range(depth):
        value = [value]
    return value


SAME: list[tuple[str, Any, Any]] = [
    ("none", None, None),
    ("int", 10**50, 10**50),
    ("nan", NAN, -math.nan),
    ("decimal nan", decimal.Decimal("NaN"), decimal.Decimal("NaN")),
    ("fraction", fractions.Fraction(1, 3), fractions.Fraction(1, 3)),
    ("complex nan", complex(NAN, 1), complex(NAN, 1)),
    ("empty", [[], {}, (), set()], [[], {}, (), set()]),
    ("dict in another order", {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ("int keys in another order", {1: "a", 2: "b"}, {2: "b", 1: "a"}),
    ("dicts in other orders", [{"a": 1, "b": 2}, {"b": 3}], [{"b": 2, "a": 1}, {"b": 3}]),
    ("tuple keys in another order", {(1, 2): 1, (2, 1): 2}, {(2, 1): 2, (1, 2): 1}),
    ("nan key", {NAN: 1, 1.0: 2}, {1.0: 2, float("nan"): 1}),
    ("set of tuples", {(1, 2), (3, 4)}, {(3, 4), (1, 2)}),
    ("set of nan", {NAN, 1.0}, {float("nan"), 1.0}),
    ("set of objects", {Unequal(1), Unequal(2)}, {Unequal(2), Unequal(1)}),
    ("keys that hash badly", {EqualToAll(1): 1}, {EqualToAll(1): 1}),
    ("utc", zoned(dt.timezone.utc), UTC_OF_PYDANTIC),
    ("the zone itself", dt.timezone.utc, UTC_OF_PYDANTIC.tzinfo),
    ("other ZoneInfo", zoned(BERLIN), zoned(zoneinfo.ZoneInfo.no_cache("Europe/Berlin"))),
    ("models", [User(id=1), User(id=2, mail="x")], [User(id=1), User(id=2, mail="x")]),
    ("fields given", User(id=1), User(id=1, name="x", mail=None)),
    ("extra in another order", Open.model_validate({"x": 1, "y": 2}), Open.model_validate({"y": 2, "x": 1})),
    ("cached property", Cached(a=1).warm(), Cached(a=1)),
    ("constructed", Private.model_construct(a=1), Private(a=1)),
    ("dataclass", Job("a"), Job("a")),
    ("field left to the class", Job("a"), adhoc(Job("a"), done=False)),
    ("slots", [Slotted(1, MOMENT)], [Slotted(1, MOMENT)]),
    ("unset slot", SlottedData(1), SlottedData(1)),
    ("raising __eq__", RaisingEq(a=1), RaisingEq(a=1)),
    ("enum", [Color.RED, Pair.ONE, Right.READ | Right.WRITE], [Color.RED, Pair.ONE, Right.READ | Right.WRITE]),
    ("class, function, module", [int, zoned, os, len], [int, zoned, os, len]),
    ("secret", SecretStr("x"), SecretStr("x")),
    ("url", HttpUrl("https://a.b"), HttpUrl("https://a.b")),
    ("dsn", PostgresDsn("postgres://a@b/c"), PostgresDsn("postgres://a@b/c")),
    ("subclasses", [MyInt(1), MyStr("a"), MyList([1]), MyDict(a=1)], [MyInt(1), MyStr("a"), MyList([1]), MyDict(a=1)]),
    ("state", Stateful({"a": 1}), Stateful({"a": 1})),
    ("state that is no dict", Stateful([1]), Stateful([1])),
    ("slots of no dataclass", SlotsOnly(1), SlotsOnly(1)),
    ("range", range(1, 5, 2), range(1, 5, 2)),
    ("cycle", tied(1, 2), tied(1, 2)),
    ("knot", knotted(1), knotted(1)),
    ("deep", nest(400), nest(400)),
    ("wide rows", [list(range(20))] * 30, [list(range(20)) for _ in range(30)]),
    ("narrow rows", [[i, str(i)] for i in range(30)], [[i, str(i)] for i in range(30)]),
    (
        "rows of more fields",
        [adhoc(Job("a"), **{f"f{i}": 1}) for i in range(3)],
        [adhoc(Job("a"), **{f"f{i}": 1}) for i in range(3)],
    ),
]

# name, value, copy, what was found, path
DIFFERENT: list[tuple[str, Any, Any, str, str]] = [
    ("bool and int", True, 1, "type", "$"),
    ("int and float", 1, 1.0, "type", "$"),
    ("minus zero", [0.5, -0.0], [0.5, 0.0], "value", "$[1]"),
    ("nan and none", [NAN], [None], "type", "$[0]"),
    ("nan and one", [1.0, NAN], [1.0, 1.0], "value", "$[1]"),
    ("complex", complex(0.0, 1), complex(-0.0, 1), "value", "$"),
    ("decimal exponent", decimal.Decimal("1.0"), decimal.Decimal("1.00"), "value", "$"),
    ("str", {"a": ["x", "y"]}, {"a": ["x", "z"]}, "value", "$.a[1]"),
    ("subclass", MyStr("a"), "a", "type", "$"),
    ("int enum", Level.LOW, 1, "type", "$"),
    ("other enum", Color.RED, Color.BLUE, "value", "$"),
    ("list and tuple", {"a": [(1,)]}, {"a": [[1]]}, "type", "$.a[0]"),
    ("length", [[1], [1, 2]], [[1], [1]], "length", "$[1]"),
    ("tuple", Point(1, 2.0), Point(1, 3.0), "value", "$.y"),
    ("named tuple and tuple", Point(1, 2.0), (1, 2.0), "type", "$"),
    ("rows of named tuples", [Point(i, 2.0) for i in range(5)], [Point(i, i / 2) for i in range(5)], "value", "$[0].y"),
    ("rows of lists", [[i, i] for i in range(5)], [[i, min(i, 3)] for i in range(5)], "value", "$[4][1]"),
    ("maxlen", collections.deque([1], 2), collections.deque([1]), "value", "$"),
    ("key's type", {1: 2}, {True: 2}, "keys", "$"),
    ("key", {"a b": 1}, {"a c": 1}, "keys", "$"),
    ("value under odd key", {"a b": 1}, {"a b": 2}, "value", "$['a b']"),
    ("value under int key", {1: {2: 3}}, {1: {2: 4}}, "value", "$[1][2]"),
    ("value under a key elsewhere", {"a": 1, "b": 2}, {"b": 3, "a": 1}, "value", "$.b"),
    ("fewer keys", {"a": 1, "b": 2}, {"a": 1}, "keys", "$"),
    ("rows of other keys", [{"a": 1}, {"b": 1}], [{"a": 1}, {"c": 1}], "keys", "$[1]"),
    ("value in rows of like keys", [{"a": i} for i in range(5)], [{"a": i % 4} for i in range(5)], "value", "$[4].a"),
    ("key's minus zero", {0.0: 1}, {-0.0: 1}, "value", "$[0.0]"),
    ("order of an ordered dict", collections.OrderedDict(a=1, b=2), collections.OrderedDict(b=2, a=1), "value", "$.a"),
    ("factory", collections.defaultdict(list), collections.defaultdict(int), "value", "$.default_factory"),
    ("member's type", {1}, {True}, "keys", "$"),
    ("member", frozenset({1, 2}), frozenset({1, 3}), "keys", "$"),
    ("minus zero in a set", {0.0}, {-0.0}, "value", "${0.0}"),
    ("fewer members", {1, 2}, {1}, "length", "$"),
    ("set of objects", {Unequal(1)}, {Unequal(2)}, "keys", "$"),
    ("keys that compare badly", {EqualToAll(1): 1}, {EqualToAll(2): 1}, "value", "$[EqualToAll(...)].value"),
    ("fold", zoned(BERLIN), zoned(BERLIN, fold=1), "value", "$"),
    ("zone", zoned(BERLIN), zoned(dt.timezone(dt.timedelta(hours=2))), "value", "$"),
    ("named offset", zoned(NAMED_ZONE), zoned(dt.timezone(dt.timedelta(hours=2))), "value", "$"),
    ("naive", zoned(None), zoned(dt.timezone.utc), "value", "$"),
    ("zone of a user", [zoned(Zone(1))], [zoned(Zone(2))], "value", "$[0]"),
    ("bare zone of a user", Zone(1), Zone(2), "incomparable", "$"),
    ("zone of a user lost", [zoned(Zone(1))], [zoned(dt.timezone.utc)], "value", "$[0]"),
    ("zone without a key", zoneinfo.ZoneInfo("UTC"), dt.timezone.utc, "type", "$"),
    ("model's class", CatLike(name="x"), DogLike(name="x"), "type", "$"),
    ("model's field", [User(id=1), User(id=2)], [User(id=1), User(id=3)], "value", "$[1].id"),
    ("model under its base", [User(id=1), Admin(id=1)], [User(id=1), User(id=1)], "type", "$[1]"),
    ("extra", Open.model_validate({"x": 1}), Open.model_validate({"x": 2}), "value", "$.x"),
    ("private", Private(a=1).set(2), Private(a=1), "value", "$._secret"),
    ("private lock", PrivateLock(), PrivateLock(), "incomparable", "$._lock"),
    ("badly comparing model", BadEq(a=1), BadEq(a=2), "value", "$.a"),
    ("equal to all", EqualToAll(1), EqualToAll(2), "value", "$.value"),
    ("equal to all, and something else", EqualToAll(1), 1, "type", "$"),
    ("classes equal to all", LyingA(), LyingB(), "type", "$"),
    ("not compared", NoCompare(1, b=1.0), NoCompare(1, b=2.0), "value", "$.b"),
    ("ad-hoc attribute", adhoc(Job("a"), more=1), Job("a"), "type", "$.more"),
    ("attribute gained", [Job("a"), Job("b")], [Job("a"), adhoc(Job("b"), more=1)], "type", "$[1].more"),
    ("slot", Slotted(1, MOMENT), Slotted(2, MOMENT), "value", "$.a"),
    ("dataclass that is an int", int_data(1), int_data(2), "value", "$"),
    ("subclass's value", MyInt(1), MyInt(2), "value", "$"),
    ("list subclass's item", MyList([1]), MyList([2]), "value", "$[0]"),
    ("list subclass's attribute", adhoc(MyList([1]), a=1), MyList([1]), "type", "$.a"),
    ("dict subclass's attribute", adhoc(MyDict(a=1), a=1), adhoc(MyDict(a=1), a=2), "value", "$.a"),
    ("set subclass's attribute", adhoc(MySet({1}), a=1), adhoc(MySet({1}), a=2), "value", "$.a"),
    ("pattern's flags", re.compile("a"), re.compile("a", re.IGNORECASE), "value", "$"),
    ("windows path", pathlib.PureWindowsPath("a"), pathlib.PureWindowsPath("A"), "value", "$"),
    ("uuid", uuid.UUID(int=1), uuid.UUID(int=2), "value", "$"),
    ("range", range(0), range(1, 1), "value", "$"),
    ("url", HttpUrl("https://a.b"), HttpUrl("https://a.c"), "value", "$"),
    ("class", int, bool, "value", "$"),
    ("function", math.cos, math.sin, "value", "$"),
    ("function and its copy", lambda: 1, lambda: 1, "value", "$"),
    ("no state", object(), object(), "incomparable", "$"),
    ("empty class", Empty(), Empty(), "incomparable", "$"),
    ("custom reduce", Reducing(), Reducing(), "incomparable", "$"),
    ("lock", [threading.Lock()], [threading.Lock()], "incomparable", "$[0]"),
    ("generator", generate(), generate(), "incomparable", "$"),
    ("partial", operator.itemgetter(1), operator.itemgetter(1), "incomparable", "$"),
    ("slots of no dataclass", SlotsOnly(1), SlotsOnly(2), "value", "$.a"),
    ("cycle", tied(1, 2), tied(1, 3), "value", "$[1]"),
    ("knot", knotted(1), knotted(2), "value", "$[6]"),
    ("hash that raises", {1: RaisingHash()}, {1: RaisingHash()}, "incomparable", "$[1]"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "copied"), [case[1:] for case in SAME], ids=[case[0] for case in SAME])
def test_takes_for_the_same(value: object, copied: object) -> None:
    assert difference(value, copied) is None


@pytest.mark.parametrize(
    ("value", "copied", "found", "path"), [case[1:] for case in DIFFERENT], ids=[case[0] for case in DIFFERENT]
)
def test_finds_the_difference_and_its_place(value: object, copied: object, found: str, path: str) -> None:
    result = difference(value, copied)
    assert result is not None
    assert (result.found, path_of(result.steps)) == (found, path)


@pytest.mark.parametrize(
    ("value", "copied", "found"), [case[1:4] for case in DIFFERENT], ids=[case[0] for case in DIFFERENT]
)
def test_finds_the_same_difference_below_others(value: object, copied: object, found: str) -> None:
    """Deep below, from where on pairs are remembered, and in a column of many types."""
    for _ in range(5):
        value, copied = [1, {"k": value}, "a"], [1, {"k": copied}, "a"]
    result = difference(value, copied)
    assert result is not None
    assert result.found == found


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_agrees_with_the_fingerprint_about_deep_copies(case: Any) -> None:
    value = case.make()
    try:
        copied = copy.deepcopy(value)
        is_same = fingerprint(value) == fingerprint(copied)
    except (TypeError, RecursionError):
        pytest.skip("no copy, or no fingerprint")
    found = difference(value, copied)
    assert is_same is (found is None or found.found == "incomparable")


def test_agrees_with_the_fingerprint_about_all_pairs() -> None:
    prints = []
    for case in CASES:
        value = case.make()
        try:
            prints.append((value, fingerprint(value)))
        except (TypeError, RecursionError):
            continue
    wrong = [
        (a, b)
        for a, print_a in prints
        for b, print_b in prints
        if (print_a == print_b) is not ((found := difference(a, b)) is None or found.found == "incomparable")
    ]
    assert not wrong


def test_comparing_many_at_once_agrees_with_the_fingerprint() -> None:
    prints = []
    for case in CASES:
        value = case.make()
        try:
            prints.append((value, copy.deepcopy(value), fingerprint(value)))
        except (TypeError, RecursionError):
            continue
    assert not [
        (a, b) for a, same, one in prints for b, _, other in prints if one != other and are_alike([a, a], [same, b])
    ]
    assert sum(are_alike([a, a], [same, same]) for a, same, _ in prints) > len(prints) * 0.8


ROWS: list[Callable[[int], Any]] = [
    lambda i: (i, MOMENT + dt.timedelta(i)),
    lambda i: [MOMENT + dt.timedelta(i)] * (i % 3),
    lambda i: {"a": i, "b": uuid.UUID(int=i)},
    lambda i: {str(i): uuid.UUID(int=i), "b": uuid.UUID(int=i)},
    lambda i: {i: uuid.UUID(int=i)},
    lambda i: {str(i), "b", "c"},
    lambda i: User(id=i),
    Key,
    lambda i: None if i % 2 else decimal.Decimal(i),
]


@pytest.mark.parametrize("row", ROWS, ids=[str(place) for place in range(len(ROWS))])
@pytest.mark.parametrize("other", [uuid.UUID(int=5), "another"], ids=["other row", "other type"])
def test_columns_tell_rows_apart(row: Callable[[int], Any], other: Any) -> None:
    """Without a path, which the walk finds afterwards."""
    value, copied = [row(i) for i in range(20)], [row(i) for i in range(20)]
    assert are_alike(value, copied)
    for place in (0, 19):
        changed = [*copied]
        changed[place] = row(8) if isinstance(other, uuid.UUID) else other
        assert not are_alike(value, changed)
        found = difference(value, changed)
        assert found is not None
        assert path_of(found.steps).startswith(f"$[{place}]")


def test_a_part_that_is_compared_in_columns_may_be_unset_or_vast() -> None:
    assert not are_alike([SlottedData(1), SlottedData(2)], [SlottedData(1), SlottedData(2)])
    vast = [[uuid.UUID(int=1)] * 60_000] * 2
    assert not are_alike(vast, [[*row] for row in vast])
    assert difference(vast, [[uuid.UUID(int=1)] * 60_000 for _ in vast]) is None


def test_keeps_both_values_and_the_owners() -> None:
    user, other = User(id=1), User(id=2)
    assert difference([user], [other]) == Difference(
        "value", 1, 2, (Step([user], "index", 0), Step(user, "attribute", "id"))
    )


def test_tells_an_attribute_that_is_not_there() -> None:
    found = difference(adhoc(Job("a"), more=1), Job("a"))
    assert found is not None
    assert found.after is ABSENT
    assert shown(found.after) == "nothing"


def test_gives_up_searching_partners_for_many_members_without() -> None:
    """A search one by one would take minutes."""
    found = difference({Unequal(i) for i in range(600)}, {Unequal(i) for i in range(600)})
    assert found is not None
    assert found.found == "keys"


def test_refuses_members_whose_hash_raises() -> None:
    a, b = {RaisingHash(): 1}, {RaisingHash(): 1}
    RaisingHash.hashes = False
    try:
        found = difference(a, b)
    finally:
        RaisingHash.hashes = True
    assert found is not None
    assert found.found == "keys"


def test_refuses_what_is_nested_without_end() -> None:
    found = difference(nest(2000, A_UUID), nest(2000, A_UUID))
    assert found is not None
    assert found.found == "too deep"


def doubled(times: int, value: Any) -> Any:
    for _ in range(times):
        value = [value, value]
    return value


class Answering(BaseModel):
    """Says that it has no extra fields, whoever asks."""

    model_config = ConfigDict(extra="allow")

    def __getattribute__(self, name: str) -> Any:
        return None if name == "__pydantic_extra__" else super().__getattribute__(name)


class Shadowing(BaseModel):
    model_config = ConfigDict(extra="allow")


Shadowing.__pydantic_extra__ = None


class Unset(BaseModel):
    def __getattr__(self, name: str) -> Any:
        return None


@pytest.mark.parametrize("cls", [Answering, Shadowing])
def test_a_class_has_no_say_in_what_its_instances_hold(cls: Any) -> None:
    found = difference([cls(x=1), cls(x=1)], [cls(x=1), cls(x=2)])
    assert found is not None
    assert path_of(found.steps) == "$[1].x"


def test_what_is_not_set_is_not_what_the_class_says_of_it() -> None:
    found = difference(Unset(), Unset.__new__(Unset))
    assert found is not None
    assert found.after is ABSENT


@pytest.mark.parametrize("value", [1, A_UUID])
def test_what_holds_the_same_part_many_times_over_is_compared_once(value: Any) -> None:
    assert difference(doubled(40, value), doubled(40, value)) is None


@pytest.mark.parametrize("place", [0, 3999, 4000, 8123, 9999])
@pytest.mark.parametrize("leaf", [int, lambda i: uuid.UUID(int=i), lambda i: (i, Key(i))])
def test_finds_the_place_in_what_is_compared_in_pieces(place: int, leaf: Any) -> None:
    value, copied = list(map(leaf, range(10_000))), list(map(leaf, range(10_000)))
    assert difference([value], [copied]) is None
    copied[place] = leaf(-1 & 0xFFFF)
    found = difference([value], [copied])
    assert found is not None
    assert path_of(found.steps).startswith(f"$[0][{place}]")


# What could be written the same way, though it is not the same.
WRITTEN_ALIKE: list[tuple[Any, Any]] = [
    (b"x", bytearray(b"x")),
    (b"x", pickle.PickleBuffer(b"x")),
    (b"x", memoryview(b"x")),
    (b"x", array.array("b", b"x")),
    (b"x", "x"),
    (1, True),
    (1, 1.0),
    (0.0, -0.0),
    (255, Level.LOW),
    ("a", MyStr("a")),
    ([1], (1,)),
    ([1], MyList([1])),
    ({1}, frozenset({1})),
    ({}, MyDict()),
    ({"a": 1}, collections.OrderedDict(a=1)),
    ({"a": 1}, collections.Counter(a=1)),
    ((1, 2.0), Point(1, 2.0)),
    (..., NotImplemented),
    (None, ...),
    (int, bool),
    ([["a"], "b"], [["a", "b"]]),
]


# By their classes, as some have their place in memory in their `repr`: each worker would have names of its own.
@pytest.mark.parametrize(("value", "other"), WRITTEN_ALIKE, ids=lambda part: type(part).__name__)
def test_takes_nothing_for_the_same_because_it_is_written_alike(value: Any, other: Any) -> None:
    for before, after in [(value, other), ([value] * 3, [other] * 3), ({"a": value}, {"a": other})]:
        assert difference(before, after) is not None
        assert difference(after, before) is not None
        assert not are_written_alike([before], [after])


def test_sharing_parts_is_no_difference() -> None:
    text, other = "".join("ab" * 9), "".join("ab" * 9)
    assert text is not other
    assert are_written_alike([[text, text], {text: 1}], [[text, other], {other: 1}])


def test_writes_only_what_is_python_s_own() -> None:
    """No `__reduce__`, `__getstate__` or `__iter__` of a user's class is called."""
    calls = []

    class Calling(list[int]):
        def __reduce_ex__(self, protocol: Any) -> Any:
            calls.append(protocol)
            return list, ()

        def __iter__(self) -> Any:
            calls.append("iter")
            return list.__iter__(self)

    assert difference([Calling([1])], [Calling([1])]) is None
    assert difference([Calling([1])], [Calling([2])]) is not None
    assert not calls


def test_numpy_is_compared_by_type_shape_and_bytes() -> None:
    np = pytest.importorskip("numpy")
    assert difference([np.float64(1), np.arange(3)], [np.float64(1), np.arange(3)]) is None
    assert difference(np.array([object, 1], dtype=object), np.array([object, 1], dtype=object)) is None
    for a, b, found in [
        (np.float64(1), 1.0, "type"),
        ([1, np.int64(2)], [1, 2], "type"),
        (np.arange(3), np.arange(4), "value"),
        (np.arange(3), np.arange(3.0), "value"),
        (np.arange(3), np.array([0, 1, 3]), "value"),
        (np.array([1, "a"], dtype=object), np.array([1, "b"], dtype=object), "value"),
    ]:
        result = difference(a, b)
        assert result is not None
        assert result.found == found


def test_attrs_is_compared_by_attributes() -> None:
    attrs = pytest.importorskip("attrs")
    cls = attrs.make_class("Attrs", ["a", "b"], slots=True, eq=False)
    assert difference(cls(1, "x"), cls(1, "x")) is None
    found = difference([cls(1, "x")], [cls(1, "y")])
    assert found is not None
    assert path_of(found.steps) == "$[0].b"


def test_imports_no_pydantic() -> None:
    code = f"import sys, {difference.__module__}; print([n for n in sys.modules if n.startswith('pydantic')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_runs_no_code_of_the_values() -> None:
    assert (
        difference([RaisingEq(a=1), Hidden(), Key(1), Doubling(1)], [RaisingEq(a=1), Hidden(), Key(1), Doubling(1)])
        is None
    )
    assert difference(Closed(a=1), Closed(a=2)) is not None
