"""A share's journal as it is read: line by line, and as far as it is whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_shared_session_scope._run.journal import Journal, is_short, line, place_of, value_in, with_value

LINES = {
    "held": (["hold gw0"], ["gw0"], [], {}),
    "held twice": (["hold gw0", "hold gw0"], ["gw0"], [], {}),
    "in the order they came": (["hold gw1", "hold gw0"], ["gw1", "gw0"], [], {}),
    "leaving": (["hold gw0", "leave gw0"], [], ["gw0"], {}),
    "dropped, then leaving": (["hold gw0", "free gw0", "leave gw0"], [], [], {}),
    "free from holding": (["hold gw0", "hold gw1", "free gw0"], ["gw1"], [], {}),
    "free from leaving": (["hold gw0", "leave gw0", "free gw0"], [], [], {}),
    "published": (['publish ready - {"a": "b c"}'], [], [], {"ready": '{"a": "b c"}'}),
    "published again": (["publish ready - 1", "publish ready - 2"], [], [], {"ready": "2"}),
    "published instead of another": (["publish setting-up - 1", "publish ready setting-up 2"], [], [], {"ready": "2"}),
    "renamed": (["publish ready - 1", "rename ready cleaning"], [], [], {"cleaning": "1"}),
    "discarded": (["publish ready - 1", "discard ready", "discard ready"], [], [], {}),
}


def journal_of(content: bytes) -> Journal:
    journal = Journal()
    journal.read_on(content)
    return journal


def told(journal: Journal) -> object:
    return journal.holders, journal.leaving, journal.states, journal.dependents, journal.is_dynamic


@pytest.mark.parametrize(("lines", "holders", "leaving", "states"), LINES.values(), ids=list(LINES))
def test_what_lines_come_to(lines: list[str], holders: list[str], leaving: list[str], states: dict[str, str]) -> None:
    content = b"".join(map(line, lines))
    journal = journal_of(content)
    assert (list(journal.holders), list(journal.leaving), journal.states) == (holders, leaving, states)
    assert journal.length == len(content)


def test_dependents_and_dynamic() -> None:
    journal = journal_of(line("depend", "a") + line("depend", "b") + line("undepend", "a") + line("undepend", "c"))
    assert (list(journal.dependents), journal.is_dynamic) == (["b"], False)
    journal.read_on(line("dynamic"))
    assert journal.is_dynamic


def test_a_short_value_goes_with_the_last_record_of_what_is_ready() -> None:
    first = line("publish", "ready", "-", with_value("1", "a b"))
    journal = journal_of(first)
    assert (journal.states, journal.checked, value_in(journal.checked or "")) == ({"ready": "1"}, "806c5cd3a b", "a b")
    journal.read_on(line("rename", "ready", "cleaning") + line("publish", "cleaned-1", "cleaning", "2"))
    assert (journal.states, journal.checked) == ({"cleaned-1": "2"}, "806c5cd3a b")
    journal.read_on(line("publish", "ready", "-", with_value("3", None)))
    assert (journal.states["ready"], journal.checked) == ("3", None)
    journal.read_on(line("publish", "ready", "-", with_value("4", "")))
    assert (journal.states["ready"], value_in(journal.checked or "")) == ("4", "")


@pytest.mark.parametrize("checked", ["806c5cd3a c", "806c5cd3", "", "a b", " " * 11])
def test_value_that_does_not_fit_its_checksum(checked: str) -> None:
    with pytest.raises(ValueError, match="the checksum of its value differs"):
        value_in(checked)


def test_place_of_a_value_in_a_journal() -> None:
    lines = [line("publish", "ready", "-", with_value("1", value)) for value in ("a", "ab", "a", "xab")]
    content = b"".join(lines)
    for value, number in (("ab", 1), ("a", 2), ("xab", 3)):
        checked = with_value("", value)[1:]
        at = place_of(checked, content)
        assert at == len(b"".join(lines[:number])) + lines[number].index(checked.encode()), "the last one"
    assert place_of("00000000b", content) is None


class Masked(str):
    """A text that formats as another, as the members of an enum of texts do."""

    __slots__ = ()

    def __str__(self) -> str:
        return "***"


SHORT = {
    "text": ("a", True),
    "nothing": ("", True),
    "JSON": ('[{"a": "\\n"}]', True),
    "as long as it may be": ("a" * 4096, True),
    "too long": ("a" * 4097, False),
    "two bytes for a character": ("\xe4", False),
    "end of a line": ("a\n", False),
    "end of an entry": ("a\x1e", False),
    "begin of a value": ("a\x1fb", False),
    "bytes": (b"a", False),
    "text that shows itself as another": (Masked("a"), False),
    "no text": (1, False),
}


@pytest.mark.parametrize(("value", "expected"), SHORT.values(), ids=list(SHORT))
def test_short_values(value: object, expected: bool) -> None:
    assert is_short(value) is expected


LINE = st.sampled_from([text for lines, *_ in LINES.values() for text in lines if not text.startswith("rename")])


@given(st.lists(LINE, max_size=10), st.data())
def test_it_does_not_matter_how_often_it_is_read(lines: list[str], data: st.DataObject) -> None:
    content = b"".join(map(line, lines))
    journal = Journal()
    seen = 0
    while seen < len(content):
        seen = min(seen + data.draw(st.integers(1, 40)), len(content))
        journal.read_on(content[journal.length : seen])
    journal.read_on(content[journal.length :])
    assert told(journal) == told(journal_of(content))


@given(st.lists(LINE, max_size=5), LINE, st.lists(LINE, min_size=1, max_size=5), st.data())
def test_a_line_that_was_cut_off_was_never_written(
    before: list[str], cut_off: str, after: list[str], data: st.DataObject
) -> None:
    whole = line(cut_off)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    first, rest = b"".join(map(line, before)), b"".join(map(line, after))
    journal = journal_of(first + part)
    assert told(journal) == told(journal_of(first))
    journal.read_on((first + part + rest)[journal.length :])
    assert told(journal) == told(journal_of(first + rest))
