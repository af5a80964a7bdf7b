"""What type checkers are told about the decorators: their options, and what they make of a function. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from typing_extensions import TypedDict

from pytest_shared_session_scope.types import CleanupToken, SetupToken, Store

# Checkers name these, and the classes below, in what they report to users.
P = ParamSpec("P")
ValueT = TypeVar("ValueT")
ParsedT = TypeVar("ParsedT")
ValueT_contra = TypeVar("ValueT_contra", contravariant=True)
TestsT_co = TypeVar("TestsT_co", covariant=True)
# What a store is asked to hold; the default store holds text or bytes.
SerializedT = TypeVar("SerializedT")
TextOrBytesT = TypeVar("TextOrBytesT", bound=str | bytes)

Ids = Sequence[object | None] | Callable[[Any], object | None]


class FixtureOptionsButFirst(TypedDict, total=False):
    """The options that say nothing about the value's type, for decorators that decide what the first yield gets."""

    timeout: float | None
    metadata_storage: Store[Any] | None
    params: Iterable[object] | None
    ids: Ids | None
    autouse: bool
    name: str | None


class FixtureOptions(FixtureOptionsButFirst, total=False):
    """The options that say nothing about the value's type."""

    first: SetupToken | None


class OptionsAndParse(FixtureOptions, total=False):
    """The options of a use that is wrong whatever they are."""

    parse: Callable[..., Any] | None


class SerializeWithoutDeserialize(Protocol):
    """What is no decorator: checkers report that it is not callable, by its name."""

    is_wrong: bool


class DeserializeWithoutSerialize(Protocol):
    """As `SerializeWithoutDeserialize`."""

    is_wrong: bool


class ScopeIsNoOption(Protocol):
    """As `SerializeWithoutDeserialize`. The scope is the session."""

    is_wrong: bool


class SharedFixtureDecorator(Protocol):
    """Turns a function into a shared fixture, whatever the type of its value.

    A generator that yields twice is told from one that yields once by what may be sent to it.
    """

    @overload
    def __call__(
        self, function: Callable[P, Generator[ValueT | None, CleanupToken, None]], /
    ) -> Callable[P, ValueT]: ...
    @overload
    def __call__(self, function: Callable[P, Iterator[ValueT]], /) -> Callable[P, ValueT]: ...
    @overload
    def __call__(self, function: Callable[P, ValueT], /) -> Callable[P, ValueT]: ...


class AnyValue(Protocol):
    """A type that no value has: what fits it is `Any`."""

    def __any__(self, nothing: AnyValue, /) -> AnyValue: ...


class TypedFixtureDecorator(Protocol[ValueT_contra, TestsT_co]):
    """Turns a function whose value fits the decorator's options into a shared fixture.

    Both types are that of the options' values. Where they know none (`json.loads` returns `Any`), the function's own
    type stands; else theirs, since `deserialize` makes what tests get.
    """

    @overload
    def __call__(
        self: TypedFixtureDecorator[Any, AnyValue],
        function: Callable[P, Generator[ValueT | None, CleanupToken, None]],
        /,
    ) -> Callable[P, ValueT]: ...
    @overload
    def __call__(
        self: TypedFixtureDecorator[Any, AnyValue], function: Callable[P, Iterator[ValueT]], /
    ) -> Callable[P, ValueT]: ...
    @overload
    def __call__(
        self: TypedFixtureDecorator[Any, AnyValue], function: Callable[P, ValueT], /
    ) -> Callable[P, ValueT]: ...
    @overload
    def __call__(
        self,
        function: Callable[
            P, Generator[ValueT_contra | None, CleanupToken, None] | Iterator[ValueT_contra] | ValueT_contra
        ],
        /,
    ) -> Callable[P, TestsT_co]: ...


class ParsedFixtureDecorator(Protocol[ValueT_contra, TestsT_co]):
    """Turns a function whose value `parse` takes into a shared fixture whose tests get what `parse` returns."""

    def __call__(
        self,
        function: Callable[
            P, Generator[ValueT_contra | None, CleanupToken, None] | Iterator[ValueT_contra] | ValueT_contra
        ],
        /,
    ) -> Callable[P, TestsT_co]: ...
