"""Whether a value of one type can ever be of another. Only what is certain counts. Imports no pydantic."""

from __future__ import annotations

import builtins
import collections.abc
import inspect
import types
from typing import Any, Final, Literal, TypeGuard, get_args, get_origin

import typing_extensions

from pytest_shared_session_scope._annotation import members_of, without_alias

# Types may name themselves; nobody's mistake lies this deep.
_DEEPEST: Final = 8
# What checkers take one type for beside its bases.
_PROMOTIONS: Final[dict[type, tuple[type, ...]]] = {
    int: (float, complex),
    float: (complex,),
    bytearray: (bytes,),
    memoryview: (bytes,),
}
# Their type arguments are those of what they contain, in this order.
_CONTAINERS: Final = (builtins, collections.abc, collections)


def can_never_be(value_type: object, wanted: object, depth: int = 0) -> bool:
    """Say whether no value of the one type is of the other: they have nothing in common, neither is the wider one.

    False wherever that is not certain: for `Any`, protocols, type variables, and whatever else is no class.
    """
    if value_type == wanted or depth > _DEEPEST:
        return False
    value_type, wanted = without_alias(value_type), without_alias(wanted)
    values, wants = members_of(value_type), members_of(wanted)
    if len(values) > 1 or len(wants) > 1:
        return all(can_never_be(value, want, depth + 1) for value in values for want in wants)
    if get_origin(value_type) is Literal or get_origin(wanted) is Literal:
        return _literal_can_never_be(value_type, wanted, depth)
    value_class, wanted_class = _class_of(value_type), _class_of(wanted)
    if value_class is None or wanted_class is None:
        return False
    if not _are_related(value_class, wanted_class):
        return True
    return _arguments_can_never_be(value_type, wanted, depth)


def _literal_can_never_be(value_type: object, wanted: object, depth: int) -> bool:
    values, wants = _literals(value_type), _literals(wanted)
    if values is not None and wants is not None:
        return not {(type(value), value) for value in values} & {(type(want), want) for want in wants}
    value_types: list[object] = [value_type] if values is None else [type(value) for value in values]
    want_types: list[object] = [wanted] if wants is None else [type(want) for want in wants]
    return all(can_never_be(value, want, depth + 1) for value in value_types for want in want_types)


def _literals(annotation: object) -> tuple[Any, ...] | None:
    return get_args(annotation) if get_origin(annotation) is Literal else None


def _class_of(annotation: object) -> type | None:
    """Return the class of the values, None where there is none that says enough."""
    found = types.NoneType if annotation is None else get_origin(annotation) or annotation
    if found is Any or not _is_class(found):  # since Python 3.11 Any is a class
        return None
    if typing_extensions.is_typeddict(found):
        return dict
    # Pydantic makes values of other types for some classes (`EmailStr`: of `str`), though not for its models.
    makes_others = hasattr(found, "__get_pydantic_core_schema__") and not hasattr(found, "__pydantic_fields__")
    return None if makes_others or typing_extensions.is_protocol(found) else found


def _is_class(found: object) -> TypeGuard[type]:
    return isinstance(found, type)


def _are_related(value: type, wanted: type) -> bool:
    """Say whether an instance of the one may be an instance of the other."""
    if wanted in _PROMOTIONS.get(value, ()) or value in _PROMOTIONS.get(wanted, ()):
        return True
    # What is abstract is an interface: a class may have several. A builtin value is of no class but its own.
    if inspect.isabstract(value) or (inspect.isabstract(wanted) and value.__module__ != "builtins"):
        return True
    try:
        return issubclass(value, wanted) or issubclass(wanted, value)
    except TypeError:  # a metaclass that answers for no class but its own
        return True


def _arguments_can_never_be(value_type: object, wanted: object, depth: int) -> bool:
    origins = get_origin(value_type), get_origin(wanted)
    values, wants = get_args(value_type), get_args(wanted)
    if not values or not wants or not all(_is_container(origin) for origin in origins):
        return False
    if tuple in origins:
        if origins[0] is not origins[1] or Ellipsis in (*values, *wants):
            return False
        if len(values) != len(wants):
            return True
    if len(values) != len(wants):
        return False
    return any(can_never_be(value, want, depth + 1) for value, want in zip(values, wants, strict=True))


def _is_container(origin: object) -> bool:
    return any(vars(module).get(getattr(origin, "__name__", "")) is origin for module in _CONTAINERS)
