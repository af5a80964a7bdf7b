"""The codec: what travels and what is refused, in which words, and what a user's own functions may do."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime as dt
import gc
import json
import os
import pathlib
import pickle
import re
import subprocess
import sys
import traceback
import types
import uuid
import weakref
from collections.abc import Collection
from typing import Annotated, Any, Literal

import pydantic
import pytest
from codec_cases import (
    A_UUID,
    BERLIN,
    CASES,
    MOMENT,
    NAMED_ZONE,
    NAN,
    Admin,
    Arbitrary,
    BadEq,
    Box,
    Case,
    Color,
    Doubler,
    EqualToAll,
    Excluded,
    ExcludedRequired,
    Hidden,
    Job,
    Json,
    Level,
    Login,
    Measured,
    MyStr,
    Plain,
    Point,
    Private,
    PrivateLock,
    Rounder,
    Sorter,
    SubJob,
    T,
    User,
    adhoc,
    cyclic,
    fingerprint,
    generate,
    nested,
)
from pydantic import BaseModel, ConfigDict, Field, SecretBytes, SecretStr
from typing_extensions import TypedDict

from pytest_shared_session_scope._codec.codec import (
    CONFIG,
    Codec,
    CustomCodec,
    ObjectCodec,
    TypedCodec,
    paused_collector,
)
from pytest_shared_session_scope._codec.parts import holds_itself
from pytest_shared_session_scope.errors import AnnotationError, CodecError, SharedFixtureError

FIXTURE = "'db' (tests/conftest.py:12)"
TUPLE: Any = tuple
DICT: Any = dict
TRAVELLING = [case for case in CASES if case.travels]
REFUSED = [case for case in CASES if not case.travels]


def reason_for(codec: Codec, value: object) -> str:
    with pytest.raises(CodecError) as caught:
        codec.dump(value)
    assert str(caught.value) == f"shared fixture {FIXTURE}: {caught.value.reason}"
    assert caught.value.path == "$" or f" at {caught.value.path}: " in caught.value.reason
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
    return caught.value.reason


# --- what travels ----------------------------------------------------------------------------------------


def travels_plainly(case: Case) -> bool:
    """Say whether pydantic carries the case by itself, as well configured as it can be."""
    adapter = pydantic.TypeAdapter(TUPLE[case.type], config=CONFIG)
    data = adapter.dump_json((case.make(),), round_trip=True, by_alias=False, warnings=False)
    return bool(fingerprint(adapter.validate_json(data, by_alias=False, by_name=True)[0]) == fingerprint(case.make()))


def test_carries_many_more_cases_than_pydantic_by_itself() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    plainly = set()
    for case in CASES:
        with contextlib.suppress(Exception):
            if travels_plainly(case):
                plainly.add(case.name)
    assert plainly < {case.name for case in TRAVELLING}
    assert all(TypedCodec(c.type, FIXTURE).dump(c.make())[0].startswith("[") for c in CASES if c.name in plainly)
    plainly.discard("tuple or named tuple")  # pydantic before 2.14 carried it
    assert (len(CASES), len(plainly), len(TRAVELLING)) == (398, 188, 311)
    readme = (pathlib.Path(__file__).parents[3] / "README.md").read_text("utf-8")
    assert "Of the 398 pairs of a type and a value" in readme
    assert "carries 188 unaltered and the plugin 311;" in readme


@pytest.mark.parametrize("case", TRAVELLING, ids=[case.name for case in TRAVELLING])
def test_travels_unaltered(case: Case) -> None:
    codec = TypedCodec(case.type, FIXTURE)
    data, copied = codec.dump(case.make())
    expected = fingerprint(case.make())
    assert isinstance(data, str)
    assert fingerprint(copied) == expected
    assert fingerprint(TypedCodec(case.type, FIXTURE).load(data)) == expected
    assert fingerprint(codec.load(data.encode())) == expected


@pytest.mark.parametrize("case", REFUSED, ids=[case.name for case in REFUSED])
def test_is_refused_with_a_suggestion(case: Case) -> None:
    with pytest.raises((CodecError, AnnotationError)) as caught:
        TypedCodec(case.type, FIXTURE).dump(case.make())
    assert caught.value.fixture == FIXTURE
    assert "; " in caught.value.reason


def test_another_process_with_another_hash_seed_loads_the_same(tmp_path: pathlib.Path) -> None:
    written = {case.name: TypedCodec(case.type, FIXTURE).dump(case.make())[0] for case in TRAVELLING}
    file = tmp_path / "written.json"
    file.write_text(json.dumps(written))
    code = """
import json, sys
import codec_cases
from pytest_shared_session_scope._codec.codec import TypedCodec
written = json.load(open(sys.argv[1]))
wrong = [c.name for c in codec_cases.CASES if c.travels and codec_cases.fingerprint(
    TypedCodec(c.type, "f").load(written[c.name])) != codec_cases.fingerprint(c.make())]
