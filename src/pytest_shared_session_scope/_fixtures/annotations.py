"""From a function and its return annotation to how it shares, and the type of its value. Imports no pydantic."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Final, ForwardRef, Literal, Union, get_args, get_origin

import typing_extensions
from typing_extensions import TypeAliasType

from pytest_shared_session_scope._run.journal import Kind
from pytest_shared_session_scope._session.identity import closure_of
from pytest_shared_session_scope.errors import AnnotationError, DefinitionError
from pytest_shared_session_scope.types import SHARED_VALUE

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
    plain = without_alias(annotation)
    origin = get_origin(plain) or plain
    arguments = get_args(plain)
    if origin in _YIELD_ONCE:
        return Sharing(Kind.YIELDS_ONCE, arguments[0] if arguments else UNANNOTATED)
    if origin is collections.abc.Generator:
        if len(arguments) > 1 and arguments[1] not in (None, types.NoneType):
            return Sharing(Kind.YIELDS_TWICE, value_of_two_yields(arguments[0]))
        return Sharing(Kind.YIELDS_ONCE, arguments[0] if arguments else UNANNOTATED)
    raise DefinitionError(
        fixture,
        f"it yields, but its return annotation is {name_of(annotation)}; annotate it -> Iterator[T] to share an "
        f"ordinary fixture that yields once, or -> SharedGenerator[T] to yield twice",
    )


def value_of_two_yields(yielded: object) -> object:
    """Return the value's type: what is marked, else what is yielded without the `None` of the first yield."""
    members = members_of(yielded)
    for member in members:
        if SHARED_VALUE in getattr(member, "__metadata__", ()):
            return _without_mark(member)
    values = [member for member in members if member not in (None, types.NoneType)]
    if not values or len(values) == len(members):
        return yielded
    return Union[tuple(values)]  # noqa: UP007 - the members are only known at run time


def _without_mark(marked: Any) -> object:
    """Return what is marked, with the metadata of its own: `Annotated` does not nest."""
    own = [one for one in marked.__metadata__ if one is not SHARED_VALUE]
    arguments = (marked.__origin__, *own)
    return Annotated[arguments] if own else marked.__origin__


def admits_none(value_type: object) -> bool:
    """Say whether the type names `None` among its values."""
    plain = without_alias(value_type)
    if plain is None or plain is types.NoneType:
        return True
    if get_origin(plain) is Literal:
        return None in get_args(plain)
    members = members_of(plain)
    return len(members) > 1 and any(admits_none(member) for member in members)


def members_of(annotation: object) -> tuple[object, ...]:
    """Return the members of a union; what is none is its only member."""
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def without_alias(annotation: Any) -> object:
    """Return what an alias, a `NewType` or an `Annotated` stands for."""
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
        return _look_up(raw["return"], function.__globals__, names)
    except NameError as error:
        raise AnnotationError(
            fixture,
            f"its return annotation names {error.name!r}, which is not defined; {_TYPE_CHECKING_HINT}",
        ) from error
    except (SyntaxError, TypeError, AttributeError) as error:
        raise AnnotationError(
            fixture,
            f"its return annotation {raw['return']!r} cannot be resolved: {type(error).__name__}: {error}; "
            f"correct the annotation",
        ) from error


def _look_up(annotation: object, module: dict[str, Any], names: dict[str, Any]) -> object:
    found = typing.get_type_hints(_Returns(annotation), globalns=module, localns=names, include_extras=True)["return"]
    if sys.version_info < (3, 11) and (quoted := _with_references(found)) != found:
        return _look_up(quoted, module, names)
    return found


def _with_references(annotation: Any) -> Any:
    """Return the annotation with references for strings as in `list['T']`, which Python 3.10 leaves as they are."""
    if isinstance(annotation, types.GenericAlias):
        origin: Any = annotation.__origin__
        arguments = [ForwardRef(one) if isinstance(one, str) else _with_references(one) for one in get_args(annotation)]
        return types.GenericAlias(origin, tuple(arguments))
    members = members_of(annotation)
    return Union[tuple(map(_with_references, members))] if len(members) > 1 else annotation  # noqa: UP007 - as above


class _Returns:
    """An object with one annotation, which `get_type_hints` resolves without looking at the others."""

    def __init__(self, annotation: object) -> None:
        self.__annotations__ = {"return": annotation}


def _type_parameters(function: Callable[..., Any]) -> dict[str, Any]:
    return {parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}
