"""Puts a refusal into a sentence: the fact, the place, the cure. Tells no secret."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from pytest_shared_session_scope import _cures
from pytest_shared_session_scope._cures import BY_OBJECT, OPT_OUT, case_of
from pytest_shared_session_scope._guard import ABSENT, Difference, Step
from pytest_shared_session_scope._words import (
    Steps,
    an,
    change,
    class_name,
    has_secret,
    holds_secret,
    is_typed,
    named_after,
    parts_of,
    path_of,
    type_name,
    with_class,
)


class Explainer:
    """Says why values of one type are refused."""

    def __init__(self, value_type: Any, *, is_annotated: bool = True) -> None:
        self.value_type, self.is_annotated = value_type, is_annotated

    def difference(self, difference: Difference) -> tuple[str, str]:
        """Return the reason for refusing a value that does not come back the same, and the path."""
        path = path_of(difference.steps)
        cure = _cures.cure_of(case_of(difference, self.value_type, is_annotated=self.is_annotated))
        lost = change(difference)
        return f"its value would change on its way to the other workers{_at(path)}: {lost}; {cure}", path

    def failure(self, value: object, exc: Exception) -> tuple[str, str]:
        """Return the reason for refusing a value that pydantic does not dump or not load again, and the path."""
        try:
            if isinstance(exc, ValidationError):
                return self._mismatch(value, exc)
            return self._undumpable(value, exc)
        except RecursionError:
            return _too_deep()

    def _mismatch(self, value: object, exc: ValidationError) -> tuple[str, str]:
        error = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        if error["type"] == "json_invalid":
            return _too_deep() if "recursion" in error["msg"] else (f"its value {_unwritten(': ' + error['msg'])}", "$")
        steps, part = _followed(value, error["loc"][1:])
        cure = _cures.cure_of_mismatch(case_of(Difference("value", part, ABSENT, steps), self.value_type))
        told = "a secret" if has_secret(steps, part) else with_class(part)
        # A user's own validator may quote what it was given.
        is_told = error["type"] not in ("value_error", "assertion_error") or not holds_secret(value)
        message = f" ({error['msg']})" if is_told else ""
        path = path_of(steps)
        return f"its value does not match its annotation{_at(path)}: {told}{message}; {cure}", path

    def _undumpable(self, value: object, exc: Exception) -> tuple[str, str]:
        text = str(exc)
        if "id repeated" in text:
            return f"its value holds itself, which JSON cannot say; {BY_OBJECT}", "$"
        if "depth exceeded" in text or isinstance(exc, RecursionError):
            return _too_deep()
        for steps, part in parts_of(value):
            reason = self._unwritable(part, steps, text)
            if reason is not None:
                path = path_of(steps)
                return f"its value cannot be written as JSON{_at(path)}: {reason}", path
        told = "" if holds_secret(value) else f": {type(exc).__name__}: {text}"
        return f"its value {_unwritten(told)}", "$"

    def _unwritable(self, part: Any, steps: Steps, text: str) -> str | None:
        """Return the reason, with the cure, if it is this part that pydantic could not write."""
        if str(type(part)) in text and "unknown type" in text:
            cure = _cures.numpy_cure(part) or BY_OBJECT
            if not self.is_annotated and is_typed(part):
                cure = f"annotate the fixture -> {named_after(steps[0].owner if steps else part)}"
            return f"{an(class_name(part))} is nothing that JSON knows; {cure}"
        if "invalid utf-8" in text and type(part) is bytes and not _is_utf8(part):
            model = case_of(Difference("value", part, None, steps), self.value_type).model
            return f"{_told(steps, part)} is no UTF-8; {_cures.setting(part, model) if model else OPT_OUT}"
        if "surrogates" in text and isinstance(part, str) and not _is_utf8(part):
            return f"{_told(steps, part)} has lone surrogates; share the bytes they stand for, or {OPT_OUT}"
        return None


def no_adapter(value_type: Any, exc: Exception) -> str:
    """Return the reason for refusing an annotation."""
    named = re.search(r"schema for (.+?)\. Set|schema for ([^\n]+?)\.?$", str(exc), re.MULTILINE)
    offending = re.sub(r"<class '(?:.*\.)?(\w+)'>", r"\1", next(filter(None, named.groups()))) if named else None
    whole = type_name(value_type)
    where = f"{whole}" if offending in (None, whole) else f"{offending}, which its return annotation {whole} needs"
    detail = "" if named else f" ({type(exc).__name__}: {str(exc).splitlines()[0] if str(exc) else ''})"
    return f"pydantic cannot build a serializer for {where}{detail}; {BY_OBJECT}"


def unloadable(exc: Exception) -> str:
    """Return the reason where what a store held is no value of the type."""
    text = str(exc).splitlines()
    return (
        f"what its store holds cannot be loaded ({type(exc).__name__}: {': '.join(map(str.strip, text[:3]))}); "
        f"does its annotation, or a class in it, differ between the workers?"
    )


def _followed(value: object, location: tuple[int | str, ...]) -> tuple[Steps, Any]:
    """Return the steps, and what they lead to, that pydantic's location of an error stands for.

    A location also names members of unions and functions, which are no places in the value.
    """
    steps: Steps = ()
    part: Any = value
    for name in location:
        found = _step(part, name)
        if found is not None:
            steps, part = (*steps, found[0]), found[1]
    return steps, part


def _step(part: Any, name: int | str) -> tuple[Step, Any] | None:
    if isinstance(part, dict):
        key = next((key for key in part if key == name or str(key) == name), ABSENT)
        return None if key is ABSENT else (Step(part, "key", key), part[key])
    if isinstance(name, int):
        items = list(part) if isinstance(part, list | tuple | set | frozenset) else []
        return (Step(part, "index", name), items[name]) if name < len(items) else None
    if (
        isinstance(name, str)
        and not isinstance(part, type)
        and name in (*_fields(part), *getattr(part, "__dict__", ()))
    ):
        return Step(part, "attribute", name), getattr(part, name, ABSENT)
    return None


def _fields(part: object) -> tuple[str, ...]:
    declared = "__pydantic_fields__", "__dataclass_fields__"
    return tuple(name for fields in declared for name in getattr(type(part), fields, ())) + getattr(part, "_fields", ())


def _too_deep() -> tuple[str, str]:
    return f"its value is nested too deep for JSON (about 200 levels); {BY_OBJECT}", "$"


def _unwritten(detail: str) -> str:
    return f"cannot be written as JSON{detail}; {BY_OBJECT}"


def _told(steps: Steps, part: object) -> str:
    return "a secret" if has_secret(steps, part) else with_class(part)


def _is_utf8(text: str | bytes) -> bool:
    try:
        text.decode() if isinstance(text, bytes) else text.encode()
    except UnicodeError:
        return False
    return True


def _at(path: str) -> str:
    return "" if path == "$" else f" at {path}"
