"""Rewrites a value's type so that pydantic carries more of its values. Imports pydantic, and nothing but `_guard`.

One means throughout: a type that JSON would lose is annotated as what *carries* it, an ordinary type that JSON keeps,
with the functions that take a value apart and build it again. A class is carried by the TypedDict of its fields, a
dict by the list of its pairs, a union by the place of the member and its value, `Sequence` as the union of the
containers it may be. Building again runs none of the user's code but a model's own validators.
"""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime
import enum
import functools
import os
import pathlib
import re
import types
import typing
import zoneinfo
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import typing_extensions
from pydantic import AfterValidator, BaseModel, Discriminator, PlainSerializer, RootModel, Tag
from pydantic.fields import FieldInfo
from typing_extensions import NotRequired, TypedDict

from pytest_shared_session_scope import _guard

# Without their static types, as what they are subscripted with is only known at run time.
_ANNOTATED: Any = Annotated
_UNION: Any = Union
_TUPLE: Any = tuple
_LIST: Any = list
_DICT: Any = dict
_COUNTER: Any = collections.Counter
_TYPED_DICT: Any = TypedDict

ALIASES: Final = (typing_extensions.TypeAliasType, getattr(typing, "TypeAliasType", typing_extensions.TypeAliasType))


def widened(tp: Any) -> Any:
    """Return a type that has the same values and carries as many of them as can be."""
    return _Widener().widen(tp)


def _carried(carrier: Any, take_apart: Callable[[Any], Any], build: Callable[[Any], Any]) -> Any:
    # In lambdas, as pydantic reads a function's signature to tell what to call it with.
    validator = AfterValidator(lambda state: build(state))
    return _ANNOTATED[carrier, validator, PlainSerializer(lambda value: take_apart(value), return_type=carrier)]


def _annotated(tp: Any, metadata: Iterable[Any]) -> Any:
    return functools.reduce(lambda annotated, one: _ANNOTATED[annotated, one], metadata, tp)


