"""From a function and its return annotation to how it shares, and the type of its value. Imports no pydantic."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import typing_extensions
from typing_extensions import TypeAliasType

from pytest_shared_session_scope.errors import AnnotationError, DefinitionError
from pytest_shared_session_scope.types import SHARED_VALUE


class Kind(enum.Enum):
    """The three ways of writing a shared fixture."""

    RETURNS = "returns"
    YIELDS_ONCE = "yields once"
    YIELDS_TWICE = "yields twice"


UNANNOTATED: Final = inspect.Signature.empty


@dataclasses.dataclass(frozen=True)
class Sharing:
    """How a fixture shares: its kind, and its value's type (`UNANNOTATED` where it says none)."""

    kind: Kind
    value_type: object


_YIELD_ONCE: Final = (collections.abc.Iterator, collections.abc.Iterable)
_TYPE_CHECKING_HINT: Final = (
    "if it is imported under `if TYPE_CHECKING:`, import it at run time: the annotation builds the serializer"
)


def sharing_of(function: Callable[..., Any], fixture: str, enclosing: dict[str, Any]) -> Sharing:
    """Return how the function shares.

    `enclosing` are the names that its definition could see beside the module's: the locals of a function or class
    body. Raises `AnnotationError` where a name of the annotation is not defined, `DefinitionError` where the
    annotation does not fit the function.
    """
    annotation = resolve_return(function, fixture, enclosing)
    if not inspect.isgeneratorfunction(function):
        return Sharing(Kind.RETURNS, annotation)
    if annotation is UNANNOTATED or annotation is Any:
        return Sharing(Kind.YIELDS_TWICE, UNANNOTATED)
    return _sharing_of_generator(annotation, fixture)


def _sharing_of_generator(annotation: object, fixture: str) -> Sharing:
    plain = _without_alias(annotation)
    origin = get_origin(plain) or plain
    arguments = get_args(plain)
    if origin in _YIELD_ONCE:
        return Sharing(Kind.YIELDS_ONCE, arguments[0] if arguments else UNANNOTATED)
    if origin is collections.abc.Generator:
        if len(arguments) > 1 and arguments[1] not in (None, types.NoneType):
            return Sharing(Kind.YIELDS_TWICE, _value_of_two_yields(arguments[0]))
        return Sharing(Kind.YIELDS_ONCE, arguments[0] if arguments else UNANNOTATED)
    raise DefinitionError(
        fixture,
        f"it yields, but its return annotation is {name_of(annotation)}; annotate it -> Iterator[T] to share an "
        f"ordinary fixture that yields once, or -> SharedGenerator[T] to yield twice",
    )


def _value_of_two_yields(yielded: object) -> object:
    """Return the value's type: what is marked, else what is yielded without the `None` of the first yield."""
    members = _members(yielded)
    for member in members:
        if SHARED_VALUE in getattr(member, "__metadata__", ()):
            return get_args(member)[0]
    values = [member for member in members if member not in (None, types.NoneType)]
    if not values or len(values) == len(members):
        return yielded
    return Union[tuple(values)]  # noqa: UP007 - the members are only known at run time


def admits_none(value_type: object) -> bool:
    """Say whether the type names `None` among its values."""
    plain = _without_alias(value_type)
    if plain is None or plain is types.NoneType:
        return True
    if get_origin(plain) is Literal:
        return None in get_args(plain)
    members = _members(plain)
    return len(members) > 1 and any(admits_none(member) for member in members)


def _members(annotation: object) -> tuple[object, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def _without_alias(annotation: object) -> object:
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, TypeAliasType | getattr(typing, "TypeAliasType", TypeAliasType)):
            annotation = annotation.__value__
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        else:
            return annotation


def name_of(annotation: object) -> str:
    """Return the annotation as a user would write it."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")


def resolve_return(function: Callable[..., Any], fixture: str, enclosing: dict[str, Any]) -> object:
    """Return the function's return annotation with every name looked up, `UNANNOTATED` where there is none.

    Only the return annotation is looked at: what the parameters are annotated with may be for type checkers alone.
    """
    raw = typing_extensions.get_annotations(function, format=typing_extensions.Format.FORWARDREF)
    if "return" not in raw:
        return UNANNOTATED
    names = _type_parameters(function) | closure_of(function) | enclosing
    try:
        hints = typing.get_type_hints(
            _Returns(raw["return"]), globalns=function.__globals__, localns=names, include_extras=True
        )
    except NameError as error:
        raise AnnotationError(
            fixture, f"its return annotation names {error.name!r}, which is not defined; {_TYPE_CHECKING_HINT}"
        ) from error
    except (SyntaxError, TypeError, AttributeError) as error:
        raise AnnotationError(
            fixture,
            f"its return annotation {raw['return']!r} cannot be resolved: {type(error).__name__}: {error}; "
            f"correct the annotation",
        ) from error
    return hints["return"]


class _Returns:
    """An object with one annotation, which `get_type_hints` resolves without looking at the others."""

    def __init__(self, annotation: object) -> None:
        self.__annotations__ = {"return": annotation}


def _type_parameters(function: Callable[..., Any]) -> dict[str, Any]:
    return {parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}


def closure_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the names of an enclosing function that the function uses, with those values that are there yet."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - reading it is the only way to ask
    except ValueError:
        return False
    return True
