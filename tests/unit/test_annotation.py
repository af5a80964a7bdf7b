"""From every spelling of a return annotation to how the fixture shares, and to the type of its value."""

# ruff: noqa: UP006, UP007, UP035, UP045, PYI061 - every spelling that users have

import sys
import types
import typing
from collections import abc
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Annotated, Any, Generic, List, Literal, NewType, NoReturn, Optional, TypeVar, Union

import annotated_later
import pytest
from typing_extensions import TypeAliasType

from pytest_shared_session_scope import _annotation
from pytest_shared_session_scope._annotation import UNANNOTATED, Kind, Sharing, admits_none, name_of, sharing_of
from pytest_shared_session_scope.errors import AnnotationError, DefinitionError
from pytest_shared_session_scope.types import SharedGenerator

T = TypeVar("T")
FIXTURE = "'db' (conftest.py:1)"
ONCE, TWICE, RETURNS = Kind.YIELDS_ONCE, Kind.YIELDS_TWICE, Kind.RETURNS
UserId = NewType("UserId", int)
MaybeId = NewType("MaybeId", Optional[int])  # type: ignore[valid-newtype]  # pyright: ignore[reportGeneralTypeIssues]
Ids = TypeAliasType("Ids", List[UserId])
Maybe = TypeAliasType("Maybe", Optional[int])
IteratorOfIds = TypeAliasType("IteratorOfIds", Iterator[int])


class Box(Generic[T]):
    pass


def generator(annotation: object) -> Callable[..., Any]:
    """Return a function that yields and has this return annotation."""

    def function():  # type: ignore[no-untyped-def]  # noqa: ANN202
        yield

    function.__annotations__["return"] = annotation
    return function


def function(annotation: object) -> Callable[..., Any]:
    def plain():  # type: ignore[no-untyped-def]  # noqa: ANN202
        return None

    plain.__annotations__["return"] = annotation
    return plain


def share(function: Callable[..., Any], **enclosing: object) -> Sharing:
    return sharing_of(function, FIXTURE, enclosing)


GENERATORS: list[tuple[object, Kind, object]] = [
    (Iterator[int], ONCE, int),
    (Iterable[int], ONCE, int),
    (Generator[int, None, None], ONCE, int),
    (typing.Iterator[int], ONCE, int),
    (typing.Iterable[int], ONCE, int),
    (typing.Generator[int, None, None], ONCE, int),
    (Generator[int, None, str], ONCE, int),
    (Iterator, ONCE, UNANNOTATED),
    (abc.Iterable, ONCE, UNANNOTATED),
    (Generator, ONCE, UNANNOTATED),
    (typing.Iterator, ONCE, UNANNOTATED),
    (Iterator[Optional[int]], ONCE, Optional[int]),
    (Iterator[None], ONCE, type(None)),
    (Iterator[Any], ONCE, Any),
    (Iterator[Annotated[int, "positive"]], ONCE, Annotated[int, "positive"]),
    (Annotated[Iterator[int], "documented"], ONCE, int),
    (Iterator[Ids], ONCE, Ids),
    (IteratorOfIds, ONCE, int),
    (Iterator[Box[int]], ONCE, Box[int]),
    (Generator[int, Any, None], TWICE, int),
    (Generator[int, int, None], TWICE, int),
    (Generator[int, object, None], TWICE, int),
    (Generator[int, Optional[int], None], TWICE, int),
    (Generator[Optional[int], Any, None], TWICE, int),
    (Generator[Union[int, str, None], Any, None], TWICE, Union[int, str]),
    (Generator[int | None, Any, None], TWICE, int),
    (Generator[None, Any, None], TWICE, type(None)),
    (Generator[Any, Any, None], TWICE, Any),
    (SharedGenerator[int], TWICE, int),
    (SharedGenerator[Optional[int]], TWICE, Optional[int]),
    (SharedGenerator[int | None], TWICE, int | None),
    (SharedGenerator[None], TWICE, type(None)),
    (SharedGenerator[list[int]], TWICE, list[int]),
    (SharedGenerator[Box[str]], TWICE, Box[str]),
    (SharedGenerator[Ids], TWICE, Ids),
    (SharedGenerator[Literal["a", "b"]], TWICE, Literal["a", "b"]),
    (SharedGenerator[Annotated[int, "positive"]], TWICE, Annotated[int, "positive"]),
    (Annotated[SharedGenerator[int], "documented"], TWICE, int),
    (Any, TWICE, UNANNOTATED),
]


