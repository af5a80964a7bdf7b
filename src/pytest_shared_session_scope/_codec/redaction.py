"""Finds what must not be told, and everything else that is in a value. Imports only `_column`."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any, Final

from pytest_shared_session_scope._codec.columns import Step, StepKind

Steps = tuple[Step, ...]

# Looking for secrets is not to take much longer than sending the value.
_MOST: Final = 100_000


def is_secret_field(cls: Any, name: object) -> bool:
    """Say whether a class keeps a field out of its `repr` or its dumps."""
    if not isinstance(name, str):  # a key that hashes or compares badly
        return False
    field = getattr(cls, "__pydantic_fields__", {}).get(name) or getattr(cls, "__dataclass_fields__", {}).get(name)
    field = field or next((a for a in getattr(cls, "__attrs_attrs__", ()) if a.name == name), None)
    return field is not None and not (getattr(field, "repr", True) and not getattr(field, "exclude", None))


def is_secret(value: object) -> bool:
    """Say whether it is one of pydantic's secrets."""
    return hasattr(type(value), "get_secret_value")


def has_secret(steps: Steps, *values: object) -> bool:
    """Say whether what is found at the end of the steps is a secret, or a part of one."""
    return any(is_secret(s.owner) or is_secret_field(type(s.owner), s.name) for s in steps) or any(
        map(is_secret, values)
    )


def holds_secret(value: object) -> bool:
    """Say whether there is a secret anywhere in the value; of a vast one it is assumed."""
    parts = enumerate(parts_of(value))
    return any(count == _MOST or has_secret(steps[-1:], part) for count, (steps, part) in parts)


# --- what is in a value ----------------------------------------------------------------------------------

_ATOMS: Final = (type(None), bool, int, float, str, bytes)
_ITEMS: Final = (list, tuple, set, frozenset, collections.deque)


def parts_of(value: object) -> Iterator[tuple[Steps, Any]]:
    """Yield a value and everything in it that attributes, items and keys lead to."""
    seen: set[int] = set()
    walk: list[Iterator[tuple[Steps, Any]]] = [iter([((), value)])]
    while walk:
        found = next(walk[-1], None)
        if found is None:
            walk.pop()
            continue
        yield found
        if id(found[1]) not in seen:
            seen.add(id(found[1]))
            walk.append(_inside(*found))


def holds_itself(value: object) -> bool:
    """Say whether attributes, items and keys lead from something in the value back to it."""
    above = {id(value): iter(_holders_in(value))}
    done: set[int] = set()
    while above:
        last = next(reversed(above))
        for part in above[last]:
            if id(part) in above:
                return True
            holders = [] if id(part) in done else _holders_in(part)
            if holders:
                above[id(part)] = iter(holders)
                break
        else:
            done.add(last)
            del above[last]
    return False


def _holders_in(part: Any) -> list[Any]:
    """Return what is directly in a part and may itself hold something: to remember the rest would take much memory."""
    return [inner for _, _, inner in _held(part) if type(inner) not in _ATOMS]


def _inside(steps: Steps, part: Any) -> Iterator[tuple[Steps, Any]]:
    for kind, name, inner in _held(part):
        yield (*steps, Step(part, kind, name)), inner


def _held(part: Any) -> Iterator[tuple[StepKind, object, object]]:
    if isinstance(part, dict):
        for key, item in dict.items(part):
            yield "key of", key, key
            yield "key", key, item
    elif isinstance(part, _ITEMS):
        for place, item in enumerate(part):
            yield "index", place, item
    elif not isinstance(part, type):
        names = dict.fromkeys((*getattr(part, "__dict__", ()), *fields_of(type(part))))
        for name in names:
            if hasattr(part, name):
                yield "attribute", name, getattr(part, name)


def fields_of(cls: Any) -> tuple[str, ...]:
    """Return the names of the fields that a class of any kind declares."""
    declared = "__pydantic_fields__", "__dataclass_fields__", "_fields"
    names = (name for fields in declared for name in getattr(cls, fields, ()))
    return *names, *(field.name for field in getattr(cls, "__attrs_attrs__", ()))
