"""Finds the first difference between a value and its re-loaded copy. Does not import pydantic.

Both are walked together, column by column: what a thousand models hold in one field is compared at once, by loops
that run in C. A user's `__eq__` is never believed: it may find the partner of a set's member or of a key, but only
the walk says whether the two are the same.
"""

from __future__ import annotations

import collections
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any, Final

from pytest_shared_session_scope._codec.columns import ABSENT, Column, Columns, Difference, Differs, Found, StepKind
from pytest_shared_session_scope._codec.objects import attributes, is_plain, states
from pytest_shared_session_scope._codec.scalars import EQUAL, are_written_alike, is_offset, key_of

# Deeper than any JSON that can be loaded: only a cycle leads there.
_DEEPEST: Final = 1000
# As many members without a partner that hashes alike are searched for one by one; it is slow.
_SEARCHED: Final = 500
# Rows with up to as many items each are turned into as many columns.
_NARROW: Final = 16


def difference(value: object, copy: object) -> Difference | None:
    """Return the first difference, `None` where both are the same in value and type, all the way down."""
    if are_written_alike((value,), (copy,)):  # what is small and plain: a fifth of the time that the walk takes
        return None
    seen: dict[tuple[int, int], tuple[object, object]] = {}
    walk: list[Columns] = [iter([Column([value], [copy])])]
    try:
        while walk:
            column = next(walk[-1], None)
            if column is None:
                walk.pop()
                continue
            if column.is_deep:
                column = _unseen(column, seen)
            if column.before:
                walk.append(_parts(column))
    except Differs as signal:
        return signal.difference
    return None


def _unseen(column: Column, seen: dict[tuple[int, int], tuple[object, object]]) -> Column:
    """Return the rows that were not compared before: what holds itself is compared once, not for ever."""
    rows = []
    for row, pair in enumerate(zip(column.before, column.after, strict=True)):
        key = id(pair[0]), id(pair[1])
        if key not in seen:
            seen[key] = pair  # keeps both alive: an id is only theirs as long as they live
            rows.append(row)
    return column.only(rows)


def _parts(column: Column) -> Columns:
    """Compare the rows themselves, and yield the columns of what they hold."""
    if column.depth > _DEEPEST:
        raise column.differs("too deep", 0)
    for some in column.in_pieces():
        if not (_are_identical(some) or _are_alike(some)):
            for cls, rows in _by_type(some):
                yield from _compared(cls, rows)


def _compared(cls: type, rows: Column) -> Columns:
    """Compare rows of one class; yield the columns of what they hold where they are no leaves."""
    if cls in EQUAL:
        if rows.before != rows.after:
            rows.require("value", map(operator.eq, rows.before, rows.after))
    elif (key := key_of(cls)) is not None:
        rows.require("value", map(operator.eq, map(key, rows.before), map(key, rows.after)))
    else:
        yield from _held(cls, rows)


def _are_identical(column: Column) -> bool:
    """Say whether all rows are the very same objects, as `None`, `True`, members of enums and short strings are."""
    return column.before[0] is column.after[0] and all(map(operator.is_, column.before, column.after))


def _are_alike(column: Column) -> bool:
    """Say whether all rows are the same by what is written of them; one row may be all there is, and is not tried."""
    return len(column.before) > 1 and not column.is_deep and are_written_alike(column.before, column.after)


def _by_type(column: Column) -> Iterator[tuple[type, Column]]:
    cls = type(column.before[0])
    metaclass: Any = type(cls)
    types_before, types_after = set(map(type, column.before)), set(map(type, column.after))
    if len(types_before) == 1 and types_before == types_after and metaclass.__eq__ is object.__eq__:
        yield cls, column
        return
    # By identity, as a metaclass may have an `__eq__` of its own.
    before, after = list(map(type, column.before)), list(map(type, column.after))
    column.require("type", (a is b or (is_offset(a) and is_offset(b)) for a, b in zip(before, after, strict=True)))
    rows: dict[int, list[int]] = {}
    for row, found in enumerate(before):
        rows.setdefault(id(found), []).append(row)
    for group in rows.values():
        yield before[group[0]], column.only(group)


