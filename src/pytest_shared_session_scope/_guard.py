"""Finds the first difference between a value and its re-loaded copy. Imports neither pydantic nor the package.

Both are walked together, column by column: what a thousand models hold in one field is compared at once, by loops
that run in C. A user's `__eq__` is never believed: it may find the partner of a set's member or of a key, but only
the walk says whether the two are the same.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import ipaddress
import math
import operator
import pathlib
import re
import sys
import types
import uuid
import zoneinfo
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, chain, repeat
from typing import Any, Final, Literal, NamedTuple

StepKind = Literal["attribute", "index", "key", "key of", "member"]
Found = Literal["type", "value", "length", "keys", "incomparable", "too deep"]


class Step(NamedTuple):
    """One step of a path: from `owner`, a part of the value, to its attribute, item, value, key or member."""

    owner: object
    kind: StepKind
    name: object


class Difference(NamedTuple):
    """The first place where a value and its copy differ; `before` and `after` are what is found there."""

    found: Found
    before: Any
    after: Any
    steps: tuple[Step, ...]


class _Differs(Exception):  # noqa: N818 - a signal that never leaves this module
    def __init__(self, difference: Difference) -> None:
        super().__init__(difference)
        self.difference = difference


class _Absent:
    """Stands for an attribute that is not set."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT: Final = _Absent()

# Deeper than any JSON that can be loaded: only a cycle leads there.
_DEEPEST: Final = 1000
# From this depth on each pair is walked only once. Not from the start: it costs, and what is wide is rarely deep.
_DEEP: Final = 8
# As many members without a partner that hashes alike are searched for one by one; it is slow.
_SEARCHED: Final = 500
# Rows with up to as many items each are turned into as many columns.
_NARROW: Final = 16

# Says which row of the column above a row was found in, and by which step.
Origin = Callable[[int], tuple[int, Step | None]]


@dataclasses.dataclass(frozen=True)
class _Column:
    """Parts of the value and of the copy that are to be the same row by row, and where they were found."""

    before: list[Any]
    after: list[Any]
    above: _Column | None = None
    origin: Origin = lambda row: (row, None)
    depth: int = 0

    def steps(self, row: int) -> tuple[Step, ...]:
        """Return the way to a row; only asked for once a difference is found."""
        steps: list[Step] = []
        column: _Column | None = self
        while column is not None:
            row, step = column.origin(row)
            column = column.above
            if step is not None:
                steps.append(step)
        return tuple(reversed(steps))

    def inner(self, before: Iterable[Any], after: Iterable[Any], kind: StepKind, name: object) -> _Column:
        """Return the column of what is found in every row under one name."""
        return self._below(before, after, lambda row: (row, Step(self.before[row], kind, name)))

    def flat(
        self,
        before: Iterable[Any],
        after: Iterable[Any],
        lengths: list[int],
        kind: StepKind,
        name: Callable[[int, int], object],
    ) -> _Column:
        """Return the column of all items of all rows; `name` is told an item's place in the column and in its row."""

        def origin(item: int) -> tuple[int, Step]:
            ends = list(accumulate(lengths))
            row = bisect_right(ends, item)
            return row, Step(self.before[row], kind, name(item, item - ends[row] + lengths[row]))

        return self._below(before, after, origin)

    def instead(self, before: Iterable[Any], after: Iterable[Any]) -> _Column:
        """Return the column of what stands for the rows themselves, such as their state."""
        return self._below(before, after, lambda row: (row, None))

    def only(self, rows: list[int]) -> _Column:
        before, after = [self.before[row] for row in rows], [self.after[row] for row in rows]
        return _Column(before, after, self, lambda row: (rows[row], None), self.depth)

    def _below(self, before: Iterable[Any], after: Iterable[Any], origin: Origin) -> _Column:
        return _Column(list(before), list(after), self, origin, self.depth + 1)

    def differs(self, found: Found, row: int) -> _Differs:
        return _Differs(Difference(found, self.before[row], self.after[row], self.steps(row)))

    def require(self, found: Found, same: Iterable[bool]) -> None:
        """Raise for the first row of which `same` is false."""
        for row, is_same in enumerate(same):
            if not is_same:
                raise self.differs(found, row)


Columns = Iterator[_Column]
Compare = Callable[[_Column], Columns]


def difference(value: object, copy: object) -> Difference | None:
    """Return the first difference, `None` where both are the same in value and type, all the way down."""
    seen: dict[tuple[int, int], tuple[object, object]] = {}
    pending = [_Column([value], [copy])]
    try:
        while pending:
            column = pending.pop()
            if column.depth > _DEEP:
                column = _unseen(column, seen)
            pending.extend(reversed([*_parts(column)]))
    except _Differs as signal:
        return signal.difference
    return None


