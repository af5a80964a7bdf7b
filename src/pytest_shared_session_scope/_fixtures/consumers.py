"""What tests and fixtures that take a shared fixture annotate it with: checked when they are collected.

Imports no pydantic. Looks at each function once, and only where a fixture that it uses is shared.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import pytest
import typing_extensions

from pytest_shared_session_scope._fixtures.annotations import UNANNOTATED, name_of
from pytest_shared_session_scope._fixtures.compatibility import can_never_be
from pytest_shared_session_scope._session import identity
from pytest_shared_session_scope._session.identity import closure_of
from pytest_shared_session_scope._session.worker import DEFINITION
from pytest_shared_session_scope.errors import DefinitionError

if TYPE_CHECKING:
    from pytest_shared_session_scope._fixtures.definition import Definition

CHECK_INI: Final = "shared_session_scope_check_annotations"

_Definitions = dict[str, Sequence["pytest.FixtureDef[Any]"]]
_CHECKED: Final = pytest.StashKey[set[object]]()


def check_parameters(metafunc: pytest.Metafunc) -> None:
    """Raise `CollectError` where a test, or a fixture it uses, takes a shared fixture as what that can never be."""
    # There is no public way to the definitions behind a test's fixture names. `test_private_names.py` tests it.
    definitions: _Definitions = metafunc._arg2fixturedefs  # noqa: SLF001 - see above
    shared = {name for name, found in definitions.items() if any(_shared(definition) for definition in found)}
    shared -= _parametrized(metafunc)
    if not shared or not metafunc.config.getini(CHECK_INI):
        return
    checked = metafunc.config.stash.setdefault(_CHECKED, set())
    for function, taken in _takers(metafunc, definitions, shared):
        if (function, taken) not in checked:
            checked.add((function, taken))
            _check(function, taken, metafunc.config)


def _shared(fixturedef: pytest.FixtureDef[Any]) -> Definition | None:
    definition: Definition | None = getattr(fixturedef.func, DEFINITION, None)
    return definition


def _parametrized(metafunc: pytest.Metafunc) -> set[str]:
    """Return the names that stand for parameters of the test, in pytest 7; later ones give them definitions."""
    calls: list[Any] = metafunc._calls  # noqa: SLF001 - in pytest 7 there is no other way, and no public one later
    return {name for call in calls for name in getattr(call, "funcargs", ())}


def _takers(
    metafunc: pytest.Metafunc, definitions: _Definitions, shared: set[str]
) -> Iterator[tuple[Callable[..., Any], pytest.FixtureDef[Any]]]:
    """Yield each function with a definition of a fixture that it takes."""
    for name in shared:
        if definitions[name]:
            yield metafunc.function, definitions[name][-1]
    for name, found in definitions.items():
        for index, fixturedef in enumerate(found):
            for taken in shared.intersection(fixturedef.argnames):
                last = _index_taken(definitions, taken, name, index)
                if last is not None:
                    yield fixturedef.func, definitions[taken][last]


def _index_taken(definitions: _Definitions, taken: str, name: str, index: int) -> int | None:
    """Return which definition of the one fixture the other takes, None where there is none or it depends."""
    if taken == name:  # the one that it overrides
        return index - 1 if index else None
    # What an override needs takes the one that is overridden, though anything else takes the override.
    overrides = definitions[taken][1:]
    return None if name in _needed_by(overrides, definitions) else len(overrides)


def _needed_by(fixturedefs: Sequence[pytest.FixtureDef[Any]], definitions: _Definitions) -> set[str]:
    names: set[str] = set()
    new = {name for fixturedef in fixturedefs for name in fixturedef.argnames}
    while new:
        names |= new
        new = {name for one in new for fixturedef in definitions.get(one, ()) for name in fixturedef.argnames} - names
    return names


def _check(function: Callable[..., Any], taken: pytest.FixtureDef[Any], config: pytest.Config) -> None:
    definition = _shared(taken)
    real = _real_function(function)
    if definition is None or real is None or taken.argname not in _arguments(real):
        return
    wanted = _annotation_of(real, taken.argname)
    if wanted is UNANNOTATED:
        return
    fixture = identity.describe(definition.function, taken.argname, config.rootpath)
    value_type = _type_of_tests(definition, fixture)
    if value_type is UNANNOTATED or not can_never_be(value_type, wanted):
        return
    where = identity.describe(real, real.__name__, config.rootpath)
    value_name, wanted_name = _names_of(value_type, wanted)
    error = DefinitionError(
        fixture,
        f"its value is of type {value_name}, and {where} takes it as `{taken.argname}: {wanted_name}`, "
        f"which it can never be; correct one of the two annotations (the ini option {CHECK_INI} turns this check off)",
    )
    raise pytest.Collector.CollectError(str(error)) from error


def _real_function(function: Callable[..., Any]) -> types.FunctionType | None:
    """Return the function that is called, None where that is behind another, which may convert what it hands on."""
    definition: Definition | None = getattr(function, DEFINITION, None)
    real = function if definition is None else definition.function
    real = real.__func__ if inspect.ismethod(real) else real
    return real if inspect.isfunction(real) and not hasattr(real, "__wrapped__") else None


def _arguments(function: types.FunctionType) -> set[str]:
    """Return the arguments for which pytest looks for a fixture: those with no default, and none for the rest."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    required = positional[: len(positional) - len(function.__defaults__ or ())]
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    return {*required, *keywords} - set(function.__kwdefaults__ or ())


