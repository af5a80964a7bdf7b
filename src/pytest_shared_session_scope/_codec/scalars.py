"""Comparisons without paths: of scalars, which hold no other values, and of many values at once.

A scalar is compared with `==` if its class is Python's own and its equality is strict enough, else by a key. No code of
a user's class runs. Must not import pydantic.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import io
import ipaddress
import math
import operator
import pathlib
import pickle
import re
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable, Sequence
from itertools import chain, compress
from typing import Any, Final

from pytest_shared_session_scope._codec.type_hints import is_plain, layout_of

Key = Callable[[Any], object]

# The most bytes that are written per item, on average: more than a few megabytes are compared part by part.
_LONGEST_ROW: Final = 1024
# From this depth on, nothing is compared at once any more: deep values often hold one part many times over.
DEEP: Final = 8
_MOST_ITEMS: Final = 100_000  # in one column
_WIDEST: Final = 16  # items in a row, to have a column for each place

# Compared with `==`. Not `float`: no NaN equals another, and 0.0 equals -0.0.
EQUAL: Final = frozenset(
    (
        *(type(None), bool, int, str, bytes, bytearray, datetime.date, datetime.timedelta, uuid.UUID),
        *(fractions.Fraction, re.Pattern, pathlib.PurePosixPath, pathlib.PosixPath),
        *(ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network),
        *(ipaddress.IPv4Interface, ipaddress.IPv6Interface),
    )
)


# --- many values at once ---------------------------------------------------------------------------------


def are_alike(before: list[Any], after: list[Any], depth: int = 0) -> bool:
    """Whether two lists of equal length hold the same values. True is proof, False only means that the walk must look.

    Items of one class are turned into columns, which are compared in the same way. For example, `[User(id=1, name="a"),
    User(id=2, name="b")]` becomes `[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]` and, if a name were something that
    `pickle` has no C code for, `["id", "name", "id", "name"]`, `[1, 2]` and the list of names.
    """
    if all(map(operator.is_, before, after)) or are_written_alike(before, after):
        return True
    classes, copied = list(map(type, before)), list(map(type, after))
    if depth > DEEP or not all(map(operator.is_, classes, copied)):
        return False
    found = {id(cls): cls for cls in classes}  # by identity, because a metaclass may define equality
    if len(found) == 1:
        return _are_columns_alike(classes[0], before, after, depth)
    masks = [(cls, [one is cls for one in classes]) for cls in found.values()]
    return all(_are_columns_alike(cls, [*compress(before, m)], [*compress(after, m)], depth) for cls, m in masks)


def _are_columns_alike(cls: type, before: list[Any], after: list[Any], depth: int) -> bool:
    if cls in EQUAL:
        return before == after
    key = key_of(cls)
    if key is not None:
        return list(map(key, before)) == list(map(key, after))
    if cls in (set, frozenset):
        members = {*map(type, chain.from_iterable(before)), *map(type, chain.from_iterable(after))}
        return len(members) == 1 and members <= EQUAL and before == after
    try:
        columns, others = _columns(cls, before), _columns(cls, after)
    except (AttributeError, KeyError, ValueError):  # a slot that is not set, a missing key, or no columns for the class
        return False
    return len(columns) == len(others) and all(are_alike(a, b, depth + 1) for a, b in zip(columns, others, strict=True))


def _columns(cls: type, rows: list[Any]) -> list[list[Any]]:
    """Return everything that the rows hold, as columns of values that are probably of one type."""
    if is_plain(cls):
        return [list(map(read, rows)) for _, read in layout_of(cls)]
    lengths = list(map(len, rows)) if cls in (list, tuple, dict) else []
    if not lengths or sum(lengths) > _MOST_ITEMS:
        raise ValueError(cls)
    items, width = list(chain.from_iterable(rows)), lengths[0]
    is_table = width <= _WIDEST and lengths.count(width) == len(rows)
    if cls is dict and is_table and {*map(type, items)} == {str} and items == items[:width] * len(rows):
        return [items, *([row[key] for row in rows] for key in items[:width])]
    if cls is dict:
        return [lengths, items, list(chain.from_iterable(map(dict.values, rows)))]
    return [lengths, *(items[place::width] for place in range(width))] if is_table else [lengths, items]


def are_written_alike(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether both consist of Python's plainest types, and `pickle` writes the same about them: types and contents.

    This takes one pass through each in C. The bytes are compared, but never loaded. No code of a user's class runs,
    because `_Pickler` gives up on any other type. Whether two parts are the same object makes no difference.
    """
    try:
        return _written(before) == _written(after)
    except Exception:  # noqa: BLE001 - another type, a cycle, too deep or too long
        return False


