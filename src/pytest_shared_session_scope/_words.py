"""Puts values, types and paths into words. Runs no user's `__repr__` and prints no secret; imports only `_guard`."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import ipaddress
import pathlib
import re
import uuid
import zoneinfo
from collections.abc import Iterator
from typing import Any, Final, get_args

from pytest_shared_session_scope._guard import ABSENT, Difference, Step, StepKind

Steps = tuple[Step, ...]


# --- naming things ---------------------------------------------------------------------------------------


def function_name(function: object) -> str:
    """Return what a function calls itself."""
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def an(name: str) -> str:
    """Return a name with its article."""
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def class_name(value: object) -> str:
    """Return the name of a value's class."""
    return type_name(type(value))


def type_name(tp: Any) -> str:
    """Return a type as one writes it, without the modules and functions it is defined in."""
    if tp is type(None):
        return "None"
    text = tp.__qualname__ if isinstance(tp, type) and not get_args(tp) else str(tp)
    return (
        re.sub(r"(?:\w+\.(?:<locals>\.)?)+(?=\w)", "", text)
        if "<locals>" in text or text is not getattr(tp, "__qualname__", "")
        else text
    )


_SHOWN: Final = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray, range, type(...), decimal.Decimal, uuid.UUID),
    *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone, zoneinfo.ZoneInfo),
    *(fractions.Fraction, pathlib.PurePosixPath, pathlib.PosixPath, pathlib.PureWindowsPath, pathlib.WindowsPath),
    *(ipaddress.IPv4Address, ipaddress.IPv6Address, re.Pattern),
)
_BRACKETS: Final[dict[type, str]] = {list: "[]", tuple: "()", set: "{}", frozenset: "{}", collections.deque: "[]"}


def shown(value: Any, depth: int = 2) -> str:
    """Return a short text for a value: of what is Python's own its `repr`, of anything else its class."""
    cls = type(value)
    if cls in _SHOWN:
        return _shortened(_text(value))
    if isinstance(value, enum.Enum):
        return f"{type_name(cls)}.{value.name}"
    if value is ABSENT:
        return "nothing"
    if cls in _BRACKETS and depth:
        items = [shown(item, depth - 1) for item, _ in zip(value, range(4), strict=False)]
        items += ["..."] if len(value) > 4 else []
        comma = "," if cls is tuple and len(value) == 1 else ""
        return _BRACKETS[cls][0] + ", ".join(items) + comma + _BRACKETS[cls][1]
    if cls is dict and depth:
        pairs = [f"{shown(k, 0)}: {shown(v, depth - 1)}" for (k, v), _ in zip(value.items(), range(4), strict=False)]
        return "{" + ", ".join(pairs + (["..."] if len(value) > 4 else [])) + "}"
    return f"{type_name(cls)}(...)"


def _text(value: Any) -> str:
    if type(value) is int and value.bit_length() > 1000:  # Python refuses to print the longest
        return hex(value)
    if isinstance(value, str | bytes | bytearray):
        return repr(value[:100])
    if isinstance(value, datetime.datetime | datetime.time):
        zone = value.tzinfo
        key = (
            f" [{zone.key}]"
            if type(zone) is zoneinfo.ZoneInfo
            else f" [{zone.tzname(None)}]"
            if type(zone) is datetime.timezone
            else ""
        )
        return f"{value}{key}{' fold=1' if value.fold else ''}"
    return str(value) if isinstance(value, datetime.date) else repr(value)


def _shortened(text: str, at_most: int = 60) -> str:
    half = at_most // 2
    return text if len(text) <= at_most else f"{text[:half]}...{text[-half:]}"


def path_of(steps: Steps) -> str:
    """Return the path in pytest's and pydantic's habit; what is beyond a secret's field is not told."""
    path = "$"
    for step in steps:
        if is_secret(step.owner):
            break
        if isinstance(step.name, str) and step.name in ("__pydantic_private__", "__pydantic_extra__"):
            continue
        path += _segment(step)
        if is_secret_field(type(step.owner), step.name):
            break
    return path


def _segment(step: Step) -> str:
    if step.kind == "member":
        return f"{{{shown(step.name)}}}"
    if isinstance(step.name, str) and step.name.isidentifier() and step.kind != "index":
        return f".{step.name}"
    return f"[{shown(step.name)}]"


# --- secrets ---------------------------------------------------------------------------------------------


def is_secret_field(cls: Any, name: object) -> bool:
    """Say whether a class keeps a field out of its `repr` or its dumps."""
    if not isinstance(name, str):  # a key that hashes or compares badly
        return False
    field = getattr(cls, "__pydantic_fields__", {}).get(name) or getattr(cls, "__dataclass_fields__", {}).get(name)
    field = field or next((a for a in getattr(cls, "__attrs_attrs__", ()) if a.name == name), None)
    return field is not None and not (getattr(field, "repr", True) and not getattr(field, "exclude", None))


def is_secret(value: object) -> bool:
    """Say whether it is one of pydantic's secrets."""
    return hasattr(type(value), "get_secret_value")


def has_secret(steps: Steps, *values: object) -> bool:
    """Say whether what is found at the end of the steps is a secret, or a part of one."""
    return any(is_secret(s.owner) or is_secret_field(type(s.owner), s.name) for s in steps) or any(
        map(is_secret, values)
    )


def holds_secret(value: object) -> bool:
    """Say whether there is a secret anywhere in the value."""
    return any(has_secret(steps[-1:], part) for steps, part in parts_of(value))


# --- what was lost ---------------------------------------------------------------------------------------


