"""What types say of their values: a union's members, their classes, the types of a class's fields.

Imports pydantic, and nothing of the package.
"""

# What is looked into is of every type and none.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import typing_extensions
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_ANNOTATED: Any = Annotated  # without its static type, as what it is subscripted with is only known at run time
_ALIASES: Final = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType),
)
_QUALIFIERS: Final = (typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.ReadOnly)


def is_alias(tp: Any) -> bool:
    """Say whether it is one that was declared with `type`, with its arguments where it has parameters."""
    return isinstance(get_origin(tp) or tp, _ALIASES)


def value_of(alias: Any) -> Any:
    """Return what an alias stands for."""
    origin: Any = get_origin(alias) or alias
    return _filled(origin.__value__, dict(zip(origin.__type_params__, get_args(alias), strict=False)))


def unwrapped(tp: Any) -> Any:
    """Return a type without `Annotated`, aliases and `NewType`s."""
    while True:
        if get_origin(tp) is Annotated:
            tp = get_args(tp)[0]
        elif is_alias(tp):
            tp = value_of(tp)
        elif isinstance(tp, typing.NewType):
            tp = tp.__supertype__
        else:
            return tp


def members_of(tp: Any) -> tuple[Any, ...]:
    """Return a union's members, or the type itself."""
    tp = unwrapped(tp)
    return get_args(tp) if get_origin(tp) in (Union, types.UnionType) else (tp,)


def classes_of(tp: Any) -> tuple[type, ...]:
    """Return the classes that the values of a type have."""
    return tuple(cls for member in members_of(tp) for cls in _classes_of_member(unwrapped(member)))


def _classes_of_member(tp: Any) -> tuple[type, ...]:
    cls = get_origin(tp) or tp
    if cls is Literal:
        return tuple(type(argument) for argument in get_args(tp))
    if typing_extensions.is_typeddict(cls):
        return (dict,)
    if tp is None:
        return (type(None),)
    if cls is float:  # whoever annotates float means int as well; so says the typing specification
        return float, int
    return (cls,) if isinstance(cls, type) else (object,)


# --- the fields of a class -------------------------------------------------------------------------------


def fields_of(cls: Any, arguments: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Return the types of what is to be carried of a class: its fields, but for those to be kept out of a dump.

    `arguments` are what a generic class is subscripted with.
    """
    fields: dict[str, FieldInfo] = getattr(cls, "__pydantic_fields__", {})
    kept_out = {name for name, field in fields.items() if is_kept_out(field)}
    if fields and issubclass(cls, BaseModel):
        hints = {name: field_type(field) for name, field in fields.items()}
    else:
        hints = _declared(cls)
    given = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    return {name: _filled(hint, given) for name, hint in hints.items() if name not in kept_out}


def _declared(cls: Any) -> dict[str, Any]:
    try:
        hints = typing_extensions.get_type_hints(cls, include_extras=True)
    except NameError:  # a name that only its own module's function could see: pydantic may know better
        return {}
    if typing_extensions.is_typeddict(cls):
        return {name: _without_qualifier(hint) for name, hint in hints.items()}
    if hasattr(cls, "__attrs_attrs__"):
        return {field.name: hints.get(field.name) or field.type or Any for field in cls.__attrs_attrs__}
    names = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else ()
    return {name: hints.get(name, Any) for name in names or getattr(cls, "_fields", ())}


def hint_of(cls: Any, name: Any, default: Any) -> Any:
    """Return what a class's attribute or a TypedDict's item is annotated with."""
    fields = getattr(cls, "__pydantic_fields__", {})
    if name in fields:
        return fields[name].annotation
    try:
        return typing_extensions.get_type_hints(cls, include_extras=True).get(name, default)
    except NameError:
        return default


def field_type(field: FieldInfo) -> Any:
    """Return a field's type with its constraints."""
    return annotated(field.annotation, field.metadata)


def annotated(tp: Any, metadata: Iterable[Any]) -> Any:
    """Return `Annotated[tp, *metadata]`."""
    return functools.reduce(lambda inner, one: _ANNOTATED[inner, one], metadata, tp)


def is_kept_out(field: FieldInfo) -> bool:
    """Say whether a field is annotated to be kept out of a dump."""
    return bool(field.exclude or getattr(field, "exclude_if", None))


def _without_qualifier(hint: Any) -> Any:
    while get_origin(hint) in _QUALIFIERS:
        hint = get_args(hint)[0]
    return hint


def _filled(hint: Any, given: dict[Any, Any]) -> Any:
    """Return the hint with a generic class's parameters filled in."""
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    is_class = inspect.isclass(hint) and not get_args(hint)
    parameters = () if is_class else getattr(hint, "__parameters__", ())
    generic: Any = hint
    return generic[tuple(given.get(p, p) for p in parameters)] if parameters and given else hint
