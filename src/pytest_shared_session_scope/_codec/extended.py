"""Rewrites a value's type so that pydantic carries more of its values. Imports pydantic, `_carriers` and `_hints`.

One means throughout: a type that JSON would lose is annotated as what *carries* it, an ordinary type that JSON keeps,
with the functions that take a value apart and build it again. For Python's own classes `_carriers` has a table of them.
A class of a user's is carried by the TypedDict of its fields, a union by the place of the member and its value.
Building again runs none of the user's code but a model's own validators.
"""

from __future__ import annotations

import enum
import itertools
import operator
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import typing_extensions
from pydantic import BaseModel, Discriminator, RootModel, Tag
from typing_extensions import NotRequired, TypedDict

from pytest_shared_session_scope._codec.surrogates import CARRIERS, UNIONS, Carrier, carried
from pytest_shared_session_scope._codec.type_hints import (
    annotated,
    classes_of,
    field_type,
    fields_of,
    is_alias,
    value_of,
)

# Without their static types, as what they are subscripted with is only known at run time.
_ANNOTATED: Any = Annotated
_UNION: Any = Union
_TUPLE: Any = tuple
_TYPED_DICT: Any = TypedDict


def widened(tp: Any) -> Any:
    """Return a type that has the same values and carries as many of them as can be."""
    return _Widener().widen(tp)


class _Widener:
    def __init__(self) -> None:
        # A class that holds itself is met again while its TypedDict is being filled.
        self.met: dict[Any, Any] = {}

    def widen(self, tp: Any) -> Any:
        """Return the type widened, or as it is where it says itself how it is to be carried."""
        origin, arguments = get_origin(tp), get_args(tp)
        if is_alias(tp):
            value = {"it": value_of(tp)}  # in a record, as it may hold itself
            return self.once(tp, lambda: self.record(tp, value, lambda it: {"it": it}, operator.itemgetter("it")))
        if isinstance(tp, typing.NewType):
            return self.widen(tp.__supertype__)
        if origin is Annotated:
            return self.annotated(arguments[0], tp.__metadata__)
        if origin in (Union, types.UnionType):
            return self.union(arguments)
        if origin is Literal:
            return carried(int, lambda value: _place(arguments, value), arguments.__getitem__)
        cls = origin or tp
        return self.cls(tp, cls, arguments) if isinstance(cls, type) else tp

    def once(self, tp: Any, make: Callable[[], Any]) -> Any:
        if tp not in self.met:
            self.met[tp] = tp
            self.met[tp] = make()
        return self.met[tp]

    def annotated(self, tp: Any, metadata: tuple[Any, ...]) -> Any:
        """Keep constraints; leave what brings validators or serializers of its own alone."""
        kept = [m for m in metadata if not isinstance(m, Discriminator | Tag) and not getattr(m, "discriminator", None)]
        if any(hasattr(m, "__get_pydantic_core_schema__") for m in kept):
            return annotated(tp, metadata)
        return annotated(self.widen(tp), kept)

    def union(self, members: tuple[Any, ...]) -> Any:
        """Carry a union by its member's place and the value."""
        tagged = tuple(_ANNOTATED[_TUPLE[int, self.widen(m)], Tag(str(i))] for i, m in enumerate(members))
        carrier = _ANNOTATED[_UNION[tagged], Discriminator(lambda pair: str(pair[0]))]
        classes = [classes_of(member) for member in members]
        return carried(carrier, lambda value: (_member(classes, value), value), lambda pair: pair[1])

    def cls(self, tp: Any, cls: Any, arguments: tuple[Any, ...]) -> Any:
        """Look the class up; one that is nowhere is a user's."""
        if cls is float:
            return int | float  # see `_hints.classes_of`
        if arguments and (cls in _KEPT or (cls in _KEPT_BY_TEXT and self.widen(arguments[0]) is str)):
            return cls[tuple(argument if argument is ... else self.widen(argument) for argument in arguments)]
        if arguments and cls in UNIONS:
            union = UNIONS[cls][arguments]
            return self.widen(union | str if arguments == (str,) and issubclass(str, cls) else union)
        if cls in CARRIERS:
            return self.known(tp, CARRIERS[cls], arguments)
        return tp if _speaks_for_itself(cls) else self.once(tp, lambda: self.users(tp, cls, arguments))

    def known(self, tp: Any, carrier: Carrier, arguments: tuple[Any, ...]) -> Any:
        """Carry by the table; a generic class without arguments stays as it is."""
        if not getattr(carrier.type, "__parameters__", ()):
            return carried(*carrier)
        return carried(self.widen(carrier.type[arguments]), *carrier[1:]) if arguments else tp

    def users(self, tp: Any, cls: Any, arguments: tuple[Any, ...]) -> Any:
        if issubclass(cls, enum.Enum):
            is_flag = issubclass(cls, enum.Flag)  # which may have values that no member has
            return tp if is_flag else carried(str, lambda member: member.name, lambda name: cls[name])
        if issubclass(cls, RootModel):
            return carried(self.widen(field_type(cls.model_fields["root"])), lambda m: m.root, cls.model_validate)
        hints = fields_of(cls, arguments)
        return self.record(tp, hints, *_ways(cls, hints)) if hints else tp

    def record(
        self, tp: Any, hints: dict[str, Any], take_apart: Callable[[Any], Any], build: Callable[[Any], Any]
    ) -> Any:
        """Carry by a TypedDict, which is filled only after it is known for what it is: it may be met again in there."""
        missing = getattr(get_origin(tp) or tp, "__optional_keys__", hints)
        carrier = _TYPED_DICT("Carrier", {name: NotRequired[Any] if name in missing else Any for name in hints})
        self.met[tp] = carried(carrier, take_apart, build)
        for name, hint in hints.items():
            inner = self.widen(hint)
            carrier.__annotations__[name] = NotRequired[inner] if name in missing else inner
        return self.met[tp]


