"""Says what was lost of a value and what to do about it. Imports nothing that touches files or knows pytest."""

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
from pytest_shared_session_scope._codec.cases import UNKNOWN, Case, fitting
from pytest_shared_session_scope._codec.formatting import class_name, is_typed, named_after, shown
from pytest_shared_session_scope._codec.parts import ABSENT, is_secret
from pytest_shared_session_scope._codec.type_hints import classes_of, is_excluded, members_of, type_name, unwrapped

OPT_OUT: Final = "pass serialize= and deserialize="
BY_OBJECT: Final = f"{OPT_OUT}, or store=PickleStore()"


def _cure_incomparable(case: Case) -> str | None:
    is_lost = case.difference.found in ("incomparable", "too deep")
    return BY_OBJECT if is_lost else None


def _cure_excluded(case: Case) -> str | None:
    for step in case.steps:
        field = (
            getattr(type(step.owner), "__pydantic_fields__", {}).get(step.name) if step.kind == "attribute" else None
        )
        if field is not None and is_excluded(field):
            cls = class_name(step.owner)
            return f"{cls}.{step.name} is kept out of every dump (exclude): take exclude away, or {OPT_OUT}"
    return None


def _cure_private(case: Case) -> str | None:
    if not any(step.kind == "attribute" and step.name == "__pydantic_private__" for step in case.steps):
        return None
    name = next(
        (step.name for step in case.steps if str(step.name).startswith("_") and "pydantic" not in str(step.name)),
        "it",
    )
    return f"private attributes do not travel: make {name} a field, or {OPT_OUT}"


def _cure_secret(case: Case) -> str | None:
    if not (is_secret(case.before) or any(is_secret(step.owner) for step in case.steps)):
        return None
    return f"secrets are masked in a dump: annotate and share a plain str or bytes, or {OPT_OUT}"


def _cure_iterator(case: Case) -> str | None:
    if not hasattr(type(case.before), "__next__"):
        return None
    return "it can be gone through only once: share a list of what it gives"


def _cure_unannotated(case: Case) -> str | None:
    if case.is_annotated:
        return None
    if not is_typed(case.before):
        return BY_OBJECT
    return f"annotate the fixture -> {named_after(case.root)}"


def _cure_vague(case: Case) -> str | None:
    tp = unwrapped(case.hint)
    if tp is UNKNOWN or not (tp in (Any, object) or isinstance(tp, typing.TypeVar) or tp in _BARE):
        return None
    if not is_typed(case.before):
        return BY_OBJECT
    where = "a value" if tp is object or tp is Any else f"a bare {type_name(tp)}"
    return f"the annotation says nothing of {where} there: annotate {named_after(case.before)} instead"


def _cure_union(case: Case) -> str | None:
    places = [*(step.owner for step in case.steps), case.before]
    for hint, part in zip(reversed(case.hints), reversed(places), strict=False):
        members = members_of(unwrapped(hint))
        rivals = [m for m in members if m not in (None, type(None))]
        if len(rivals) > 1 and (part is case.before or len(fitting(hint, part)) > 1):
            if type(part) not in classes_of(hint) and part is case.before:
                continue
            names = " and ".join(map(type_name, rivals))
            tagged = "a tagged union (models told apart by a Literal)"
            return f"JSON cannot tell {names} apart: make it {tagged}, or {OPT_OUT}"
    return None


def _cure_numpy(case: Case) -> str | None:
    return numpy_cure(case.before)


def numpy_cure(value: Any) -> str | None:
    """Return what to do about one of numpy's scalars."""
    if not scalars.is_numpy(type(value)) or value.ndim:
        return None
    return f"make it a plain {class_name(value.item())} with .item(), or {OPT_OUT}"


def _cure_subclass(case: Case) -> str | None:
    sub = type(case.before)
    bases = classes_of(case.hint) if case.hint is not UNKNOWN else (type(case.after),)
    base = next((base for base in bases if base in sub.__mro__[1:] and base is not object), None)
    if base is None or sub in bases:
        return None
    names = type_name(sub), type_name(base)
    if not is_typed(case.before):
        return f"make it a plain {names[1]}, or {BY_OBJECT}"
    return f"annotate {names[0]} instead of {names[1]}, or {names[0]} | {names[1]} where both occur"


