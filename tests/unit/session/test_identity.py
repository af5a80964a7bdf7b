"""Keys of shares: equal for equal parameters, different for different ones, and always one safe file name."""

from __future__ import annotations

import enum
import re
import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_shared_session_scope._session import identity
from pytest_shared_session_scope._session.identity import Identity, Parameter, describe, plain_text

pytest.importorskip("hypothesis")
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_shared_session_scope._run.files import new_lock


class Color(enum.Enum):
    RED = 1
    CRIMSON = 1  # noqa: PIE796 - another name of the same member
    BLUE = 2


class Shade(enum.Enum):
    RED = 1


class Number(int):
    pass


class Odd:
    pass


DIFFERENT: list[Any] = [
    *(None, True, False, 0, 1, 0.0, -0.0, 1.0, 1j, "", "1", b"", b"1", "None", "True"),
    *((), [], set(), frozenset(), {}, (1,), [1], {1}, frozenset({1}), {1: 1}, {1: 2}, {2: 1}, (True,), (1.0,)),
    *(
        (1, 2),
        (2, 1),
        ((1,), 2),
        (1, (2,)),
        ((1, 2),),
        ("1", "2"),
        ("12",),
        ("1:2",),
        ("int:1",),
        ("a", "b:c"),
        ("a:b", "c"),
    ),
    *({"a": {"b": 1}}, {"a": {"b": 2}}, {"a": ("b", 1)}, {("a", "b"): 1}, {(1, 1)}, ((1, 1),)),
    *(Color.RED, Color.BLUE, Shade.RED, "Color.RED", int, str, bool, Color, Odd, "int", Path),
    *("../../x", "\0", "con", "x" * 5000, "\ud800", float("inf"), float("nan")),
]
EQUAL: list[tuple[Any, Any]] = [
    ({1: "a", 2: "b"}, {2: "b", 1: "a"}),
    ({"a", "b", "c"}, {"c", "b", "a"}),
    ({0, 8, 16}, {16, 8, 0}),
    (frozenset({"x", "y"}), frozenset({"y", "x"})),
    (Color.RED, Color.CRIMSON),
    (10**30, int("1" + "0" * 30)),
]
NOT_PLAIN = [
    Odd(),
    Number(1),
    object(),
    Path("a"),
    [Odd()],
    {"a": Odd()},
    {Odd(): 1},
    ((((Odd(),),),),),
    lambda: 1,
    ...,
]


def test_different_values_have_different_texts() -> None:
    texts = [plain_text(value) for value in DIFFERENT]
    assert None not in texts
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(("one", "other"), EQUAL, ids=range(len(EQUAL)))
def test_equal_values_have_equal_texts(one: object, other: object) -> None:
    assert plain_text(one) == plain_text(other) is not None


@pytest.mark.parametrize("value", NOT_PLAIN, ids=lambda value: type(value).__name__)
def test_value_whose_repr_may_differ_or_hide_something_has_no_text(value: object) -> None:
    assert plain_text(value) is None


def test_class_of_a_function_has_no_text() -> None:
    class Local:
        pass

    assert plain_text(Local) is None


LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4), st.binary(max_size=4)),
    st.sampled_from([0, False, 0.0, -0.0, "", (), "int:0", "1:a"]),
)
MEMBERS = LEAVES | st.tuples(LEAVES, LEAVES) | st.frozensets(LEAVES, max_size=2)
CONTAINERS = st.one_of(
    *(st.lists(MEMBERS, max_size=3), st.lists(MEMBERS, max_size=3).map(tuple), st.sets(MEMBERS, max_size=3)),
    st.dictionaries(MEMBERS, MEMBERS, max_size=3),
)
PLAIN = MEMBERS | CONTAINERS | st.lists(CONTAINERS, max_size=2) | st.dictionaries(LEAVES, CONTAINERS, max_size=2)


def fingerprint(value: Any) -> Any:
    """Return what two plain values have in common only if they are equal with equal types; written otherwise."""
    kind = type(value)
    if kind in (list, tuple):
        return (kind, tuple(map(fingerprint, value)))
    if kind in (set, frozenset):
        return (kind, frozenset(map(fingerprint, value)))
    if kind is dict:
        return (kind, frozenset((fingerprint(key), fingerprint(one)) for key, one in value.items()))
    return (kind, repr(value))  # tells -0.0 from 0.0


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(one=PLAIN, other=PLAIN)
@example(one=("a", "b"), other=("ab",))
@example(one={1: 2, 3: 4}, other={1: 4, 3: 2})
@example(one=[["int:1"]], other=[[1]])
def test_texts_are_equal_where_the_values_are(one: object, other: object) -> None:
    assert (plain_text(one) == plain_text(other)) == (fingerprint(one) == fingerprint(other))
    assert plain_text([one, other]) != plain_text([[one], other])
    assert plain_text((one, other)) != plain_text([one, other])


