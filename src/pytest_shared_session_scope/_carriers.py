"""What JSON loses of Python's own values, and the ordinary types that carry them. Imports pydantic and `_leaves`."""

# What is looked into is of every type and none.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import collections
import datetime
import re
import zoneinfo
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import AfterValidator, PlainSerializer

from pytest_shared_session_scope import _leaves

# Without its static type, as what it is subscripted with is only known at run time.
_ANNOTATED: Any = Annotated


def carried(carrier: Any, take_apart: Callable[[Any], Any], build: Callable[[Any], Any]) -> Any:
    """Return the type of values that travel as values of the carrier."""

    # Of their own, as pydantic reads a function's signature to tell what to call it with.
    def load(state: Any) -> Any:
        return build(state)

    def dump(value: Any) -> Any:
        return take_apart(value)

    return _ANNOTATED[carrier, AfterValidator(load), PlainSerializer(dump, return_type=carrier)]


# The name of the time zone, or the offset in microseconds and, if it has one, the offset's name.
_ZoneState = tuple[str | None, int | None, str | None]


def _zone_state(zone: Any) -> tuple[Any, Any, Any]:
    match _leaves.zone_of(zone):
        case ("key", key):
            return key, None, None
        case ("offset", offset, name):
            return None, offset // datetime.timedelta(microseconds=1), name
        case ("none", _):
            return None, None, None
        case _:
            raise ValueError(f"{zone!r} is no ZoneInfo and no fixed offset")


def _zone_built(state: tuple[Any, Any, Any]) -> Any:
    key, offset, name = state
    if offset is None:
        return None if key is None else zoneinfo.ZoneInfo(key)
    return datetime.timezone(datetime.timedelta(microseconds=offset), *([] if name is None else [name]))


def _moment(cls: Any) -> Any:
    return carried(
        tuple[str, int, _ZoneState],
        lambda m: (m.replace(tzinfo=None, fold=0).isoformat(), m.fold, _zone_state(m.tzinfo)),
        lambda state: cls.fromisoformat(state[0]).replace(fold=state[1], tzinfo=_zone_built(state[2])),
    )


LEAVES: Final[dict[type, Any]] = {
    datetime.datetime: _moment(datetime.datetime),
    datetime.time: _moment(datetime.time),
    datetime.timezone: carried(_ZoneState, _zone_state, _zone_built),
    datetime.tzinfo: carried(_ZoneState, _zone_state, _zone_built),
    float: int | float,  # see `_hints.classes_of`
    complex: carried(tuple[float, float], lambda c: (c.real, c.imag), lambda pair: complex(*pair)),
    bytearray: carried(bytes, bytes, bytearray),
    range: carried(tuple[int, int, int], lambda r: (r.start, r.stop, r.step), lambda state: range(*state)),
}


def pattern(text: Any) -> Any:
    """Carry a pattern with its flags."""
    return carried(tuple[text, int], lambda p: (p.pattern, p.flags), lambda state: re.compile(*state))


def deque(items: Any) -> Any:
    """Carry a deque of what the list holds, with its `maxlen`."""
    return carried(
        tuple[int | None, items],
        lambda d: (d.maxlen, list(d)),
        lambda state: collections.deque(state[1], state[0]),
    )


def pairs(cls: Any, key: Any, value: Any) -> Any:
    """Carry a dict, whose keys JSON might lose, as the list of its pairs."""
    return carried(list[tuple[key, value]], lambda d: list(d.items()), lambda found: cls(dict(found)))


_FACTORIES: Final[tuple[Any, ...]] = (
    None,
    list,
    dict,
    set,
    tuple,
    str,
    bytes,
    bool,
    int,
    float,
    collections.Counter,
)


def defaultdict(items: Any) -> Any:
    """Carry a defaultdict of what the dict holds; of its factory only its place among the known ones is written."""
    return carried(
        tuple[int, items],
        lambda d: (_FACTORIES.index(d.default_factory), dict(d)),
        lambda state: collections.defaultdict(_FACTORIES[state[0]], state[1]),
    )
