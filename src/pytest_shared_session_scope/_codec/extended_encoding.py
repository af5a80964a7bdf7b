"""Extended encoding: rewrites a type so that pydantic's JSON keeps more of its values. Imports pydantic.

A type that JSON would alter is annotated with its *surrogate*, a simpler type that JSON keeps, and with the functions
that take a value apart into the surrogate and build it again. For example, `dict[Point, float]`, where `Point` is a
dataclass of two `int`s, becomes

    surrogate     tuple[list[TypedDict(x=int, y=int)], list[int | float]]
    taken apart   {Point(1, 2): 0.5}  ->  ([{"x": 1, "y": 2}], [0.5])

Python's own classes are in the table `SURROGATES`; the surrogate of a user's class is the TypedDict of its fields, that
of a union the position of the member and its value. Building runs no user's code except a model's own validators.
"""

# The types are made at run time, where a type variable has a meaning outside of a class too.
# pyright: reportGeneralTypeIssues=false
# mypy: disable-error-code=valid-type

from __future__ import annotations

import collections.abc
import datetime
import enum
import itertools
import operator
import re
import types
import typing
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import typing_extensions
from pydantic import AfterValidator, BaseModel, Discriminator, PlainSerializer, RootModel, Tag
from typing_extensions import NotRequired, TypedDict

from pytest_shared_session_scope._codec import type_hints
from pytest_shared_session_scope._codec.scalars import ZoneState, zone_from_state, zone_state

__tracebackhide__ = True  # pytest shows users their own frames

# Without their static types, because their arguments are only known at run time.
_ANNOTATED: Any = Annotated
_UNION: Any = Union
_TUPLE: Any = tuple
_TYPED_DICT: Any = TypedDict
K = TypeVar("K")
T = TypeVar("T")
V = TypeVar("V")
Function = Callable[[Any], Any]


def extended_type(tp: Any) -> Any:
    """Return a type with the same values of which as many as possible survive JSON."""
    return _Extender().extend(tp)


def through_surrogate(surrogate: Any, take_apart: Function, build: Function) -> Any:
    """Return the type of values that are written as values of the surrogate."""
    # In lambdas, because pydantic chooses a function's arguments by its signature.
    load = AfterValidator(lambda state: build(state))  # noqa: PLW0108 - see above
    dump = PlainSerializer(lambda value: take_apart(value), surrogate)  # noqa: PLW0108 - see above
    return _ANNOTATED[surrogate, load, dump]


class Surrogate(NamedTuple):
    """The surrogate of a class, and the functions that take a value apart and build it again."""

    type: Any
    take_apart: Function
    build: Function


def _moment(cls: Any) -> Surrogate:
    return Surrogate(
        tuple[str, int, ZoneState],
        lambda m: (m.replace(tzinfo=None, fold=0).isoformat(), m.fold, zone_state(m.tzinfo)),
        lambda state: cls.fromisoformat(state[0]).replace(fold=state[1], tzinfo=zone_from_state(state[2])),
    )


def _keys_and_values(found: Any) -> tuple[Any, ...]:
    return list(found), list(found.values())  # not pairs, which would be more objects than the dict has


def _factory_and_dict(found: Any) -> tuple[int, dict[Any, Any]]:
    return _FACTORIES.index(found.default_factory), dict(found)


