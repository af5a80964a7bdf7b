"""What the engine writes to disk about a share; imports nothing of the package and touches no file."""

import enum
import functools
import json
from typing import Any, Final, NamedTuple, NoReturn, cast, get_args, get_type_hints

FORMAT = 1


class Kind(enum.Enum):
    """The three ways of writing a shared fixture."""

    RETURNS = "returns"
    YIELDS_ONCE = "yields once"
    YIELDS_TWICE = "yields twice"


class Failure(NamedTuple):
    """How a setup ended that raised, as far as other processes can be told.

    `outcome` is what the exception means to pytest: `error`, `fail`, `skip`, `xfail` or `exit`.
    """

    outcome: str
    type_name: str
    message: str
    traceback: str


class ShareRecord(NamedTuple):
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


def fields_of(record: ShareRecord) -> dict[str, Any]:
    """Return the record as what JSON can carry."""
    fields = record._asdict()
    if record.failure is not None:
        fields["failure"] = record.failure._asdict()
    return fields


def encode(record: ShareRecord) -> str:
    """Return the record as JSON text, without what is as by default: each take reads one."""
    fields = zip(ShareRecord._fields, fields_of(record).values(), _DEFAULTS, strict=True)
    told = {name: value for name, value, default in fields if value != default}
    return json.dumps({"format": FORMAT, **told})


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


def _build(cls: Any, data: dict[str, Any]) -> Any:
    if not _is_whole(cls, tuple(data), tuple(map(type, data.values()))):
        _raise(cls, data)
    if not data.keys() <= _TYPES[cls].keys():
        data = {name: value for name, value in data.items() if name in _TYPES[cls]}
    return cls(**data)


@functools.lru_cache(maxsize=64)
def _is_whole(cls: Any, names: tuple[str, ...], types: tuple[type, ...]) -> bool:
    """Say whether fields with these names and types make a record: looked at once, since each take reads one."""
    fits = all(kind in _TYPES[cls].get(name, (kind,)) for name, kind in zip(names, types, strict=True))
    return fits and _required(cls) <= set(names)


def _raise(cls: Any, data: dict[str, Any]) -> NoReturn:
    for name, value in data.items():
        kinds = _TYPES[cls].get(name)
        if kinds is not None and type(value) not in kinds:
            told = " | ".join("None" if kind is _NONE else kind.__name__ for kind in kinds)
            raise ValueError(f"{cls.__name__} with {name!r} = {value!r}, which is no {told}")
    missing = [name for name in cls._fields if name in _required(cls) - set(data)]
    raise ValueError(f"{cls.__name__} without {missing[0]!r}")


def _required(cls: Any) -> set[str]:
    return set(cls._fields) - set(cls._field_defaults)


_NONE: Final = type(None)
_ABSENT: Final = object()
_DEFAULTS: Final = [ShareRecord._field_defaults.get(name, _ABSENT) for name in ShareRecord._fields]
# Which types a field may have. JSON writes a whole number of seconds without a point.
_TYPES: Final[dict[type[Any], dict[str, tuple[type, ...]]]] = {
    cls: {
        name: (float, int) if annotation is float else get_args(annotation) or (annotation,)
        for name, annotation in get_type_hints(cls).items()
    }
    for cls in (ShareRecord, Failure)
}
