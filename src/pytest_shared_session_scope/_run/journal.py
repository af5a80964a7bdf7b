"""The lines and records of a share's journal, and the state that they add up to. Touches no file.

Workers append lines and never change one. A line begins with a line feed and ends with a record separator; neither
occurs inside a word or a JSON text. If a worker dies while it writes a line, the line has no end, and the next writer
begins a new one: a reader skips what has no end.

    hold|leave|free WORKER                     a worker holds the share; its fixture is ending; it is done with it
    publish STATE GENERATION RECORD [VALUE]    the share is in a state; a short value follows its record
    move STATE STATE                           the setup goes from one state to another, with its record and value
    discard                                    the setup was interrupted: it counts as never begun
    depend|undepend KEY, dynamic               see `Journal`
"""

from __future__ import annotations

import enum
import json
import zlib
from typing import Any, Final, NamedTuple

FORMAT: Final = 1
_BEGIN: Final = b"\n"
_END: Final = b"\x1e"
_VALUE: Final = "\x1f"
_CHECKSUM: Final = 8


class Kind(enum.Enum):
    """The three ways of writing a shared fixture."""

    RETURNS = "returns"
    YIELDS_ONCE = "yields once"
    YIELDS_TWICE = "yields twice"


class State(enum.Enum):
    """The states of one setup of a share."""

    SETTING_UP = "setting-up"  # its owner is running the setup
    READY = "ready"  # every worker can acquire it
    CLEANING = "cleaning"  # the last worker has withdrawn it and is cleaning it up
    FAILED = "failed"  # the setup raised
    CLEANED = "cleaned"  # it has been cleaned up
    LOST = "lost"  # its worker died: in the setup or the cleanup, or as the owner of a fixture that yields once


class Failure(NamedTuple):
    """How a setup failed, as other processes are informed; `outcome` is its meaning for pytest."""

    outcome: str  # error, fail, skip, xfail or exit
    type_name: str
    message: str
    traceback: str


class ShareRecord(NamedTuple):
    """One setup of a share: which worker ran it, when, in which test, and how it ended.

    `started` is in seconds since the epoch, `seconds` is the duration of the setup, `generation` counts the setups of
    the share from 1. `item` is the node id of the test that acquired it, `fixture_name` the name it asked for. `shown`
    is a short text for the value, without secrets; None until there is a value. The rest is for reports: the annotated
    `value_type`, the `parameters` as text, the `size` of the stored value in bytes if known; and for the worker that
    cleaned up, how long it waited for the others, in which test, when it began, how long it took and what was raised.
    """

    fixture: str
    fixture_name: str
    kind: Kind
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


_DEFAULTS: Final = ShareRecord._field_defaults
_FIELDS: Final[dict[Any, frozenset[str]]] = {cls: frozenset(cls._fields) for cls in (ShareRecord, Failure)}


def fields_of(record: ShareRecord) -> dict[str, Any]:
    """Return the record as a dict of JSON values."""
    fields = record._asdict() | {"kind": record.kind.value}
    if record.failure is not None:
        fields["failure"] = record.failure._asdict()
    return fields


def encode(record: ShareRecord) -> str:
    """Return the record as JSON text. Default fields are omitted, because every acquire parses a record."""
    fields = {name: value for name, value in fields_of(record).items() if value != _DEFAULTS.get(name, _DEFAULTS)}
    return json.dumps({"format": FORMAT, **fields})


def parse(text: str) -> ShareRecord:
    """Return the record that `encode` wrote, ignoring the keys that a newer release may have added.

    Raises `ValueError` for anything that is not a whole record of this format: a guess could run a setup twice.
    """
    fields: dict[str, Any] = json.loads(text)
    try:
        if fields.get("format") != FORMAT:
            raise ValueError(f"record format {fields.get('format')!r}, this release reads {FORMAT}")
        fields["kind"] = Kind(fields.get("kind"))
        if fields.get("failure") is not None:
            fields["failure"] = _build(Failure, fields["failure"])
        record: ShareRecord = _build(ShareRecord, fields)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"not a whole record: {error}") from error
    return record


