"""Suggestions: what a user can do about a value that is refused."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime
import math
import typing
from collections.abc import Callable
from typing import Any, Final, get_args, get_origin

import typing_extensions

from pytest_shared_session_scope._codec import scalars
from pytest_shared_session_scope._codec.formatting import class_name, is_typed, named_after, shown
from pytest_shared_session_scope._codec.parts import ABSENT, Case, is_secret
from pytest_shared_session_scope._codec.type_hints import (
    UNKNOWN,
    classes_of,
    fitting,
    is_excluded,
    members_of,
    type_name,
    unwrapped,
)

OPT_OUT: Final = "pass serialize= and deserialize="
BY_OBJECT: Final = f"{OPT_OUT}, or store=PickleStore()"


def for_difference(case: Case) -> str:
    """Return the suggestion for a difference."""
    return next(filter(None, (suggest(case) for suggest in _FOR_DIFFERENCE)), OPT_OUT)


def for_mismatch(case: Case) -> str:
    """Return the suggestion for a value that pydantic cannot load."""
    suggestion = next(filter(None, (suggest(case) for suggest in _FOR_MISMATCH)), None)
    return suggestion or f"correct the value or the annotation, or {OPT_OUT}"


def for_numpy(value: Any) -> str | None:
    """Return the suggestion for one of numpy's scalars."""
    if not scalars.is_numpy(type(value)) or value.ndim:
        return None
    return f"make it a plain {class_name(value.item())} with .item(), or {OPT_OUT}"


def setting(value: Any, model: Any) -> str | None:
    """Return the line of configuration with which a user's model keeps the value."""
    if isinstance(value, float) and not math.isfinite(value):
        line = 'ConfigDict(ser_json_inf_nan="constants")'
    elif isinstance(value, bytes):
        line = 'ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")'
    else:
        return None
    return f"give {type_name(model)} the line model_config = {line}"


# --- one function per kind of case; None if the case is of another kind ------------------------------------


def _numpy(case: Case) -> str | None:
    return for_numpy(case.before)


def _iterator(case: Case) -> str | None:
    if not hasattr(type(case.before), "__next__"):
        return None
    return "it can be gone through only once: share a list of what it gives"


def _incomparable(case: Case) -> str | None:
    return BY_OBJECT if case.difference.found in ("incomparable", "too deep") else None


def _excluded(case: Case) -> str | None:
    for step in case.steps:
        fields = getattr(type(step.owner), "__pydantic_fields__", {}) if step.kind == "attribute" else {}
        field = fields.get(step.name)
        if field is not None and is_excluded(field):
            cls = class_name(step.owner)
            return f"{cls}.{step.name} is kept out of every dump (exclude): take exclude away, or {OPT_OUT}"
    return None


def _private(case: Case) -> str | None:
    names = [step.name for step in case.steps if step.kind == "attribute"]
    if "__pydantic_private__" not in names:
        return None
    own = [step.name for step in case.steps if str(step.name).startswith("_") and "pydantic" not in str(step.name)]
    return f"private attributes do not travel: make {own[0] if own else 'it'} a field, or {OPT_OUT}"


def _secret(case: Case) -> str | None:
    if not (is_secret(case.before) or any(is_secret(step.owner) for step in case.steps)):
        return None
    return f"secrets are masked in a dump: annotate and share a plain str or bytes, or {OPT_OUT}"


def _unannotated(case: Case) -> str | None:
    if case.is_annotated:
        return None
    return f"annotate the fixture -> {named_after(case.root)}" if is_typed(case.before) else BY_OBJECT


def _vague(case: Case) -> str | None:
    tp = unwrapped(case.hint)
    if tp is UNKNOWN or not (tp in (Any, object) or isinstance(tp, typing.TypeVar) or tp in _BARE):
        return None
    if not is_typed(case.before):
        return BY_OBJECT
    where = "a value" if tp is object or tp is Any else f"a bare {type_name(tp)}"
    return f"the annotation says nothing of {where} there: annotate {named_after(case.before)} instead"


_BARE: Final = (
    *(list, dict, tuple, set, frozenset, collections.deque, typing.List, typing.Dict, typing.Tuple),  # noqa: UP006
    *(getattr(collections.abc, name) for name in ("Sequence", "Mapping", "Iterable", "Collection")),
    *(typing.Sequence, typing.Mapping, typing.Iterable, typing.Collection, typing.Set),  # noqa: UP006
)


