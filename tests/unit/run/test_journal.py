"""Lines of a journal add up to one state however they are read; anything but whole lines and records is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_shared_session_scope._run.journal import (
    FORMAT,
    Entry,
    Failure,
    Journal,
    Kind,
    ShareRecord,
    State,
    encode,
    fields_of,
    line,
    parse,
    publication,
    value_in,
)

PLAIN = ShareRecord(
    fixture="'db' (tests/conftest.py:12)",
    fixture_name="db",
    kind=Kind.YIELDS_TWICE,
    generation=1,
    worker="gw0",
    pid=4711,
    item="tests/test_it.py::test_it[a]",
    started=1700000000.25,
)
FAILURE = Failure("error", "ValueError", "no\nserver", "Traceback ...\n")

# -- lines

HOLDERS = {
    "held": (["hold gw0"], ["gw0"], []),
    "held twice": (["hold gw0", "hold gw0"], ["gw0"], []),
    "in the order they came": (["hold gw1", "hold gw0"], ["gw1", "gw0"], []),
    "leaving": (["hold gw0", "leave gw0"], [], ["gw0"]),
    "dropped, then leaving": (["hold gw0", "free gw0", "leave gw0"], [], []),
    "free from holding": (["hold gw0", "hold gw1", "free gw0"], ["gw1"], []),
    "free from leaving": (["hold gw0", "leave gw0", "free gw0"], [], []),
}
READY = Entry(State.READY, 2, '{"a": "b c"}', None)
PUBLISH_READY = 'publish ready 2 {"a": "b c"}'
SETUPS: dict[str, tuple[list[str], Entry | None, Entry | None, dict[int, Entry]]] = {
    "set up": (["publish setting-up 1 a"], Entry(State.SETTING_UP, 1, "a", None), None, {}),
    "ready": ([PUBLISH_READY], READY, None, {}),
    "ready instead of set up": (["publish setting-up 2 a", PUBLISH_READY], READY, None, {}),
    "withdrawn": ([PUBLISH_READY, "move ready cleaning"], READY._replace(state=State.CLEANING), None, {}),
    "ready again": ([PUBLISH_READY, "move ready cleaning", "move cleaning ready"], READY, None, {}),
    "interrupted": (["publish setting-up 1 a", "discard", "discard"], None, None, {}),
    "failed": (["publish setting-up 1 a", "publish failed 1 b"], None, Entry(State.FAILED, 1, "b", None), {}),
    "failed, run again": (
        ["publish failed 1 b", "publish setting-up 1 c"],
        Entry(State.SETTING_UP, 1, "c", None),
        Entry(State.FAILED, 1, "b", None),
        {},
    ),
    "failed, ready at last": (["publish failed 2 b", PUBLISH_READY], READY, None, {}),
    "cleaned up": (
        [PUBLISH_READY, "move ready cleaning", "publish cleaned 2 c"],
        None,
        None,
        {2: Entry(State.CLEANED, 2, "c", None)},
    ),
    "lost": ([PUBLISH_READY, "move ready lost"], None, None, {2: READY._replace(state=State.LOST)}),
    "lost, set up again": (
        [PUBLISH_READY, "move ready lost", "publish setting-up 3 d"],
        Entry(State.SETTING_UP, 3, "d", None),
        None,
        {2: READY._replace(state=State.LOST)},
    ),
}


def journal_of(content: bytes) -> Journal:
    journal = Journal()
    journal.read_on(content)
    return journal


def state_of(journal: Journal) -> dict[str, object]:
    return {name: value for name, value in vars(journal).items() if name != "length"}


@pytest.mark.parametrize(("lines", "holders", "leaving"), HOLDERS.values(), ids=list(HOLDERS))
def test_lines_about_holders_add_up(lines: list[str], holders: list[str], leaving: list[str]) -> None:
    content = b"".join(map(line, lines))
    journal = journal_of(content)
    assert (list(journal.holders), list(journal.leaving)) == (holders, leaving)
    assert journal.length == len(content)


@pytest.mark.parametrize(("lines", "setup", "failure", "ended"), SETUPS.values(), ids=list(SETUPS))
def test_lines_about_setups_add_up(
    lines: list[str], setup: Entry | None, failure: Entry | None, ended: dict[int, Entry]
) -> None:
    journal = journal_of(b"".join(map(line, lines)))
    assert (journal.setup, journal.failure, journal.ended) == (setup, failure, ended)


def test_lines_about_dependents_and_dynamic_use_add_up() -> None:
    journal = journal_of(line("depend", "a") + line("depend", "b") + line("undepend", "a") + line("undepend", "c"))
    assert (list(journal.dependents), journal.is_dynamic) == (["b"], False)
    journal.read_on(line("dynamic"))
    assert journal.is_dynamic


@pytest.mark.parametrize("value", [None, "", "a b", '{"a": 1}'])
def test_short_value_follows_its_record(value: str | None) -> None:
    setup = journal_of(publication(State.READY, PLAIN, value)).setup
    assert setup is not None
    assert (setup.state, setup.generation, parse(setup.record)) == (State.READY, 1, PLAIN)
    assert (setup.value if setup.value is None else value_in(setup.value)) == value


@pytest.mark.parametrize("checked", ["806c5cd3a c", "806c5cd3", "", "a b", " " * 11])
def test_value_that_does_not_match_its_checksum_is_refused(checked: str) -> None:
    assert value_in("806c5cd3a b") == "a b"
    with pytest.raises(ValueError, match="the checksum of its value differs"):
        value_in(checked)


TEXTS = [text for lines, *_ in HOLDERS.values() for text in lines] + [
    text for each in SETUPS.values() for text in each[0]
]
LINE = st.sampled_from([text for text in TEXTS if not text.startswith("move")])


@given(st.lists(LINE, max_size=10), st.data())
def test_number_of_reads_makes_no_difference(lines: list[str], data: st.DataObject) -> None:
    content = b"".join(map(line, lines))
    journal = Journal()
    seen = 0
    while seen < len(content):
        seen = min(seen + data.draw(st.integers(1, 40)), len(content))
        journal.read_on(content[journal.length : seen])
    journal.read_on(content[journal.length :])
    assert state_of(journal) == state_of(journal_of(content))


@given(st.lists(LINE, max_size=5), LINE, st.lists(LINE, min_size=1, max_size=5), st.data())
def test_line_that_was_cut_off_is_skipped(
    before: list[str], cut_off: str, after: list[str], data: st.DataObject
) -> None:
    whole = line(cut_off)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    first, rest = b"".join(map(line, before)), b"".join(map(line, after))
    journal = journal_of(first + part)
    assert state_of(journal) == state_of(journal_of(first))
    journal.read_on((first + part + rest)[journal.length :])
    assert state_of(journal) == state_of(journal_of(first + rest))


GARBLED = {
    "foreign": (b"value", "it does not begin with a line feed"),
    "unknown word": (line("sing", "gw0"), "'sing gw0' is not a line of this format"),
    "unknown state": (line("publish", "singing", "1", "a"), "'singing' is not a valid State"),
    "no generation": (line("publish", "ready"), "invalid literal for int"),
    "no text": (b"\n\xff\x1e", "can't decode"),
    "moved without a setup": (
        line("move", "ready", "cleaning"),
        "a setup moved from ready to cleaning, but is not ready",
    ),
    "moved from another state": (
        line("publish", "setting-up", "1", "a") + line("move", "ready", "cleaning"),
        "a setup moved from ready to cleaning, but is not ready",
    ),
    "moved to no state": (line("publish", "ready", "1", "a") + line("move", "ready"), "'' is not a valid State"),
}


@pytest.mark.parametrize(("content", "message"), GARBLED.values(), ids=list(GARBLED))
def test_garbled_lines_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        journal_of(content)
    assert message in str(caught.value)


# -- records

RECORDS = {
    "plain": PLAIN,
    "ready": PLAIN._replace(seconds=1.5, shown="Port(1)"),
    "cleaned": PLAIN._replace(shown="", cleaned_by="gw1", generation=3),
    "failed": PLAIN._replace(failure=FAILURE),
    "odd texts": PLAIN._replace(item="\0 \ud800 \u2028 \U0001f600 \"'\\", fixture_name=""),
    "whole seconds": PLAIN._replace(started=1700000000, seconds=0),
    "returns": PLAIN._replace(kind=Kind.RETURNS),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
def test_record_comes_back(record: ShareRecord) -> None:
    assert parse(encode(record)) == record


def test_fields_of_a_record_are_json_values() -> None:
    fields = fields_of(RECORDS["failed"])
    assert json.loads(json.dumps(fields)) == fields
    assert (fields["kind"], fields["failure"]["outcome"]) == ("yields twice", "error")


def test_keys_of_a_newer_release_are_ignored() -> None:
    data = json.loads(encode(RECORDS["failed"])) | {"new": [1]}
    data["failure"]["new"] = {}
    assert parse(json.dumps(data)) == RECORDS["failed"]


@pytest.mark.parametrize("optional", ["seconds", "shown", "cleaned_by", "failure"])
def test_field_with_a_default_may_be_missing(optional: str) -> None:
    whole = PLAIN._replace(seconds=1.5, shown="1", cleaned_by="gw1", failure=FAILURE)
    data = json.loads(encode(whole))
    del data[optional]
    default = ShareRecord._field_defaults[optional]
    assert parse(json.dumps(data)) == whole._replace(**{optional: default})


def test_default_fields_are_not_written() -> None:
    assert set(json.loads(encode(PLAIN))) == {*ShareRecord._fields} - {*ShareRecord._field_defaults} | {"format"}


def altered(**changes: Any) -> str:
    return json.dumps(json.loads(encode(RECORDS["failed"])) | changes)


def without(name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(encode(PLAIN)).items() if key != name})


WHOLE = encode(PLAIN)
MALFORMED = {
    "empty": ("", "Expecting value"),
    "not JSON": ("not JSON", "Expecting value"),
    "zeros": ("\0" * 40, "Expecting value"),
    "cut off": (WHOLE[:-1], "Expecting"),
    "cut in half": (WHOLE[: len(WHOLE) // 2], ""),
    "two of them": (WHOLE * 2, "Extra data"),
    "list": (f"[{WHOLE}]", "not a whole record: 'list' object"),
    "text": ('"record"', "not a whole record: 'str' object"),
    "null": ("null", "not a whole record: 'NoneType' object"),
    "empty object": ("{}", "record format None"),
    "no format": (without("format"), "record format None"),
    "newer format": (altered(format=FORMAT + 1), f"record format {FORMAT + 1}, this release reads {FORMAT}"),
    "format as text": (altered(format=str(FORMAT)), "record format '1'"),
    **{
        f"no {name}": (
            without(name),
            f"not a whole record: ShareRecord.__new__() missing 1 required positional argument: '{name}'",
        )
        for name in ("fixture", "fixture_name", "generation", "worker", "pid", "item", "started")
    },
    "no kind": (without("kind"), "None is not a valid Kind"),
    "unknown kind": (altered(kind="sings"), "'sings' is not a valid Kind"),
    "failure as text": (altered(failure="error"), "not a whole record: 'str' object"),
    "failure as number": (altered(failure=1), "not a whole record: 'int' object"),
    "failure without traceback": (
        altered(failure={key: value for key, value in FAILURE._asdict().items() if key != "traceback"}),
        "not a whole record: Failure.__new__() missing 1 required positional argument: 'traceback'",
    ),
}


@pytest.mark.parametrize(("text", "message"), MALFORMED.values(), ids=list(MALFORMED))
def test_malformed_record_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    # Python 3.10 names the function without its class.
    assert message.replace("ShareRecord.__new__", "__new__") in str(caught.value).replace(
        "ShareRecord.__new__", "__new__"
    )