print(len(written), wrong)
"""
    env = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, env=env, check=False)
    assert ran.stderr == ""
    assert ran.stdout.strip() == f"{len(TRAVELLING)} []"


def test_what_pydantic_carries_is_written_as_pydantic_writes_it() -> None:
    assert TypedCodec(User, FIXTURE).dump(User(id=1))[0] == '[{"id":1,"name":"x","mail":null}]'
    assert TypedCodec(dict[str, int], FIXTURE).dump({"a": 1})[0] == '[{"a":1}]'


def test_values_that_native_encoding_would_alter_use_extended_encoding() -> None:
    assert TypedCodec(dict[Point, int], FIXTURE).dump({Point(1, 2.0): 3})[0] == '{"extended":[[{"x":1,"y":2.0}],[3]]}'


def test_attrs_classes_travel() -> None:
    attrs = pytest.importorskip("attrs")
    inner: Any = attrs.make_class(
        "Inner", {"when": attrs.field(type=dt.datetime), "_x": attrs.field(type=int)}, frozen=True
    )
    outer: Any = attrs.make_class("Outer", {"inners": attrs.field(type=dict[inner, str])}, slots=False)
    value = outer({inner(MOMENT.replace(tzinfo=BERLIN), 1): "a"})
    _, copied = TypedCodec(outer, FIXTURE).dump(value)
    assert copied == value
    assert copied is not value
    assert TypedCodec(list[outer], FIXTURE).dump([value])[1] == [value]
    assert "slots of attributes" not in reason_for(TypedCodec(outer, FIXTURE), adhoc(outer({}), more=1))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")
def test_aliases_that_hold_themselves_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
type Nest = dt.datetime | list[Nest] | dict[int, Nest]
type Twigs[T] = T | list[Twigs[T]]
class Model[T](BaseModel):
    twigs: Twigs[T]
    nest: Nest
"""
    monkeypatch.setitem(sys.modules, "aliases", types.ModuleType("aliases"))  # where pydantic looks for their names
    names = vars(sys.modules["aliases"])
    names.update(dt=dt, BaseModel=BaseModel)
    exec(code, names)
    moment, nest, twigs = MOMENT.replace(tzinfo=BERLIN), names["Nest"], names["Twigs"]
    for tp, value in [
        (nest, [moment, {1: [moment]}]),
        (twigs[dt.datetime], [moment, [[moment]]]),
        (twigs[int], [1, [2]]),
        (names["Model"][dt.time], names["Model"][dt.time](twigs=[dt.time(1, fold=1)], nest={1: moment})),
        (DICT[tuple[int, int], nest | None], {(1, 2): None, (3, 4): [moment]}),
    ]:
        data, copied = TypedCodec(tp, FIXTURE).dump(value)
        assert fingerprint(copied) == fingerprint(value) == fingerprint(TypedCodec(tp, FIXTURE).load(data))


def test_the_owner_gets_the_copy_too() -> None:
    value = [User(id=1)]
    data, copied = TypedCodec(list[User], FIXTURE).dump(value)
    assert copied == value
    assert isinstance(copied, list)
    assert copied[0] is not value[0]
    assert TypedCodec(list[User], FIXTURE).load(data) == value


def test_shared_value_metadata_is_no_obstacle() -> None:
    from pytest_shared_session_scope.types import SHARED_VALUE

    codec = TypedCodec(Annotated[dict[str, int] | None, SHARED_VALUE], FIXTURE)
    assert codec.dump({"a": 1})[1] == {"a": 1}
    assert TypedCodec(Annotated[dict[Color, int], SHARED_VALUE], FIXTURE).dump({Color.RED: 1})[1] == {Color.RED: 1}


# --- what is refused, and in which words -----------------------------------------------------------------


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: float = 1.0
    b: bytes = b""
    c: float | None = None
    when: dt.datetime | None = None


class OddZone(dt.tzinfo):
    def utcoffset(self, when: dt.datetime | None) -> dt.timedelta:
        return dt.timedelta(hours=1)

    def dst(self, when: dt.datetime | None) -> None:
        return None

    def tzname(self, when: dt.datetime | None) -> str:
        return "odd"


class Item(BaseModel):
    key: Any


class Items(BaseModel):
    items: list[Item]


CHANGE = "its value would change on its way to the other workers"
OPT_OUT = "pass serialize= and deserialize="
BY_OBJECT = f"{OPT_OUT}, or store=PickleStore()"
SETTING = "give Open the line model_config = ConfigDict"