class _Widener:
    def __init__(self) -> None:
        # A class that holds itself is met again while its TypedDict is being filled.
        self.met: dict[Any, Any] = {}

    def widen(self, tp: Any) -> Any:
        """Return the type widened, or as it is where it says itself how it is to be carried."""
        origin, arguments = get_origin(tp), get_args(tp)
        if isinstance(tp, type) and tp in _LEAVES:
            return _LEAVES[tp]
        if origin is Annotated:
            return self.annotated(arguments[0], tp.__metadata__)
        if isinstance(tp, typing.NewType):
            return self.widen(tp.__supertype__)
        if isinstance(tp, ALIASES):
            return self.once(tp, lambda: self.widen(tp.__value__))
        if origin in (Union, types.UnionType):
            return self.union(arguments)
        if origin is Literal:
            return _carried(int, lambda value: _place(arguments, value), arguments.__getitem__)
        if origin in _CONTAINERS:
            return _CONTAINERS[origin](self, origin, arguments)
        cls = origin or tp
        if not isinstance(cls, type) or _speaks_for_itself(cls):
            return tp
        return self.once(
            tp, lambda: self.cls(tp, cls, dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False)))
        )

    def once(self, tp: Any, make: Callable[[], Any]) -> Any:
        if tp not in self.met:
            self.met[tp] = tp
            self.met[tp] = make()
        return self.met[tp]

    def annotated(self, tp: Any, metadata: tuple[Any, ...]) -> Any:
        """Keep constraints; leave what brings validators or serializers of its own alone."""
        kept = [m for m in metadata if not isinstance(m, Discriminator | Tag) and not getattr(m, "discriminator", None)]
        if any(hasattr(m, "__get_pydantic_core_schema__") for m in kept):
            return _annotated(tp, metadata)
        return _annotated(self.widen(tp), kept)

    def union(self, members: tuple[Any, ...]) -> Any:
        """Carry a union by its member's place and the value."""
        tagged = tuple(_ANNOTATED[_TUPLE[int, self.widen(m)], Tag(str(i))] for i, m in enumerate(members))
        carrier = _ANNOTATED[_UNION[tagged], Discriminator(lambda pair: str(pair[0]))]
        classes = [classes_of(member) for member in members]
        return _carried(carrier, lambda value: (_member(classes, value), value), lambda pair: pair[1])

    def cls(self, tp: Any, cls: Any, given: dict[Any, Any]) -> Any:
        if issubclass(cls, enum.Enum):
            return (
                tp if issubclass(cls, enum.Flag) else _carried(str, lambda member: member.name, lambda name: cls[name])
            )
        if issubclass(cls, RootModel):
            return _carried(self.widen(_field_type(cls.model_fields["root"])), lambda m: m.root, cls.model_validate)
        hints = {name: _filled(hint, given) for name, hint in _hints_of(cls).items()}
        if not hints:
            return tp
        if issubclass(cls, tuple):
            carrier = _TUPLE[tuple(self.widen(hint) for hint in hints.values())]
            return _carried(carrier, tuple, cls._make)
        return self.record(tp, cls, hints)

    def record(self, tp: Any, cls: Any, hints: dict[str, Any]) -> Any:
        """Carry a class by the TypedDict of its fields."""
        missing = getattr(cls, "__optional_keys__", hints)
        names = {name: NotRequired[Any] if name in missing else Any for name in hints}
        carrier = _TYPED_DICT(cls.__name__, names)
        if typing_extensions.is_typeddict(cls):
            self.met[tp] = carrier
        elif issubclass(cls, BaseModel):
            self.met[tp] = _carried(
                carrier, _taker(hints), lambda d: cls.model_validate(d, by_alias=False, by_name=True)
            )
        else:
            self.met[tp] = _carried(carrier, _taker(hints), lambda d: _built(cls, d))
        for name, hint in hints.items():
            inner = self.widen(hint)
            carrier.__annotations__[name] = NotRequired[inner] if name in missing else inner
        return self.met[tp]

    # --- containers; each gets the origin and the arguments, and may be called for another origin

    def plain(self, origin: Any, arguments: tuple[Any, ...]) -> Any:
        return origin[tuple(argument if argument is ... else self.widen(argument) for argument in arguments)]

    def deque(self, origin: Any, arguments: tuple[Any, ...]) -> Any:
        carrier = _TUPLE[int | None, _LIST[self.widen(arguments[0])]]
        return _carried(carrier, lambda d: (d.maxlen, list(d)), lambda pair: collections.deque(pair[1], pair[0]))

    def pairs(self, origin: Any, arguments: tuple[Any, ...]) -> Any:
        key, value = (*arguments, int)[:2]
        if origin is dict and key is str:
            return _DICT[str, self.widen(value)]
        carrier = _LIST[_TUPLE[self.widen(key), self.widen(value)]]
        return _carried(carrier, lambda d: list(d.items()), lambda pairs: origin(dict(pairs)))

    def defaultdict(self, origin: Any, arguments: tuple[Any, ...]) -> Any:
        carrier = _TUPLE[int, self.pairs(dict, arguments)]
        return _carried(
            carrier,
            lambda d: (_FACTORIES.index(d.default_factory), dict(d)),
            lambda pair: collections.defaultdict(_FACTORIES[pair[0]], pair[1]),
        )

    def one_of(self, origin: Any, arguments: tuple[Any, ...]) -> Any:
        members = [_TUPLE[arguments[0], ...] if member is tuple else member[arguments] for member in _IS_ONE_OF[origin]]
        if arguments == (str,):
            members.append(str)
        if arguments[1:] == (int,):
            members.append(_COUNTER[arguments[0]])
        return self.union(tuple(members))

    def path(self, origin: Any, arguments: tuple[Any, ...]) -> Any:
        return _LEAVES[pathlib.PurePath]

    def pattern(self, origin: Any, arguments: tuple[Any, ...]) -> Any:
        carrier = _TUPLE[arguments[0], int]
        return _carried(carrier, lambda p: (p.pattern, p.flags), lambda state: re.compile(*state))


# --- classes ---------------------------------------------------------------------------------------------