_ZONE: Final = Surrogate(ZoneState, zone_state, zone_from_state)
# A defaultdict's factory is written as its index.
_FACTORIES: Final[tuple[Any, ...]] = (None, list, dict, set, tuple, str, bytes, bool, int, float, Counter)
# The parameters of a generic class are filled in, and its surrogate is extended in turn: a defaultdict becomes a number
# and a dict, and that dict becomes its keys and values.
SURROGATES: Final[dict[Any, Surrogate]] = {
    datetime.datetime: _moment(datetime.datetime),
    datetime.time: _moment(datetime.time),
    datetime.timezone: _ZONE,
    datetime.tzinfo: _ZONE,
    bytearray: Surrogate(bytes, bytes, bytearray),
    complex: Surrogate(tuple[float, float], operator.attrgetter("real", "imag"), lambda s: complex(*s)),
    range: Surrogate(tuple[int, int, int], operator.attrgetter("start", "stop", "step"), lambda s: range(*s)),
    re.Pattern: Surrogate(tuple[T, int], operator.attrgetter("pattern", "flags"), lambda s: re.compile(*s)),
    deque: Surrogate(tuple[list[T], int | None], lambda d: (list(d), d.maxlen), lambda s: deque(*s)),
    dict: Surrogate(tuple[list[K], list[V]], _keys_and_values, lambda s: dict(zip(*s, strict=True))),
    OrderedDict: Surrogate(tuple[list[K], list[V]], _keys_and_values, lambda s: OrderedDict(zip(*s, strict=True))),
    Counter: Surrogate(tuple[list[K], list[int]], _keys_and_values, lambda s: Counter(dict(zip(*s, strict=True)))),
    defaultdict: Surrogate(tuple[int, dict[K, V]], _factory_and_dict, lambda s: defaultdict(_FACTORIES[s[0]], s[1])),
}
_SEQUENCE: Any = list[T] | tuple[T, ...] | deque[T]
_SET: Any = set[T] | frozenset[T]
_MAPPING: Any = dict[K, V] | OrderedDict[K, V] | defaultdict[K, V] | Counter[K]
# The classes that the values of an abstract class can have.
_UNIONS: Final[dict[Any, Any]] = {
    collections.abc.Sequence: _SEQUENCE,
    collections.abc.MutableSequence: list[T] | deque[T],
    collections.abc.Collection: _SEQUENCE | _SET,
    collections.abc.Iterable: _SEQUENCE | _SET,
    collections.abc.Set: _SET,
    collections.abc.MutableSet: set[T],
    collections.abc.Mapping: _MAPPING,
    collections.abc.MutableMapping: _MAPPING,
}
# JSON keeps these if it keeps their items, and a dict if its keys are text.
_KEPT: Final[tuple[Any, ...]] = (list, tuple, set, frozenset)


class _Extender:
    def __init__(self) -> None:
        self.met: dict[Any, Any] = {}  # a class that refers to itself is met again while its TypedDict is being filled

    def extend(self, tp: Any) -> Any:
        """Return the extended type, or the type itself if it defines its own encoding."""
        origin, arguments = get_origin(tp), get_args(tp)
        if type_hints.is_alias(tp):
            value = {"it": type_hints.value_of(tp)}  # in a record, because an alias may refer to itself
            return self.once(tp, lambda: self.record(tp, value, lambda it: {"it": it}, operator.itemgetter("it")))
        if isinstance(tp, typing.NewType):
            return self.extend(tp.__supertype__)
        if origin is Annotated:
            return self.annotated(arguments[0], tp.__metadata__)
        if origin in (Union, types.UnionType):
            return self.union(arguments)
        if origin is Literal:
            return through_surrogate(int, lambda value: _index(arguments, value), arguments.__getitem__)
        cls = origin or tp
        return self.cls(tp, cls, arguments) if isinstance(cls, type) else tp

    def once(self, tp: Any, make: Callable[[], Any]) -> Any:
        if tp not in self.met:
            self.met[tp] = tp
            self.met[tp] = make()
        return self.met[tp]

    def annotated(self, tp: Any, metadata: tuple[Any, ...]) -> Any:
        """Keep constraints. Leave a type alone that is annotated with validators or serializers."""
        kept = [m for m in metadata if not isinstance(m, Discriminator | Tag) and not getattr(m, "discriminator", None)]
        if any(hasattr(m, "__get_pydantic_core_schema__") for m in kept):
            return type_hints.annotated(tp, metadata)
        return type_hints.annotated(self.extend(tp), kept)

    def union(self, members: tuple[Any, ...]) -> Any:
        tagged = tuple(_ANNOTATED[_TUPLE[int, self.extend(m)], Tag(str(i))] for i, m in enumerate(members))
        surrogate = _ANNOTATED[_UNION[tagged], Discriminator(lambda pair: str(pair[0]))]
        classes = [type_hints.classes_of(member) for member in members]
        return through_surrogate(surrogate, lambda value: (_member(classes, value), value), lambda pair: pair[1])

    def cls(self, tp: Any, cls: Any, arguments: tuple[Any, ...]) -> Any:
        if cls is float:
            return int | float  # see `type_hints.classes_of`
        if arguments and (cls in _KEPT or (cls is dict and self.extend(arguments[0]) is str)):
            generic: Any = cls
            return generic[tuple(argument if argument is ... else self.extend(argument) for argument in arguments)]
        if arguments and cls in _UNIONS:
            union = _UNIONS[cls][arguments]
            return self.extend(union | str if arguments == (str,) and issubclass(str, cls) else union)
        if cls in SURROGATES:
            surrogate, *functions = SURROGATES[cls]
            if getattr(surrogate, "__parameters__", ()):  # a generic class without arguments stays as it is
                return through_surrogate(self.extend(surrogate[arguments]), *functions) if arguments else tp
            return through_surrogate(surrogate, *functions)
        return tp if _has_own_encoding(cls) else self.once(tp, lambda: self.users(tp, cls, arguments))

    def users(self, tp: Any, cls: Any, arguments: tuple[Any, ...]) -> Any:
        if issubclass(cls, enum.Enum):
            is_flag = issubclass(cls, enum.Flag)  # combined flags are not members
            return tp if is_flag else through_surrogate(str, lambda member: member.name, lambda name: cls[name])
        if issubclass(cls, RootModel):
            root = self.extend(type_hints.field_type(cls.model_fields["root"]))
            return through_surrogate(root, lambda model: model.root, cls.model_validate)
        hints = type_hints.fields_of(cls, arguments)
        return self.record(tp, hints, *_functions_of(cls, hints)) if hints else tp

    def record(self, tp: Any, hints: dict[str, Any], take_apart: Function, build: Function) -> Any:
        """Use a TypedDict, which is filled after it is registered, because its fields may refer to the type."""
        missing = getattr(get_origin(tp) or tp, "__optional_keys__", hints)
        surrogate = _TYPED_DICT("Surrogate", {name: NotRequired[Any] if name in missing else Any for name in hints})
        self.met[tp] = through_surrogate(surrogate, take_apart, build)
        for name, hint in hints.items():
            inner = self.extend(hint)
            surrogate.__annotations__[name] = NotRequired[inner] if name in missing else inner
        return self.met[tp]