def _subclass(case: Case) -> str | None:
    sub = type(case.before)
    bases = classes_of(case.hint) if case.hint is not UNKNOWN else (type(case.after),)
    base = next((base for base in bases if base in sub.__mro__[1:] and base is not object), None)
    if base is None or sub in bases:
        return None
    names = type_name(sub), type_name(base)
    if not is_typed(case.before):
        return f"make it a plain {names[1]}, or {BY_OBJECT}"
    return f"annotate {names[0]} instead of {names[1]}, or {names[0]} | {names[1]} where both occur"


def _union(case: Case) -> str | None:
    places = [*(step.owner for step in case.steps), case.before]
    for hint, part in zip(reversed(case.hints), reversed(places), strict=False):
        rivals = [m for m in members_of(unwrapped(hint)) if m not in (None, type(None))]
        if len(rivals) > 1 and (part is case.before or len(fitting(hint, part)) > 1):
            if type(part) not in classes_of(hint) and part is case.before:
                continue
            names = " and ".join(map(type_name, rivals))
            tagged = "a tagged union (models told apart by a Literal)"
            return f"JSON cannot tell {names} apart: make it {tagged}, or {OPT_OUT}"
    return None


def _keys(case: Case) -> str | None:
    tp = unwrapped(case.hint)
    if case.difference.found != "keys" or case.is_secret or tp is UNKNOWN:
        return None
    if typing_extensions.is_typeddict(get_origin(tp) or tp):
        return f"{type_name(tp)} declares no such keys: declare them, or {OPT_OUT}"
    expected = (*get_args(tp), Any)[0]
    strange = next((key for key in case.before if type(key) not in classes_of(expected)), None)
    if expected is Any or strange is None:
        return None
    return f"keys are to be {type_name(expected)}, which {shown(strange)} is not: correct it or the annotation"


def _undeclared(case: Case) -> str | None:
    step = case.steps[-1] if case.steps else None
    if step is None or step.kind != "attribute" or ABSENT not in (case.before, case.after):
        return None
    return f"{class_name(step.owner)} has no such field to carry it: declare {step.name} as a field, or {OPT_OUT}"


def _zone(case: Case) -> str | None:
    zone = getattr(case.before, "tzinfo", case.before)
    if not isinstance(zone, datetime.tzinfo):
        return None
    if scalars.zone_of(zone)[0] != "other":
        where = f"inside {type_name(case.model)}" if case.model else "there"
        return f"{where} only UTC and unnamed offsets travel: use .astimezone(timezone.utc), or {OPT_OUT}"
    return f"of time zones only zoneinfo.ZoneInfo and datetime.timezone travel: use one of them, or {OPT_OUT}"


def _setting(case: Case) -> str | None:
    return None if case.model is None else setting(case.before, case.model)


def _other_type(case: Case) -> str | None:
    tp = unwrapped(case.hint)
    if tp is UNKNOWN or type(case.before) in classes_of(tp) or type(case.before) is type(case.after):
        return None
    return f"{type_name(tp)} is what the annotation says there: correct the value or the annotation"


def _own_code(case: Case) -> str | None:
    for step in reversed(case.steps):
        cls = type(step.owner)
        decorators = getattr(cls, "__pydantic_decorators__", None)
        has_code = decorators and any(getattr(decorators, field.name) for field in dataclasses.fields(decorators))
        if has_code or hasattr(cls, "__post_init__"):
            code = f"{type_name(cls)}'s own code (a validator, a serializer, __post_init__)"
            return f"{code} changes it: make it keep what it has made once, or {OPT_OUT}"
    return None


# The first function that recognizes the case decides.
_FOR_DIFFERENCE: Final[tuple[Callable[[Case], str | None], ...]] = (
    *(_numpy, _iterator, _incomparable, _excluded, _private, _secret, _unannotated, _vague, _subclass, _union),
    *(_keys, _undeclared, _zone, _setting, _other_type, _own_code),
)
_FOR_MISMATCH: Final = (_excluded, _secret, _subclass, _setting, _other_type)
