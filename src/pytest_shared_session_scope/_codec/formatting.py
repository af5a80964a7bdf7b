"""Formatting: values, types, paths and changes as text. Must not import pydantic.

It never runs a user's `__repr__` and never prints a secret.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import itertools
import pathlib
import re
import reprlib
import types
from typing import Any, Final

from pytest_shared_session_scope._codec.parts import (
    ABSENT,
    Difference,
    Step,
    Steps,
    field_names,
    has_secret,
    holds_secret,
    is_secret,
    is_secret_field,
)
from pytest_shared_session_scope._codec.scalars import EQUAL, KEYS, zone_of
from pytest_shared_session_scope._codec.type_hints import type_name


def function_name(function: object) -> str:
    """Return the name of a function."""
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def an(name: str) -> str:
    """Return a name with its article."""
    if name == "None":
        return name
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


def class_name(value: object) -> str:
    """Return the name of a value's class."""
    return type_name(type(value))


# --- values ----------------------------------------------------------------------------------------------

_SHOWN: Final = frozenset((*EQUAL, *KEYS, type(...)))
_FEW: Final = 4  # items of a container that are shown
_EXAMINED: Final = 1000  # items that determine the type of a container's items
_LONG: Final = 1000  # bits from which a number is shown in hex: Python refuses to print the longest ones
_BRACKETS: Final[dict[type, str]] = dict(
    zip((list, tuple, set, frozenset, collections.deque), ("[]", "()", "{}", "{}", "[]"), strict=True)
)


def shown(value: Any, depth: int = 2) -> str:
    """Return a short text for a value: the `repr` of Python's own classes, the class of any other."""
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
    """Return a text without its middle if it is too long."""
    half = at_most // 2
    return text if len(text) <= at_most else f"{text[:half]}...{text[-half:]}"


def with_class(value: object) -> str:
    """Return the short text for a value, with the name of its class."""
    name, text = class_name(value), shown(value)
    return text if value is ABSENT or re.match(rf"{re.escape(name)}\b", text) else f"{name} {text}"


# An address, or a name in a cloud, is never cut.
_LONGEST_TEXT: Final = 201
# The files in which generated `__repr__`s are defined. A class with a `__repr__` of its own may have something to hide.
_GENERATED: Final = (collections.__file__, dataclasses.__file__, reprlib.__file__, "<attrs generated")


def value_text(value: Any, depth: int = 2) -> str:
    """Return a text with which users can clean up by hand: of a class, all declared fields that its `repr` shows."""
    cls: Any = type(value)
    if cls is str:
        return shortened(repr(value), _LONGEST_TEXT)
    names = field_names(cls)
    if not depth or not names or not _is_repr_generated(cls):
        return shown(value)
    fields = (f"{name}={_field_text(value, name, depth)}" for name in dict.fromkeys(names))
    return f"{type_name(cls)}({', '.join(fields)})"


def _field_text(value: Any, name: str, depth: int) -> str:
    if is_secret_field(type(value), name) or not hasattr(value, name):
        return "..."
    return value_text(getattr(value, name), depth - 1)


def _is_repr_generated(cls: Any) -> bool:
    if hasattr(cls, "__pydantic_fields__") and hasattr(cls, "__repr_args__"):
        return all(getattr(cls, name).__module__.startswith("pydantic.") for name in ("__repr__", "__repr_args__"))
    code = getattr(cls.__repr__, "__code__", None)
    return code is not None and code.co_filename.startswith(_GENERATED)


# --- paths and changes -----------------------------------------------------------------------------------


def path_of(steps: Steps) -> str:
    """Return the path in the style of pytest and pydantic, as far as a secret's field."""
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


def change(difference: Difference) -> str:
    """Return what changed into what."""
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
    changes = [f"{verb} {', '.join(map(shown, m[:3]))}" for verb, m in (("lost", lost), ("gained", gained)) if m]
    return "; ".join([f"{len(before)} {what} became {len(after)}", *changes])


def _without(members: Any, others: Any) -> list[Any]:
    """Return the members that the others lack, as far as that can be found without running a user's code."""
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


# --- annotations -----------------------------------------------------------------------------------------


def named_after(value: Any, depth: int = 3) -> str:
    """Return the annotation that describes a value."""
    cls = type(value)
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
    names = dict.fromkeys(named_after(value, depth - 1) for value in itertools.islice(values, _EXAMINED))
    return " | ".join(names) if 0 < len(names) <= _FEW else "..."


_DECLARING: Final = "__pydantic_fields__", "__dataclass_fields__", "__attrs_attrs__", "_fields"


def is_typed(value: Any) -> bool:
    """Whether some annotation exists with which the value can be shared."""
    cls = type(value)
    is_known = cls in _SHOWN or cls in _BRACKETS or isinstance(value, dict | enum.Enum)
    return is_known or any(hasattr(cls, name) for name in (*_DECLARING, "__get_pydantic_core_schema__"))
