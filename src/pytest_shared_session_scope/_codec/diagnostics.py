"""Puts a refusal into a sentence: the fact, the place, the cure. Tells no secret."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import ValidationError

from pytest_shared_session_scope._codec import suggestions
from pytest_shared_session_scope._codec.cases import Case, case_of
from pytest_shared_session_scope._codec.formatting import (
    an,
    change,
    class_name,
    is_typed,
    named_after,
    path_of,
    with_class,
)
from pytest_shared_session_scope._codec.parts import (
    ABSENT,
    Difference,
    Step,
    Steps,
    field_names,
    holds_secret,
    parts_of,
)
from pytest_shared_session_scope._codec.suggestions import BY_OBJECT, OPT_OUT
from pytest_shared_session_scope._codec.type_hints import type_name

# What pydantic says of a cycle, in part.
HOLDS_ITSELF: Final = "id repeated"


class Explainer:
    """Says why values of one type are refused."""

    def __init__(self, value_type: Any, *, is_annotated: bool = True) -> None:
        self.value_type, self.is_annotated = value_type, is_annotated

    def difference(self, difference: Difference) -> tuple[str, str]:
        """Return the reason for refusing a value that does not come back the same, and the path."""
        case = case_of(difference, self.value_type, is_annotated=self.is_annotated)
        path = path_of(case.told)
        lost = "a secret changed" if case.is_secret else change(difference)
        return (
            f"its value would change on its way to the other workers{_at(path)}: {lost}; {suggestions.cure_of(case)}",
            path,
        )

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
        case = self._case(steps, part)
        told = "a secret" if case.is_secret else with_class(part)
        # A user's own validator may quote what it was given.
        is_told = error["type"] not in ("value_error", "assertion_error") or not holds_secret(value)
        message = f" ({error['msg']})" if is_told else ""
        path, cure = path_of(case.told), suggestions.cure_of_mismatch(case)
        return f"its value does not match its annotation{_at(path)}: {told}{message}; {cure}", path

    def _undumpable(self, value: object, exc: Exception) -> tuple[str, str]:
        text = str(exc)
        if HOLDS_ITSELF in text:
            return f"its value holds itself, which JSON cannot say; {BY_OBJECT}", "$"
        if "depth exceeded" in text or isinstance(exc, RecursionError):
            return _too_deep()
        for place in parts_of(value):
            steps, part = place.steps, place.value
            reason = self._unwritable(part, steps, text)
            if reason is not None:
                path = path_of(self._case(steps, part).told)
                return f"its value cannot be written as JSON{_at(path)}: {reason}", path
        told = "" if holds_secret(value) else f": {type(exc).__name__}: {text}"
        return f"its value {_unwritten(told)}", "$"

    def _unwritable(self, part: Any, steps: Steps, text: str) -> str | None:
        """Return the reason, with the cure, if it is this part that pydantic could not write."""
        if str(type(part)) in text and "unknown type" in text:
            cure = suggestions.numpy_cure(part) or BY_OBJECT
            if not self.is_annotated and is_typed(part):
                cure = f"annotate the fixture -> {named_after(steps[0].owner if steps else part)}"
            return f"{an(class_name(part))} is nothing that JSON knows; {cure}"
        if "invalid utf-8" in text and type(part) is bytes and not _is_utf8(part):
            model = self._case(steps, part).model
            return f"{self._told(steps, part)} is no UTF-8; {suggestions.setting(part, model) if model else OPT_OUT}"
        if "surrogates" in text and isinstance(part, str) and not _is_utf8(part):
            return f"{self._told(steps, part)} has lone surrogates; share the bytes they stand for, or {OPT_OUT}"
        return None

    def _told(self, steps: Steps, part: object) -> str:
        return "a secret" if self._case(steps, part).is_secret else with_class(part)

    def _case(self, steps: Steps, part: object) -> Case:
        return case_of(Difference("value", part, ABSENT, steps), self.value_type)


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
    if name in (*field_names(type(part)), *getattr(part, "__dict__", ())):
        return Step(part, "attribute", name), getattr(part, name, ABSENT)
    return None


def _too_deep() -> tuple[str, str]:
    return f"its value is nested too deep for JSON (about 200 levels); {BY_OBJECT}", "$"


def _unwritten(detail: str) -> str:
    return f"cannot be written as JSON{detail}; {BY_OBJECT}"


def _is_utf8(text: str | bytes) -> bool:
    try:
        text.decode() if isinstance(text, bytes) else text.encode()
    except UnicodeError:
        return False
    return True


def _at(path: str) -> str:
    return "" if path == "$" else f" at {path}"