def change(difference: Difference) -> str:
    """Return what became of what."""
    before, after, found = difference.before, difference.after, difference.found
    if has_secret(difference.steps, before, after):
        return "a secret changed"
    if found == "length":
        return f"{len(before)} items of a {class_name(before)} became {len(after)}"
    if found == "keys":
        return _members_change(before, after)
    if found == "incomparable":
        return f"{an(class_name(before))} cannot be compared with its copy"
    if found == "too deep":
        return f"{an(class_name(before))} holds itself"
    return _became(before, after)


def _members_change(before: Any, after: Any) -> str:
    what = "keys" if isinstance(before, dict) else "members"
    lost, gained = _without(before, after), _without(after, before)
    if len(before) == len(after):
        what = what if len(lost) > 1 else what.removesuffix("s")
        return f"the {what} {', '.join(map(with_class, lost[:3]))} became {', '.join(map(with_class, gained[:3]))}"
    told = [f"{verb} {', '.join(map(shown, some[:3]))}" for verb, some in (("lost", lost), ("gained", gained)) if some]
    return "; ".join([f"{len(before)} {what} became {len(after)}", *told])


def _without(members: Any, others: Any) -> list[Any]:
    """Return the members that the others lack, as far as no user's code is needed to tell."""
    known = {(type(other), other) for other in others if type(other) in _SHOWN}
    return [member for member in members if type(member) not in _SHOWN or (type(member), member) not in known]


def _became(before: object, after: object) -> str:
    texts = shown(before), shown(after)
    if holds_secret(before):
        texts = f"{class_name(before)}(...)", f"{class_name(after)}(...)"
    if type(before) is type(after):
        return f"{texts[0]} became {texts[1] if texts[0] != texts[1] else 'another'}"
    names = type_name(type(before)), type_name(type(after))
    if names[0] == names[1]:
        names = f"{type(before).__module__}.{names[0]}", f"{type(after).__module__}.{names[1]}"
    return f"{_named(names[0], texts[0])} became {_named(names[1], texts[1])}"


def with_class(value: object) -> str:
    """Return a value with the name of its class, shortened."""
    return _named(type_name(type(value)), shown(value))


def _named(name: str, text: str) -> str:
    is_named = text in (name, "nothing") or (text.startswith(name + "(") and not text.endswith("(...)"))
    if is_named or re.match(rf"{re.escape(name)}\.\w+$", text):
        return text
    return name + text.removeprefix(name.rpartition(".")[2]) if text.endswith("(...)") else f"{name} {text}"


def named_after(value: Any, depth: int = 3) -> str:
    """Return the annotation that says what a value is."""
    cls = type(value)
    if value is None:
        return "None"
    if isinstance(value, pathlib.PurePath):
        return "Path" if isinstance(value, pathlib.Path) else "PurePath"
    if isinstance(value, re.Pattern):
        return f"re.Pattern[{class_name(value.pattern)}]"
    if cls is tuple and 0 < len(value) <= 4:
        return f"tuple[{', '.join(named_after(item, depth - 1) for item in value)}]"
    if cls is tuple:
        return f"tuple[{_either(value, depth)}, ...]"
    if cls in _BRACKETS and value and depth:
        return f"{cls.__name__}[{_either(value, depth)}]"
    if isinstance(value, dict) and value and depth:
        values = "" if isinstance(value, collections.Counter) else f", {_either(value.values(), depth)}"
        return f"{type_name(cls)}[{_either(value, depth)}{values}]"
    return type_name(cls)


def _either(values: Any, depth: int) -> str:
    names = dict.fromkeys(named_after(value, depth - 1) for value, _ in zip(values, range(1000), strict=False))
    return " | ".join(names) if 0 < len(names) < 5 else "..."


def is_typed(value: Any) -> bool:
    """Say whether there is a type that carries the value once it is annotated."""
    cls = type(value)
    fields = "__pydantic_fields__", "__dataclass_fields__", "__attrs_attrs__", "_fields", "__get_pydantic_core_schema__"
    known = cls in _SHOWN or cls in _BRACKETS or cls is re.Pattern or isinstance(value, dict | enum.Enum)
    return known or any(hasattr(cls, name) for name in fields)


# --- finding things --------------------------------------------------------------------------------------


def parts_of(value: object) -> Iterator[tuple[Steps, Any]]:
    """Yield a value and everything in it that attributes, items and keys lead to, at most 100,000 parts of it."""
    pending: list[tuple[Steps, Any]] = [((), value)]
    seen: set[int] = set()
    while pending and len(seen) < 100_000:
        steps, part = pending.pop()
        yield steps, part
        if id(part) not in seen and type(part) not in _SHOWN:
            seen.add(id(part))
            pending.extend(((*steps, Step(part, kind, name)), inner) for kind, name, inner in _inside(part))


def _inside(part: Any) -> Iterator[tuple[StepKind, object, object]]:
    if isinstance(part, dict):
        yield from (("key of", key, key) for key in dict.__iter__(part))
        yield from (("key", key, dict.__getitem__(part, key)) for key in dict.__iter__(part))
    elif type(part) in _BRACKETS or isinstance(part, tuple):
        yield from (("index", place, item) for place, item in enumerate(part))
    elif not isinstance(part, type):
        yield from (("attribute", name, inner) for name, inner in getattr(part, "__dict__", {}).items())
        for name in attributes_of(type(part)):
            if name not in getattr(part, "__dict__", {}) and hasattr(part, name):
                yield "attribute", name, getattr(part, name)


def attributes_of(cls: Any) -> Iterator[str]:
    """Yield the names of a dataclass's or an attrs class's fields."""
    yield from getattr(cls, "__dataclass_fields__", ())
    yield from (field.name for field in getattr(cls, "__attrs_attrs__", ()))