def _speaks_for_itself(cls: Any) -> bool:
    """Say whether a class has a schema or serializers of its own, or may hold more than its fields."""
    decorators = getattr(cls, "__pydantic_decorators__", None)
    if decorators and (decorators.field_serializers or decorators.model_serializers):
        return True
    schema: Any = getattr(cls, "__get_pydantic_core_schema__", None)
    if issubclass(cls, BaseModel):
        is_open = cls.model_config.get("extra") == "allow"
        return is_open or schema.__func__ not in _SCHEMAS_OF_MODELS
    return schema is not None


_MODELS: Final[tuple[Any, ...]] = (BaseModel, RootModel)
_SCHEMAS_OF_MODELS: Final = tuple(cls.__get_pydantic_core_schema__.__func__ for cls in _MODELS)


def _hints_of(cls: Any) -> dict[str, Any]:
    """Return the types of what is to be carried of a class: its fields, but for those to be kept out of a dump."""
    fields: dict[str, FieldInfo] = getattr(cls, "__pydantic_fields__", {})
    if fields and issubclass(cls, BaseModel):
        return {name: _field_type(field) for name, field in fields.items() if not _is_kept_out(field)}
    try:
        hints = typing_extensions.get_type_hints(cls, include_extras=True)
    except NameError:  # a name that only its own module's function could see: pydantic may know better
        return {}
    if dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls)]
        names = [name for name in names if name not in fields or not _is_kept_out(fields[name])]
    elif hasattr(cls, "__attrs_attrs__"):
        names = [field.name for field in cls.__attrs_attrs__]
        hints = {field.name: field.type for field in cls.__attrs_attrs__} | hints
    elif typing_extensions.is_typeddict(cls):
        return {name: _without_qualifier(hint) for name, hint in hints.items()}
    else:
        names = list(getattr(cls, "_fields", ())) if issubclass(cls, tuple) else []
    return {name: hints.get(name) or Any for name in names}


def _field_type(field: FieldInfo) -> Any:
    return _annotated(field.annotation, field.metadata)


def _is_kept_out(field: FieldInfo) -> bool:
    return bool(field.exclude or getattr(field, "exclude_if", None))


def _without_qualifier(hint: Any) -> Any:
    qualifiers = typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.ReadOnly
    while get_origin(hint) in qualifiers:
        hint = get_args(hint)[0]
    return hint


def _filled(hint: Any, given: dict[Any, Any]) -> Any:
    """Return the hint with a generic class's parameters filled in."""
    if isinstance(hint, TypeVar):
        return given.get(hint, hint)
    parameters = () if isinstance(hint, type) and not get_args(hint) else getattr(hint, "__parameters__", ())
    return hint[tuple(given.get(p, p) for p in parameters)] if parameters and given else hint


def _taker(names: Any) -> Callable[[Any], dict[str, Any]]:
    names = tuple(names)
    return lambda value: {name: getattr(value, name) for name in names if hasattr(value, name)}


def _built(cls: type, fields: dict[str, Any]) -> Any:
    built: Any = object.__new__(cls)
    for name, value in fields.items():
        object.__setattr__(built, name, value)  # past `frozen`, and past any code of the class
    return built


# --- unions ----------------------------------------------------------------------------------------------


def classes_of(tp: Any) -> tuple[type, ...]:
    """Return the classes that the values of a type have."""
    while True:
        if get_origin(tp) is Annotated:
            tp = get_args(tp)[0]
        elif isinstance(tp, ALIASES):
            tp = tp.__value__
        elif isinstance(tp, typing.NewType):
            tp = tp.__supertype__
        else:
            break
    origin, arguments = get_origin(tp), get_args(tp)
    if origin is Literal:
        return tuple(type(argument) for argument in arguments)
    if origin in (Union, types.UnionType):
        return tuple(cls for member in arguments for cls in classes_of(member))
    if typing_extensions.is_typeddict(origin or tp):
        return (dict,)
    if tp is None:
        return (type(None),)
    cls = origin or tp
    return _ALSO.get(cls, (cls,)) if isinstance(cls, type) else (object,)


def _member(members: list[tuple[type, ...]], value: Any) -> int:
    """Return the place of the union's member that the value is of: of its very class, else of a base of it."""
    exact = [place for place, classes in enumerate(members) if type(value) in classes]
    return exact[0] if exact else next(place for place, classes in enumerate(members) if isinstance(value, classes))


