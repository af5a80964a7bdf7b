"""The text for a value: like its `repr`, without running a user's `__repr__` and without secrets."""

from __future__ import annotations

import collections
import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import pytest
from pydantic import BaseModel, Field, SecretStr
from pydantic.dataclasses import dataclass as pydantic_dataclass

from pytest_shared_session_scope._codec.formatting import value_text


@dataclasses.dataclass(frozen=True)
class Server:
    host: str
    port: int
    password: str = dataclasses.field(default="s3cret", repr=False)


@dataclasses.dataclass
class Slotted:
    __slots__ = ("path",)
    path: Path


class Bucket(NamedTuple):
    name: str
    server: Server


class Account(BaseModel):
    name: str
    key: SecretStr = SecretStr("s3cret")
    token: str = Field(default="s3cret", exclude=True)


@pydantic_dataclass
class Checked:
    name: str


@attrs.define
class Defined:
    name: str
    token: str = attrs.field(default="s3cret", repr=False)


@dataclasses.dataclass
class Careful:
    password: str

    def __repr__(self) -> str:
        return "Careful(password='s3cret')"


class CarefulModel(BaseModel):
    password: str

    def __repr_args__(self) -> Any:
        return []


class CarefulTuple(Bucket):
    def __repr__(self) -> str:
        return "s3cret"


class Plain:
    def __init__(self) -> None:
        self.password = "s3cret"


SERVER = Server("::1", 80)
ARN = "arn:aws:rds:eu-central-1:123456789012:db:" + "x" * 50
TEXTS: dict[str, tuple[object, str]] = {
    "text": (ARN, repr(ARN)),
    "long text": ("x" * 1000, "'" + "x" * 99 + "..." + "x" * 99 + "'"),
    "number": (5, "5"),
    "dataclass": (SERVER, "Server(host='::1', port=80, password=...)"),
    "slots": (Slotted(Path("/a")), f"Slotted(path={Path('/a')!r})"),
    "named tuple": (Bucket("b", SERVER), "Bucket(name='b', server=Server(host='::1', port=80, password=...))"),
    "model": (Account(name="a"), "Account(name='a', key=SecretStr(...), token=...)"),
    "checked dataclass": (Checked("a"), "Checked(name='a')"),
    "attrs": (Defined("a"), "Defined(name='a', token=...)"),
    "in a list": ([SERVER], "[Server(...)]"),
    "careful dataclass": (Careful("s3cret"), "Careful(...)"),
    "careful model": (CarefulModel(password="s3cret"), "CarefulModel(...)"),
    "careful tuple": (CarefulTuple("s3cret", SERVER), "CarefulTuple(...)"),
    "anything": (Plain(), "Plain(...)"),
    "a class": (Server, "Server"),
    "another": (collections.Counter("a"), "Counter(...)"),
}


@pytest.mark.parametrize(("value", "text"), TEXTS.values(), ids=list(TEXTS))
def test_what_a_value_is(value: object, text: str) -> None:
    assert value_text(value) == text
    assert "s3cret" not in text
