"""Random types, at least three levels deep, and values of them: each arrives equal, with equal types, or is refused.

The suite tries a few hundred values. As a script, `python tests/unit/codec/test_codec_random.py 100000` tries as many as it
is told, and prints what became of them.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import itertools
import sys
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal, NamedTuple, Union

import pydantic
import pytest
from codec_cases import (
    BERLIN,
    LEAVES,
    NAMED_ZONE,
    NAN,
    ODD_ZONE,
    Color,
    Key,
    Level,
    MyInt,
    MyStr,
    Pair,
    Point,
    Right,
    Word,
    fingerprint,
)
from typing_extensions import TypedDict

from pytest_shared_session_scope._codec.codec import Codec, TypedCodec
from pytest_shared_session_scope.errors import CodecError

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Values = st.SearchStrategy[Any]
FEW = 80  # types
VALUES = 5  # of each type
NUMBER = itertools.count()

ZONES = st.sampled_from([None, dt.timezone.utc, BERLIN, NAMED_ZONE, ODD_ZONE])
SCALARS: list[tuple[Any, Values]] = [
    (type(None), st.none()),
    (bool, st.booleans()),
    (int, st.integers()),
    (float, st.floats() | st.integers(-5, 5)),
    (complex, st.complex_numbers()),
    (str, st.text(max_size=6)),
    (bytes, st.binary(max_size=6)),
    (dt.date, st.dates()),
    (dt.datetime, st.datetimes(timezones=ZONES, allow_imaginary=True)),
    (dt.time, st.times(timezones=ZONES)),
    (dt.timedelta, st.timedeltas()),
    (Literal["a", 1, Color.RED, b"x"], st.sampled_from(["a", 1, Color.RED, b"x"])),
    *((cls, st.sampled_from(cls)) for cls in (Color, Pair, Level, Word)),
    (Right, st.sampled_from([Right.READ, Right.READ | Right.WRITE])),
    (Point, st.builds(Point, st.integers(), st.floats())),
    (Key, st.builds(Key, st.integers(), st.text(max_size=3))),
    *((tp, st.just(value)) for name, tp, value in LEAVES if name != "bytearray"),
]
# What belongs nowhere, or is easily taken for something else.
STRAYS = st.sampled_from(
    [
        *(
            None,
            True,
            0,
            1,
            1.0,
            -0.0,
            NAN,
            "1",
            "",
            "2024-05-06",
            b"1",
            "\ud800",
            MyStr("x"),
            MyInt(1),
            Level.LOW,
        ),
        *(Word.YES, (1,), frozenset({1}), Point(1), dt.date(2024, 5, 6), dt.timedelta(1), complex(1)),
    ]
)


class Kind(NamedTuple):
    """A type, and values of it."""

    type: Any
    values: Values


def scalars(strays: bool) -> st.SearchStrategy[Kind]:
    return st.sampled_from([Kind(tp, values | STRAYS if strays else values) for tp, values in SCALARS])


def lists(values: Values) -> Values:
    return st.lists(values, max_size=3)


def dicts(keys: Values, values: Values) -> Values:
    return st.dictionaries(keys, values, max_size=3)


def of(origin: Any, *arguments: Any) -> Any:
    """Return a type subscripted at run time."""
    first, *others = arguments
    return origin[arguments if others else first]


# Of one kind each: the type, and how to make values of it.
OF_ONE: list[Callable[[Kind], Kind]] = [
    lambda k: Kind(of(tuple, k.type, ...), lists(k.values).map(tuple)),
    lambda k: Kind(of(Union, k.type, None), st.none() | k.values),
    lambda k: Kind(of(list, k.type), lists(k.values)),
    lambda k: Kind(of(collections.deque, k.type), lists(k.values).map(lambda items: collections.deque(items, 3))),
    lambda k: Kind(of(Sequence, k.type), lists(k.values) | lists(k.values).map(tuple)),
]
HASHABLE: list[Callable[[Kind], Kind]] = [
    *OF_ONE[:2],
    lambda k: Kind(of(frozenset, k.type), lists(k.values).map(frozenset)),
]
# Of a hashable kind, and of a kind of keys and another of values.
OF_MEMBERS: list[Callable[[Kind], Kind]] = [
    *HASHABLE,
    lambda k: Kind(of(set, k.type), lists(k.values).map(set)),
    lambda k: Kind(of(AbstractSet, k.type), lists(k.values).map(set) | lists(k.values).map(frozenset)),
    lambda k: Kind(of(collections.Counter, k.type), dicts(k.values, st.integers()).map(collections.Counter)),
]
OF_PAIRS: list[Callable[[Kind, Kind], Kind]] = [
    lambda k, v: Kind(of(dict, k.type, v.type), dicts(k.values, v.values)),
    lambda k, v: Kind(of(Mapping, k.type, v.type), dicts(k.values, v.values).map(collections.OrderedDict)),
    lambda k, v: Kind(
        of(collections.defaultdict, k.type, of(list, v.type)),
        dicts(k.values, lists(v.values)).map(lambda d: collections.defaultdict(list, d)),
    ),
]


def tuples(kinds: list[Kind]) -> Kind:
    return Kind(of(tuple, *(k.type for k in kinds)), st.tuples(*(k.values for k in kinds)))


def unions(kinds: list[Kind]) -> Kind:
    return Kind(of(Union, *(k.type for k in kinds)), st.one_of([k.values for k in kinds]))


def called(cls: Any, given: dict[str, Any]) -> Any:
    return cls(**given)


def constructed(cls: Any, given: dict[str, Any]) -> Any:
    """Return an instance as it is without validation."""
    if issubclass(cls, pydantic.BaseModel):
        return cls.model_construct(**given)
    instance = object.__new__(cls)
    instance.__dict__.update(given)
    return instance


def classes(
    make: Callable[[str, dict[str, Any]], Any], build: Callable[[Any, dict[str, Any]], Any] = called
) -> Callable[[list[Kind]], Kind]:
    """Return what makes a class of some kinds."""

    def kind(kinds: list[Kind]) -> Kind:
        cls = make(f"Class{next(NUMBER)}", {f"f{place}": k.type for place, k in enumerate(kinds)})
        fields = st.fixed_dictionaries({f"f{place}": k.values for place, k in enumerate(kinds)})
        return Kind(cls, fields.map(lambda given: build(cls, given)))

    return kind


def make_frozen(name: str, hints: dict[str, Any]) -> Any:
    return dataclasses.make_dataclass(name, hints.items(), frozen=True)


def make_model(name: str, hints: dict[str, Any]) -> Any:
    return pydantic.create_model(name, **{field: (hint, ...) for field, hint in hints.items()})  # type: ignore[call-overload]


def make_typed_dict(name: str, hints: dict[str, Any]) -> Any:
    make: Any = TypedDict
    return make(name, hints)


def make_named_tuple(name: str, hints: dict[str, Any]) -> Any:
    make: Any = NamedTuple
    return make(name, list(hints.items()))


def make_checked(name: str, hints: dict[str, Any]) -> Any:
    return pydantic.dataclasses.dataclass(dataclasses.make_dataclass(name, hints.items()))


HASHABLE_OF_MANY = [
    tuples,
    unions,
    classes(make_frozen),
    classes(make_named_tuple),
]
OF_MANY = [
    *HASHABLE_OF_MANY,
    classes(make_model, constructed),
    classes(make_model, constructed),
    classes(lambda name, hints: dataclasses.make_dataclass(name, hints.items())),
    classes(lambda name, hints: dataclasses.make_dataclass(name, hints.items(), slots=True)),
    classes(make_checked, constructed),
    classes(make_typed_dict),
]


@st.composite
def kinds(draw: st.DrawFn, depth: int, strays: bool, hashable: bool = False) -> Kind:
    """Draw a kind that is `depth` levels deep."""
    if depth == 0:
        return draw(scalars(strays))
    inner = kinds(depth - 1, strays, hashable)
    way = draw(st.sampled_from(["one", "many"] if hashable else ["one", "many", "many", "members", "pairs"]))
    if way == "pairs":
        keys = draw(kinds(draw(st.integers(0, 1)), strays, hashable=True))
        of_pair: Callable[[Kind, Kind], Kind] = draw(st.sampled_from(OF_PAIRS))
        return of_pair(keys, draw(inner))
    if way == "many":
        others = draw(st.lists(kinds(min(depth - 1, 1), strays, hashable), max_size=2))
        of_many: Callable[[list[Kind]], Kind] = draw(st.sampled_from(HASHABLE_OF_MANY if hashable else OF_MANY))
        return of_many([draw(inner), *others])
    if way == "members":
        inner = kinds(depth - 1, strays, hashable=True)
    makers = OF_MEMBERS if way == "members" else HASHABLE if hashable else OF_ONE
    of_one: Callable[[Kind], Kind] = draw(st.sampled_from(makers))
    return of_one(draw(inner))


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[Any, list[Any], bool]:
    strays = draw(st.integers(0, 3)) == 0
    kind = draw(kinds(draw(st.integers(3, 4)), strays))
    return kind.type, draw(st.lists(kind.values, min_size=VALUES, max_size=VALUES)), strays


def outcome(codec: Codec, value: object, is_strayed: bool) -> str:
    """Send the value; return what became of it."""
    expected = fingerprint(value)
    try:
        data, copied = codec.dump(value)
    except CodecError:
        return "refused, with strays among it" if is_strayed else "refused"
    assert fingerprint(copied) == expected
    assert fingerprint(value) == expected
    assert fingerprint(codec.load(data)) == expected
    return "arrived the same"


def check(types: int, counts: collections.Counter[str], *, is_repeatable: bool) -> None:
    @settings(
        max_examples=types,
        deadline=None,
        database=None,
        derandomize=is_repeatable,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        print_blob=False,
    )
    @given(typed_values())
    def run(drawn: tuple[Any, list[Any], bool]) -> None:
        tp, values, is_strayed = drawn
        codec = TypedCodec(tp, "'random'")
        for value in values:
            counts[outcome(codec, value, is_strayed)] += 1

    run()


def test_arrives_the_same_or_is_refused() -> None:
    counts: collections.Counter[str] = collections.Counter()
    check(FEW, counts, is_repeatable=True)
    assert sum(counts.values()) >= FEW * VALUES
    assert counts["arrived the same"] > FEW * VALUES / 2


if __name__ == "__main__":
    found: collections.Counter[str] = collections.Counter()
    check(int(sys.argv[1]) // VALUES, found, is_repeatable=False)
    print(f"{sum(found.values())} values: {dict(found)}")
