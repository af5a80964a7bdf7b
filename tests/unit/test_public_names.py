"""The public names are those of `__all__`, for whoever imports them, and for whoever checks types."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import pytest_shared_session_scope as package
from pytest_shared_session_scope._fixtures import signatures

PUBLIC_MODULES = ("errors", "store", "types")
SOURCE = Path(package.__file__)


def test_public_modules_are_these() -> None:
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert {name for name in modules if not name.startswith("_")} == {*PUBLIC_MODULES, "plugin"}


def test_every_name_is_there_and_in_order() -> None:
    assert package.__all__ == sorted(set(package.__all__))
    assert dir(package) == package.__all__
    for name in package.__all__:
        assert getattr(package, name).__name__ == name or name == "SharedGenerator"


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_what_a_public_module_offers_is_offered_by_the_package_too(module: str) -> None:
    offered = importlib.import_module(f"{package.__name__}.{module}").__all__
    assert offered == sorted(offered)
    assert set(offered) - {"Holds"} <= set(package.__all__)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(SOURCE.read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    seen = {alias.name for node in imports if (node.module or "").startswith(package.__name__) for alias in node.names}
    assert seen == set(package.__all__)


def test_type_checkers_know_every_option_and_no_other() -> None:
    taken = set(inspect.signature(package.shared_session_scope_fixture).parameters)
    told = set(typing.get_type_hints(signatures.FixtureOptions))
    assert taken == told | {"store", "serialize", "deserialize", "parse", "scope"}


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(AttributeError, match="module 'pytest_shared_session_scope' has no attribute 'shared_fixture'"):
        package.shared_fixture  # noqa: B018 - reading it is the test


@pytest.mark.parametrize("name", package.__all__)
def test_every_name_is_documented(name: str) -> None:
    if name != "SharedGenerator":  # an alias, whose words stand in `types.py`
        assert inspect.getdoc(getattr(package, name))


def test_the_package_says_that_it_is_typed() -> None:
    assert SOURCE.with_name("py.typed").exists()


def test_importing_the_package_imports_nothing_of_it() -> None:
    unwanted = ("pytest_shared_session_scope.", "pydantic", "filelock")
    code = f"import sys, {package.__name__}; print([name for name in sys.modules if name.startswith({unwanted})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
