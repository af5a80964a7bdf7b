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

from pytest_shared_session_scope import _identity
from pytest_shared_session_scope._annotation import UNANNOTATED, closure_of, name_of, resolve_return
from pytest_shared_session_scope._compatibility import can_never_be
from pytest_shared_session_scope._state import DEFINITION
from pytest_shared_session_scope.errors import DefinitionError

if TYPE_CHECKING:
    from pytest_shared_session_scope._definition import Definition

CHECK_INI: Final = "shared_session_scope_check_annotations"

_Definitions = dict[str, Sequence["pytest.FixtureDef[Any]"]]
_CHECKED: Final = pytest.StashKey[set[object]]()


def check_parameters(metafunc: pytest.Metafunc) -> None:
    """Raise `CollectError` where a test, or a fixture it uses, takes a shared fixture as what that can never be."""
    # There is no public way to the definitions behind a test's fixture names. `test_private_names.py` tests it.
    definitions: _Definitions = metafunc._arg2fixturedefs  # noqa: SLF001 - see above
    shared = {name for name, found in definitions.items() if any(_shared(definition) for definition in found)}
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
                # A fixture that takes its own name takes the one that it overrides.
                last = index - 1 if taken == name else len(definitions[taken]) - 1
                if last >= 0:
                    yield fixturedef.func, definitions[taken][last]


def _check(function: Callable[..., Any], taken: pytest.FixtureDef[Any], config: pytest.Config) -> None:
    definition = _shared(taken)
    real = _real_function(function)
    if definition is None or real is None:
        return
    wanted = _parameter_type(real, taken.argname)
    if wanted is UNANNOTATED:
        return
    fixture = _identity.describe(definition.function, taken.argname, config.rootpath)
    value_type = _type_of_tests(definition, fixture)
    if value_type is UNANNOTATED or not can_never_be(value_type, wanted):
        return
    where = _identity.describe(real, real.__name__, config.rootpath)
    error = DefinitionError(
        fixture,
        f"its value is of type {name_of(value_type)}, and {where} takes it as `{taken.argname}: {name_of(wanted)}`, "
        f"which it can never be; correct one of the two annotations (the ini option {CHECK_INI} turns this check off)",
    )
    raise pytest.Collector.CollectError(str(error)) from error


def _real_function(function: Callable[..., Any]) -> types.FunctionType | None:
    real = inspect.unwrap(function)
    real = real.__func__ if inspect.ismethod(real) else real
    return real if inspect.isfunction(real) else None


def _type_of_tests(definition: Definition, fixture: str) -> object:
    """Return the type of what tests get."""
    try:
        if definition.options.parse is not None:
            return _result_type(definition.options.parse, fixture)
        return definition.sharing(fixture).value_type
    except DefinitionError:
        return UNANNOTATED  # the fixture's first use says what is wrong with it


def _result_type(parse: Callable[..., Any], fixture: str) -> object:
    if isinstance(parse, type):
        return parse
    real = _real_function(parse)
    return UNANNOTATED if real is None else resolve_return(real, fixture, {})


def _parameter_type(function: types.FunctionType, name: str) -> object:
    annotations = typing_extensions.get_annotations(function, format=typing_extensions.Format.FORWARDREF)
    if name not in annotations:
        return UNANNOTATED
    parameters: tuple[Any, ...] = getattr(function, "__type_params__", ())
    names = {parameter.__name__: parameter for parameter in parameters} | closure_of(function)
    try:
        return typing.get_type_hints(
            _Annotated(annotations[name]), globalns=function.__globals__, localns=names, include_extras=True
        )["value"]
    except Exception:  # noqa: BLE001 - any expression may stand there, for a checker that never runs it
        return UNANNOTATED


class _Annotated:
    """An object with one annotation, which `get_type_hints` resolves without looking at the function's others."""

    def __init__(self, annotation: object) -> None:
        self.__annotations__ = {"value": annotation}