ODD_TEXTS = [
    *("", ".", "..", "../../x", "/etc/passwd", "\\\\server\\x", "a/b", "\0", "con", "NUL", "x" * 5000, "ä" * 300),
    *("\ud800", "a\nb", " ", "db-", "*?", "~", "\U0001f600", "-rf"),
]


@pytest.mark.parametrize("odd", ODD_TEXTS, ids=lambda text: ascii(text)[:20])
def test_key_is_one_safe_file_name(odd: str, tmp_path: Path) -> None:
    for key in (identity._key(odd, ["run"]), identity._key("db", [odd])):
        assert re.fullmatch(r"[A-Za-z0-9_]{0,40}-[0-9a-f]{20}", key)
        assert (tmp_path / key).parent == tmp_path
        assert identity._key("db", [odd]) == identity._key("db", [odd])
        lock = new_lock(tmp_path / f"{key}.lock")
        lock.acquire()
        lock.release()
        (tmp_path / key).write_text("", "utf-8")
    assert [path.parent for path in tmp_path.rglob("*")] == [tmp_path] * len(list(tmp_path.iterdir()))


def test_keys_of_odd_texts_differ() -> None:
    keys = {identity._key("db", [odd]) for odd in ODD_TEXTS} | {identity._key(odd, []) for odd in ODD_TEXTS}
    digests = {identity._key("db", [odd]) for odd in ODD_TEXTS}
    assert len(digests) == len(ODD_TEXTS)
    assert all(set(key) <= {*string.ascii_letters, *string.digits, "-", "_"} for key in keys)


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(one=st.lists(st.text(), max_size=4), other=st.lists(st.text(), max_size=4))
@example(one=["a", "b"], other=["ab"])
@example(one=["1:a"], other=["a"])
@example(one=[""], other=[])
def test_keys_are_equal_where_all_parts_are(one: list[str], other: list[str]) -> None:
    assert (identity._key("db", one) == identity._key("db", other)) == (one == other)


def test_description_names_the_fixture_and_its_place() -> None:
    line = test_description_names_the_fixture_and_its_place.__code__.co_firstlineno
    here = Path(__file__)
    this = test_description_names_the_fixture_and_its_place
    assert describe(this, "db", here.parent) == f"'db' ({here.name}:{line})"
    assert describe(this, "db") == f"'db' ({here.as_posix()}:{line})"
    assert describe(this, "db", here.parent / "elsewhere") == f"'db' ({here.as_posix()}:{line})"


THING = Odd()
NEEDED: dict[str, tuple[list[str], dict[str, Any], dict[str, Any], bool]] = {
    "names it": (["db"], {}, {}, True),
    "does not name it": (["other"], {}, {}, False),
    "same parameter": (["db"], {"db": 1}, {"db": 1}, True),
    "equal parameter": (["db"], {"db": [1, 2]}, {"db": [1, 2]}, True),
    "other parameter": (["db"], {"db": 1}, {"db": 2}, False),
    "equal parameter of another type": (["db"], {"db": 1}, {"db": True}, False),
    "same thing": (["db"], {"db": THING}, {"db": THING}, True),
    "another thing": (["db"], {"db": THING}, {"db": Odd()}, False),
    "one of two": (["db", "port"], {"db": 1, "port": 2}, {"db": 1, "port": 3}, False),
    "no parameter": (["db"], {"db": 1}, {}, False),
    "more parameters": (["db"], {"db": 1}, {"db": 1, "x": 2}, True),
}


@pytest.mark.parametrize(("names", "own", "params", "expected"), NEEDED.values(), ids=list(NEEDED))
def test_which_tests_need_a_share(
    names: list[str], own: dict[str, Any], params: dict[str, Any], expected: bool
) -> None:
    parameters = tuple(
        Parameter(name, plain_text(value) or "where it was written", value) for name, value in own.items()
    )
    item: Any = SimpleNamespace(fixturenames=names)
    if params:
        item.callspec = SimpleNamespace(params=params)
    assert Identity("key", "'db'", "db", parameters, inherits=False).is_needed_by(item) is expected


def test_item_that_has_no_fixtures_needs_none() -> None:
    item: Any = object()  # a doctest or what a plugin collects
    assert not Identity("key", "'db'", "db", (), inherits=False).is_needed_by(item)
