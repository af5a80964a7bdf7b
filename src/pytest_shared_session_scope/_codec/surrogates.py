"""What JSON loses of Python's own values, and the ordinary types that carry them. Imports pydantic and `_leaves`."""

# The types are made at run time, where a type variable has a meaning outside of a class too.
# pyright: reportGeneralTypeIssues=false
# mypy: disable-error-code=valid-type

from __future__ import annotations

import collections.abc
import datetime
import operator
import re
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple, TypeVar

from pydantic import AfterValidator, PlainSerializer

from pytest_shared_session_scope._codec import scalars

# Without its static type, as what it is subscripted with is only known at run time.
_ANNOTATED: Any = Annotated
K = TypeVar("K")
T = TypeVar("T")
V = TypeVar("V")


def carried(carrier: Any, take_apart: Callable[[Any], Any], build: Callable[[Any], Any]) -> Any:
    """Return the type of values that travel as values of the carrier."""
    # Not the functions themselves: pydantic reads a signature to tell what to call a function with.
    load = AfterValidator(lambda state: build(state))  # noqa: PLW0108 - see above
    dump = PlainSerializer(lambda value: take_apart(value), carrier)  # noqa: PLW0108 - see above
    return _ANNOTATED[carrier, load, dump]


class Carrier(NamedTuple):
    """The type that carries a class, and how values are taken apart and built again."""

    type: Any
    take_apart: Callable[[Any], Any]
    build: Callable[[Any], Any]


def _zone_state(zone: Any) -> tuple[Any, ...]:
    kind, *state = scalars.zone_of(zone)
    if kind == "other":
        raise ValueError(f"{zone!r} is no ZoneInfo and no fixed offset")
    return (state[0], None, None) if kind != "offset" else (None, state[0] // _MICROSECOND, state[1])


def _zone_built(state: Any) -> Any:
    key, offset, name = state
    if offset is None:
        return None if key is None else zoneinfo.ZoneInfo(key)
    return datetime.timezone(offset * _MICROSECOND, *([] if name is None else [name]))


_MICROSECOND: Final = datetime.timedelta(microseconds=1)
# The name of the time zone, or the offset in microseconds and, if it has one, the offset's name.
_ZoneState = tuple[str | None, int | None, str | None]
_ZONE: Final = Carrier(_ZoneState, _zone_state, _zone_built)


def _moment(cls: Any) -> Carrier:
    return Carrier(
        tuple[str, int, _ZoneState],
        lambda m: (m.replace(tzinfo=None, fold=0).isoformat(), m.fold, _zone_state(m.tzinfo)),
        lambda state: cls.fromisoformat(state[0]).replace(fold=state[1], tzinfo=_zone_built(state[2])),
    )


# Of a defaultdict's factory only its place here is written.
_FACTORIES: Final[tuple[Any, ...]] = (None, list, dict, set, tuple, str, bytes, bool, int, float, Counter)


def _columns(found: Any) -> tuple[Any, ...]:
    return list(found), list(found.values())  # not pairs, which would be more objects than the dict has


# A class without parameters is carried as it says here. Of a generic one the parameters are filled in, and what that
# gives is carried in turn: a defaultdict by a number and a dict, and that dict by its keys and values.
CARRIERS: Final[dict[Any, Carrier]] = {
    datetime.datetime: _moment(datetime.datetime),
    datetime.time: _moment(datetime.time),
    datetime.timezone: _ZONE,
    datetime.tzinfo: _ZONE,
    bytearray: Carrier(bytes, bytes, bytearray),
    complex: Carrier(tuple[float, float], operator.attrgetter("real", "imag"), lambda s: complex(*s)),
    range: Carrier(tuple[int, int, int], operator.attrgetter("start", "stop", "step"), lambda s: range(*s)),
    re.Pattern: Carrier(tuple[T, int], operator.attrgetter("pattern", "flags"), lambda s: re.compile(*s)),
    deque: Carrier(tuple[list[T], int | None], lambda d: (list(d), d.maxlen), lambda s: deque(*s)),
    dict: Carrier(tuple[list[K], list[V]], _columns, lambda s: dict(zip(*s, strict=True))),
    OrderedDict: Carrier(tuple[list[K], list[V]], _columns, lambda s: OrderedDict(zip(*s, strict=True))),
    Counter: Carrier(tuple[list[K], list[int]], _columns, lambda s: Counter(dict(zip(*s, strict=True)))),
    defaultdict: Carrier(
        tuple[int, dict[K, V]],
        lambda d: (_FACTORIES.index(d.default_factory), dict(d)),
        lambda s: defaultdict(_FACTORIES[s[0]], s[1]),
    ),
}

_SEQUENCE: Any = list[T] | tuple[T, ...] | deque[T]
_SET: Any = set[T] | frozenset[T]
_MAPPING: Any = dict[K, V] | OrderedDict[K, V] | defaultdict[K, V] | Counter[K]
# What the values of an abstract class are, as far as they are carried.
UNIONS: Final[dict[Any, Any]] = {
    collections.abc.Sequence: _SEQUENCE,
    collections.abc.MutableSequence: list[T] | deque[T],
    collections.abc.Collection: _SEQUENCE | _SET,
    collections.abc.Iterable: _SEQUENCE | _SET,
    collections.abc.Set: _SET,
    collections.abc.MutableSet: set[T],
    collections.abc.Mapping: _MAPPING,
    collections.abc.MutableMapping: _MAPPING,
}
