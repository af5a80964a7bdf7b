"""What is written about a share comes back whole; what is not a whole record of this release is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_shared_session_scope._run.records import FORMAT, Failure, ShareRecord, encode, parse

PLAIN = ShareRecord(
    fixture="'db' (tests/conftest.py:12)",
    fixture_name="db",
    kind="yields twice",
    generation=1,
    worker="gw0",
    pid=4711,
    item="tests/test_it.py::test_it[a]",
    started=1700000000.25,
)
FAILURE = Failure("error", "ValueError", "no\nserver", "Traceback ...\n")
RECORDS = {
    "plain": PLAIN,
    "ready": PLAIN._replace(seconds=1.5, shown="Port(1)"),
    "cleaned": PLAIN._replace(shown="", cleaned_by="gw1", generation=3),
    "failed": PLAIN._replace(failure=FAILURE),
    "odd texts": PLAIN._replace(item="\0 \ud800 \u2028 \U0001f600 \"'\\", fixture_name=""),
    "whole seconds": PLAIN._replace(started=1700000000, seconds=0),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
def test_record_comes_back(record: ShareRecord) -> None:
    assert parse(encode(record)) == record


def test_keys_of_a_newer_release_are_ignored() -> None:
    data = json.loads(encode(RECORDS["failed"])) | {"new": [1]}
    data["failure"]["new"] = {}
    assert parse(json.dumps(data)) == RECORDS["failed"]


@pytest.mark.parametrize("optional", ["seconds", "shown", "cleaned_by", "failure"])
def test_what_has_a_default_may_be_missing(optional: str) -> None:
    whole = PLAIN._replace(seconds=1.5, shown="1", cleaned_by="gw1", failure=FAILURE)
    data = json.loads(encode(whole))
    del data[optional]
    default = ShareRecord._field_defaults[optional]
    assert parse(json.dumps(data)) == whole._replace(**{optional: default})


def test_what_is_as_by_default_is_not_written() -> None:
    assert set(json.loads(encode(PLAIN))) == {*ShareRecord._fields} - {*ShareRecord._field_defaults} | {"format"}


def test_as_many_keys_are_new_as_are_missing() -> None:
    data = json.loads(encode(RECORDS["ready"])) | {"new": 1}
    del data["seconds"]
    assert parse(json.dumps(data)) == PLAIN._replace(shown="Port(1)")


def altered(**changes: Any) -> str:
    return json.dumps(json.loads(encode(RECORDS["failed"])) | changes)


def without(name: str) -> str:
    return json.dumps({key: value for key, value in json.loads(encode(PLAIN)).items() if key != name})


WHOLE = encode(PLAIN)
FAILED = FAILURE._asdict()
MALFORMED = {
    "empty": ("", "Expecting value"),
    "no JSON": ("not JSON", "Expecting value"),
    "zeros": ("\0" * 40, "Expecting value"),
    "cut off": (WHOLE[:-1], "Expecting"),
    "cut in half": (WHOLE[: len(WHOLE) // 2], ""),
    "two of them": (WHOLE * 2, "Extra data"),
    "list": (f"[{WHOLE}]", "record is no JSON object"),
    "text": ('"record"', "record is no JSON object"),
    "null": ("null", "record is no JSON object"),
    "number": ("1", "record is no JSON object"),
    "empty object": ("{}", "record format None"),
    "no format": (without("format"), "record format None"),
    "newer format": (altered(format=FORMAT + 1), f"record format {FORMAT + 1}, this release reads {FORMAT}"),
    "format as text": (altered(format=str(FORMAT)), "record format '1'"),
    **{
        f"no {name}": (without(name), f"ShareRecord without '{name}'")
        for name in ("fixture", "fixture_name", "kind", "generation", "worker", "pid", "item", "started")
    },
    "fixture null": (altered(fixture=None), "'fixture' = None, which is no str"),
    "worker as number": (altered(worker=0), "'worker' = 0, which is no str"),
    "pid as text": (altered(pid="1"), "'pid' = '1', which is no int"),
    "pid as fraction": (altered(pid=1.5), "'pid' = 1.5, which is no int"),
    "generation true": (altered(generation=True), "'generation' = True, which is no int"),
    "generation null": (altered(generation=None), "'generation' = None, which is no int"),
    "started as text": (altered(started="now"), "'started' = 'now', which is no float"),
    "seconds false": (altered(seconds=False), "'seconds' = False, which is no float"),
    "shown as number": (altered(shown=1), "'shown' = 1, which is no str | None"),
    "cleaned_by as list": (altered(cleaned_by=["gw0"]), "which is no str | None"),
    "failure as text": (altered(failure="error"), "failure is no JSON object"),
    "failure as list": (altered(failure=[]), "failure is no JSON object"),
    "failure empty": (altered(failure={}), "Failure without 'outcome'"),
    "failure without traceback": (
        altered(failure={key: value for key, value in FAILED.items() if key != "traceback"}),
        "Failure without 'traceback'",
    ),
    "failure with a number": (altered(failure=FAILED | {"message": 1}), "'message' = 1, which is no str"),
}


@pytest.mark.parametrize(("text", "message"), MALFORMED.values(), ids=list(MALFORMED))
def test_malformed_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert message in str(caught.value)
