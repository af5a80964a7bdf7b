"""The return annotation of a shared fixture: how the fixture shares, and the type of its value. Imports no pydantic."""

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

from pytest_shared_session_scope._codec.type_hints import members_of, type_name, unwrapped
from pytest_shared_session_scope._run.journal import Kind
from pytest_shared_session_scope._session.identity import closure_of
from pytest_shared_session_scope.errors import AnnotationError, DefinitionError
from pytest_shared_session_scope.types import SHARED_VALUE

__tracebackhide__ = True  # pytest shows users their own frames

UNANNOTATED: Final = inspect.Signature.empty

_YIELD_ONCE: Final = (collections.abc.Iterator, collections.abc.Iterable)
_TYPE_CHECKING_HINT: Final = (
    "if it is imported under `if TYPE_CHECKING:`, import it at run time: the annotation builds the serializer"
)


@dataclasses.dataclass(frozen=True)
class Sharing:
    """How a fixture shares: its kind, and the type of its value (`UNANNOTATED` if the annotation names none)."""

    kind: Kind
    value_type: object


def sharing_of(function: Callable[..., Any], fixture: str, enclosing: dict[str, Any]) -> Sharing:
    """Return how the function shares.

    `enclosing` are the names that its definition could use beside the module's: the locals of a function or class
    body. Raises `NameError` if a name in the annotation is not defined, `DefinitionError` if the annotation does not
    fit the function.
    """
    annotation = _return_type(function, fixture, enclosing)
    if not inspect.isgeneratorfunction(function):
        return Sharing(Kind.RETURNS, annotation)
    if annotation is UNANNOTATED or annotation is Any:
        return Sharing(Kind.YIELDS_TWICE, UNANNOTATED)
    return _sharing_of_generator(annotation, fixture)


def _sharing_of_generator(annotation: object, fixture: str) -> Sharing:
    plain = unwrapped(annotation)
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
        f"it yields, but its return annotation is {type_name(annotation)}; annotate it -> Iterator[T] to share an "
        f"ordinary fixture that yields once, or -> SharedGenerator[T] to yield twice",
    )


def value_of_two_yields(yielded: object) -> object:
    """Return the value's type: the marked one, else the yielded type without the `None` of the first yield."""
    members = members_of(yielded)
    for member in members:
        if SHARED_VALUE in getattr(member, "__metadata__", ()):
            return _without_mark(member)
    values = [member for member in members if member not in (None, types.NoneType)]
    if not values or len(values) == len(members):
        return yielded
    return Union[tuple(values)]  # noqa: UP007 - the members are only known at run time


def _without_mark(marked: Any) -> object:
    """Return the type without our mark, with the rest of its metadata: `Annotated` does not nest."""
    own = [one for one in marked.__metadata__ if one is not SHARED_VALUE]
    arguments = (marked.__origin__, *own)
    return Annotated[arguments] if own else marked.__origin__


def admits_none(value_type: object) -> bool:
    """Whether the type names `None` among its values."""
    plain = unwrapped(value_type)
    if plain is None or plain is types.NoneType:
        return True
    if get_origin(plain) is Literal:
        return None in get_args(plain)
    members = members_of(plain)
    return len(members) > 1 and any(admits_none(member) for member in members)


def _return_type(function: Callable[..., Any], fixture: str, enclosing: dict[str, Any]) -> object:
    """Return the function's return annotation with all names resolved, `UNANNOTATED` if there is none."""
    try:
        return annotation_of(function, "return", function.__globals__, closure_of(function) | enclosing)
    except (SyntaxError, TypeError, AttributeError) as error:
        raw = typing_extensions.get_annotations(function, format=typing_extensions.Format.FORWARDREF)["return"]
        raise AnnotationError(
            fixture,
            f"its return annotation {raw!r} cannot be resolved: {type(error).__name__}: {error}; "
            f"correct the annotation",
        ) from None


def undefined(fixture: str, error: NameError) -> AnnotationError:
    """Return the error about a name in a return annotation that is not defined."""
    return AnnotationError(
        fixture, f"its return annotation names {error.name!r}, which is not defined; {_TYPE_CHECKING_HINT}"
    )


def annotation_of(function: Callable[..., Any], name: str, module: dict[str, Any], enclosing: dict[str, Any]) -> object:
    """Return the annotation of one parameter, or of `return`, with all names resolved; `UNANNOTATED` without one.

    Names are looked up in `enclosing` and `module`. The other annotations are not resolved: their names may exist for
    type checkers only. Raises what evaluating the annotation raises.
    """
    raw = typing_extensions.get_annotations(function, format=typing_extensions.Format.FORWARDREF)
    if name not in raw:
        return UNANNOTATED
    type_parameters = {parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}
    return _resolved(raw[name], module, type_parameters | enclosing)


def certain_annotation_of(function: Any, name: str) -> object:
    """Return an annotation with all names resolved, `UNANNOTATED` if it is not certain what they stand for.

    Names in strings are looked up in the function's closure, class and module. More deeply nested functions may use
    names of an enclosing class or function, which cannot be looked up once it has returned.
    """
    enclosing = function.__qualname__.split(".")[:-1]
    module: dict[str, Any] = function.__globals__ if len(enclosing) < 2 else {}  # noqa: PLR2004 - one class
    owner = module.get(enclosing[0]) if enclosing else None
    names = dict(vars(owner)) if isinstance(owner, type) else {}
    try:
        return annotation_of(function, name, module, names | closure_of(function))
    except Exception:  # noqa: BLE001 - the annotation may be any expression, for a checker that never evaluates it
        return UNANNOTATED


def _resolved(annotation: object, module: dict[str, Any], names: dict[str, Any]) -> object:
    holder = _Annotated(annotation)
    found = typing.get_type_hints(holder, globalns=module, localns=names, include_extras=True)["value"]
    if sys.version_info < (3, 11) and (quoted := _with_references(found)) != found:
        return _resolved(quoted, module, names)
    return found


def _with_references(annotation: Any) -> Any:
    """Return the annotation with references for strings as in `list['T']`, which Python 3.10 leaves as strings."""
    if isinstance(annotation, types.GenericAlias):
        origin: Any = annotation.__origin__
        arguments = [ForwardRef(one) if isinstance(one, str) else _with_references(one) for one in get_args(annotation)]
        return types.GenericAlias(origin, tuple(arguments))
    members = members_of(annotation)
    return Union[tuple(map(_with_references, members))] if len(members) > 1 else annotation  # noqa: UP007 - as above


class _Annotated:
    """An object with one annotation, which `get_type_hints` resolves without looking at a function's others."""

    def __init__(self, annotation: object) -> None:
        self.__annotations__ = {"value": annotation}