# JSON keeps them if it keeps what they hold; a dict where its keys are text.
_KEPT: Final[tuple[Any, ...]] = (list, tuple, set, frozenset)
_KEPT_BY_TEXT: Final[tuple[Any, ...]] = (dict,)


def _speaks_for_itself(cls: Any) -> bool:
    """Say whether a class has a schema or serializers of its own, or may hold more than its fields."""
    decorators = getattr(cls, "__pydantic_decorators__", None)
    if decorators and (decorators.field_serializers or decorators.model_serializers):
        return True
    schema: Any = getattr(cls, "__get_pydantic_core_schema__", None)
    if issubclass(cls, BaseModel):
        return cls.model_config.get("extra") == "allow" or schema.__func__ not in _SCHEMAS_OF_MODELS
    return schema is not None


_MODELS: Final[tuple[Any, ...]] = (BaseModel, RootModel)
_SCHEMAS_OF_MODELS: Final = tuple(cls.__get_pydantic_core_schema__.__func__ for cls in _MODELS)


def _ways(cls: Any, names: dict[str, Any]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return how a user's class is taken apart into a dict of its fields, and how it is built of that."""

    def take_apart(value: Any) -> dict[str, Any]:
        return {name: getattr(value, name) for name in names if hasattr(value, name)}

    def build(fields: dict[str, Any]) -> Any:
        built = object.__new__(cls)
        for name, value in fields.items():
            object.__setattr__(built, name, value)  # past `frozen`, and past any code of the class
        return built

    if typing_extensions.is_typeddict(cls):
        return dict, dict
    if issubclass(cls, BaseModel):
        return take_apart, lambda fields: cls.model_validate(fields, by_alias=False, by_name=True)
    if hasattr(cls, "_make"):  # a NamedTuple's
        return take_apart, lambda fields: cls._make(fields.values())
    return take_apart, build


def _member(members: list[tuple[type, ...]], value: Any) -> int:
    """Return the place of the union's member that the value is of: of its very class, else of a base of it."""
    exact = (place for place, classes in enumerate(members) if type(value) in classes)
    derived = (place for place, classes in enumerate(members) if isinstance(value, classes))
    return next(itertools.chain(exact, derived))


def _place(literals: tuple[Any, ...], value: Any) -> int:
    return next(i for i, literal in enumerate(literals) if type(literal) is type(value) and literal == value)
