"""Cuts a traceback to what a user wrote: nothing of this package in it, and nothing of what it calls for itself.

An error that the package raises by itself gets the fixture's own definition as its last line.
"""

from __future__ import annotations

import ast
import re
import sys
import types
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_shared_session_scope.errors import SharedFixtureError

_PLUGIN: Final = "shared_session_scope_frames"
_OURS: Final = __name__.partition(".")[0]
_PYTEST: Final = frozenset({"pytest", "_pytest", "pluggy", "xdist"})
# What runs between a user's code and ours. Its frames say nothing to who wrote neither.
_BELOW: Final = frozenset({"pydantic", "pydantic_core", "contextlib", "functools"})
_PLACE: Final = re.compile(r"'(.*?)' \((.+?):(\d+)\)")


class Trimming:
    """The part of the plugin that trims what tests report."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        """Show a user's own lines alone."""
        if call.excinfo is not None:
            trim(call.excinfo, item.config.rootpath)


def trim_from_now_on(config: pytest.Config) -> None:
    """Trim what is reported from now on, unless pytest is to show all.

    Called where something raised is about to leave the package: a hook that is there from the start is called three
    times in every test, which is a third of what the plugin costs one.
    """
    if not config.getoption("fulltrace", default=False) and not config.pluginmanager.has_plugin(_PLUGIN):
        config.pluginmanager.register(Trimming(), _PLUGIN)


def trim(excinfo: pytest.ExceptionInfo[BaseException], rootdir: Path) -> None:
    """Cut the traceback of an exception that pytest is about to report, and of those it was raised from."""
    _trim(excinfo.value, excinfo.tb, rootdir, set())


class Cut:
    """Cuts, of an error of the package that is raised inside, what lies below the frame that this is used in.

    For what is raised where a user decorates: no hook of pytest's sees that before it is printed.
    """

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: types.TracebackType | None
    ) -> None:
        if isinstance(error, SharedFixtureError) and traceback is not None:
            traceback.tb_next = None
            _trim_chain(error, Path(), set())


def _trim(error: BaseException, traceback: types.TracebackType | None, rootdir: Path, seen: set[int]) -> None:
    _trim_chain(error, rootdir, seen)
    for one in getattr(error, "exceptions", ()):  # of a group
        _trim(one, one.__traceback__, rootdir, seen)
    kept = _kept(traceback, error)
    if kept is None:
        return
    _link(kept)
    if isinstance(error, SharedFixtureError) and _module(kept[-1]) in _PYTEST:
        kept[-1].tb_next = _at_definition(error, rootdir)
    error.__traceback__ = kept[0]


def _trim_chain(error: BaseException, rootdir: Path, seen: set[int]) -> None:
    """Cut what the exception was raised from, or drop it where no line of a user's is in it: the message says it."""
    seen.add(id(error))
    for name in ("__cause__", "__context__"):
        former: BaseException | None = getattr(error, name)
        if former is None or id(former) in seen:
            continue
        if isinstance(error, SharedFixtureError) and not _has_user_frame(former):
            setattr(error, name, None)
            continue
        _trim(former, former.__traceback__, rootdir, seen)


def _has_user_frame(error: BaseException) -> bool:
    # An annotation that is a string is evaluated among the user's names, but in no line of a file.
    entries = (
        entry for entry in _entries(error.__traceback__) if not entry.tb_frame.f_code.co_filename.startswith("<")
    )
    return any(_is_users(_module(entry)) for entry in entries)


def _kept(traceback: types.TracebackType | None, error: BaseException) -> list[types.TracebackType] | None:
    """Return the entries to keep; None where all are to stay: what is raised inside of us by others is our fault."""
    entries = _entries(traceback)
    if not any(_module(entry) == _OURS for entry in entries):
        return None
    if not isinstance(error, SharedFixtureError) and _module(entries[-1]) in {_OURS, *_BELOW}:
        return None
    kept: list[types.TracebackType] = []
    is_below_us = False
    for entry in entries:
        module = _module(entry)
        is_below_us = module == _OURS or (is_below_us and module in _BELOW)
        if not is_below_us:
            kept.append(entry)
    return kept or None


def _link(entries: list[types.TracebackType]) -> None:
    for entry, following in zip(entries, [*entries[1:], None], strict=True):
        entry.tb_next = following


def _entries(traceback: types.TracebackType | None) -> list[types.TracebackType]:
    entries: list[types.TracebackType] = []
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    return entries


def _module(entry: types.TracebackType) -> str:
    return str(entry.tb_frame.f_globals.get("__name__", "")).partition(".")[0]


def _is_users(module: str) -> bool:
    return module != _OURS and module not in _PYTEST | _BELOW and module not in sys.stdlib_module_names


def _at_definition(error: SharedFixtureError, rootdir: Path) -> types.TracebackType | None:
    """Return a traceback of one entry, at the line where the error's fixture is defined, if the error says where."""
    place = _PLACE.match(error.fixture)
    if place is None:
        return None
    name, path, line = place.groups()
    raising = ast.parse("raise error")
    for node in ast.walk(raising):
        if isinstance(node, ast.stmt | ast.expr):
            node.col_offset = node.end_col_offset = 0  # nothing of the line is to be underlined
    code = compile(raising, str(rootdir / path), "exec").replace(co_name=name, co_firstlineno=int(line))
    known: dict[str, Any] = {"error": _Stop(), "__name__": "fixture"}
    try:
        exec(code, known, {})  # noqa: S102 - the way to a frame in another file
    except _Stop as stop:
        return stop.__traceback__.tb_next if stop.__traceback__ else None
    return None


class _Stop(Exception):  # noqa: N818 - it says nothing, and is not seen
    """Makes a frame."""
