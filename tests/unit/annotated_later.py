"""Functions whose annotations are strings, by `from __future__ import annotations`, and how each is shared."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Optional

from pytest_shared_session_scope._run.journal import Kind
from pytest_shared_session_scope.types import SharedGenerator

if TYPE_CHECKING:
    from decimal import Decimal

Function = Callable[..., Any]


def returned() -> int: ...  # type: ignore[empty-body]


def once() -> Iterator[Later]:
    yield Later()


def twice() -> SharedGenerator[Later]:
    yield None
    yield Later()


def twice_or_none() -> SharedGenerator[Optional[Later]]:  # noqa: UP045 - as users write it
    yield None
    yield Later()


def sent() -> Generator[Later | None, Any, None]:
    yield None
    yield Later()


def quoted_twice() -> "Iterator['Later']":  # noqa: UP037 - the case under test
    yield Later()


def unknown_to_the_run() -> Iterator[Decimal]: ...  # type: ignore[empty-body]


def misspelled() -> Iterator[Latter]:  # type: ignore[name-defined]  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
    yield None


def with_parameters_for_checkers(price: Decimal) -> Iterator[Later]:
    yield Later()


class Class:
    def method(self) -> Iterator[Later]:
        yield Later()

    def own(self) -> Iterator[Class]:
        yield self


class Later:
    """A class that is defined after the functions that are annotated with it."""


SHARED: list[tuple[Function, Kind, object]] = [
    (returned, Kind.RETURNS, int),
    (once, Kind.YIELDS_ONCE, Later),
    (twice, Kind.YIELDS_TWICE, Later),
    (twice_or_none, Kind.YIELDS_TWICE, Later | None),
    (sent, Kind.YIELDS_TWICE, Later),
    (quoted_twice, Kind.YIELDS_ONCE, Later),
    (with_parameters_for_checkers, Kind.YIELDS_ONCE, Later),
    (Class.method, Kind.YIELDS_ONCE, Later),
    (Class().method, Kind.YIELDS_ONCE, Later),
    (Class.own, Kind.YIELDS_ONCE, Class),
]