def _held(cls: type, column: Column) -> Columns:
    """Compare what is no leaf, by what it holds."""
    base = next((base for base in _CONTAINERS if issubclass(cls, base)), None)
    if base is not None:
        yield from _CONTAINERS[base](base, column)
    if base is None and not is_plain(cls):
        yield from states(cls, column)
    elif cls is not base:
        yield from attributes(cls, column)


# --- containers; each gets the built-in class that the rows' class is, or is derived from -----------------


def _items(base: Any, rows: Sequence[Any]) -> list[Any]:
    """Return the items, keys or members of all rows."""
    if type(rows[0]) is list and len(rows) == 1:
        return rows[0]
    return _flat(rows if type(rows[0]) is base else map(base.__iter__, rows))


def _flat(rows: Iterable[Iterable[Any]]) -> list[Any]:
    flat: list[Any] = []
    for row in rows:
        flat += row  # a third of the time that `itertools.chain` takes for short rows
    return flat


def _lengths(base: Any, column: Column, found: Found) -> list[int]:
    """Return the rows' lengths, which are the same in the copy."""
    lengths, copied = list(map(base.__len__, column.before)), list(map(base.__len__, column.after))
    if lengths != copied:
        column.require(found, map(operator.eq, lengths, copied))
    return lengths


def _sequences(base: Any, column: Column) -> Columns:
    lengths = _lengths(base, column, "length")
    names = getattr(type(column.before[0]), "_fields", ()) if base is tuple else ()
    kind: StepKind = "attribute" if names else "index"
    before, after = _items(base, column.before), _items(base, column.after)
    width = lengths[0]
    if names or (width <= _NARROW and width < len(lengths) and set(lengths) == {width}):
        for place in range(width):
            name = names[place] if place < len(names) else place
            yield column.inner(before[place::width], after[place::width], kind, name)
    else:
        yield column.flat(before, after, lengths, kind)


def _deques(base: Any, column: Column) -> Columns:
    column.require("value", (a.maxlen == b.maxlen for a, b in zip(column.before, column.after, strict=True)))
    return _sequences(base, column)


def _sets(base: Any, column: Column) -> Columns:
    lengths = _lengths(base, column, "length")
    before, after = _items(base, column.before), _items(base, column.after)
    if difference(before, after) is not None:
        after = _flat(_aligned_rows(base, column))
        yield column.flat(before, after, lengths, "member", lambda item, _: before[item])


def _dicts(base: Any, column: Column) -> Columns:
    lengths = _lengths(base, column, "keys")
    keys, copied = _items(base, column.before), _items(base, column.after)
    before, after = _flat(map(base.values, column.before)), _flat(map(base.values, column.after))
    if difference(keys, copied) is not None:
        if base is not collections.OrderedDict:
            copied = _flat(_aligned_rows(base, column))
            after = list(map(dict.__getitem__, chain.from_iterable(map(repeat, column.after, lengths)), copied))
        yield column.flat(keys, copied, lengths, "key of", lambda item, _: keys[item])
    width = lengths[0]
    if width <= _NARROW and width < len(lengths) and keys == keys[:width] * len(lengths):
        for place in range(width):
            yield column.inner(before[place::width], after[place::width], "key", keys[place])
    else:
        yield column.flat(before, after, lengths, "key", lambda item, _: keys[item])


def _aligned_rows(base: Any, column: Column) -> list[list[Any]]:
    """Return each copy's keys or members in the order of those that they are the copies of."""
    rows = []
    for row, (before, after) in enumerate(zip(column.before, column.after, strict=True)):
        aligned = _aligned(list(base.__iter__(before)), list(base.__iter__(after)))
        if aligned is None:
            raise column.differs("keys", row)
        rows.append(aligned)
    return rows


def _aligned(before: list[Any], after: list[Any]) -> list[Any] | None:
    """Return `after` in the order of `before`, `None` where one has no partner.

    The partner of a member that hashes and compares badly, or of a NaN, is the first one left that the walk finds the
    same. Who has a partner by hash is yet to be walked.
    """
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


# The first that a class is derived from is the one.
_CONTAINERS: Final[dict[type, Callable[[Any, Column], Columns]]] = {
    collections.OrderedDict: _dicts,
    dict: _dicts,
    list: _sequences,
    tuple: _sequences,
    collections.deque: _deques,
    set: _sets,
    frozenset: _sets,
}