@pytest.mark.parametrize(("annotation", "kind", "value_type"), GENERATORS, ids=lambda value: str(value)[:50])
def test_generator(annotation: object, kind: Kind, value_type: object) -> None:
    sharing = share(generator(annotation))
    assert sharing.kind is kind
    if value_type is type(None):
        assert sharing.value_type in (None, type(None))
    else:
        assert sharing.value_type == value_type


@pytest.mark.parametrize(
    "annotation",
    [int, None, Optional[int], list[int], Iterator[int], SharedGenerator[int], Ids, Any, NoReturn],
    ids=str,
)
def test_function_that_yields_nothing_returns_its_value_whatever_the_type(annotation: object) -> None:
    sharing = share(function(annotation))
    assert sharing.kind is RETURNS
    assert sharing.value_type == (type(None) if annotation is None else annotation)


def test_unannotated() -> None:
    def returns():  # type: ignore[no-untyped-def]  # noqa: ANN202
        return 1

    def yields():  # type: ignore[no-untyped-def]  # noqa: ANN202
        yield

    def parameters(one: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
        yield

    assert share(returns) == Sharing(RETURNS, UNANNOTATED)
    assert share(yields) == share(parameters) == Sharing(TWICE, UNANNOTATED)


@pytest.mark.parametrize(("shared", "kind", "value_type"), annotated_later.SHARED)
def test_annotations_that_are_strings(shared: Callable[..., Any], kind: Kind, value_type: object) -> None:
    assert share(shared) == Sharing(kind, value_type)


STRINGS = ["Iterator[int]", "abc.Iterator[int]", "Iterator['int']", "typing.Annotated['Iterator[int]', 1]"]


@pytest.mark.parametrize("annotation", [*STRINGS, Iterator["int"], abc.Iterator["int"]])
def test_annotation_written_as_a_string(annotation: object) -> None:
    assert share(generator(annotation)) == Sharing(ONCE, int)


@pytest.mark.parametrize("annotation", ["Iterator['list[\\'int\\']']", Iterator[list["int"]], Iterator["list['int']"]])
def test_string_deep_inside(annotation: object) -> None:
    assert share(generator(annotation)) == Sharing(ONCE, list[int])
    assert share(generator(Iterator[Optional[list["int"]]])) == Sharing(ONCE, Optional[list[int]])


def test_shared_generator_of_a_string() -> None:
    assert share(generator(SharedGenerator["int"])) == Sharing(TWICE, int)
    assert share(generator("SharedGenerator['Optional[int]']")) == Sharing(TWICE, Optional[int])


def test_names_of_the_enclosing_function() -> None:
    class Local:
        pass

    def used() -> "Iterator[Local]":
        yield Local()  # so that it is closed over

    def unused() -> "Iterator[Local]": ...  # type: ignore[empty-body]

    assert share(used) == Sharing(ONCE, Local)
    assert share(generator("Iterator[Local]"), Local=Local) == Sharing(ONCE, Local)
    assert share(unused, Local=Local).kind is RETURNS
    with pytest.raises(AnnotationError, match="names 'Local', which is not defined"):
        share(unused)


def test_name_that_the_closure_has_not_got_yet() -> None:
    def used() -> "Iterator[Late]":
        yield Late()

    with pytest.raises(AnnotationError, match="names 'Late', which is not defined"):
        share(used)

    class Late:
        pass

    assert share(used) == Sharing(ONCE, Late)


@pytest.mark.parametrize(
    ("shared", "name"), [(annotated_later.unknown_to_the_run, "Decimal"), (annotated_later.misspelled, "Latter")]
)
def test_name_that_is_not_defined(shared: Callable[..., Any], name: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        share(shared)
    assert str(caught.value) == (
        f"shared fixture {FIXTURE}: its return annotation names '{name}', which is not defined; if it is imported under "
        "`if TYPE_CHECKING:`, import it at run time: the annotation builds the serializer"
    )


@pytest.mark.parametrize("annotation", ["Iterator[", "1 +", "Iterator[int][str]", "types.missing"])
def test_annotation_that_cannot_be_resolved(annotation: str) -> None:
    with pytest.raises(
        AnnotationError, match=r"its return annotation .* cannot be resolved: .*; correct the annotation"
    ):
        share(generator(annotation))


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        (int, "int"),
        (None, "NoneType"),
        (list[int], "list[int]"),
        (Optional[int], "Optional[int]"),
        (abc.AsyncIterator[int], "collections.abc.AsyncIterator[int]"),
        (Ids, "Ids"),
    ],
)
def test_generator_whose_annotation_is_no_generator(annotation: object, name: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        share(generator(annotation))
    if sys.version_info < (3, 14) or name != "Optional[int]":
        assert f"it yields, but its return annotation is {name}; annotate it -> Iterator[T]" in str(caught.value)
    assert "or -> SharedGenerator[T] to yield twice" in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        *((None, True), (type(None), True), (Optional[int], True), (int | None, True), (Union[int, str, None], True)),
        *((Annotated[Optional[int], 1], True), (Optional[Annotated[int, 1]], True), (MaybeId, True)),
        *((Literal[None], True), (Literal["a", None], True), (Union[int, Literal[None]], True)),
        *((Union[int, MaybeId], True), (Maybe, True)),
        *((int, False), (Union[int, str], False), (list[None], False), (Optional, False), (Literal["None"], False)),
        *((UserId, False), (Ids, False), (Any, False), (object, False), (UNANNOTATED, False)),
    ],
    ids=lambda value: str(value)[:50],
)
def test_types_that_admit_none(annotation: object, expected: bool) -> None:
    assert admits_none(annotation) is expected


