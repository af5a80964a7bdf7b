"""The types of the decorators as checkers see them: their options, and the fixtures that they return. Runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from typing_extensions import TypedDict, Unpack

from pytest_shared_session_scope.store import JsonStore, PickleStore
from pytest_shared_session_scope.types import CleanupToken, SetupToken, Store

# Checkers show these names, and those of the classes below, in the errors that they report to users.
P = ParamSpec("P")
ValueT = TypeVar("ValueT")
ParsedT = TypeVar("ParsedT")
ValueT_contra = TypeVar("ValueT_contra", contravariant=True)
TestsT_co = TypeVar("TestsT_co", covariant=True)
# What a store holds; the default store holds text or bytes.
SerializedT = TypeVar("SerializedT")
TextOrBytesT = TypeVar("TextOrBytesT", bound=str | bytes)
DefaultStoreT_co = TypeVar("DefaultStoreT_co", covariant=True)
FirstT_contra = TypeVar("FirstT_contra", contravariant=True)

Ids = Sequence[object | None] | Callable[[Any], object | None]


class FixtureOptions(TypedDict, total=False):
    """The options that do not depend on the value's type."""

    timeout: float | None
    metadata_storage: Store[Any] | None
    params: Iterable[object] | None
    ids: Ids | None
    autouse: bool
    name: str | None


class AllOptions(FixtureOptions, total=False):
    """The options of a call that is an error whatever their types."""

    first: Any
    parse: Any


class SerializeWithoutDeserialize(Protocol):
    """The result of a call that is an error. Checkers report by this name that it is not callable."""

    is_wrong: bool


class DeserializeWithoutSerialize(Protocol):
    """The result of a call that is an error; see `SerializeWithoutDeserialize`."""

    is_wrong: bool


class ScopeIsNoOption(Protocol):
    """The result of a call that is an error, as the scope is the session; see `SerializeWithoutDeserialize`."""

    is_wrong: bool


class SharedFixtureDecorator(Protocol):
    """Turns a function into a shared fixture, whatever the type of its value.

    What may be sent to a generator tells whether it yields twice or once.
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
    """A type without values: a type that matches it is `Any`."""

    def __any__(self, nothing: AnyValue, /) -> AnyValue: ...


class TypedFixtureDecorator(Protocol[ValueT_contra, TestsT_co]):
    """Turns a function whose value fits the decorator's options into a shared fixture.

    Both parameters are the type that the options give the value. Where that is unknown (`json.loads` returns `Any`),
    the function's own type is used; else the options', because `deserialize` makes the value that tests get.
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
    """Turns a function whose value `parse` accepts into a shared fixture whose tests get what `parse` returns."""

    def __call__(
        self,
        function: Callable[
            P, Generator[ValueT_contra | None, CleanupToken, None] | Iterator[ValueT_contra] | ValueT_contra
        ],
        /,
    ) -> Callable[P, TestsT_co]: ...


class SharedSessionScopeFixture(Protocol[DefaultStoreT_co, FirstT_contra]):
    """The signature of all four decorators: used bare, or called with options.

    A default `FileStore` restricts what `serialize` returns to text or bytes. `FirstT_contra` is the type of the option
    `first`; a decorator for which it is `Never` chooses `first` and the store itself, and accepts neither of them.
    """

    @overload
    def __call__(
        self, function: Callable[P, Generator[ValueT | None, CleanupToken, None]], /
    ) -> Callable[P, ValueT]: ...
    @overload
    def __call__(self, function: Callable[P, Iterator[ValueT]], /) -> Callable[P, ValueT]: ...
    @overload
    def __call__(self, function: Callable[P, ValueT], /) -> Callable[P, ValueT]: ...
    @overload
    def __call__(
        self, store: None = None, *, first: FirstT_contra = ..., **options: Unpack[FixtureOptions]
    ) -> SharedFixtureDecorator: ...
    @overload
    def __call__(
        self: SharedSessionScopeFixture[Any, SetupToken],
        store: Store[ValueT],
        *,
        first: SetupToken | None = None,
        **options: Unpack[FixtureOptions],
    ) -> TypedFixtureDecorator[ValueT, ValueT]: ...
    @overload
    def __call__(
        self,
        store: None = None,
        *,
        parse: Callable[[ValueT], ParsedT],
        first: FirstT_contra = ...,
        **options: Unpack[FixtureOptions],
    ) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
    @overload
    def __call__(
        self: SharedSessionScopeFixture[Any, SetupToken],
        store: Store[SerializedT],
        *,
        serialize: Callable[[ValueT], SerializedT],
        deserialize: Callable[[SerializedT], ValueT],
        first: SetupToken | None = None,
        **options: Unpack[FixtureOptions],
    ) -> TypedFixtureDecorator[ValueT, ValueT]: ...
    @overload
    def __call__(
        self,
        store: None = None,
        *,
        serialize: Callable[[ValueT], TextOrBytesT],
        deserialize: Callable[[TextOrBytesT], ValueT],
        first: FirstT_contra = ...,
        **options: Unpack[FixtureOptions],
    ) -> TypedFixtureDecorator[ValueT, ValueT]: ...
    @overload
    def __call__(
        self: SharedSessionScopeFixture[JsonStore | PickleStore, FirstT_contra],
        store: None = None,
        *,
        serialize: Callable[[ValueT], SerializedT],
        deserialize: Callable[[SerializedT], ValueT],
        first: FirstT_contra = ...,
        **options: Unpack[FixtureOptions],
    ) -> TypedFixtureDecorator[ValueT, ValueT]: ...
    @overload
    def __call__(
        self: SharedSessionScopeFixture[Any, SetupToken],
        store: Store[Any],
        *,
        parse: Callable[[ValueT], ParsedT],
        first: SetupToken | None = None,
        **options: Unpack[FixtureOptions],
    ) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
    @overload
    def __call__(
        self: SharedSessionScopeFixture[Any, SetupToken],
        store: Store[SerializedT],
        *,
        serialize: Callable[[ValueT], SerializedT],
        deserialize: Callable[[SerializedT], ValueT],
        parse: Callable[[ValueT], ParsedT],
        first: SetupToken | None = None,
        **options: Unpack[FixtureOptions],
    ) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
    @overload
    def __call__(
        self,
        store: None = None,
        *,
        serialize: Callable[[ValueT], TextOrBytesT],
        deserialize: Callable[[TextOrBytesT], ValueT],
        parse: Callable[[ValueT], ParsedT],
        first: FirstT_contra = ...,
        **options: Unpack[FixtureOptions],
    ) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
    @overload
    def __call__(
        self: SharedSessionScopeFixture[JsonStore | PickleStore, FirstT_contra],
        store: None = None,
        *,
        serialize: Callable[[ValueT], SerializedT],
        deserialize: Callable[[SerializedT], ValueT],
        parse: Callable[[ValueT], ParsedT],
        first: FirstT_contra = ...,
        **options: Unpack[FixtureOptions],
    ) -> ParsedFixtureDecorator[ValueT, ParsedT]: ...
    @overload
    def __call__(
        self, store: Store[Any] | None = None, *, serialize: Callable[..., Any], **options: Unpack[AllOptions]
    ) -> SerializeWithoutDeserialize: ...
    @overload
    def __call__(
        self, store: Store[Any] | None = None, *, deserialize: Callable[..., Any], **options: Unpack[AllOptions]
    ) -> DeserializeWithoutSerialize: ...
    @overload
    def __call__(
        self, store: Store[Any] | None = None, *, scope: object, **options: Unpack[AllOptions]
    ) -> ScopeIsNoOption: ...
