"""What the engine writes to disk about a share; imports nothing of the package and touches no file."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Final, cast

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Failure:
    """How a setup ended that raised, as far as other processes can be told.

    `outcome` is what the exception means to pytest: `error`, `fail`, `skip`, `xfail` or `exit`.
    """

    outcome: str
    type_name: str
    message: str
    traceback: str


@dataclasses.dataclass(frozen=True)
class ShareRecord:
    """One setup of a share: who did it, when, in which test, and how it ended.

    `started` is in seconds since the epoch, `seconds` how long the setup took. `generation` counts the setups of
    the share from 1. `item` is the node id of the test that asked, `fixture_name` the name it asked for. `shown` is a
    short text for the value, without secrets; None until there is one. For the report alone: the annotated `value_type`
    and the `parameters` as text, the `size` of what is stored in bytes where it is known, and how long the worker that
    cleaned up waited for the others, in which test, when it began, how long it took, and what was raised.
    """

    fixture: str
    fixture_name: str
    kind: str
    generation: int
    worker: str
    pid: int
    item: str
    started: float
    seconds: float = 0.0
    shown: str | None = None
    cleaned_by: str | None = None
    failure: Failure | None = None
    value_type: str = ""
    parameters: str = ""
    size: int | None = None
    cleanup_waited: float = 0.0
    cleanup_item: str = ""
    cleanup_started: float = 0.0
    cleanup_seconds: float = 0.0
    cleanup_error: str | None = None
    format: int = FORMAT

    @property
    def definition(self) -> str:
        """The fixture's name and place."""
        return self.fixture.partition(" with the parameter ")[0]


def encode(record: ShareRecord) -> str:
    """Return the record as JSON text."""
    failure = None if record.failure is None else vars(record.failure)
    return json.dumps({**vars(record), "failure": failure})


def parse(text: str) -> ShareRecord:
    """Return the record that `encode` wrote.

    Unknown keys are ignored, so that a newer release may add some. Raises `ValueError` for anything that is not a
    whole record of this format: a guess could set a share up twice.
    """
    fields = _object(json.loads(text), "record")
    if fields.get("format") != FORMAT:
        raise ValueError(f"record format {fields.get('format')!r}, this release reads {FORMAT}")
    if fields.get("failure") is not None:
        fields["failure"] = _build(Failure, _object(fields["failure"], "failure"))
    record: ShareRecord = _build(ShareRecord, fields)
    return record


def _object(data: object, what: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{what} is no JSON object")  # noqa: TRY004 - what was read has a wrong value
    return cast("dict[str, Any]", data)


def _build(cls: type[Any], data: dict[str, Any]) -> Any:
    types = _TYPES[cls]
    known = {name: data[name] for name in types if name in data}
    for name, value in known.items():
        if type(value) not in types[name]:
            raise ValueError(f"{cls.__name__} with {name!r} = {value!r}, which is no {cls.__annotations__[name]}")
    if len(known) < len(types):
        for field in dataclasses.fields(cls):
            if field.name not in known and field.default is dataclasses.MISSING:
                raise ValueError(f"{cls.__name__} without {field.name!r}")
    return cls(**known)


_NONE: Final = type(None)
_BY_ANNOTATION: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "int | None": (int, _NONE),
    "str | None": (str, _NONE),
    "Failure | None": (Failure, _NONE),
}
# Which types a field may have: looked up once, since each take reads a record.
_TYPES: Final[dict[type[Any], dict[str, tuple[type, ...]]]] = {
    cls: {field.name: _BY_ANNOTATION[str(field.type)] for field in dataclasses.fields(cls)}
    for cls in (ShareRecord, Failure)
}