def _unseen(column: _Column, seen: dict[tuple[int, int], tuple[object, object]]) -> _Column:
    """Return the rows that were not compared before: what holds itself is compared once, not for ever."""
    rows = []
    for row, pair in enumerate(zip(column.before, column.after, strict=True)):
        key = id(pair[0]), id(pair[1])
        if key not in seen:
            seen[key] = pair  # keeps both alive: an id is only theirs as long as they live
            rows.append(row)
    return column.only(rows)


def _parts(column: _Column) -> Columns:
    """Compare the rows themselves, and yield the columns of what they hold."""
    if column.before and column.depth > _DEEPEST:
        raise column.differs("too deep", 0)
    for cls, rows in _by_type(column):
        compare = _COMPARE.get(cls) or _comparison_for(cls)
        yield from compare(rows)


def _by_type(column: _Column) -> Iterator[tuple[type, _Column]]:
    before, after = list(map(type, column.before)), list(map(type, column.after))
    if not all(map(operator.is_, before, after)):
        column.require("type", (a is b or (_is_zone(a) and _is_zone(b)) for a, b in zip(before, after, strict=True)))
    # By identity, as a metaclass may have an `__eq__` of its own.
    groups = set(map(id, before))
    if len(groups) == 1:
        yield before[0], column
    elif groups:
        rows: dict[int, list[int]] = {}
        for row, cls in enumerate(before):
            rows.setdefault(id(cls), []).append(row)
        for group in rows.values():
            yield before[group[0]], column.only(group)


# --- what holds nothing ----------------------------------------------------------------------------------


def _nothing(column: _Column) -> Columns:
    return iter(())


def _equal(column: _Column) -> Columns:
    if column.before != column.after:
        column.require("value", map(operator.eq, column.before, column.after))
    return iter(())


def _identical(column: _Column) -> Columns:
    column.require("value", map(operator.is_, column.before, column.after))
    return iter(())


def _equal_by(key: Callable[[Any], object]) -> Compare:
    def compare(column: _Column) -> Columns:
        column.require("value", map(operator.eq, map(key, column.before), map(key, column.after)))
        return iter(())

    return compare


def _floats(column: _Column) -> Columns:
    before, after = array("d", column.before), array("d", column.after)
    if before.tobytes() != after.tobytes():
        column.require("value", map(_is_same_float, before, after))
    return iter(())


def _is_same_float(a: float, b: float) -> bool:
    return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (a != a and b != b)  # noqa: PLR0124 - NaN


def _complexes(column: _Column) -> Columns:
    def is_same(a: complex, b: complex) -> bool:
        return _is_same_float(a.real, b.real) and _is_same_float(a.imag, b.imag)

    column.require("value", map(is_same, column.before, column.after))
    return iter(())


def _moments(column: _Column) -> Columns:
    """Compare datetimes or times: their fields, `fold`, and what their zone is rather than which class it has."""

    def fields(moment: Any) -> tuple[object, ...]:
        return moment.replace(tzinfo=None), moment.fold, zone_of(moment.tzinfo)

    column.require("value", map(operator.eq, map(fields, column.before), map(fields, column.after)))
    zones = [moment.tzinfo for moment in column.before], [moment.tzinfo for moment in column.after]
    strange = [row for row, zone in enumerate(zones[0]) if not _is_known_zone(zone)]
    if strange:
        yield column.inner(*zones, "attribute", "tzinfo").only(strange)


def _zones(column: _Column) -> Columns:
    return _equal_by(zone_of)(column)


def _is_zone(cls: type) -> bool:
    """Say whether it is one of the two classes of fixed offsets: pydantic loads its own for the standard one."""
    return cls is datetime.timezone or (cls.__name__ == "TzInfo" and cls.__module__.startswith("pydantic_core"))


def _is_known_zone(zone: Any) -> bool:
    return zone is None or _is_zone(type(zone)) or (type(zone) is zoneinfo.ZoneInfo and zone.key is not None)


def zone_of(zone: Any) -> object:
    if type(zone) is zoneinfo.ZoneInfo:
        return "key", zone.key
    if zone is None or not _is_zone(type(zone)):
        return None
    offset, name = zone.utcoffset(None), None
    if type(zone) is datetime.timezone and zone.tzname(None) != datetime.timezone(offset).tzname(None):
        name = zone.tzname(None)
    return offset, name


