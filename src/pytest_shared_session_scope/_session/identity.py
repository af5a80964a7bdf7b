"""From a fixture's definition and the parameters it runs with to the key of its share; touches no file.

What pytest offers no public way to ask of a request is asked here and nowhere else: the fixture's definition, the
definitions it depends on and the test that runs. `tests/plugin/test_private_names.py` fails when one of them goes.
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
from typing import Any, Final, NamedTuple, cast

import pytest

_SLUG: Final = re.compile(r"[^A-Za-z0-9]+")
_SLUG_LENGTH: Final = 40
# 20 hexadecimal digits of BLAKE2b: 80 bits, so that a million shares collide with a chance below 1e-12.
_DIGEST_BYTES: Final = 10


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter that a fixture runs with, as text that is equal in every worker for an equal parameter."""

    fixture_name: str
    text: str
    value: object = dataclasses.field(compare=False, repr=False)


class Identity(NamedTuple):
    """Which share a request is for.

    `fixture` is how messages name it. `parameters` are its own and those of what it depends on; `inherits` says whether
    there are any of the latter: then it must be let go when the one that has such a parameter ends.
    """

    key: str
    fixture: str
    fixture_name: str
    parameters: tuple[Parameter, ...]
    inherits: bool


def fixturedef_of(request: pytest.FixtureRequest) -> pytest.FixtureDef[Any]:
    """Return the definition of the fixture that the request is for."""
    definition: pytest.FixtureDef[Any] = cast("Any", request)._fixturedef  # noqa: SLF001 - see above
    return definition


def item_of(request: pytest.FixtureRequest) -> pytest.Item:
    """Return the test that the request was made for; a session-scoped request has no public way to it."""
    item: pytest.Item = request._pyfuncitem  # noqa: SLF001 - see above
    return item


def dependencies_of(request: pytest.FixtureRequest) -> list[pytest.FixtureDef[Any]]:
    """Return the definitions of the fixtures that the request's fixture takes. pytest has set them up already."""
    return _active(request, fixturedef_of(request))


def _active(request: pytest.FixtureRequest, fixturedef: pytest.FixtureDef[Any]) -> list[pytest.FixtureDef[Any]]:
    names = [name for name in fixturedef.argnames if name != "request"]
    return [request._get_active_fixturedef(name) for name in names]  # noqa: SLF001 - see above


def describe(function: Callable[..., Any], name: str, rootdir: Path | None = None) -> str:
    """Return how messages name a fixture: `'db' (tests/conftest.py:12)`."""
    code = function.__code__
    return f"{name!r} ({_relative(code.co_filename, rootdir)}:{code.co_firstlineno})"


def identify(request: pytest.FixtureRequest, function: Callable[..., Any], *, bound: bool, run: str) -> Identity:
    """Return the identity of the share that the request is for, in the run with the id `run`.

    The share is the definition with every parameter that it or anything it depends on runs with. A definition is its
    file, qualified name and fixture name; where one piece of code defines several (made by a factory, inherited by
    test classes: `bound`), also the place it is registered for. Plugins and the root conftest have no such place: there
    it is the plain values that the function closes over.
    """
    fixturedef = fixturedef_of(request)
    rootdir = request.config.rootpath
    own, inherited = list(_own_parameter(request)), list(_inherited(request))
    definition = [_relative(function.__code__.co_filename, rootdir), function.__qualname__, fixturedef.argname]
    if bound or "<locals>" in function.__qualname__:
        definition += [fixturedef.baseid] if fixturedef.baseid else _closed_over(function)
    parameters = (*own, *inherited)
    parts = [run, *definition, *(f"{parameter.fixture_name}={parameter.text}" for parameter in parameters)]
    fixture = describe(function, fixturedef.argname, rootdir)
    if own:
        fixture += f" with the parameter {_shorten(request.param)}"
    name = fixturedef.argname
    return Identity(_key(name, parts), fixture, name, parameters, inherits=bool(inherited))


def is_named(request: pytest.FixtureRequest) -> bool:
    """Say whether the test names the request's fixture among its own, or what it depends on."""
    return fixturedef_of(request).argname in getattr(item_of(request), "fixturenames", ())


def is_needed_by(item: pytest.Item, identity: Identity) -> bool:
    """Say whether a test names the share's fixture among its own, with the same parameters."""
    if identity.fixture_name not in getattr(item, "fixturenames", ()):
        return False
    params = getattr(getattr(item, "callspec", None), "params", {})
    return all(_is_same(params, parameter) for parameter in identity.parameters)


def _is_same(params: dict[str, Any], parameter: Parameter) -> bool:
    value = params.get(parameter.fixture_name)
    return value is parameter.value or plain_text(value) == parameter.text


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


def _own_parameter(request: pytest.FixtureRequest) -> Iterator[Parameter]:
    if hasattr(request, "param"):
        yield _parameter(request, fixturedef_of(request), request.param)


def _inherited(request: pytest.FixtureRequest) -> Iterator[Parameter]:
    """Yield the parameters of everything the fixture depends on, each once, in the order of the definitions."""
    params: dict[str, Any] = getattr(getattr(item_of(request), "callspec", None), "params", {})
    waiting = dependencies_of(request)
    seen: set[int] = set()
    while waiting and params:
        fixturedef = waiting.pop(0)
        if id(fixturedef) in seen:
            continue
        seen.add(id(fixturedef))
        name = fixturedef.argname
        if name in params:
            yield _parameter(request, fixturedef, params[name])
        waiting += _active(request, fixturedef)


def _parameter(request: pytest.FixtureRequest, fixturedef: pytest.FixtureDef[Any], value: object) -> Parameter:
    return Parameter(fixturedef.argname, _parameter_text(request, fixturedef, value), value)


def _parameter_text(request: pytest.FixtureRequest, fixturedef: pytest.FixtureDef[Any], value: object) -> str:
    with contextlib.suppress(RecursionError):  # a value that contains itself is not plain
        text = plain_text(value)
        if text is not None:
            return text
    item = item_of(request)
    index = item.callspec.indices.get(fixturedef.argname, 0)  # type: ignore[attr-defined]
    params = fixturedef.params
    if params is not None and index < len(params) and params[index] is value:
        return f"parameter {index} of {fixturedef.baseid}::{fixturedef.argname}"
    return f"parameter {index} in {item.nodeid.partition('[')[0]}"


def plain_text(value: object) -> str | None:
    """Return a text that two values have in common only if they are equal and of the same types.

    None for a value that is not plain: its `repr` may differ between workers, or hide a difference.
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
    """Return the names of an enclosing function that the function uses, with those values that are there yet."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - reading it is the only way to ask
    except ValueError:
        return False
    return True
