"""Type hints: members of unions, the types behind aliases, classes of values, types of fields, and their names.

Must not import pydantic or the rest of the package: `_fixtures` uses it when a fixture is defined.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import typing_extensions

_ANNOTATED: Any = Annotated  # without its static type, because its arguments are only known at run time
_ALIASES: Final = (
    typing_extensions.TypeAliasType,
    getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType),
)
_QUALIFIERS: Final = (typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.ReadOnly)


def is_alias(tp: Any) -> bool:
    """Whether the type is an alias declared with `type`, with or without arguments."""
    return isinstance(get_origin(tp) or tp, _ALIASES)


def value_of(alias: Any) -> Any:
    """Return the type that an alias stands for, with the alias's arguments filled in."""
    origin: Any = get_origin(alias) or alias
    return _filled(origin.__value__, dict(zip(origin.__type_params__, get_args(alias), strict=False)))


def unwrapped(tp: Any) -> Any:
    """Return a type without the `Annotated`, aliases and `NewType`s around it."""
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
    """Return the members of a union, or a tuple of the type itself. Wrapped unions must be unwrapped before."""
    return get_args(tp) if get_origin(tp) in (Union, types.UnionType) else (tp,)


# A quoted string, which stays as it is, or the modules and functions before a name.
_QUALIFIED: Final = re.compile(r"""('[^']*'|"[^"]*")|(?:\w+\.(?:<locals>\.)?)+(?=\w)""")


def type_name(tp: Any) -> str:
    """Return a type as users write it, without the modules and functions that it is defined in."""
    if tp is type(None):
        return "None"
    if isinstance(tp, type | types.FunctionType) and not get_args(tp):
        name = tp.__qualname__
        return _QUALIFIED.sub(r"\1", name) if "<locals>" in name else name
    return _QUALIFIED.sub(r"\1", str(tp))


def classes_of(tp: Any) -> tuple[type, ...]:
    """Return the classes that values of a type can have."""
    return tuple(cls for member in members_of(unwrapped(tp)) for cls in _classes_of_member(unwrapped(member)))


def _classes_of_member(tp: Any) -> tuple[type, ...]:
    cls = get_origin(tp) or tp
    if cls is Literal:
        return tuple(type(argument) for argument in get_args(tp))
    if typing_extensions.is_typeddict(cls):
        return (dict,)
    if tp is None:
        return (type(None),)
    if cls is float:  # the typing specification says that `float` includes `int`
        return float, int
    return (cls,) if isinstance(cls, type) else (object,)


# --- the fields of a class -------------------------------------------------------------------------------


