"""What the workers noted of one share, line by line, and what it comes to. Touches no file.

A line begins with a line feed and ends with a record separator, neither of which a word or a JSON text contains. A line
that a worker died in the middle of has no end, and whoever writes next begins a new one: it counts as never written.

A short value follows the record of what it belongs to, with its checksum.
"""

from __future__ import annotations

import zlib
from typing import Final

_BEGIN: Final = b"\n"
_END: Final = b"\x1e"
_VALUE: Final = "\x1f"
_CHECKSUM: Final = 8
# Characters of a short value: a page of memory.
_SHORT: Final = 4096


def line(*words: str) -> bytes:
    """Return what is to be appended to a journal, in one go."""
    return _BEGIN + " ".join(words).encode("utf-8", "surrogatepass") + _END


def is_short(value: object) -> bool:
    """Say whether a journal can hold a value: a short text without what lines are made of.

    Of one byte for each character, so that it can be overwritten while others read it. A class derived from `str` may
    show itself as another text.
    """
    return type(value) is str and len(value) <= _SHORT and value.isascii() and value.isprintable()


def with_value(record: str, value: str | None) -> str:
    """Return what is to be published: a record, with its value where that is short."""
    return record if value is None else f"{record}{_VALUE}{_checksum(value)}{value}"


def value_in(checked: str) -> str:
    """Return the value that follows its checksum. Raises `ValueError` where they do not fit."""
    value = checked[_CHECKSUM:]
    if _checksum(value) != checked[:_CHECKSUM]:
        raise ValueError("the checksum of its value differs")
    return value


def place_of(checked: str, content: bytes) -> int | None:
    """Return at which byte of a journal a value stands with its checksum; None where it does no more."""
    at = content.rfind(_VALUE.encode() + checked.encode() + _END)
    return None if at < 0 else at + len(_VALUE)


def _checksum(value: str) -> str:
    return f"{zlib.crc32(value.encode()):0{_CHECKSUM}x}"


class Journal:
    """What a share's lines come to, as far as they have been read.

    `states` has the record that was published with each state, `checked` the short value that came with the last
    `ready`, after its checksum; None for a value in its store. `holders`, and those that are `leaving`, are in the
    order in which they came, under their names in the file, and so are the `dependents`, other shares.
    """

    def __init__(self) -> None:
        self.length = 0
        self.states = dict[str, str]()
        self.checked: str | None = None
        self.holders = dict[str, None]()
        self.leaving = dict[str, None]()
        self.dependents = dict[str, None]()
        self.is_dynamic = False

    def read_on(self, content: bytes) -> None:
        """Take in what follows the bytes read so far, `length`, up to the last whole line.

        Raises `ValueError` for what no worker has written.
        """
        if not content:
            return
        first, *lines = content.split(_BEGIN)
        if first:
            raise ValueError("it does not begin as it was begun")
        if lines and not lines[-1].endswith(_END):
            content = content[: -len(lines.pop()) - 1]  # being written, or of a worker that died: read again, or never
        for each in lines:
            if each.endswith(_END):
                self._apply(each[:-1].decode("utf-8", "surrogatepass"))
        self.length += len(content)

    def _apply(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        match word:
            case "hold" | "leave" | "free":
                self._apply_to_holder(word, rest)
            case "publish" | "rename" | "discard":
                self._apply_to_state(word, *rest.partition(" ")[::2])
            case "depend":
                self.dependents[rest] = None
            case "undepend":
                self.dependents.pop(rest, None)
            case "dynamic":
                self.is_dynamic = True
            case _:
                raise ValueError(f"{text[:40]!r} is nothing that a worker notes")

    def _apply_to_holder(self, word: str, worker: str) -> None:
        if word == "hold":
            self.holders[worker] = None
        elif word == "free":
            self.holders.pop(worker, None)
            self.leaving.pop(worker, None)
        elif worker in self.holders:  # else it was dropped by one that sets the share up afresh
            del self.holders[worker]
            self.leaving[worker] = None

    def _apply_to_state(self, word: str, state: str, more: str) -> None:
        if word == "publish":
            instead_of, _, record = more.partition(" ")
            self.states.pop(instead_of, None)
            self.states[state], has_value, checked = record.partition(_VALUE)
            if state == "ready":
                self.checked = checked if has_value else None
        elif word == "discard":
            self.states.pop(state, None)
        elif state in self.states:
            self.states[more] = self.states.pop(state)
        else:
            raise ValueError(f"{state} was renamed, and is not there")