MESSAGES: list[tuple[str, Any, Any, str]] = [
    (
        "any",
        Items,
        Items(items=[*[Item(key="x")] * 3, Item(key=(1, 2))]),
        f"{CHANGE} at $.items[3].key: tuple (1, 2) became list [1, 2]; "
        "the annotation says nothing of a value there: annotate tuple[int, int] instead",
    ),
    (
        "bare container",
        dict,
        {1: MOMENT},
        f"{CHANGE}: the key int 1 became str '1'; "
        "the annotation says nothing of a bare dict there: annotate dict[int, datetime] instead",
    ),
    (
        "container of any",
        dict[str, list[Any]],
        {"a b": [A_UUID]},
        f"{CHANGE} at $['a b'][0]: UUID('12345678-1234-5678-1234-567812345678') became str "
        "'12345678-1234-5678-1234-567812345678'; "
        "the annotation says nothing of a value there: annotate UUID instead",
    ),
    (
        "type variable",
        T,
        {1},
        f"{CHANGE}: set {{1}} became list [1]; "
        "the annotation says nothing of a bare ~T there: annotate set[int] instead",
    ),
    (
        "union",
        list[uuid.UUID] | list[str],
        [str(A_UUID)],
        f"{CHANGE} at $[0]: str '12345678-1234-5678-1234-567812345678' became "
        "UUID('12345678-1234-5678-1234-567812345678'); JSON cannot tell list[UUID] and list[str] apart: "
        f"make it a tagged union (models told apart by a Literal), or {OPT_OUT}",
    ),
    (
        "subclass",
        list[User],
        [User(id=1), Admin(id=2)],
        f"{CHANGE} at $[1]: Admin(...) became User(...); "
        "annotate Admin instead of User, or Admin | User where both occur",
    ),
    (
        "dataclass's subclass",
        Job,
        SubJob("a"),
        f"{CHANGE}: SubJob(...) became Job(...); annotate SubJob instead of Job, or SubJob | Job where both occur",
    ),
    (
        "bool",
        int,
        True,
        f"{CHANGE}: bool True became int 1; annotate bool instead of int, or bool | int where both occur",
    ),
    (
        "int enum",
        int,
        Level.LOW,
        f"{CHANGE}: Level.LOW became int 1; annotate Level instead of int, or Level | int where both occur",
    ),
    (
        "subclass of str",
        str,
        MyStr("x"),
        f"{CHANGE}: MyStr(...) became str 'x'; make it a plain str, or {BY_OBJECT}",
    ),
    (
        "excluded",
        list[Excluded],
        [Excluded(a=1, password="hunter2")],
        f"{CHANGE} at $[0].password: a secret changed; "
        f"Excluded.password is kept out of every dump (exclude): take exclude away, or {OPT_OUT}",
    ),
    (
        "excluded and required",
        ExcludedRequired,
        ExcludedRequired(password="hunter2"),
        "its value does not match its annotation at $.password: a secret (Field required); "
        f"ExcludedRequired.password is kept out of every dump (exclude): take exclude away, or {OPT_OUT}",
    ),
    (
        "private",
        Private,
        Private(a=1).set(2),
        f"{CHANGE} at $._secret: 2 became 1; private attributes do not travel: make _secret a field, or {OPT_OUT}",
    ),
    (
        "private lock",
        PrivateLock,
        PrivateLock(),
        f"{CHANGE} at $._lock: a lock cannot be compared with its copy; {BY_OBJECT}",
    ),
    (
        "ad-hoc attribute",
        Job,
        adhoc(Job("a"), more=1),
        f"{CHANGE} at $.more: int 1 became nothing; "
        f"Job has no such field to carry it: declare more as a field, or {OPT_OUT}",
    ),
    (
        "secret",
        dict[str, Login],
        {"a": Login(user="a", password=SecretStr("hunter2"))},
        f"{CHANGE} at $.a.password: a secret changed; "
        f"secrets are masked in a dump: annotate and share a plain str or bytes, or {OPT_OUT}",
    ),
    (
        "secret bytes",
        SecretBytes,
        SecretBytes(b"hunter2"),
        "its value does not match its annotation: "
        "a secret (Data should be valid base64: Invalid symbol 42, offset 0.); "
        f"secrets are masked in a dump: annotate and share a plain str or bytes, or {OPT_OUT}",
    ),
    (
        "nan in a model",
        list[Open],
        [Open(a=NAN)],
        "its value does not match its annotation at $[0].a: float nan (Input should be a valid number); "
        f'{SETTING}(ser_json_inf_nan="constants")',
    ),
    (
        "nan in a model's optional",
        Open,
        Open(c=NAN),
        f'{CHANGE} at $.c: float nan became None; {SETTING}(ser_json_inf_nan="constants")',
    ),
    (
        "bytes in a model",
        Open,
        Open(b=b"\xff"),
        r"its value cannot be written as JSON at $.b: bytes b'\xff' is no UTF-8; "
        f'{SETTING}(ser_json_bytes="base64", val_json_bytes="base64")',
    ),
    (
        "named zone in a model",
        Open,
        Open(when=MOMENT.replace(tzinfo=NAMED_ZONE)),
        f"{CHANGE} at $.when: 2024-05-06 07:08:09.123456+02:00 [CEST] became 2024-05-06 07:08:09.123456+02:00; "
        f"inside Open only UTC and unnamed offsets travel: use .astimezone(timezone.utc), or {OPT_OUT}",
    ),
    (
        "zone under an annotation with a way of its own",
        pydantic.AwareDatetime,
        MOMENT.replace(tzinfo=NAMED_ZONE),
        f"{CHANGE}: 2024-05-06 07:08:09.123456+02:00 [CEST] became 2024-05-06 07:08:09.123456+02:00; "
        f"there only UTC and unnamed offsets travel: use .astimezone(timezone.utc), or {OPT_OUT}",
    ),
    (
        "zone of a user's class",
        dt.datetime,
        MOMENT.replace(tzinfo=OddZone()),
        f"{CHANGE}: 2024-05-06 07:08:09.123456+01:00 became another; "
        f"of time zones only zoneinfo.ZoneInfo and datetime.timezone travel: use one of them, or {OPT_OUT}",
    ),
    (
        "other type",
        int,
        "1",
        f"{CHANGE}: str '1' became int 1; int is what the annotation says there: correct the value or the annotation",
    ),
    (
        "other type in a model",
        dict[str, User],
        {"a": User.model_construct(id="x")},
        "its value does not match its annotation at $.a.id: str 'x' (Input should be a valid integer, unable to parse "
        "string as an integer); int is what the annotation says there: correct the value or the annotation",
    ),
    (
        "none",
        User,
        None,
        "its value does not match its annotation: None (Input should be an object); "
        "User is what the annotation says there: correct the value or the annotation",
    ),
    (
        "constraint",
        set[Annotated[int, Field(gt=0)]],
        {-1},
        "its value does not match its annotation at $[0]: int -1 (Input should be greater than 0); "
        f"correct the value or the annotation, or {OPT_OUT}",
    ),
    (
        "literal",
        Literal["a", "b"],
        "c",
        "its value does not match its annotation: str 'c' (Input should be 'a' or 'b'); "
        f"correct the value or the annotation, or {OPT_OUT}",
    ),
    (
        "key of another type",
        dict[int, str],
        {"1": "x"},
        f"{CHANGE}: the key str '1' became int 1; keys are to be int, which '1' is not: correct it or the annotation",
    ),
    (
        "more keys",
        Plain,
        {"a": 1, "z": 2},
        f"{CHANGE}: 2 keys became 1; lost 'z'; Plain declares no such keys: declare them, or {OPT_OUT}",
    ),
    (
        "unsupported type",
        dict[str, Any],
        {"a": Arbitrary()},
        f"its value cannot be written as JSON at $.a: an Arbitrary is nothing that JSON knows; {BY_OBJECT}",
    ),
    ("too deep", Json, nested(400), f"its value is nested too deep for JSON (about 200 levels); {BY_OBJECT}"),
    ("too deep to load", Json, nested(220), f"its value is nested too deep for JSON (about 200 levels); {BY_OBJECT}"),
    ("cyclic", list[Any], cyclic(), f"its value holds itself, which JSON cannot say; {BY_OBJECT}"),
    (
        "lone surrogate",
        list[str],
        ["\ud800"],
        r"its value cannot be written as JSON at $[0]: str '\ud800' has lone surrogates; "
        f"share the bytes they stand for, or {OPT_OUT}",
    ),
    (
        "surrogate keys",
        dict[str, int],
        dict.fromkeys(("\ud800", "\ud801"), 1),
        rf"{CHANGE}: 2 keys became 1; lost '\ud800', '\ud801'; gained '���'; {OPT_OUT}",
    ),
    (
        "long int",
        int,
        10**5000,
        f"its value cannot be written as JSON: Invalid JSON: number out of range at line 1 column 4303; {BY_OBJECT}",
    ),
    (
        "generator",
        Any,
        generate(),
        f"{CHANGE}: generator(...) became list []; it can be gone through only once: share a list of what it gives",
    ),
    (
        "validator",
        Doubler,
        Doubler(a=1),
        f"{CHANGE} at $.a: 2 became 4; Doubler's own code (a validator, a serializer, __post_init__) changes it: "
        f"make it keep what it has made once, or {OPT_OUT}",
    ),
    (
        "serializer",
        Rounder,
        Rounder(a=1.5),
        f"{CHANGE} at $.a: 1.5 became 2.0; Rounder's own code (a validator, a serializer, __post_init__) changes it: "
        f"make it keep what it has made once, or {OPT_OUT}",
    ),
    (
        "serializer that changes the value",
        Sorter,
        Sorter(items=[2, 1]),
        f"{CHANGE} at $.items[0]: 2 became 1; Sorter's own code (a validator, a serializer, __post_init__) changes it: "
        f"make it keep what it has made once, or {OPT_OUT}",
    ),
    (
        "factory",
        collections.defaultdict[str, int],
        collections.defaultdict(cyclic),
        f"{CHANGE} at $.default_factory: function cyclic became type int; {OPT_OUT}",
    ),
]


