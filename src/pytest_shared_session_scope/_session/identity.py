"""The identity of a share: from a fixture's definition and the parameters it runs with to a key.

A key is equal in every worker of a run. Touches no file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import hashlib
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from pytest_shared_session_scope._session.pytest_internals import dependencies_of

_SLUG: Final = re.compile(r"[^A-Za-z0-9]+")
_SLUG_LENGTH: Final = 40
# 20 hexadecimal digits of BLAKE2b: 80 bits, so that a million shares collide with a chance below 1e-12.
_DIGEST_BYTES: Final = 10


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter that a fixture runs with, and a text for it that is equal in every worker."""

    fixture_name: str
    text: str
    value: object = dataclasses.field(compare=False, repr=False)

    def is_in(self, params: dict[str, Any]) -> bool:
        """Whether a test runs with this parameter."""
        value = params.get(self.fixture_name)
        return value is self.value or plain_text(value) == self.text


class Identity(NamedTuple):
    """The share that a request is for.

    `fixture` is its name in messages. `parameters` are its own and those of the fixtures it depends on; `inherits` is
    true where there are any of the latter: then the share must be released when the fixture with that parameter ends.
    """

    key: str
    fixture: str
    fixture_name: str
    parameters: tuple[Parameter, ...]
    inherits: bool

    def is_named_by(self, item: pytest.Item) -> bool:
        """Whether a test names the share's fixture among those it needs."""
        return self.fixture_name in getattr(item, "fixturenames", ())

    def is_needed_by(self, item: pytest.Item) -> bool:
        """Whether a test names the share's fixture, with the same parameters."""
        if not self.is_named_by(item):
            return False
        params = getattr(getattr(item, "callspec", None), "params", {})
        return all(parameter.is_in(params) for parameter in self.parameters)


def describe(function: Callable[..., Any], name: str, rootdir: Path | None = None) -> str:
    """Return the name of a fixture in messages: `'db' (tests/conftest.py:12)`."""
    code = function.__code__
    return f"{name!r} ({_relative(code.co_filename, rootdir)}:{code.co_firstlineno})"


def identify(
    request: pytest.FixtureRequest,
    fixturedef: pytest.FixtureDef[Any],
    item: pytest.Item,
    function: Callable[..., Any],
    *,
    bound: bool,
    run: str,
) -> Identity:
    """Return the identity of the share that a request of the test `item` is for, in the run with the id `run`.

    A share is a definition with every parameter that the fixture, or a fixture it depends on, runs with. A definition
    is its file, qualified name and fixture name. Where one piece of code defines several fixtures (a factory, or a
    method that test classes inherit: `bound`), the node it is registered for is part of it, too. Plugins and the root
    conftest have no such node; there the plain values that the function closes over take its place.
    """
    rootdir = request.config.rootpath
    own = [_parameter(item, fixturedef, request.param)] if hasattr(request, "param") else []
    inherited = list(_inherited(request, fixturedef, item))
    name = fixturedef.argname
    definition = [_relative(function.__code__.co_filename, rootdir), function.__qualname__, name]
    if bound or "<locals>" in function.__qualname__:
        definition += [fixturedef.baseid] if fixturedef.baseid else _closed_over(function)
    parameters = (*own, *inherited)
    parts = [run, *definition, *(f"{parameter.fixture_name}={parameter.text}" for parameter in parameters)]
    fixture = describe(function, name, rootdir)
    if own:
        fixture += f" with the parameter {_shorten(request.param)}"
    return Identity(_key(name, parts), fixture, name, parameters, inherits=bool(inherited))


def _key(name: str, parts: list[str]) -> str:
    # Each part is preceded by its length, so that no two lists of parts are the same text.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{_SLUG.sub('_', name)[:_SLUG_LENGTH]}-{digest}"


@functools.lru_cache(maxsize=1024)
def _relative(filename: str, rootdir: Path | None) -> str:
    path = Path(filename)
    if rootdir is not None and path.is_relative_to(rootdir):
        path = path.relative_to(rootdir)
    return path.as_posix()


def _shorten(value: object, limit: int = 40) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _inherited(
    request: pytest.FixtureRequest, fixturedef: pytest.FixtureDef[Any], item: pytest.Item
) -> Iterator[Parameter]:
    """Yield the parameters of every fixture this one depends on, each once, in the order of the definitions."""
    params: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    waiting = dependencies_of(request, fixturedef) if params else []
    seen: set[int] = set()
    while waiting:
        dependency = waiting.pop(0)
        if id(dependency) in seen:
            continue
        seen.add(id(dependency))
        if dependency.argname in params:
            yield _parameter(item, dependency, params[dependency.argname])
        waiting += dependencies_of(request, dependency)


def _parameter(item: pytest.Item, fixturedef: pytest.FixtureDef[Any], value: object) -> Parameter:
    return Parameter(fixturedef.argname, _parameter_text(item, fixturedef, value), value)


def _parameter_text(item: pytest.Item, fixturedef: pytest.FixtureDef[Any], value: object) -> str:
    with contextlib.suppress(RecursionError):  # a value that contains itself is not plain
        text = plain_text(value)
        if text is not None:
            return text
    index = item.callspec.indices.get(fixturedef.argname, 0)  # type: ignore[attr-defined]
    params = fixturedef.params
    if params is not None and index < len(params) and params[index] is value:
        return f"parameter {index} of {fixturedef.baseid}::{fixturedef.argname}"
    return f"parameter {index} in {item.nodeid.partition('[')[0]}"


def plain_text(value: object) -> str | None:
    """Return a text that two values share only if they are equal and of the same types.

    Returns None for a value that is not plain: its `repr` may differ between workers, or hide a difference.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return f"{kind.__name__}:{value!r}"
    if isinstance(value, enum.Enum):
        return f"enum:{kind.__module__}.{kind.__qualname__}.{value.name}={value.value!r}"
    if isinstance(value, type):
        return None if "<locals>" in value.__qualname__ else f"class:{value.__module__}.{value.__qualname__}"
    if kind in (tuple, list, set, frozenset):
        return _joined(kind, [plain_text(member) for member in value])  # type: ignore[attr-defined]
    if kind is dict:
        return _joined(kind, [plain_text(pair) for pair in value.items()])  # type: ignore[attr-defined]
    return None


def _joined(kind: type, members: list[str | None]) -> str | None:
    texts = [member for member in members if member is not None]
    if len(texts) != len(members):
        return None
    if kind not in (tuple, list):
        texts.sort()
    return f"{kind.__name__}:" + "".join(f"{len(text)}:{text}" for text in texts)


def _closed_over(function: Callable[..., Any]) -> list[str]:
    values = [*closure_of(function).values(), *(function.__defaults__ or ())]
    return [plain_text(value) or "" for value in values]


def closure_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the variables of enclosing functions that a function uses, without those that have no value yet."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises on reading; there is no other way to ask
    except ValueError:
        return False
    return True