# --- containers ------------------------------------------------------------------------------------------


def _sequences(base: Any, column: _Column) -> Columns:
    lengths = list(map(base.__len__, column.before))
    column.require("length", map(operator.eq, lengths, map(base.__len__, column.after)))
    cls = type(column.before[0])
    names = getattr(cls, "_fields", ()) if base is tuple else ()
    kind: StepKind = "attribute" if names else "index"
    width = lengths[0]
    if width <= _NARROW and len(lengths) > width and set(lengths) == {width}:
        items = (zip(*map(base.__iter__, rows), strict=True) for rows in (column.before, column.after))
        for place, (before, after) in enumerate(zip(*items, strict=True)):
            yield column.inner(before, after, kind, names[place] if names else place)
    else:
        flat, copied = (chain.from_iterable(map(base.__iter__, rows)) for rows in (column.before, column.after))
        yield column.flat(flat, copied, lengths, kind, lambda _, place: names[place] if names else place)
    if cls is not base:
        yield from _attributes(column)


def _deques(column: _Column) -> Columns:
    column.require("value", (a.maxlen == b.maxlen for a, b in zip(column.before, column.after, strict=True)))
    return _sequences(collections.deque, column)


def _sets(base: Any, column: _Column) -> Columns:
    column.require("length", map(operator.eq, map(base.__len__, column.before), map(base.__len__, column.after)))
    members: tuple[list[Any], list[Any]] = [], []
    for row, rows in enumerate(zip(column.before, column.after, strict=True)):
        before, after = (list(base.__iter__(members)) for members in rows)
        aligned = _aligned(before, after)
        if aligned is None:
            raise column.differs("keys", row)
        members[0].extend(before)
        members[1].extend(aligned)
    lengths = list(map(base.__len__, column.before))
    yield column.flat(*members, lengths, "member", lambda item, _: members[0][item])
    if type(column.before[0]) is not base:
        yield from _attributes(column)


def _dicts(base: Any, column: _Column) -> Columns:
    lengths = list(map(base.__len__, column.before))
    column.require("keys", map(operator.eq, lengths, map(base.__len__, column.after)))
    cls = type(column.before[0])
    if cls is dict and len(lengths) > lengths[0] and _are_records(column.before) and _are_records(column.after):
        yield from _fields(column, column.before, column.after, "key")
        return
    keys = list(chain.from_iterable(map(base.__iter__, column.before)))
    copied = list(chain.from_iterable(map(base.__iter__, column.after)))
    values: tuple[Iterable[Any], Iterable[Any]] = (
        chain.from_iterable(map(base.values, column.before)),
        chain.from_iterable(map(base.values, column.after)),
    )
    if base is not collections.OrderedDict and not _is_plainly_equal(keys, copied):
        rows = _aligned_keys(column)
        copied = list(chain.from_iterable(rows))
        values = values[0], chain.from_iterable(map(_values, column.after, rows))
    yield column.flat(keys, copied, lengths, "key of", lambda item, _: keys[item])
    yield column.flat(*values, lengths, "key", lambda item, _: keys[item])
    if cls is not base:
        yield from _attributes(column)


def _values(row: dict[Any, Any], keys: list[Any]) -> Iterable[Any]:
    return map(dict.__getitem__, repeat(row), keys)


def _aligned_keys(column: _Column) -> list[list[Any]]:
    """Return each copy's keys in the order of the keys they are the copies of."""
    rows = []
    for row, (before, after) in enumerate(zip(column.before, column.after, strict=True)):
        aligned = _aligned(list(dict.__iter__(before)), list(dict.__iter__(after)))
        if aligned is None:
            raise column.differs("keys", row)
        rows.append(aligned)
    return rows


def _defaultdicts(column: _Column) -> Columns:
    column.require(
        "value", (a.default_factory is b.default_factory for a, b in zip(column.before, column.after, strict=True))
    )
    return _dicts(dict, column)


def _is_plainly_equal(before: list[Any], after: list[Any]) -> bool:
    """Say whether both hold the same in the same order, as far as no code but Python's own is needed to tell."""
    classes = list(map(type, before))
    return (
        set(map(id, classes)) <= _HASHED_BY_PYTHON
        and all(map(operator.is_, classes, map(type, after)))
        and before == after
    )