@pytest.mark.parametrize(("tp", "value", "reason"), [case[1:] for case in MESSAGES], ids=[case[0] for case in MESSAGES])
def test_says_what_is_lost_and_what_to_do(tp: Any, value: Any, reason: str) -> None:
    assert reason_for(TypedCodec(tp, FIXTURE), value) == reason


class Unbuildable:
    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        raise ValueError("no schema\nat all")


NO_ADAPTER: list[tuple[Any, str]] = [
    (Arbitrary, "Arbitrary"),
    (dict[str, Arbitrary], "Arbitrary, which its return annotation dict[str, Arbitrary] needs"),
    (list[Box[Arbitrary]], "Arbitrary, which its return annotation list[Box[Arbitrary]] needs"),
    (memoryview, "memoryview"),
]


@pytest.mark.parametrize(("tp", "named"), NO_ADAPTER, ids=[str(tp) for tp, _ in NO_ADAPTER])
def test_names_the_part_of_the_annotation_that_has_no_adapter(tp: Any, named: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        TypedCodec(tp, FIXTURE)
    assert caught.value.reason == f"pydantic cannot build a serializer for {named}; {BY_OBJECT}"
    assert caught.value.__cause__ is None


def test_says_which_error_else_kept_pydantic_from_building() -> None:
    with pytest.raises(AnnotationError) as caught:
        TypedCodec(list[Unbuildable], FIXTURE)
    assert caught.value.reason == (
        f"pydantic cannot build a serializer for list[Unbuildable] (ValueError: no schema); {BY_OBJECT}"
    )


class Failing(BaseModel):
    a: int

    @pydantic.field_validator("a")
    @classmethod
    def check(cls, a: int) -> int:
        raise ValueError("never valid")


def test_chains_an_error_that_a_user_s_validator_raised() -> None:
    """pydantic keeps no error of a serializer, only its text."""
    with pytest.raises(CodecError) as caught:
        TypedCodec(Failing, FIXTURE).dump(Failing.model_construct(a=1))
    cause = caught.value.__cause__
    assert isinstance(cause, ValueError)
    assert not isinstance(cause, pydantic.ValidationError)
    assert [frame.f_code.co_name for frame, _ in traceback.walk_tb(cause.__traceback__)][-1] == "check"


@pytest.mark.parametrize(
    ("tp", "value"), [(Literal["a"], "b"), (list[Any], cyclic()), (str, "\ud800"), (dict[str, Any], {"a": Arbitrary()})]
)
def test_does_not_chain_an_error_of_pydantics_own(tp: Any, value: Any) -> None:
    """The message says everything."""
    with pytest.raises(CodecError) as caught:
        TypedCodec(tp, FIXTURE).dump(value)
    assert caught.value.__cause__ is None
    assert len("".join(traceback.format_exception(caught.value)).split("Traceback")) == 2


def test_says_when_what_was_stored_cannot_be_loaded() -> None:
    codec = TypedCodec(int, FIXTURE)
    for data in ('["x"]', "[", '{"extended":"x"}', "", "nonsense", b"\xff", 3):
        with pytest.raises(
            CodecError, match=r"what its store holds cannot be loaded .*differ between the workers"
        ) as e:
            codec.load(data)
        assert e.value.__cause__ is None


def test_does_not_tell_what_a_store_held() -> None:
    with pytest.raises(CodecError, match="cannot be loaded") as caught:
        TypedCodec(list[User], FIXTURE).load('[[{"id":"hunter2"}]]')
    assert "hunter2" not in f"{caught.value}{caught.value.__cause__}"


def test_a_broken_repr_does_not_matter() -> None:
    class Broken(Item):
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert "Broken(...)" in reason_for(TypedCodec(Item, FIXTURE), Broken(key=1))


# --- without an annotation -------------------------------------------------------------------------------

UNTYPED: list[tuple[Any, str, str]] = [
    (MOMENT, "$", "datetime"),
    ({"a": {"b": MOMENT}}, "$.a.b", "dict[str, dict[str, datetime]]"),
    ([1, (1, 2)], "$[1]", "list[int | tuple[int, int]]"),
    ((1,), "$", "tuple[int]"),
    ((1, 2, 3, 4, 5), "$", "tuple[int, ...]"),
    ({1: "a"}, "$", "dict[int, str]"),
    ({None: 1}, "$", "dict[None, int]"),
    ({1}, "$", "set[int]"),
    (b"x", "$", "bytes"),
    (A_UUID, "$", "UUID"),
    (pathlib.Path("/a"), "$", "Path"),
    ([pathlib.PurePosixPath("/a")], "$[0]", "list[PurePath]"),
    (BERLIN, "$", "ZoneInfo"),
    (User(id=1), "$", "User"),
    ([Box(1)], "$[0]", "list[Box]"),
    (Point(1), "$", "Point"),
    (Color.RED, "$", "Color"),
    (re.compile("a"), "$", "re.Pattern[str]"),
    (collections.Counter("a"), "$", "Counter[str]"),
    (collections.OrderedDict(a=1), "$", "OrderedDict[str, int]"),
    ([1, "a", 2.0, None, b"x", MOMENT], "$[4]", "list[...]"),
]


@pytest.mark.parametrize(("value", "path", "annotation"), UNTYPED, ids=[case[2] for case in UNTYPED])
def test_without_an_annotation_names_the_one_that_carries_the_value(value: Any, path: str, annotation: str) -> None:
    with pytest.raises(CodecError) as caught:
        TypedCodec(Any, FIXTURE, is_annotated=False).dump(value)
    assert caught.value.path == path
    assert caught.value.reason.endswith(f"; annotate the fixture -> {annotation}")


def test_without_an_annotation_says_what_became_of_the_value() -> None:
    assert reason_for(TypedCodec(Any, FIXTURE, is_annotated=False), dt.date(2024, 5, 6)) == (
        f"{CHANGE}: date 2024-05-06 became str '2024-05-06'; annotate the fixture -> date"
    )


def test_without_an_annotation_json_travels() -> None:
    value: dict[str, Any] = {"a": [1, 2.5, NAN, -0.0, None, True, "ü", {}, [], 10**30]}
    data, copied = TypedCodec(Any, FIXTURE, is_annotated=False).dump(value)
    assert (
        fingerprint(copied)
        == fingerprint(value)
        == fingerprint(TypedCodec(Any, FIXTURE, is_annotated=False).load(data))
    )


@pytest.mark.parametrize("value", [Arbitrary(), EqualToAll(), len, [object()]], ids=lambda v: type(v).__name__)
def test_without_an_annotation_what_no_annotation_carries_is_refused(value: Any) -> None:
    assert reason_for(TypedCodec(Any, FIXTURE, is_annotated=False), value).endswith(
        f"is nothing that JSON knows; {BY_OBJECT}"
    )


# --- secrets ---------------------------------------------------------------------------------------------


class Quoting(BaseModel):
    password: str = Field(repr=False)

    @pydantic.model_validator(mode="after")
    def quote(self) -> Quoting:
        raise ValueError(f"bad password {self.password}")


class QuotingSerializer(BaseModel):
    password: str = Field(repr=False)

    @pydantic.field_serializer("password")
    def quote(self, password: str) -> str:
        raise ValueError(f"bad password {password}")


@dataclasses.dataclass
class HiddenField:
    token: Any = dataclasses.field(repr=False)


class HiddenKey(TypedDict):
    token: Annotated[Any, Field(repr=False)]


SECRETS: list[tuple[Any, Any]] = [
    (SecretStr, SecretStr("hunter2")),
    (SecretBytes, SecretBytes(b"hunter2")),
    (dict[str, list[Login]], {"a": [Login(user="a", password=SecretStr("hunter2"))]}),
    (Excluded, Excluded(a=1, password="hunter2")),
    (ExcludedRequired, ExcludedRequired(password="hunter2")),
    (Hidden, Hidden(token=("hunter2",))),
    (Hidden, Hidden(token={"hunter2": {"deeper": ("hunter2",)}})),
    (Hidden, Hidden(token={1: "hunter2"})),
    (list[HiddenField], [HiddenField({"hunter2": ("hunter2",)})]),
    (Any, Hidden(token="hunter2")),
    (Any, [Excluded(a=1, password="hunter2")]),
    (User, adhoc(User(id=1), password=SecretStr("hunter2"))),
    (int, Hidden(token="hunter2")),
    (Quoting, Quoting.model_construct(password="hunter2")),
    (dict[str, Quoting], {"a": Quoting.model_construct(password="hunter2")}),
    (QuotingSerializer, QuotingSerializer(password="hunter2")),
    (Hidden, Hidden(token="hunter2\ud800")),
    (Hidden, Hidden(token=[b"hunter2\xff"])),
    (Hidden, Hidden(token=Arbitrary())),
]


@pytest.mark.parametrize(("tp", "value"), SECRETS, ids=[str(place) for place in range(len(SECRETS))])
@pytest.mark.parametrize("is_typed", [True, False], ids=["typed", "untyped"])
def test_never_tells_a_secret(tp: Any, value: Any, is_typed: bool) -> None:
    codec = TypedCodec(tp, FIXTURE) if is_typed else TypedCodec(Any, FIXTURE, is_annotated=False)
    with pytest.raises(CodecError) as caught:
        codec.dump(value)
    told: BaseException | None = caught.value
    while told is not None:
        assert "hunter2" not in str(told)
        assert "hunter2" not in repr(told)
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)


