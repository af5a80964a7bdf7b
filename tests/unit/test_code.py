"""What a function's code names is found by what the names stand for, not by how they are written."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

import pytest_shared_session_scope as package
from pytest_shared_session_scope import SetupToken, types
from pytest_shared_session_scope import SetupToken as Token
from pytest_shared_session_scope._code import names_setup_token

FIRST = SetupToken.FIRST


class Theirs:
    """A token of somebody else's, and ours as an attribute of a class."""

    SetupToken = "another"
    Ours = Token


class Nothing:
    """Has no attributes of its own."""


def a_name(found: object) -> bool:
    return found is SetupToken.FIRST


def another_name(found: object) -> bool:
    return found is Token.FIRST


def its_member(found: object) -> bool:
    return found is FIRST


def an_attribute(found: object) -> bool:
    return found is types.SetupToken.FIRST


def an_attribute_of_an_attribute(found: object) -> bool:
    return found is package.types.SetupToken.FIRST


def an_attribute_of_a_class(found: object) -> bool:
    return found is Theirs.Ours.FIRST


def an_attribute_of_what_is_not_known(found: Any) -> bool:
    return found.tokens.SetupToken.FIRST is found


def an_import(found: object) -> bool:
    from pytest_shared_session_scope.types import CleanupToken
    from pytest_shared_session_scope.types import SetupToken as Renamed

    return found is Renamed.FIRST or found is CleanupToken.LAST


def a_module_imported(found: object) -> bool:
    import pytest_shared_session_scope.types as its_types

    return found is its_types.SetupToken.FIRST


def a_function_inside(found: object) -> bool:
    def is_first() -> bool:
        return found is Token.FIRST

    return is_first() or [one is found for one in (1, 2)] == []


def a_comprehension(found: object) -> bool:
    return any(one is found for one in [FIRST])


def a_default(found: object, first: SetupToken = FIRST) -> bool:
    return found is first


def a_keyword_default(found: object, *, first: SetupToken = FIRST) -> bool:
    return found is first


def not_defined_yet(found: object) -> bool:
    return found is LATER.SetupToken.FIRST  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]


def _closure() -> Callable[..., Any]:
    first = SetupToken.FIRST
    return lambda found: found is first


def _wrapped() -> Callable[..., Any]:
    @functools.wraps(a_name)
    def wrapper(*args: Any) -> Any:
        return a_name(*args)

    return wrapper


NAMES_IT = [
    *(a_name, another_name, its_member, an_attribute, an_attribute_of_an_attribute, an_attribute_of_a_class),
    *(an_attribute_of_what_is_not_known, an_import, a_module_imported, a_function_inside, a_comprehension),
    *(a_default, a_keyword_default, not_defined_yet, _closure(), _wrapped()),
]


def a_text(found: object) -> bool:
    """Say whether it is SetupToken.FIRST."""
    return found == "SetupToken"


def somebody_elses(found: object) -> bool:
    return found is Theirs.SetupToken


def another_of_the_names(found: object) -> bool:
    from pytest_shared_session_scope import CleanupToken

    return found is CleanupToken.LAST or found is types.CleanupToken.LAST or found is None


def a_method_with_no_such_name(found: str) -> bool:
    return Nothing().__class__.__name__ == found.strip()


def an_annotation(found: object) -> SetupToken | None:
    return None


def _empty_cell() -> Callable[..., Any]:
    def reads() -> object:
        return filled_later

    function = reads
    if function is not reads:
        filled_later = 1
    return function


DOES_NOT = [a_text, somebody_elses, another_of_the_names, a_method_with_no_such_name, an_annotation, _empty_cell()]


@pytest.mark.parametrize("function", NAMES_IT)
def test_the_token_is_found(function: Callable[..., Any]) -> None:
    assert names_setup_token(function)


@pytest.mark.parametrize("function", DOES_NOT)
def test_what_is_not_the_token_is_not_found(function: Callable[..., Any]) -> None:
    assert not names_setup_token(function)


def test_the_names_of_the_function_s_own_module_count() -> None:
    names: dict[str, Any] = {"SetupToken": Nothing, "Token": SetupToken}
    exec("def theirs(): SetupToken\ndef ours(): Token", names)
    assert not names_setup_token(names["theirs"])
    assert names_setup_token(names["ours"])


def test_a_name_far_down_the_list_of_names() -> None:
    """Beyond 255 names an instruction is written as two."""
    names: dict[str, Any] = {"package": types}
    many = "; ".join(f"found.a{i}" for i in range(300))
    exec(f"def function(found): {many}; return package.SetupToken, package.Anything", names)
    assert names_setup_token(names["function"])