def test_types_are_named_as_they_are_written() -> None:
    assert name_of(int) == "int"
    assert name_of(list[int]) == "list[int]"
    assert name_of(typing.List[int]) == "List[int]"
    assert name_of(int | None) == "int | None"
    assert name_of(Box) == "Box"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_type_parameters_and_aliases_as_statements() -> None:
    names: dict[str, Any] = {"Iterator": Iterator, "SharedGenerator": SharedGenerator}
    exec(  # the syntax is none for an older Python
        "type Port = int\n"
        "type Ports = Iterator[Port]\n"
        "def aliased() -> Ports: yield 1\n"
        "def once() -> Iterator[Port]: yield 1\n"
        "def twice() -> SharedGenerator[Port]: yield 1\n"
        "def generic[U]() -> Iterator[U]: yield 1\n"
        "def quoted[U]() -> 'Iterator[list[U]]': yield 1\n",
        names,
    )
    port = names["Port"]
    assert share(names["aliased"]) == Sharing(ONCE, port)
    assert share(names["once"]) == Sharing(ONCE, port)
    assert share(names["twice"]) == Sharing(TWICE, port)
    [parameter] = names["generic"].__type_params__
    assert share(names["generic"]) == Sharing(ONCE, parameter)
    [parameter] = names["quoted"].__type_params__
    assert share(names["quoted"]) == Sharing(ONCE, types.GenericAlias(list, (parameter,)))
    assert _annotation.without_alias(port) is int
