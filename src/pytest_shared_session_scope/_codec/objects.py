"""What an object that is no leaf and no container holds: its attributes, or its state.

Imports `_column` and `_leaves`.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final

from pytest_shared_session_scope._codec.columns import ABSENT, Column, Columns
from pytest_shared_session_scope._codec.scalars import are_written_alike

_HEAP_TYPE: Final = 1 << 9


def is_plain(cls: type) -> bool:
    """Say whether the attributes of a model, a dataclass or an attrs class are all there is to its instances."""
    declares = "__pydantic_fields__", "__dataclass_fields__", "__attrs_attrs__"
    is_layout_python = all(base.__flags__ & _HEAP_TYPE for base in cls.__mro__ if base is not object)
    return is_layout_python and any(hasattr(cls, name) for name in declares)


def attributes(cls: type, column: Column) -> Columns:
    """Compare `__dict__` and slots, but for what can be computed anew or only says which fields were given."""
    for owner, name, descriptor in [(base, *pair) for base in cls.__mro__ for pair in vars(base).items()]:
        get: Any = getattr(descriptor, "__get__", None)
        read = functools.partial(_read, get)
        if name == "__dict__":
            yield from _fields(column, _fields_of(cls, read(column.before)), _fields_of(cls, read(column.after)))
        elif type(descriptor) is types.MemberDescriptorType and name != "__pydantic_fields_set__":
            if name in _BY_NAME and _is_plainly_read(cls, owner, name):
                read = functools.partial(_read, get, by_name=_BY_NAME[name])
            yield column.inner(read(column.before), read(column.after), "attribute", name)


Rows = Sequence[Any]


def _read(get: Callable[[Any], Any], rows: Rows, by_name: Callable[[Rows], list[Any]] | None = None) -> list[Any]:
    def one(row: Any) -> Any:
        try:
            return get(row)
        except AttributeError:
            return ABSENT

    try:
        return by_name(rows) if by_name else list(map(get, rows))
    except AttributeError:
        return list(map(one, rows))


# What every model has. Python finds an attribute that is named in its code five times as fast as a descriptor does.
_BY_NAME: Final[dict[str, Callable[[Rows], list[Any]]]] = {
    "__pydantic_extra__": lambda rows: [row.__pydantic_extra__ for row in rows],
    "__pydantic_private__": lambda rows: [row.__pydantic_private__ for row in rows],
}


def _is_plainly_read(cls: type, owner: type, name: str) -> bool:
    """Say whether no class derived from the attribute's owner has a say in what is read."""
    hooks = "__getattribute__", "__getattr__"
    is_first = next(base for base in cls.__mro__ if name in vars(base)) is owner
    return is_first and all(getattr(cls, hook, None) is getattr(owner, hook, None) for hook in hooks)


def _fields_of(cls: type, spaces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the namespaces without cached properties, and with what is left to the class until it is set."""
    cached = {name for c in cls.__mro__ for name, at in vars(c).items() if type(at) is functools.cached_property}
    fields = getattr(cls, "__dataclass_fields__", {}).values()
    left = {field.name: getattr(cls, field.name) for field in fields if not field.init and hasattr(cls, field.name)}
    if cached or left:
        return [{n: at for n, at in {**left, **space}.items() if n not in cached} for space in spaces]
    return spaces


def _fields(column: Column, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Columns:
    """Yield a column for each name; where not all rows have the same names, the rows are taken one by one."""
    if not column.is_deep and are_written_alike(before, after):
        return
    if set(map(len, before)) == set(map(len, after)) == {len(before[0])}:
        try:
            for name in before[0]:
                get = operator.itemgetter(name)
                yield column.inner(map(get, before), map(get, after), "attribute", name)
        except KeyError:
            pass
        else:
            return
    for row, (own, copied) in enumerate(zip(before, after, strict=True)):
        only = column.only([row])
        for name in {**own, **copied}:
            yield only.inner([own.get(name, ABSENT)], [copied.get(name, ABSENT)], "attribute", name)


def states(cls: Any, column: Column) -> Columns:
    """Compare what `pickle` would keep of objects of a class that nothing else is known about."""
    if cls.__reduce__ is not object.__reduce__ or cls.__reduce_ex__ is not object.__reduce_ex__:
        raise column.differs("incomparable", 0)
    before = [_state(column, row, member) for row, member in enumerate(column.before)]
    after = [_state(column, row, member) for row, member in enumerate(column.after)]
    for parts in zip(zip(*before, strict=True), zip(*after, strict=True), strict=True):
        if all(type(part) is dict for part in chain(*parts)):
            yield from _fields(column, list(parts[0]), list(parts[1]))
        else:
            yield column.instead(*parts)


def _state(column: Column, row: int, member: object) -> tuple[Any, ...]:
    """Return the object's state, and what it is made from: of a `str`'s subclass, the `str`."""
    try:
        reduced: Any = object.__reduce_ex__(member, 4)
        arguments, state = reduced[1:3]
    except Exception as exc:
        raise column.differs("incomparable", row) from exc
    if len(arguments) == 1 and state is None:
        raise column.differs("incomparable", row)
    if type(state) is tuple and [*map(type, state[1:])] == [dict]:  # `__dict__` and slots
        state = {**(state[0] or {}), **state[1]}
    return state, *arguments[1:]
