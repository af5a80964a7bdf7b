"""Puts values, types and paths into words. Runs no user's `__repr__` and prints no secret. Imports no pydantic."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import ipaddress
import itertools
import pathlib
import re
import types
import uuid
import zoneinfo
from typing import Any, Final

from pytest_shared_session_scope._codec.parts import (
    ABSENT,
    Difference,
    Step,
    Steps,
    has_secret,
    holds_secret,
    is_secret,
    is_secret_field,
)
from pytest_shared_session_scope._codec.scalars import zone_of
from pytest_shared_session_scope._codec.type_hints import type_name

# --- naming things ---------------------------------------------------------------------------------------


def function_name(function: object) -> str:
    """Return what a function calls itself."""
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def an(name: str) -> str:
    """Return a name with its article."""
    if name == "None":
        return name
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def class_name(value: object) -> str:
    """Return the name of a value's class."""
    return type_name(type(value))


_SHOWN: Final = (
    *(type(None), bool, int, float, complex, str, bytes, bytearray, range, type(...)),
    *(
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        datetime.timezone,
        zoneinfo.ZoneInfo,
    ),
    *(pathlib.PurePosixPath, pathlib.PosixPath, pathlib.PureWindowsPath, pathlib.WindowsPath, uuid.UUID),
    *(decimal.Decimal, fractions.Fraction, ipaddress.IPv4Address, ipaddress.IPv6Address, re.Pattern),
)
_FEW: Final = 4  # so many items of a container are named
_LOOKED_AT: Final = 1000  # so many items say what type a container's items have
_LONG: Final = 1000  # so many bits are shown in hex: Python refuses to print the longest numbers
_BRACKETS: Final[dict[type, str]] = dict(
    zip((list, tuple, set, frozenset, collections.deque), ("[]", "()", "{}", "{}", "[]"), strict=True)
)


def shown(value: Any, depth: int = 2) -> str:
    """Return a short text for a value: of what is Python's own its `repr`, of anything else its class."""
    cls = type(value)
    if cls in _SHOWN:
        return shortened(_text(value))
    if value is ABSENT:
        return "nothing"
    if isinstance(value, type | types.FunctionType):
        return type_name(value)
    if isinstance(value, enum.Enum):
        return f"{type_name(cls)}.{value.name}"
    if cls in _BRACKETS and depth:
        items = [shown(item, depth - 1) for item in itertools.islice(value, _FEW)]
        items += ["..."] if len(value) > _FEW else []
        comma = "," if cls is tuple and len(value) == 1 else ""
        return _BRACKETS[cls][0] + ", ".join(items) + comma + _BRACKETS[cls][1]
    if cls is dict and depth:
        pairs = [f"{shown(k, 0)}: {shown(v, depth - 1)}" for k, v in itertools.islice(value.items(), _FEW)]
        return "{" + ", ".join(pairs + (["..."] if len(value) > _FEW else [])) + "}"
    return f"{type_name(cls)}(...)"


def _text(value: Any) -> str:
    if type(value) is int and value.bit_length() > _LONG:
        return hex(value)
    if isinstance(value, str | bytes | bytearray):
        return repr(value[:100])
    if isinstance(value, datetime.datetime | datetime.time):
        kind, *_, name = zone_of(value.tzinfo)
        zone = f" [{name}]" if kind in ("key", "offset") and name else ""
        return f"{value}{zone}{' fold=1' if value.fold else ''}"
    return str(value) if isinstance(value, datetime.date) else repr(value)


def shortened(text: str, at_most: int = 60) -> str:
    """Return a text without its middle where it is too long."""
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
    classes = type(before), type(after)
    if holds_secret(before):
        return " became ".join(f"{type_name(cls)}(...)" for cls in classes)
    texts = shown(before), shown(after)
    if classes[0] is classes[1]:
        return f"{texts[0]} became {texts[1] if texts[0] != texts[1] else 'another'}"
    if type_name(classes[0]) == type_name(classes[1]):
        return " became ".join(f"{cls.__module__}.{text}" for cls, text in zip(classes, texts, strict=True))
    return f"{with_class(before)} became {with_class(after)}"


def with_class(value: object) -> str:
    """Return a value with the name of its class, shortened."""
    name, text = class_name(value), shown(value)
    return text if value is ABSENT or re.match(rf"{re.escape(name)}\b", text) else f"{name} {text}"


def named_after(value: Any, depth: int = 3) -> str:
    """Return the annotation that says what a value is."""
    cls = type(value)
    if value is None:
        return "None"
    if isinstance(value, pathlib.PurePath):
        return "Path" if isinstance(value, pathlib.Path) else "PurePath"
    if isinstance(value, re.Pattern):
        return f"re.Pattern[{class_name(value.pattern)}]"
    if depth < 0:
        return type_name(cls)
    if cls is tuple and 0 < len(value) <= _FEW:
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
    names = dict.fromkeys(named_after(value, depth - 1) for value in itertools.islice(values, _LOOKED_AT))
    return " | ".join(names) if 0 < len(names) <= _FEW else "..."


def is_typed(value: Any) -> bool:
    """Say whether there is a type that carries the value once it is annotated."""
    cls = type(value)
    fields = (
        "__pydantic_fields__",
        "__dataclass_fields__",
        "__attrs_attrs__",
        "_fields",
        "__get_pydantic_core_schema__",
    )
    known = cls in _SHOWN or cls in _BRACKETS or cls is re.Pattern or isinstance(value, dict | enum.Enum)
    return known or any(hasattr(cls, name) for name in fields)
