"""The map of the source names every module, and none that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest_shared_session_scope

SOURCE = Path(pytest_shared_session_scope.__file__).parent
MAP = Path(__file__).parents[2] / "src" / "pytest_shared_session_scope" / "README.md"


def test_the_map_names_each_module_of_each_package() -> None:
    text = MAP.read_text("utf-8")
    named = set(re.findall(r"`(_\w+/\w+)`", text))
    modules = {
        path.relative_to(SOURCE).with_suffix("").as_posix()
        for path in SOURCE.glob("_*/*.py")
        if path.name != "__init__.py"
    }
    assert named == modules
    assert {path.stem for path in SOURCE.glob("*.py")} <= set(re.findall(r"\w+", text))


def test_the_map_is_short() -> None:
    text = MAP.read_text("utf-8")
    assert len(text.splitlines()) <= 150


def test_the_package_stays_small() -> None:
    """At most 50 modules, at most nine to a package beside its `__init__`, none longer than 250 lines."""
    modules = list(SOURCE.rglob("*.py"))
    assert len(modules) <= 50
    assert {path: n for path in modules if (n := len(path.read_text("utf-8").splitlines())) > 250} == {}
    for package in SOURCE.glob("_*/"):
        assert len(list(package.glob("*.py"))) <= 10, package
