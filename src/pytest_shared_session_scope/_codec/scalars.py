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
import pathlib
import pickle
import re
import sys
import types
import uuid
import zoneinfo
from collections.abc import Callable, Sequence
from typing import Any, Final

Key = Callable[[Any], object]

# Of longer rows what they hold is compared, so that there are never more than a few megabytes to compare.
_LONGEST_ROW: Final = 1024

# Compared with `==`. `float` is not: to `==` no NaN is like another, and 0.0 is like -0.0.
EQUAL: Final = frozenset(
    (
        *(type(None), bool, int, str, bytes, bytearray, datetime.date, datetime.timedelta, uuid.UUID),
        *(fractions.Fraction, re.Pattern, pathlib.PurePosixPath, pathlib.PosixPath),
        *(ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network),
        *(ipaddress.IPv4Interface, ipaddress.IPv6Interface),
    )
)


def are_written_alike(before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Say whether all that is in the rows of both is of Python's own plainest types, and the same in each bit.

    One pass of C over each: what `pickle` writes of such values tells their types and all that is in them. It is only
    compared, never read; and no code of a class runs, as `_Pickler` gives up where an object is of any other type.
    """
    try:
        return _written(before) == _written(after)
    except Exception:  # noqa: BLE001 - of another type, cyclic, too deep or too long: there are other ways to compare
        return False


def _written(rows: Sequence[Any]) -> bytes:
    file = _Bounded()
    file.most = _LONGEST_ROW * len(rows)
    pickler = _Pickler(file, 4)
    pickler.fast = True  # writes an object each time it is met: whether it was the same one is not compared
    pickler.dump(rows)
    return file.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:  # what it has no code of its own to write
        raise TypeError(type(obj))


class _Bounded(io.BytesIO):
    most: int

    def write(self, data: Any) -> int:
        if self.tell() > self.most:  # what holds its parts many times over may be endless
            raise ValueError
        return super().write(data)


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