def _place(literals: tuple[Any, ...], value: Any) -> int:
    return next(i for i, literal in enumerate(literals) if type(literal) is type(value) and literal == value)


# --- what is carried in a way of its own -----------------------------------------------------------------

# The name of the time zone, or the offset in microseconds and, if it has one, the offset's name.
_ZoneState = tuple[str | None, int | None, str | None]


def _zone_state(zone: Any) -> tuple[Any, Any, Any]:
    known: Any = _guard.zone_of(zone)
    if zone is not None and known is None:
        raise ValueError(f"{zone!r} is no ZoneInfo and no fixed offset")
    if known is None or known[0] == "key":
        return known and known[1], None, None
    return None, known[0] // datetime.timedelta(microseconds=1), known[1]


def _zone_built(state: tuple[Any, Any, Any]) -> Any:
    key, offset, name = state
    if offset is None:
        return None if key is None else zoneinfo.ZoneInfo(key)
    return datetime.timezone(datetime.timedelta(microseconds=offset), *([] if name is None else [name]))


def _moment(cls: Any) -> Any:
    return _carried(
        tuple[str, int, _ZoneState],
        lambda m: (m.replace(tzinfo=None, fold=0).isoformat(), m.fold, _zone_state(m.tzinfo)),
        lambda state: cls.fromisoformat(state[0]).replace(fold=state[1], tzinfo=_zone_built(state[2])),
    )


_LEAVES: Final[dict[type, Any]] = {
    datetime.datetime: _moment(datetime.datetime),
    datetime.time: _moment(datetime.time),
    datetime.timezone: _carried(_ZoneState, _zone_state, _zone_built),
    datetime.tzinfo: _carried(_ZoneState, _zone_state, _zone_built),
    # Whoever annotates float means int as well; so says the typing specification.
    float: Union[int, float],
    complex: _carried(tuple[float, float], lambda c: (c.real, c.imag), lambda pair: complex(*pair)),
    bytearray: _carried(bytes, bytes, bytearray),
    range: _carried(tuple[int, int, int], lambda r: (r.start, r.stop, r.step), lambda state: range(*state)),
    pathlib.PurePath: _carried(
        tuple[str, str], lambda path: (type(path).__name__, str(path)), lambda state: _PATHS[state[0]](state[1])
    ),
}
_PATHS: Final[dict[str, Any]] = {
    cls.__name__: cls
    for cls in (pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath)
}
_ALSO: Final[dict[Any, tuple[type, ...]]] = {float: (float, int)}
_FACTORIES: Final = (None, list, dict, set, tuple, str, bytes, bool, int, float, collections.Counter)
_SEQUENCES: Final = (list, tuple, collections.deque)
_SETS: Final = (set, frozenset)
_MAPPINGS: Final = (dict, collections.OrderedDict, collections.defaultdict)
_IS_ONE_OF: Final[dict[Any, tuple[Any, ...]]] = {
    **dict.fromkeys(
        (collections.abc.Sequence, collections.abc.MutableSequence, collections.abc.Reversible), _SEQUENCES
    ),
    **dict.fromkeys(
        (collections.abc.Collection, collections.abc.Iterable, collections.abc.Container), _SEQUENCES + _SETS
    ),
    **dict.fromkeys((collections.abc.Set, collections.abc.MutableSet), _SETS),
    **dict.fromkeys((collections.abc.Mapping, collections.abc.MutableMapping), _MAPPINGS),
}
_CONTAINERS: Final[dict[Any, Callable[[_Widener, Any, Any], Any]]] = {
    **dict.fromkeys((list, tuple, set, frozenset), _Widener.plain),
    **dict.fromkeys((dict, collections.OrderedDict, collections.Counter), _Widener.pairs),
    collections.deque: _Widener.deque,
    collections.defaultdict: _Widener.defaultdict,
    **dict.fromkeys(_IS_ONE_OF, _Widener.one_of),
    os.PathLike: _Widener.path,
    re.Pattern: _Widener.pattern,
}