def _has_own_encoding(cls: Any) -> bool:
    """Whether a class has a schema or serializers of its own, or may hold more than its fields."""
    decorators = getattr(cls, "__pydantic_decorators__", None)
    if decorators and (decorators.field_serializers or decorators.model_serializers):
        return True
    schema: Any = getattr(cls, "__get_pydantic_core_schema__", None)
    if issubclass(cls, BaseModel):
        inherited: Any = (BaseModel, RootModel)
        is_own = all(schema.__func__ is not base.__get_pydantic_core_schema__.__func__ for base in inherited)
        return is_own or cls.model_config.get("extra") == "allow"
    return schema is not None


def _functions_of(cls: Any, names: dict[str, Any]) -> tuple[Function, Function]:
    """Return the functions that take an instance of a user's class apart into a dict of its fields and build it."""

    def take_apart(value: Any) -> dict[str, Any]:
        return {name: getattr(value, name) for name in names if hasattr(value, name)}

    def build(fields: dict[str, Any]) -> Any:
        built = object.__new__(cls)
        for name, value in fields.items():
            object.__setattr__(built, name, value)  # bypasses `frozen`, and any code of the class
        return built

    if typing_extensions.is_typeddict(cls):
        return dict, dict
    if issubclass(cls, BaseModel):
        return take_apart, lambda fields: cls.model_validate(fields, by_alias=False, by_name=True)
    if hasattr(cls, "_make"):  # a NamedTuple
        return take_apart, lambda fields: cls._make(fields.values())
    return take_apart, build


def _member(members: list[tuple[type, ...]], value: Any) -> int:
    """Return the index of the union's member for a value: the member of its own class, else of a base class."""
    exact = (index for index, classes in enumerate(members) if type(value) in classes)
    derived = (index for index, classes in enumerate(members) if isinstance(value, classes))
    return next(itertools.chain(exact, derived))


def _index(literals: tuple[Any, ...], value: Any) -> int:
    return next(i for i, literal in enumerate(literals) if type(literal) is type(value) and literal == value)