def fields_of(cls: Any, arguments: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Return the types of a class's fields, without those that are excluded from a dump.

    `arguments` are those of a generic class.
    """
    fields: dict[str, Any] = getattr(cls, "__pydantic_fields__", {})
    excluded = {name for name, field in fields.items() if is_excluded(field)}
    if fields and not dataclasses.is_dataclass(cls):
        hints = {name: field_type(field) for name, field in fields.items()}
    else:
        hints = _declared(cls)
    given = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    return {name: _filled(hint, given) for name, hint in hints.items() if name not in excluded}


def _declared(cls: Any) -> dict[str, Any]:
    try:
        hints = typing_extensions.get_type_hints(cls, include_extras=True)
    except NameError:  # a name that is local to a function: pydantic may have resolved it
        return {}
    if typing_extensions.is_typeddict(cls):
        return {name: _without_qualifier(hint) for name, hint in hints.items()}
    if hasattr(cls, "__attrs_attrs__"):
        return {field.name: hints.get(field.name) or field.type or Any for field in cls.__attrs_attrs__}
    names = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else ()
    return {name: hints.get(name, Any) for name in names or getattr(cls, "_fields", ())}


def hint_of(cls: Any, name: Any, default: Any) -> Any:
    """Return the annotation of a class's attribute or of a TypedDict's item."""
    fields = getattr(cls, "__pydantic_fields__", {})
    if name in fields:
        return fields[name].annotation
    try:
        return typing_extensions.get_type_hints(cls, include_extras=True).get(name, default)
    except NameError:
        return default


def field_type(field: Any) -> Any:
    """Return the type of a pydantic field, with its constraints."""
    return annotated(field.annotation, field.metadata)


def annotated(tp: Any, metadata: Iterable[Any]) -> Any:
    """Return `Annotated[tp, *metadata]`, or the type itself if there is no metadata."""
    return functools.reduce(lambda inner, one: _ANNOTATED[inner, one], metadata, tp)


def is_excluded(field: Any) -> bool:
    """Whether a pydantic field is excluded from a dump."""
    return bool(field.exclude or getattr(field, "exclude_if", None))


def _without_qualifier(hint: Any) -> Any:
    while get_origin(hint) in _QUALIFIERS:
        hint = get_args(hint)[0]
    return hint


def _filled(hint: Any, given: dict[Any, Any]) -> Any:
    """Return the hint with the type parameters of a generic class replaced by its arguments."""
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    is_class = inspect.isclass(hint) and not get_args(hint)
    parameters = () if is_class else getattr(hint, "__parameters__", ())
    generic: Any = hint
    return generic[tuple(given.get(p, p) for p in parameters)] if parameters and given else hint


class _Unknown:
    """Stands for an annotation that could not be found."""


UNKNOWN: Final = _Unknown()


def fitting(tp: Any, value: object) -> list[Any]:
    """Return the members of a union, or the type itself, that the value's own class belongs to."""
    return [member for member in members_of(unwrapped(tp)) if type(value) in classes_of(member)]


def hint_inside(tp: Any, owner: object, kind: str, name: Any) -> Any:
    """Return the annotation of an attribute, item, value, key or member of an object annotated with the type."""
    tp = unwrapped(next(iter(fitting(tp, owner)), members_of(unwrapped(tp))[0]))
    origin, arguments = get_origin(tp), get_args(tp)
    if kind == "attribute":
        return hint_of(type(owner), name, UNKNOWN)
    if typing_extensions.is_typeddict(origin or tp):
        return hint_of(origin or tp, name, UNKNOWN)
    if not arguments:
        return tp if tp in (Any, object, UNKNOWN) else Any
    if origin is tuple and arguments[-1] is not ...:
        return arguments[name] if isinstance(name, int) and name < len(arguments) else UNKNOWN
    return arguments[-1 if kind == "key" else 0]


# --- the attributes of an instance -----------------------------------------------------------------------

_HEAP_TYPE: Final = 1 << 9
_Layout = list[tuple[str, Callable[[Any], Any]]]
_LAYOUTS: Final = dict[int, tuple[type, _Layout]]()  # by the class's id; each class is kept alive


def is_plain(cls: type) -> bool:
    """Whether instances consist of their attributes alone: those of a model, a dataclass or an attrs class do."""
    declares = "__pydantic_fields__", "__dataclass_fields__", "__attrs_attrs__"
    is_layout_python = all(base.__flags__ & _HEAP_TYPE for base in cls.__mro__ if base is not object)
    return is_layout_python and any(hasattr(cls, name) for name in declares)


def layout_of(cls: type) -> _Layout:
    """Return the names of the slots of a class, among them `__dict__`, each with the function that reads it."""
    if id(cls) not in _LAYOUTS:
        layout: _Layout = []
        for name, descriptor in [pair for base in cls.__mro__ for pair in vars(base).items()]:
            if name == "__dict__":
                layout.append((name, _reader_of_fields(cls, descriptor.__get__)))
            elif type(descriptor) is types.MemberDescriptorType and name != "__pydantic_fields_set__":
                layout.append((name, descriptor.__get__))
        _LAYOUTS[id(cls)] = cls, layout
    return _LAYOUTS[id(cls)][1]


def _reader_of_fields(cls: type, read: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Return a function for `__dict__` without cached properties, with the defaults that are left to the class."""
    cached = {name for c in cls.__mro__ for name, at in vars(c).items() if type(at) is functools.cached_property}
    fields = getattr(cls, "__dataclass_fields__", {}).values()
    left = {field.name: getattr(cls, field.name) for field in fields if not field.init and hasattr(cls, field.name)}
    if not cached and not left:
        return read
    return lambda owner: {name: value for name, value in {**left, **read(owner)}.items() if name not in cached}


# --- pydantic's schema of a type -------------------------------------------------------------------------

# Packages whose functions change no value.
_KNOWN: Final = ("pydantic", __name__.partition(".")[0])


def has_user_serializer(schema: Any) -> bool:
    """Whether dumping values of a pydantic schema runs a user's functions.

    Only pydantic's schema says so, whose keys are not a public interface; `test_private_names.py` tests them.
    """
    if isinstance(schema, list | tuple):
        return any(map(has_user_serializer, schema))
    if not isinstance(schema, dict):
        return False
    is_serializer = not {"return_schema", "when_used", "is_field_serializer"}.isdisjoint(schema)
    if is_serializer and str(schema.get("type")).startswith("function-"):
        module = str(getattr(schema["function"], "__module__", ""))
        if module.partition(".")[0] not in _KNOWN:
            return True
    return any(map(has_user_serializer, schema.values()))
