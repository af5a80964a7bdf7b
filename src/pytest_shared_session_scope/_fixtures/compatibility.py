"""Whether a value of one type can ever be of another. Only what is certain counts. Imports no pydantic."""

from __future__ import annotations

import abc
import builtins
import collections.abc
import enum
import inspect
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeGuard, get_args, get_origin

import typing_extensions

from pytest_shared_session_scope._fixtures.annotations import members_of, without_alias

# Types may name themselves; nobody's mistake lies this deep.
_DEEPEST: Final = 8
# What checkers take one type for beside its bases.
_PROMOTIONS: Final[dict[type, tuple[type, ...]]] = {
    int: (float, complex),
    float: (complex,),
    bytearray: (bytes,),
    memoryview: (bytes,),
}
# What `typing` makes for checkers (`TextIO`) is no base of what they take for it.
_FOR_CHECKERS: Final = ("typing", "typing_extensions")
# Any other metaclass decides by itself what its instances are: tensors by their shape, frozen dates by the real ones.
_ASKS_FOR_SUBCLASSES: Final = (type.__instancecheck__, abc.ABCMeta.__instancecheck__)
_UNPACKS: Final = (typing_extensions.Unpack, getattr(typing, "Unpack", typing_extensions.Unpack))
# Their type arguments are those of what they contain, in this order.
_CONTAINERS: Final = (builtins, collections.abc, collections)


def can_never_be(value_type: object, wanted: object, depth: int = 0) -> bool:
    """Say whether no value of the one type is of the other: they have nothing in common, neither is the wider one.

    False wherever that is not certain: for `Any`, protocols, type variables, and whatever else is no class.
    """
    if value_type is wanted or depth > _DEEPEST:
        return False
    try:
        value_type, wanted = without_alias(value_type), without_alias(wanted)
    except Exception:  # noqa: BLE001 - a `type` statement's value is evaluated here, which may be for checkers alone
        return False
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
        return not any(_are_same(value, want) for value in values for want in wants)
    value_types: list[object] = [value_type] if values is None else [type(value) for value in values]
    want_types: list[object] = [wanted] if wants is None else [type(want) for want in wants]
    return all(can_never_be(value, want, depth + 1) for value in value_types for want in want_types)


def _literals(annotation: object) -> tuple[Any, ...] | None:
    return get_args(annotation) if get_origin(annotation) is Literal else None


def _are_same(value: Any, want: Any) -> bool:
    if isinstance(value, enum.Enum) and isinstance(want, enum.Enum):
        return value.name == want.name and _is_or_was(type(value), type(want))
    return type(value) is type(want) and value == want


def _class_of(annotation: object) -> type | None:
    """Return the class of the values, None where there is none that says enough."""
    found = types.NoneType if annotation is None else get_origin(annotation) or annotation
    if not _is_class(found):
        return None
    if typing_extensions.is_typeddict(found):
        return dict
    if hasattr(found, "__pydantic_fields__"):
        # Of one generic model, `Model[int]` and `Model[Any]` are two classes.
        return getattr(found, "__pydantic_generic_metadata__", {}).get("origin") or found
    return None if _says_too_little(found) else found


def _is_class(found: object) -> TypeGuard[type]:
    return isinstance(found, type)


def _says_too_little(cls: type) -> bool:
    """Say whether values that are no instances of the class may be of the type."""
    is_any = any(base in (Any, typing_extensions.Any) for base in cls.__mro__)  # since Python 3.11 they are classes
    if is_any or cls.__module__ in _FOR_CHECKERS or typing_extensions.is_protocol(cls):
        return True
    # Pydantic makes values of other types for some classes (`EmailStr`: of `str`).
    return hasattr(cls, "__get_pydantic_core_schema__") or type(cls).__instancecheck__ not in _ASKS_FOR_SUBCLASSES


def _are_related(value: type, wanted: type) -> bool:
    """Say whether an instance of the one may be an instance of the other."""
    if _is_promoted(value, wanted) or _is_promoted(wanted, value):
        return True
    # What is abstract is an interface: a class may have several. A builtin value is of no class but its own.
    if inspect.isabstract(value) or (inspect.isabstract(wanted) and value.__module__ != "builtins"):
        return True
    try:
        if issubclass(value, wanted) or issubclass(wanted, value):
            return True
        return _is_or_was(value, wanted) or any(issubclass(cls, wanted) for cls in _subclasses(value))
    except Exception:  # noqa: BLE001 - a metaclass that answers for no class but its own may raise anything
        return True


def _is_promoted(value: type, wanted: type) -> bool:
    return any(wanted in _PROMOTIONS.get(base, ()) for base in value.__mro__)


def _is_or_was(value: type, wanted: type) -> bool:
    """Say whether one class is a base of the other by where they are written.

    A module that is imported twice, as a conftest may be by pytest and by a test, has each of its classes twice.
    """
    return _place(wanted) in map(_place, value.__mro__) or _place(value) in map(_place, wanted.__mro__)


def _place(cls: type) -> tuple[str, str]:
    module = sys.modules.get(cls.__module__)
    return getattr(module, "__file__", None) or cls.__module__, cls.__qualname__


def _subclasses(cls: type) -> Iterator[type]:
    direct: list[type] = type.__subclasses__(cls)
    for subclass in direct:
        yield subclass
        yield from _subclasses(subclass)


def _arguments_can_never_be(value_type: object, wanted: object, depth: int) -> bool:
    origins = get_origin(value_type), get_origin(wanted)
    values, wants = get_args(value_type), get_args(wanted)
    if not values or not wants or not all(_is_container(origin) for origin in origins):
        return False
    if tuple in origins:
        if origins[0] is not origins[1] or not all(map(_is_of_one, (*values, *wants))):
            return False
        if len(values) != len(wants):
            return True
    if len(values) != len(wants):
        return False
    return any(can_never_be(value, want, depth + 1) for value, want in zip(values, wants, strict=True))


def _is_of_one(argument: object) -> bool:
    """Say whether the type argument of a tuple is of exactly one of its elements."""
    is_unpacked = getattr(argument, "__unpacked__", False) or get_origin(argument) in _UNPACKS
    return argument is not Ellipsis and not is_unpacked


def _is_container(origin: object) -> bool:
    if origin is enumerate:  # it contains pairs
        return False
    return any(vars(module).get(getattr(origin, "__name__", "")) is origin for module in _CONTAINERS)
