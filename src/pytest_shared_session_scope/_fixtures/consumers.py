"""The check that no test or fixture annotates a shared fixture with a type that its value can never have.

It judges plain classes only, and fixtures with one definition that a test can see; everything else is left alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, get_origin

import pytest

from pytest_shared_session_scope._codec.type_hints import members_of, type_name, unwrapped
from pytest_shared_session_scope._fixtures.annotations import UNANNOTATED, certain_annotation_of
from pytest_shared_session_scope._session.identity import describe
from pytest_shared_session_scope._session.pytest_internals import fixtures_of
from pytest_shared_session_scope._session.worker import DEFINITION
from pytest_shared_session_scope.errors import DefinitionError

if TYPE_CHECKING:
    from pytest_shared_session_scope._fixtures.definition import Definition

CHECK_INI: Final = "shared_session_scope_check_annotations"
_CHECKED: Final = pytest.StashKey[set[object]]()
# Type checkers accept a value of one of these types for another.
_INTERCHANGEABLE: Final[Any] = ((int, float, complex), (bytes, bytearray, memoryview))


def check_parameters(metafunc: pytest.Metafunc) -> None:
    """Raise `CollectError` if a test, or a fixture that it uses, annotates a shared fixture with a wrong type."""
    argnames, definitions = fixtures_of(metafunc)
    single = {name: getattr(found[0].func, DEFINITION, None) for name, found in definitions.items() if len(found) == 1}
    shared = {name: definition for name, definition in single.items() if definition is not None}
    if not shared or not metafunc.config.getini(CHECK_INI):
        return
    judged, checked = shared.keys() - _parametrized(metafunc), metafunc.config.stash.setdefault(_CHECKED, set())
    fixtures = [(fixture.func, fixture.argnames) for found in definitions.values() for fixture in found]
    for function, names in [(metafunc.function, argnames), *fixtures]:
        for name in judged.intersection(names):
            if (function, name, shared[name]) not in checked:
                checked.add((function, name, shared[name]))
                _check(function, name, shared[name], metafunc.config)


def _parametrized(metafunc: pytest.Metafunc) -> set[str]:
    """Return the names that the test parametrizes directly in pytest 7; later versions give them definitions."""
    # The list of calls has a private name, so look into each list that pytest keeps.
    lists: list[Any] = [value for value in vars(metafunc).values() if isinstance(value, list)]
    return {name for calls in lists for call in calls for name in getattr(call, "funcargs", ())}


def _check(function: Callable[..., Any], name: str, definition: Definition, config: pytest.Config) -> None:
    real = _innermost(function)
    value_type, wanted = _type_for_tests(definition), real and certain_annotation_of(real, name)
    if real and are_unrelated(value_type, wanted):
        error = DefinitionError(
            describe(definition.function, name, config.rootpath),
            f"its value is of type {type_name(value_type)}, but {describe(real, real.__name__, config.rootpath)} "
            f"annotates it as `{name}: {type_name(wanted)}`; correct one of the two annotations (the ini option "
            f"{CHECK_INI} turns this check off)",
        )
        raise pytest.Collector.CollectError(str(error)) from error


def _innermost(function: Callable[..., Any]) -> Any:
    """Return the function that pytest calls; None for a wrapped one, whose wrapper may convert its arguments."""
    real: Any = getattr(getattr(function, DEFINITION, None), "function", getattr(function, "__func__", function))
    return real if inspect.isfunction(real) and not hasattr(real, "__wrapped__") else None


def _type_for_tests(definition: Definition) -> object:
    """Return the type of the value that tests get, `UNANNOTATED` if it is not certain."""
    parse = definition.options.parse
    if isinstance(parse, type):
        return UNANNOTATED if inspect.isfunction(parse.__new__) else parse
    if parse is not None:
        is_plain = _innermost(parse) is not None and not inspect.iscoroutinefunction(parse)
        return certain_annotation_of(_innermost(parse), "return") if is_plain else UNANNOTATED
    try:
        return definition.sharing(definition.described).value_type
    except (DefinitionError, NameError):
        return UNANNOTATED  # the fixture's first use reports the error


def are_unrelated(value_type: object, wanted: object) -> bool:
    """Whether both types are plain classes, or unions of them, and no value is of both."""
    try:
        values, wants = _classes_of(value_type), _classes_of(wanted)
    except Exception:  # noqa: BLE001 - aliases are evaluated here, and their names may exist for checkers only
        return False
    return None not in (*values, *wants) and not any(_are_related(value, want) for value in values for want in wants)


def _classes_of(annotation: object) -> list[Any]:
    """Return the class of each member of a type; None for a member whose values a metaclass or hook may decide."""
    plain = unwrapped(annotation)
    if len(members_of(plain)) > 1:
        return [cls for member in members_of(plain) for cls in _classes_of(member)]
    cls: Any = type(None) if plain is None else get_origin(plain) or plain
    is_plain = type(cls) is type and cls is not UNANNOTATED and cls.__module__ not in ("typing", "typing_extensions")
    return [cls if is_plain and not hasattr(cls, "__get_pydantic_core_schema__") else None]


def _are_related(one: Any, two: Any) -> bool:
    """Whether a value may be of both classes. They are compared by name too: a conftest may be imported twice."""
    if any(issubclass(one, group) and issubclass(two, group) for group in _INTERCHANGEABLE):
        return True
    bases, others = ({base.__qualname__ for base in cls.__mro__} for cls in (one, two))
    return two.__qualname__ in bases or one.__qualname__ in others or bool(_subclasses(one) & _subclasses(two))


def _subclasses(cls: Any) -> set[type]:
    direct: list[type] = type.__subclasses__(cls)
    return set(direct).union(*map(_subclasses, direct))
