"""How values that hold no others are compared. Imports neither pydantic nor the package.

A leaf is compared with `==` where its class is Python's own and means by it what the guard means; otherwise by a key
that is made of it. No code of a user's class runs.
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

# Of longer rows what they hold is compared, so that there are never more than a few megabytes to compare.
_LONGEST_ROW: Final = 1024
# From this depth on, nothing is compared at once any more: deep values often hold one part many times over.
DEEP: Final = 8
_MOST_ITEMS: Final = 100_000  # in one column
_WIDEST: Final = 16  # items in a row, to have a column for each place

# Compared with `==`. `float` is not: to `==` no NaN is like another, and 0.0 is like -0.0.
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
    """Whether two lists of equal length hold the same values; False proves nothing.

    The items of one class are turned into columns, which are compared likewise: of models, the values of each field.
    """
    if are_written_alike(before, after):
        return True
    classes, copied = list(map(type, before)), list(map(type, after))
    if depth > DEEP or not all(map(operator.is_, classes, copied)):
        return False
    found = {id(cls): cls for cls in classes}  # by identity, as a metaclass may define equality
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
    """Return all that the rows hold, as columns of values that are probably of one type."""
    if is_plain(cls):
        return [list(map(read, rows)) for _, read in layout_of(cls)]
    lengths = list(map(len, rows)) if cls in (list, tuple, dict) else []
    if not lengths or sum(lengths) > _MOST_ITEMS:
        raise ValueError(cls)
    items, width = list(chain.from_iterable(rows)), lengths[0]
    is_table = width <= _WIDEST and lengths.count(width) == len(rows)
    if cls is dict and is_table and items == items[:width] * len(rows):
        return [items, *([row[key] for row in rows] for key in items[:width])]
    if cls is dict:
        return [lengths, items, list(chain.from_iterable(map(dict.values, rows)))]
    return [lengths, *(items[place::width] for place in range(width))] if is_table else [lengths, items]


def are_written_alike(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether both consist of Python's plainest types and `pickle` writes the same about them.

    That is one pass through each in C. What is written tells types and contents; it is only compared, never read. No
    code of a user's class runs, because `_Pickler` gives up on any other type. Whether two parts are one object is not
    compared: each is written anew.
    """
    try:
        return _written(before) == _written(after)
    except Exception:  # noqa: BLE001 - another type, a cycle, too deep or too long: there are other ways to compare
        return False


def _written(rows: Sequence[Any]) -> bytes:
    file = _Bounded()
    file.most = _LONGEST_ROW * len(rows)
    pickler = _Pickler(file, 4)
    pickler.fast = True  # no memo, so each object is written anew
    pickler.dump(rows)
    return file.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:  # called for any type that `pickle` has no C code for
        raise TypeError(type(obj))


class _Bounded(io.BytesIO):
    most: int

    def write(self, data: Any) -> int:
        if self.tell() > self.most:  # a part that is held many times over would be written as often
            raise ValueError
        return super().write(data)


# --- scalars ---------------------------------------------------------------------------------------------


def _float(value: float) -> object:
    return "nan" if value != value else (value, math.copysign(1, value))  # noqa: PLR0124 - how one asks for NaN


def _complex(value: complex) -> object:
    return _float(value.real), _float(value.imag)


def _moment(value: Any) -> object:
    """Tell datetimes and times by their fields, `fold`, and what their zone is rather than which class it has."""
    return value.replace(tzinfo=None), value.fold, zone_of(value.tzinfo)


def zone_of(zone: Any) -> tuple[Any, ...]:
    """Return the name of a time zone; the offset, and its name if it has one; or that it is another object."""
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
    """Say whether it is one of the two classes of fixed offsets: pydantic loads its own for the standard one."""
    return cls is datetime.timezone or (cls.__name__ == "TzInfo" and cls.__module__.startswith("pydantic_core"))


def _range(value: range) -> object:
    return value.start, value.stop, value.step


def _array(value: Any) -> object:
    return value.dtype, value.shape, value.tobytes()


_KEYS: Final[dict[type, Key]] = {
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
    """Return what to compare instances of a leaf's class by, `None` where the class is no leaf."""
    if cls in _KEYS:
        return _KEYS[cls]
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
    """Say whether it is the class of one of numpy's arrays or scalars; numpy is not imported for that."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(cls, (numpy.ndarray, numpy.generic))