def _aligned(before: list[Any], after: list[Any]) -> list[Any] | None:
    """Return `after` in the order of `before`, `None` where one has no partner.

    The partner of a member that hashes and compares badly, or of a NaN, is the first one left that the walk finds the
    same. Who has a partner by hash is yet to be walked.
    """
    if _is_plainly_equal(before, after):
        return after
    try:
        left = {member: member for member in after}
        partners = [_partner(left, member) for member in before]
    except Exception:  # noqa: BLE001 - a user's `__hash__` or `__eq__` failed: there is no telling who belongs together
        return None
    searched = [place for place, partner in enumerate(partners) if partner is ABSENT]
    if len(searched) > _SEARCHED:
        return None
    for place in searched:
        found = next((member for member in left.values() if difference(before[place], member) is None), ABSENT)
        if found is ABSENT:
            return None
        partners[place] = left.pop(found)
    return partners


def _partner(left: dict[Any, Any], member: Any) -> Any:
    partner = left.get(member, ABSENT)
    return left.pop(member) if type(partner) is type(member) else ABSENT


# --- objects ---------------------------------------------------------------------------------------------


def _attributes(column: _Column) -> Columns:
    """Compare `__dict__` and slots, but for what can be computed anew or only says which fields were given."""
    cls = type(column.before[0])
    if cls.__dictoffset__:
        yield from _fields(column, _namespaces(cls, column.before), _namespaces(cls, column.after), "attribute")
    for name, read in _slots(cls):
        yield column.inner(_read(read, column.before), _read(read, column.after), "attribute", name)


def _namespaces(cls: type, rows: list[Any]) -> list[dict[str, Any]]:
    cached = {name for c in cls.__mro__ for name, at in vars(c).items() if type(at) is functools.cached_property}
    spaces = [object.__getattribute__(row, "__dict__") for row in rows]
    # A dataclass leaves a field that its `__init__` does not take to the class until it is set.
    left = [f for f in getattr(cls, "__dataclass_fields__", {}).values() if not f.init and hasattr(cls, f.name)]
    if left:
        spaces = [{f.name: getattr(cls, f.name) for f in left} | space for space in spaces]
    return [{name: space[name] for name in space if name not in cached} for space in spaces] if cached else spaces


def _slots(cls: type) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    for c in cls.__mro__:
        for name, descriptor in vars(c).items():
            # Which fields were given, and not left to their defaults, JSON does not tell.
            if type(descriptor) is types.MemberDescriptorType and name != "__pydantic_fields_set__":
                yield name, descriptor.__get__


def _read(read: Callable[[Any], Any], rows: list[Any]) -> list[Any]:
    def one(row: Any) -> Any:
        try:
            return read(row)
        except AttributeError:
            return ABSENT

    try:
        return list(map(read, rows))
    except AttributeError:
        return list(map(one, rows))


def _are_records(rows: list[dict[Any, Any]]) -> bool:
    """Say whether all rows have the same keys, all of them str."""
    names = list(rows[0])
    return (
        all(type(name) is str for name in names)
        and all(map(len(names).__eq__, map(len, rows)))
        and all(all(map(dict.__contains__, rows, repeat(name))) for name in names)
    )


def _fields(column: _Column, before: list[dict[Any, Any]], after: list[dict[Any, Any]], kind: StepKind) -> Columns:
    """Yield a column for each name; `before` and `after` are the rows' namespaces."""
    if _are_records(before) and _are_records(after) and before[0].keys() == after[0].keys():
        for name in before[0]:
            get = operator.itemgetter(name)
            yield column.inner(map(get, before), map(get, after), kind, name)
    elif len(before) > 1:
        for row in range(len(before)):
            yield from _fields(column.only([row]), before[row : row + 1], after[row : row + 1], kind)
    else:
        for name in {**before[0], **after[0]}:
            yield column.inner([before[0].get(name, ABSENT)], [after[0].get(name, ABSENT)], kind, name)


def _states(column: _Column) -> Columns:
    """Compare what `pickle` would keep of objects of a class that nothing else is known about."""
    cls: Any = type(column.before[0])
    if cls.__reduce__ is not object.__reduce__ or cls.__reduce_ex__ is not object.__reduce_ex__:
        raise column.differs("incomparable", 0)
    before = [_state(column, row, member) for row, member in enumerate(column.before)]
    after = [_state(column, row, member) for row, member in enumerate(column.after)]
    for parts in zip(zip(*before, strict=True), zip(*after, strict=True), strict=True):
        if all(type(part) is dict for part in chain(*parts)):
            yield from _fields(column, list(parts[0]), list(parts[1]), "attribute")
        else:
            yield column.instead(*parts)