def _build(cls: Any, data: dict[str, Any]) -> Any:
    return cls(**{name: value for name, value in data.items() if name in _FIELDS[cls]})


class Entry(NamedTuple):
    """One setup of a share as text; `value` follows its checksum, and is None if the value is in its store."""

    state: State
    generation: int
    record: str
    value: str | None


def line(*words: str) -> bytes:
    """Return a line of these words, to be appended in one write."""
    return _BEGIN + " ".join(words).encode("utf-8", "surrogatepass") + _END


def publication(state: State, record: ShareRecord, value: str | None = None) -> bytes:
    """Return the line that puts a setup into a state, with its value if that is short."""
    text = encode(record) if value is None else f"{encode(record)}{_VALUE}{_checksum(value)}{value}"
    return line("publish", state.value, str(record.generation), text)


def value_in(checked: str) -> str:
    """Return the value that follows its checksum. Raises `ValueError` if they do not match."""
    value = checked[_CHECKSUM:]
    if _checksum(value) != checked[:_CHECKSUM]:
        raise ValueError("the checksum of its value differs")
    return value


def _checksum(value: str) -> str:
    return f"{zlib.crc32(value.encode()):0{_CHECKSUM}x}"


class Journal:
    """The state that a share's lines add up to, as far as they have been read.

    `setup` is the setup that is not over, `failure` the last one that raised; `ended` has those that were cleaned up
    or lost, by generation. `holders`, `leaving` workers and `dependents` (keys of other shares) are in order of their
    lines. `is_dynamic`: a test acquires the share without naming it.
    """

    def __init__(self) -> None:
        self.length = 0
        self.setup: Entry | None = None
        self.failure: Entry | None = None
        self.ended = dict[int, Entry]()
        self.holders = dict[str, None]()
        self.leaving = dict[str, None]()
        self.dependents = dict[str, None]()
        self.is_dynamic = False

    def read_on(self, content: bytes) -> None:
        """Apply the bytes that follow the `length` bytes read so far, up to the last whole line.

        Raises `ValueError` for anything that no worker has written.
        """
        if not content:
            return
        first, *lines = content.split(_BEGIN)
        if first:
            raise ValueError("it does not begin with a line feed")
        if lines and not lines[-1].endswith(_END):
            content = content[: -len(lines.pop()) - 1]  # still being written, or by a dead worker: read it again later
        for each in lines:
            if each.endswith(_END):
                self._apply(each[:-1].decode("utf-8", "surrogatepass"))
        self.length += len(content)

    def _apply(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        match word:
            case "hold" | "leave" | "free":
                self._apply_to_holder(word, rest)
            case "publish":
                self._publish(*rest.split(" ", 2))
            case "move":
                self._move(*rest.split(" ", 1))
            case "discard":
                self.setup = None
            case "depend":
                self.dependents[rest] = None
            case "undepend":
                self.dependents.pop(rest, None)
            case "dynamic":
                self.is_dynamic = True
            case _:
                raise ValueError(f"{text[:40]!r} is not a line of this format")

    def _apply_to_holder(self, word: str, worker: str) -> None:
        if word == "hold":
            self.holders[worker] = None
        elif word == "free":
            self.holders.pop(worker, None)
            self.leaving.pop(worker, None)
        elif worker in self.holders:  # else a worker that set the share up again has dropped it
            del self.holders[worker]
            self.leaving[worker] = None

    def _publish(self, state: str, generation: str = "", text: str = "") -> None:
        record, has_value, value = text.partition(_VALUE)
        self._enter(Entry(State(state), int(generation), record, value if has_value else None))

    def _move(self, before: str, after: str = "") -> None:
        if self.setup is None or self.setup.state is not State(before):
            raise ValueError(f"a setup moved from {before} to {after}, but is not {before}")
        self._enter(self.setup._replace(state=State(after)))

    def _enter(self, entry: Entry) -> None:
        self.setup = None
        if entry.state is State.FAILED:
            self.failure = entry
        elif entry.state in (State.CLEANED, State.LOST):
            self.ended[entry.generation] = entry
        else:
            self.setup = entry
            if entry.state is State.READY:
                self.failure = None  # of an earlier attempt, which was run again