def test_never_tells_a_secret_that_only_the_annotation_calls_one() -> None:
    assert reason_for(TypedCodec(list[HiddenKey], FIXTURE), [{"token": {"hunter2": ("hunter2",)}}]) == (
        f"{CHANGE} at $[0].token: a secret changed; "
        "the annotation says nothing of a value there: annotate tuple[str] instead"
    )


# --- odd values ------------------------------------------------------------------------------------------


def test_numpy_scalars_in_containers_are_refused_with_a_suggestion() -> None:
    np = pytest.importorskip("numpy")
    suggestion = f"with .item(), or {OPT_OUT}"
    assert reason_for(TypedCodec(list[float], FIXTURE), [1.0, np.float64(2)]) == (
        f"{CHANGE} at $[1]: float64(...) became float 2.0; make it a plain float {suggestion}"
    )
    assert reason_for(TypedCodec(dict[str, int], FIXTURE), {"a": np.int64(2)}).endswith(
        f"make it a plain int {suggestion}"
    )
    assert reason_for(TypedCodec(Any, FIXTURE, is_annotated=False), [np.int64(2)]).endswith(
        f"make it a plain int {suggestion}"
    )
    assert reason_for(TypedCodec(Any, FIXTURE, is_annotated=False), [np.arange(3)]).endswith(BY_OBJECT)
    with pytest.raises(AnnotationError, match="ndarray"):
        TypedCodec(np.ndarray, FIXTURE)