def _state(column: _Column, row: int, member: object) -> tuple[Any, ...]:
    """Return the object's state, and what it is made from: of a `str`'s subclass, the `str`."""
    try:
        reduced: Any = object.__reduce_ex__(member, 4)
        arguments, state = reduced[1:3]
    except Exception as exc:
        raise column.differs("incomparable", row) from exc
    if len(arguments) == 1 and state is None:
        raise column.differs("incomparable", row)
    if type(state) is tuple and len(state) == 2 and type(state[1]) is dict:  # `__dict__` and slots
        state = {**(state[0] or {}), **state[1]}
    return state, *arguments[1:]


def _arrays(column: _Column) -> Columns:
    """Compare numpy's arrays and scalars."""
    column.require("type", (a.dtype == b.dtype for a, b in zip(column.before, column.after, strict=True)))
    column.require("length", (a.shape == b.shape for a, b in zip(column.before, column.after, strict=True)))
    if any(part.dtype.hasobject for part in column.before):
        yield column.instead((a.tolist() for a in column.before), (a.tolist() for a in column.after))
    else:
        column.require("value", (a.tobytes() == b.tobytes() for a, b in zip(column.before, column.after, strict=True)))


# --- which comparison for which class --------------------------------------------------------------------

_SINGLETONS: Final = (type(None), type(...), type(NotImplemented), _Absent)
_EQUAL: Final = (
    *(bool, int, str, bytes, bytearray, datetime.date, datetime.timedelta, uuid.UUID, fractions.Fraction, re.Pattern),
    *(pathlib.PurePosixPath, pathlib.PosixPath, ipaddress.IPv4Address, ipaddress.IPv6Address),
    *(ipaddress.IPv4Network, ipaddress.IPv6Network, ipaddress.IPv4Interface, ipaddress.IPv6Interface),
)
_HASHED_BY_PYTHON: Final = frozenset(map(id, (*_EQUAL, type(None), float)))
_CONTAINERS: Final[tuple[tuple[type, Compare], ...]] = (
    (collections.OrderedDict, functools.partial(_dicts, collections.OrderedDict)),
    (collections.defaultdict, _defaultdicts),
    (dict, functools.partial(_dicts, dict)),
    (list, functools.partial(_sequences, list)),
    (tuple, functools.partial(_sequences, tuple)),
    (collections.deque, _deques),
    (set, functools.partial(_sets, set)),
    (frozenset, functools.partial(_sets, frozenset)),
)
_COMPARE: Final[dict[type, Compare]] = {
    **dict.fromkeys(_SINGLETONS, _nothing),
    **dict.fromkeys(_EQUAL, _equal),
    **dict(_CONTAINERS),
    float: _floats,
    complex: _complexes,
    decimal.Decimal: _equal_by(decimal.Decimal.as_tuple),
    datetime.datetime: _moments,
    datetime.time: _moments,
    datetime.timezone: _zones,
    zoneinfo.ZoneInfo: _equal_by(lambda zone: zone.key or zone),
    range: _equal_by(lambda r: (r.start, r.stop, r.step)),
    pathlib.PureWindowsPath: _equal_by(str),
    pathlib.WindowsPath: _equal_by(str),
}
_IDENTICAL: Final = (enum.Enum, type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)


def _comparison_for(cls: type) -> Compare:
    """Return how instances of a class are compared that is not listed."""
    mro = cls.__mro__
    if any(base in mro for base in _IDENTICAL):
        return _identical
    for base, compare in _CONTAINERS:
        if base in mro:
            return compare
    if _is_zone(cls):
        return _zones
    if is_numpy(mro):
        return _arrays
    if _is_url(cls):
        return _equal_by(str)
    return _attributes if _is_plain(cls) else _states


def _is_url(cls: type) -> bool:
    modules = "pydantic.networks", "pydantic_core"
    return hasattr(cls, "unicode_string") and any(base.__module__.startswith(modules) for base in cls.__mro__)


def is_numpy(mro: tuple[type, ...]) -> bool:
    """Say whether it is the ancestry of one of numpy's arrays or scalars; numpy is not imported for that."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and (numpy.ndarray in mro or numpy.generic in mro)


def _is_plain(cls: type) -> bool:
    """Say whether the attributes of a model, a dataclass or an attrs class are all there is to its instances."""
    declares = "__pydantic_fields__", "__dataclass_fields__", "__attrs_attrs__"
    is_layout_python = all(base.__flags__ & _HEAP_TYPE for base in cls.__mro__ if base is not object)
    return is_layout_python and any(hasattr(cls, name) for name in declares)


_HEAP_TYPE: Final = 1 << 9
