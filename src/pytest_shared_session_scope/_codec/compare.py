"""Finds the first difference between a value and its re-loaded copy. Must not import pydantic.

Both are walked together, pair by pair. A fast path (`scalars.are_alike`) keeps most pairs out of the walk: it compares
slices of up to 4,000 items at C speed, without paths, and the walk only enters the slices in which it finds a
difference. For 10,000 models of which number 5,000 differs in its list `tags`, the first slice is skipped, the second
one is not, and the walk compares 1,001 of its models up to `$[5000].tags[0]`.

A user's `__eq__` is never trusted: it may find the partner of a member or key, but the walk decides on the two.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from pytest_shared_session_scope._codec.parts import ABSENT, Difference, Found, Step, StepKind
from pytest_shared_session_scope._codec.scalars import DEEP, EQUAL, are_alike, are_written_alike, is_offset, key_of
from pytest_shared_session_scope._codec.type_hints import is_plain, layout_of


class _Pair(NamedTuple):
    """A part of the value and of the copy, with the step to it, or None if it stands for its owner."""

    step: Step | None
    before: Any
    after: Any


class _Differs(Exception):  # noqa: N818 - a signal that `difference` catches
    """Raised if the last pair of the path itself differs."""

    def __init__(self, found: Found) -> None:
        self.found: Found = found


Pairs = Iterator[_Pair]
# Deeper than any JSON that can be loaded: only a cycle leads there.
_DEEPEST: Final = 1000
# So many items, and the bytes that are compared for them, fit into a processor's cache.
_AT_ONCE: Final = 4000
# The most members without a partner of equal hash for which a partner is searched; the search is quadratic.
_SEARCHED: Final = 500


def difference(value: object, copy: object) -> Difference | None:
    """Return the first difference, or None if both are the same in value and type, all the way down."""
    if are_written_alike((value,), (copy,)):  # small and plain: a fifth of the walk's time
        return None
    path, walk = [_Pair(None, value, copy)], list[Pairs]()
    seen: dict[tuple[int, int], _Pair] = {}  # the pairs keep their parts alive, and so their ids unique
    try:
        while path:
            if len(walk) < len(path):
                walk.append(_parts(path[-1], len(walk), seen))
            pair = next(walk[-1], None)
            if pair is not None:
                path.append(pair)
            else:
                path.pop()
                walk.pop()
    except _Differs as signal:
        steps = tuple(pair.step for pair in path if pair.step is not None)
        return Difference(signal.found, path[-1].before, path[-1].after, steps)
    return None


def _parts(pair: _Pair, depth: int, seen: dict[tuple[int, int], _Pair]) -> Pairs:
    """Compare a pair itself, and yield the pairs of what it holds. Raises `_Differs`."""
    _, before, after = pair
    cls: type = type(before)
    if before is after:
        return iter(())
    if cls is not type(after) and not (is_offset(cls) and is_offset(type(after))):
        raise _Differs("type")
    if cls in EQUAL:
        return _require("value", before == after)
    key = key_of(cls)
    if key is not None:
        return _require("value", key(before) == key(after))
    if depth > DEEP:  # not before: remembering pairs costs time and memory, and wide values are rarely deep
        if (id(before), id(after)) in seen:
            return iter(())
        seen[id(before), id(after)] = pair
        if depth > _DEEPEST:
            raise _Differs("too deep")
    return _held(cls, before, after, depth)


def _require(found: Found, is_same: object) -> Pairs:
    if not is_same:
        raise _Differs(found)
    return iter(())


def _held(cls: Any, before: Any, after: Any, depth: int) -> Pairs:
    """Yield the pairs that two containers or objects hold."""
    base = next((base for base in _CONTAINERS if issubclass(cls, base)), None)
    if base is not None:
        for own, copied, step in _CONTAINERS[base](base, before, after):
            yield from _items(own, copied, step, depth)
    if base is None and not is_plain(cls):
        yield from _states(cls, before, after)
    elif cls is not base:
        yield from _attributes(cls, before, after)


# --- containers ------------------------------------------------------------------------------------------

# The items of a container, those of its copy, and the step to each by its place.
_Items = tuple[list[Any], list[Any], Callable[[int], Step]]


def _items(own: list[Any], copied: list[Any], step: Callable[[int], Step], depth: int) -> Pairs:
    """Yield the pairs of items, but skip slices that are alike. A single item is left to the walk."""
    for start in range(0, len(own), _AT_ONCE):
        some, others = own[start : start + _AT_ONCE], copied[start : start + _AT_ONCE]
        if depth > DEEP or len(some) == 1 or not are_alike(some, others, depth):
            for place, (item, other) in enumerate(zip(some, others, strict=True), start):
                yield _Pair(step(place), item, other)


# `base` is the built-in class of the two containers. Its methods are used, because a derived class may have its own.


def _sequences(base: Any, before: Any, after: Any) -> Iterator[_Items]:
    own, copied = list(base.__iter__(before)), list(base.__iter__(after))
    _require("length", len(own) == len(copied))
    names = getattr(type(before), "_fields", ()) if base is tuple else ()
    kind: StepKind = "attribute" if names else "index"
    yield own, copied, lambda place: Step(before, kind, names[place] if place < len(names) else place)


def _deques(base: Any, before: Any, after: Any) -> Iterator[_Items]:
    _require("value", before.maxlen == after.maxlen)
    return _sequences(base, before, after)


def _sets(base: Any, before: Any, after: Any) -> Iterator[_Items]:
    own, copied = list(base.__iter__(before)), list(base.__iter__(after))
    _require("length", len(own) == len(copied))
    if not _are_same(own, copied):
        yield own, _aligned(own, copied), lambda place: Step(before, "member", own[place])


def _dicts(base: Any, before: Any, after: Any) -> Iterator[_Items]:
    keys, copied = list(base.__iter__(before)), list(base.__iter__(after))
    _require("keys", len(keys) == len(copied))
    values = list(base.values(after))
    if not _are_same(keys, copied):
        if base is not collections.OrderedDict:
            copied = _aligned(keys, copied)
            values = [dict.__getitem__(after, key) for key in copied]
        yield keys, copied, lambda place: Step(before, "key of", keys[place])
    yield list(base.values(before)), values, lambda place: Step(before, "key", keys[place])


def _are_same(members: list[Any], others: list[Any]) -> bool:
    """Whether two lists of members or keys have no difference."""
    classes = {*map(type, members), *map(type, others)}
    if len(classes) == 1 and classes <= EQUAL:
        return members == others
    return difference(members, others) is None


def _aligned(before: list[Any], after: list[Any]) -> list[Any]:
    """Return `after` in the order of `before`. Raises `_Differs` if a member has no partner.

    A partner of equal hash and type still has to be walked. The partner of any other member, such as a NaN, is the
    first one left in which the walk finds no difference.
    """
    try:
        left = dict(zip(after, after, strict=True))
        partners = [_partner(left, member) for member in before]
    except Exception:  # noqa: BLE001 - a user's `__hash__` or `__eq__` failed, so the partners cannot be determined
        raise _Differs("keys") from None
    searched = [place for place, partner in enumerate(partners) if partner is ABSENT]
    _require("keys", len(searched) <= _SEARCHED)
    for place in searched:
        found = next((member for member in left.values() if difference(before[place], member) is None), ABSENT)
        _require("keys", found is not ABSENT)
        partners[place] = left.pop(found)
    return partners


def _partner(left: dict[Any, Any], member: Any) -> Any:
    partner = left.get(member, ABSENT)
    return left.pop(member) if type(partner) is type(member) else ABSENT


# A class is compared as the first of these that it is derived from.
_CONTAINERS: Final[dict[type, Callable[[Any, Any, Any], Iterator[_Items]]]] = {
    collections.OrderedDict: _dicts,
    dict: _dicts,
    list: _sequences,
    tuple: _sequences,
    collections.deque: _deques,
    set: _sets,
    frozenset: _sets,
}


# --- objects ---------------------------------------------------------------------------------------------


def _attributes(cls: type, before: Any, after: Any) -> Pairs:
    """Yield the pairs in `__dict__` and slots."""
    for name, read in layout_of(cls):
        if name == "__dict__":
            yield from _fields(before, read(before), read(after))
        else:
            yield _Pair(Step(before, "attribute", name), _read(read, before), _read(read, after))


def _read(read: Callable[[Any], Any], owner: Any) -> Any:
    try:
        return read(owner)
    except AttributeError:
        return ABSENT


def _fields(owner: Any, own: dict[str, Any], copied: dict[str, Any]) -> Pairs:
    for name in {**own, **copied}:
        yield _Pair(Step(owner, "attribute", name), own.get(name, ABSENT), copied.get(name, ABSENT))


def _states(cls: Any, before: Any, after: Any) -> Pairs:
    """Yield the pairs in what `pickle` would keep of an object of an unknown class."""
    if cls.__reduce__ is not object.__reduce__ or cls.__reduce_ex__ is not object.__reduce_ex__:
        raise _Differs("incomparable")
    own, copied = _state(before), _state(after)
    _require("incomparable", len(own) == len(copied))
    for part, other in zip(own, copied, strict=True):
        if type(part) is type(other) is dict:
            yield from _fields(before, part, other)
        else:
            yield _Pair(None, part, other)


def _state(member: object) -> tuple[Any, ...]:
    """Return an object's state and constructor arguments; those of a subclass of `str` are the `str`."""
    try:
        reduced: Any = object.__reduce_ex__(member, 4)
        arguments, state = reduced[1:3]
    except Exception:  # noqa: BLE001 - whatever a user's `__getstate__` raises
        raise _Differs("incomparable") from None
    _require("incomparable", len(arguments) != 1 or state is not None)
    if type(state) is tuple and [*map(type, state[1:])] == [dict]:  # `__dict__` and slots
        state = {**(state[0] or {}), **state[1]}
    return state, *arguments[1:]