def _cure_zone(case: Case) -> str | None:
    zone = getattr(case.before, "tzinfo", case.before)
    if not isinstance(zone, datetime.tzinfo):
        return None
    if scalars.zone_of(zone)[0] != "other":
        where = f"inside {type_name(case.model)}" if case.model else "there"
        return f"{where} only UTC and unnamed offsets travel: use .astimezone(timezone.utc), or {OPT_OUT}"
    return f"of time zones only zoneinfo.ZoneInfo and datetime.timezone travel: use one of them, or {OPT_OUT}"


def _cure_keys(case: Case) -> str | None:
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


def _cure_setting(case: Case) -> str | None:
    if case.model is None:
        return None
    return setting(case.before, case.model)


def setting(value: Any, model: Any) -> str | None:
    """Return the line that lets a model of the user's carry the value."""
    if isinstance(value, float) and not math.isfinite(value):
        line = 'ConfigDict(ser_json_inf_nan="constants")'
    elif isinstance(value, bytes):
        line = 'ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")'
    else:
        return None
    return f"give {type_name(model)} the line model_config = {line}"


def _cure_undeclared(case: Case) -> str | None:
    step = case.steps[-1] if case.steps else None
    if step is None or step.kind != "attribute" or ABSENT not in (case.before, case.after):
        return None
    return f"{class_name(step.owner)} has no such field to carry it: declare {step.name} as a field, or {OPT_OUT}"


def _cure_other_type(case: Case) -> str | None:
    tp = unwrapped(case.hint)
    if tp is UNKNOWN or type(case.before) in classes_of(tp) or type(case.before) is type(case.after):
        return None
    return f"{type_name(tp)} is what the annotation says there: correct the value or the annotation"


def _cure_own_code(case: Case) -> str | None:
    for step in reversed(case.steps):
        cls = type(step.owner)
        decorators = getattr(cls, "__pydantic_decorators__", None)
        has_code = decorators and any(getattr(decorators, field.name) for field in dataclasses.fields(decorators))
        if has_code or hasattr(cls, "__post_init__"):
            code = f"{type_name(cls)}'s own code (a validator, a serializer, __post_init__)"
            return f"{code} changes it: make it keep what it has made once, or {OPT_OUT}"
    return None


# The first that knows the case is told.
_CURES: Final[tuple[Callable[[Case], str | None], ...]] = (
    *(_cure_numpy, _cure_iterator, _cure_incomparable, _cure_excluded, _cure_private, _cure_secret),
    *(_cure_unannotated, _cure_vague, _cure_subclass, _cure_union, _cure_keys, _cure_undeclared),
    *(_cure_zone, _cure_setting, _cure_other_type, _cure_own_code),
)
_CURES_OF_MISMATCH: Final = (_cure_excluded, _cure_secret, _cure_subclass, _cure_setting, _cure_other_type)
_BARE: Final = (
    *(list, dict, tuple, set, frozenset, collections.deque, typing.List, typing.Dict, typing.Tuple),  # noqa: UP006
    *(
        collections.abc.Sequence,
        collections.abc.Mapping,
        collections.abc.Iterable,
        collections.abc.Collection,
    ),
    *(typing.Sequence, typing.Mapping, typing.Iterable, typing.Collection, typing.Set),  # noqa: UP006
)


def cure_of(case: Case) -> str:
    """Return what to do about a difference."""
    return next(filter(None, (cure(case) for cure in _CURES)), OPT_OUT)


def cure_of_mismatch(case: Case) -> str:
    """Return what to do about a value that pydantic does not load."""
    cure = next(filter(None, (cure(case) for cure in _CURES_OF_MISMATCH)), None)
    return cure or f"correct the value or the annotation, or {OPT_OUT}"