def test_equality_of_the_values_is_never_believed() -> None:
    assert reason_for(TypedCodec(BadEq, FIXTURE), BadEq(a={1: EqualToAll})) != ""
    assert "tuple (1,) became list [1]" in reason_for(TypedCodec(BadEq, FIXTURE), BadEq(a=(1,)))


def test_a_serializer_that_cannot_be_watched_is_still_guarded() -> None:
    """The value holds what cannot be copied beforehand, so it is compared as it is afterwards."""

    class Watched(Sorter):
        _more: Any = pydantic.PrivateAttr(default=None)

    watched = Watched(items=[1, 2])
    watched._more = generate()
    assert "$._more: generator(...) became None" in reason_for(TypedCodec(Watched, FIXTURE), watched)


@dataclasses.dataclass
class Node:
    name: str
    next: Node | None = None


def test_a_typed_value_that_holds_itself_is_refused() -> None:
    node = Node("a")
    node.next = Node("b", node)
    assert reason_for(TypedCodec(Node, FIXTURE), node) == f"its value holds itself, which JSON cannot say; {BY_OBJECT}"


def test_a_value_that_holds_itself_is_refused_without_an_adapter_of_pydantics_own() -> None:
    """Where nothing has failed before the extended type is tried."""
    node = Node("a")
    node.next = Node("b", node)
    codec = TypedCodec(Collection[Node], FIXTURE)
    vars(codec)["native"] = None
    assert "holds itself" in reason_for(codec, [node])
    many: Any = 1
    for _ in range(60):
        many = [many, many]
    assert not holds_itself(many)
    shared = Node("c")
    assert codec.dump([shared, Node("b", shared)])[1] == [shared, Node("b", shared)]


