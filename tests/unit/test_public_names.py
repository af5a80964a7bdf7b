"""The public names are those of `__all__`, at run time and for type checkers."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import inspect
import pkgutil
import pydoc
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import pytest_shared_session_scope as package
from pytest_shared_session_scope._fixtures import signatures

PUBLIC_MODULES = ("errors", "store", "types")
SOURCE = Path(package.__file__)


def test_no_other_module_is_public() -> None:
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert {name for name in modules if not name.startswith("_")} == {*PUBLIC_MODULES, "plugin"}


def test_every_name_can_be_imported() -> None:
    assert package.__all__ == sorted(set(package.__all__)) == sorted(package._MODULES)
    assert dir(package) == package.__all__
    for name in package.__all__:
        assert getattr(package, name).__name__ == name or name == "SharedGenerator"


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_the_package_has_the_names_of_its_public_modules(module: str) -> None:
    names = importlib.import_module(f"{package.__name__}.{module}").__all__
    assert names == sorted(names)
    assert set(names) - {"Holds"} <= set(package.__all__)


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(SOURCE.read_text("utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    seen = {alias.name for node in imports if (node.module or "").startswith(package.__name__) for alias in node.names}
    assert seen == set(package.__all__)


def test_type_checkers_know_every_option_and_no_other() -> None:
    parameters = set(inspect.signature(package.shared_session_scope_fixture).parameters)
    options = set(typing.get_type_hints(signatures.FixtureOptions))
    # Python keeps no overloads of a protocol, which has no implementation.
    source = ast.parse(inspect.getsource(signatures.SharedSessionScopeFixture))
    overloads = [node.args for node in ast.walk(source) if isinstance(node, ast.FunctionDef)]
    written_out = {argument.arg for arguments in overloads for argument in arguments.args + arguments.kwonlyargs}
    assert parameters == options | written_out - {"self", "function"}


DECORATORS = [name for name in package.__all__ if name.startswith("shared_")]


@pytest.mark.parametrize("name", DECORATORS)
def test_a_decorator_is_a_function_at_run_time(name: str) -> None:
    decorator = getattr(package, name)
    assert inspect.isfunction(decorator)
    assert decorator.__qualname__ == name
    assert "Make a " in pydoc.plain(pydoc.render_doc(decorator))
    assert not {"args", "kwargs"} & set(inspect.signature(decorator).parameters)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'pytest_shared_session_scope' has no attribute 'shared_fixture'"):
        package.shared_fixture  # noqa: B018 - reading it is the test


@pytest.mark.parametrize("name", package.__all__)
def test_every_name_is_documented(name: str) -> None:
    if name != "SharedGenerator":  # an alias, documented in `types.py`
        assert inspect.getdoc(getattr(package, name))


def test_the_version_is_that_of_the_distribution() -> None:
    assert package.__version__ == importlib.metadata.version("pytest-shared-session-scope")


def test_the_package_is_marked_as_typed() -> None:
    assert SOURCE.with_name("py.typed").exists()


def test_importing_the_package_imports_no_other_module() -> None:
    unwanted = ("pytest_shared_session_scope.", "pydantic", "filelock", "importlib.metadata")
    code = f"import sys, {package.__name__}; print([name for name in sys.modules if name.startswith({unwanted})])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
