"""What a function's code names: for checks before it is ever called.

The instructions are looked at rather than the source, which may be far away, and in which words stand in comments too.
"""

from __future__ import annotations

import dis
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pytest_shared_session_scope._session.identity import closure_of
from pytest_shared_session_scope.types import SetupToken

_UNKNOWN: Final = object()
_FROM_GLOBALS: Final = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
_FROM_CLOSURE: Final = {"LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"}
_OF_VALUE: Final = {"LOAD_ATTR", "LOAD_METHOD"}
# What may stand between a name and its attribute.
_NOTHING: Final = {"EXTENDED_ARG", "CACHE", "NOP", "PUSH_NULL"}


def names_setup_token(function: Callable[..., Any]) -> bool:
    """Say whether the function names `SetupToken` or its member, by whatever name, also in functions inside of it.

    A name that stands for nothing yet, or for an attribute of something not known yet, counts by how it is spelled.
    """
    return any(_names_it(one) for one in (function, inspect.unwrap(function)))


def _names_it(function: Callable[..., Any]) -> bool:
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    if any(_is_it(value, "") for value in defaults):
        return True
    named = _named(function.__code__, function.__globals__, closure_of(function))
    return any(_is_it(value, name) for name, value in named)


def _is_it(value: object, name: str) -> bool:
    if value is _UNKNOWN:
        return name == SetupToken.__name__
    return value is SetupToken or value is SetupToken.FIRST


def _named(
    code: types.CodeType, global_names: Mapping[str, Any], closure: Mapping[str, Any]
) -> Iterator[tuple[str, object]]:
    """Yield each name that the code reads, with what it stands for."""
    value: object = _UNKNOWN
    module: object = _UNKNOWN
    for instruction in dis.get_instructions(code):
        operation, name = instruction.opname, instruction.argval
        if operation in _NOTHING:
            continue
        if operation == "IMPORT_NAME":
            module = sys.modules.get(name, _UNKNOWN)
        if operation in _FROM_GLOBALS:
            value = global_names.get(name, _UNKNOWN)
        elif operation in _FROM_CLOSURE:
            value = closure.get(name, _UNKNOWN)
        elif operation in _OF_VALUE:
            value = _attribute(value, name)
        elif operation == "IMPORT_FROM":
            value = _attribute(module, name)
        else:
            value = _UNKNOWN
            continue
        yield name, value
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _named(constant, global_names, closure)


def _attribute(value: object, name: str) -> object:
    """Return the attribute of a module or class, without running code of theirs; of anything else it is not known."""
    if isinstance(value, types.ModuleType | type):
        return inspect.getattr_static(value, name, _UNKNOWN)
    return _UNKNOWN