def test_a_validator_of_the_annotation_s_own_never_sees_what_carries_a_value() -> None:
    seen = set()

    def see(value: Any) -> Any:
        seen.add(type(value))
        return value

    tp = DICT[tuple[int, int], Annotated[dt.datetime, pydantic.BeforeValidator(see)]]
    assert TypedCodec(tp, FIXTURE).dump({(1, 2): MOMENT})[1] == {(1, 2): MOMENT}
    assert seen == {str}


def test_a_copy_that_differs_is_gone_before_the_next_one_is_made() -> None:
    copies: list[weakref.ref[Any]] = []
    alive = []

    class Noted(BaseModel):
        when: dt.datetime

        @pydantic.model_validator(mode="after")
        def note(self) -> Noted:
            alive.append(sum(copied() is not None for copied in copies))
            copies.append(weakref.ref(self))
            return self

    value = Noted(when=MOMENT.replace(tzinfo=BERLIN))
    copies.clear()
    assert TypedCodec(Noted, FIXTURE).dump(value)[0].startswith("{")
    assert alive == [0, 0, 0]


def test_a_value_that_native_encoding_keeps_needs_no_extended_type() -> None:
    codec = TypedCodec(list[int], FIXTURE)
    codec.dump([1])
    assert "extended" not in vars(codec)


def test_a_value_that_holds_itself_in_a_tuple_is_refused_without_an_annotation() -> None:
    items: list[Any] = []
    items.append((items,))
    assert reason_for(TypedCodec(Any, FIXTURE, is_annotated=False), items).startswith("its value holds itself")
    deep: Any = ()
    for _ in range(150):
        deep = (deep,)
    assert "annotate the fixture -> tuple[tuple[tuple[" in reason_for(
        TypedCodec(Any, FIXTURE, is_annotated=False), deep
    )