def _names_of(value_type: object, wanted: object) -> tuple[str, str]:
    names = name_of(value_type), name_of(wanted)
    if names[0] != names[1]:
        return names
    return f"{value_type.__module__}.{names[0]}", f"{wanted.__module__}.{names[1]}"


def _type_of_tests(definition: Definition, fixture: str) -> object:
    """Return the type of what tests get."""
    try:
        if definition.options.parse is not None:
            return _result_type(definition.options.parse)
        return definition.sharing(fixture).value_type
    except (DefinitionError, NameError):
        return UNANNOTATED  # the fixture's first use says what is wrong with it


def _result_type(parse: Callable[..., Any]) -> object:
    if isinstance(parse, type):
        return UNANNOTATED if _may_make_another(parse) else parse
    real = _real_function(parse)
    return UNANNOTATED if real is None or inspect.iscoroutinefunction(real) else _annotation_of(real, "return")


def _may_make_another(cls: type) -> bool:
    return inspect.isfunction(cls.__new__) or type(cls).__call__ is not type.__call__


def _annotation_of(function: types.FunctionType, name: str) -> object:
    """Return what an argument, or `return`, is annotated with, `UNANNOTATED` where that is not certain."""
    annotations = typing_extensions.get_annotations(function, format=typing_extensions.Format.FORWARDREF)
    if name not in annotations:
        return UNANNOTATED
    parameters: tuple[Any, ...] = getattr(function, "__type_params__", ())
    names = _names_of_class(function) | {one.__name__: one for one in parameters} | closure_of(function)
    # In a string, a name of the module may be hidden by one of the enclosing function, which nobody knows any more.
    module: dict[str, Any] = {} if "<locals>" in function.__qualname__ else function.__globals__
    try:
        return typing.get_type_hints(
            _Annotated(annotations[name]), globalns=module, localns=names, include_extras=True
        )["value"]
    except Exception:  # noqa: BLE001 - any expression may stand there, for a checker that never runs it
        return UNANNOTATED


def _names_of_class(function: types.FunctionType) -> dict[str, Any]:
    """Return the names of the class that the function is written in, where it is one of the module's."""
    found: Any = None
    for depth, name in enumerate(function.__qualname__.split(".")[:-1]):
        found = getattr(found, name, None) if depth else function.__globals__.get(name)
    return dict(vars(found)) if isinstance(found, type) else {}


class _Annotated:
    """An object with one annotation, which `get_type_hints` resolves without looking at the function's others."""

    def __init__(self, annotation: object) -> None:
        self.__annotations__ = {"value": annotation}