def _written(rows: Sequence[Any]) -> bytes:
    file = _Bounded()
    file.most = _LONGEST_ROW * len(rows)
    pickler = _Pickler(file, 4)
    pickler.fast = True  # no memo: an object is written anew each time
    pickler.dump(rows)
    return file.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:  # called for any type that `pickle` has no C code for
        raise TypeError(type(obj))


class _Bounded(io.BytesIO):
    most: int

    def write(self, data: Any) -> int:
        if self.tell() > self.most:  # nested lists that each hold the next one twice are endless
            raise ValueError
        return super().write(data)


# --- scalars ---------------------------------------------------------------------------------------------


def _float(value: float) -> object:
    return "nan" if value != value else (value, math.copysign(1, value))  # noqa: PLR0124 - only NaN is unequal to itself


def _complex(value: complex) -> object:
    return _float(value.real), _float(value.imag)


def _moment(value: Any) -> object:
    """Return a datetime's or time's fields, `fold`, and zone."""
    return value.replace(tzinfo=None), value.fold, zone_of(value.tzinfo)


def zone_of(zone: Any) -> tuple[Any, ...]:
    """Return what identifies a time zone: its key; its offset and the offset's name, if given; or the object itself."""
    if zone is None:
        return "none", None
    if type(zone) is zoneinfo.ZoneInfo and zone.key:
        return "key", zone.key
    if not is_offset(type(zone)):
        return "other", id(zone)
    offset: Any = zone.utcoffset(None)
    name = None
    if type(zone) is datetime.timezone and zone.tzname(None) != datetime.timezone(offset).tzname(None):
        name = zone.tzname(None)
    return "offset", offset, name


def is_offset(cls: type) -> bool:
    """Whether the class is one of the two for fixed offsets: `datetime.timezone`, or pydantic's for loaded values."""
    return cls is datetime.timezone or (cls.__name__ == "TzInfo" and cls.__module__.startswith("pydantic_core"))


# What is written of a time zone: its key, or its offset in microseconds and the offset's name; of none, three Nones.
ZoneState = tuple[str | None, int | None, str | None]
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


def zone_state(zone: Any) -> ZoneState:
    """Return the state of a time zone. Raises `ValueError` for a zone of another class."""
    kind, *state = zone_of(zone)
    if kind == "other":
        raise ValueError(f"{zone!r} is neither a ZoneInfo nor a fixed offset")
    return (state[0], None, None) if kind != "offset" else (None, state[0] // _MICROSECOND, state[1])


def zone_from_state(state: ZoneState) -> Any:
    """Return the time zone of a state, or None if it is the state of none."""
    key, offset, name = state
    if offset is None:
        return None if key is None else zoneinfo.ZoneInfo(key)
    return datetime.timezone(offset * _MICROSECOND, *([] if name is None else [name]))


def _range(value: range) -> object:
    return value.start, value.stop, value.step


def _array(value: Any) -> object:
    return value.dtype, value.shape, value.tobytes()


KEYS: Final[dict[type, Key]] = {
    float: _float,
    complex: _complex,
    decimal.Decimal: decimal.Decimal.as_tuple,
    datetime.datetime: _moment,
    datetime.time: _moment,
    datetime.timezone: zone_of,
    zoneinfo.ZoneInfo: zone_of,
    range: _range,
    pathlib.PureWindowsPath: str,
    pathlib.WindowsPath: str,
}
_IDENTICAL: Final = (enum.Enum, type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)
_UNIQUE: Final = (type(...), type(NotImplemented))


def key_of(cls: type) -> Key | None:
    """Return the function that makes the key by which scalars of a class are compared, or None for other classes."""
    if cls in KEYS:
        return KEYS[cls]
    if cls in _UNIQUE or issubclass(cls, _IDENTICAL):
        return id
    if is_offset(cls):
        return zone_of
    if is_numpy(cls):
        return _array
    return str if _is_url(cls) else None


def _is_url(cls: type) -> bool:
    modules = "pydantic.networks", "pydantic_core"
    return hasattr(cls, "unicode_string") and any(base.__module__.startswith(modules) for base in cls.__mro__)


def is_numpy(cls: type) -> bool:
    """Whether the class is one of numpy's arrays or scalars. Does not import numpy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(cls, (numpy.ndarray, numpy.generic))