def test_a_serializer_that_changes_the_value_is_found_where_only_we_carry_the_type() -> None:
    assert "$[0].items[0]: 2 became 1" in reason_for(TypedCodec(Collection[Sorter], FIXTURE), [Sorter(items=[2, 1])])


def test_a_value_that_cannot_even_be_compared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(value: object, copy: object) -> None:
        raise RuntimeError("no comparing")

    monkeypatch.setattr("pytest_shared_session_scope._codec.compare.difference", give_up)
    assert "RuntimeError: no comparing" in reason_for(TypedCodec(int, FIXTURE), 1)


# --- the opt-out -----------------------------------------------------------------------------------------


def shout(value: Any) -> Any:
    return str(value).upper()


def broken(value: Any) -> Any:
    raise KeyError("gone")


def test_custom_data_is_exactly_what_serialize_returned() -> None:
    codec = CustomCodec(shout, lambda data: data.lower(), FIXTURE, "text")
    assert codec.dump("Abc") == ("ABC", "abc")
    assert codec.load("X") == "x"
    assert CustomCodec(str.encode, bytes.decode, FIXTURE, "text").dump("a") == (b"a", "a")


def test_custom_functions_are_not_guarded() -> None:
    assert CustomCodec(lambda _: "x", lambda _: 3, FIXTURE, "text").dump({1, 2}) == ("x", 3)


@pytest.mark.parametrize("data", [{"a": [1, None, 2.5, NAN]}, "x", 3, None, []], ids=repr)
def test_custom_json_is_any_json_value(data: Any) -> None:
    codec = CustomCodec(lambda _: data, lambda d: [d], FIXTURE, "json")
    stored, copied = codec.dump(object())
    assert stored is data
    assert fingerprint(copied) == fingerprint([data])


def test_custom_json_is_stored_as_it_was_before_deserialize_took_it_apart() -> None:
    assert CustomCodec(lambda v: {"v": v}, lambda d: d.pop("v"), FIXTURE, "json").dump(1) == ({"v": 1}, 1)


def test_custom_objects_are_anything() -> None:
    value = object()
    assert CustomCodec(lambda v: [v], lambda d: d[0], FIXTURE, "objects").dump(value) == ([value], value)


@pytest.mark.parametrize(
    ("held", "data", "ending"),
    [
        ("text", {"a": 1}, "returned a dict, but its store holds text: return str or bytes, or use a store"),
        ("text", None, "returned None, but its store holds text"),
        ("json", {1: 2}, "returned a dict, but its store holds JSON values, and the key int 1 became str '1'"),
        ("json", (1,), "returned a tuple, but its store holds JSON values, and tuple (1,) became list [1]: return"),
        ("json", object(), "returned an object, but its store holds JSON values (Object of type object is not JSON"),
    ],
)
def test_custom_data_that_the_store_cannot_hold_names_both(held: Any, data: Any, ending: str) -> None:
    def serialize(value: object) -> Any:
        return data

    reason = reason_for(CustomCodec(serialize, broken, FIXTURE, held), 1)
    assert reason.startswith("its serialize function, ")
    assert "serialize, " + ending in reason
    assert reason.endswith("use a store that holds objects: store=PickleStore()")


def test_custom_functions_that_raise_are_named() -> None:
    for codec, role in [
        (CustomCodec(broken, shout, FIXTURE, "text"), "serialize"),
        (CustomCodec(shout, broken, FIXTURE, "text"), "deserialize"),
    ]:
        with pytest.raises(CodecError) as caught:
            codec.dump("x")
        assert caught.value.reason == (
            f"its {role} function, broken, raised KeyError: 'gone'; "
            "deserialize(serialize(value)) must give the value back"
        )
        assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(CodecError, match="its deserialize function, broken, raised KeyError"):
        CustomCodec(shout, broken, FIXTURE, "text").load("X")


def test_objects_stay_themselves() -> None:
    value = object()
    assert ObjectCodec().dump(value) == (value, value)
    assert ObjectCodec().load(value) is value


# --- the collector ---------------------------------------------------------------------------------------


def test_the_collector_rests_while_a_value_is_loaded() -> None:
    states: list[bool] = []

    class Watching(BaseModel):
        a: int

        @pydantic.field_validator("a")
        @classmethod
        def watch(cls, a: int) -> int:
            states.append(gc.isenabled())
            return a

    value = Watching(a=1)
    states.clear()
    TypedCodec(Watching, FIXTURE).dump(value)
    assert states == [False]
    assert gc.isenabled()


def test_the_collector_runs_again_after_an_error_and_stays_off_if_it_was() -> None:
    with pytest.raises(RuntimeError), paused_collector():
        raise RuntimeError
    assert gc.isenabled()
    gc.disable()
    try:
        with paused_collector():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_errors_are_of_the_package() -> None:
    assert issubclass(CodecError, SharedFixtureError)
    assert issubclass(AnnotationError, SharedFixtureError)
    assert Measured(value=1).raw == b""
