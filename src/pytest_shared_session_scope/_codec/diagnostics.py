"""Diagnostics: turn the refusal of a value or of an annotation into a message with fact, place and suggestion.

Messages must not contain secrets.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Final

from pydantic import ValidationError

from pytest_shared_session_scope._codec import suggestions
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
    HOLDS_ITSELF,
    Case,
    Difference,
    Part,
    Step,
    Steps,
    case_of,
    field_names,
    holds_secret,
    parts_of,
)
from pytest_shared_session_scope._codec.suggestions import BY_OBJECT, OPT_OUT
from pytest_shared_session_scope._codec.type_hints import type_name


class Explainer:
    """Explains why values of one type, or the type itself, are refused."""

    def __init__(self, value_type: Any, *, is_annotated: bool = True) -> None:
        self.value_type, self.is_annotated = value_type, is_annotated

    def difference(self, difference: Difference) -> tuple[str, str]:
        """Return why a value is refused that differs from its copy, and the path to the difference."""
        case = case_of(difference, self.value_type, is_annotated=self.is_annotated)
        path = path_of(case.shown_steps)
        lost = "a secret changed" if case.is_secret else change(difference)
        return (
            f"its value would change on its way to the other workers{_at(path)}: {lost}; "
            f"{suggestions.for_difference(case)}",
            path,
        )

    def failure(self, value: object, exc: Exception) -> tuple[str, str]:
        """Return why a value is refused that pydantic cannot dump, or not load again, and the path."""
        try:
            if isinstance(exc, ValidationError):
                return self._mismatch(value, exc)
            return self._undumpable(value, exc)
        except RecursionError:
            return _too_deep()

    def no_adapter(self, exc: Exception) -> str:
        """Return why the type is refused."""
        named = re.search(r"schema for (.+?)\. Set|schema for ([^\n]+?)\.?$", str(exc), re.MULTILINE)
        offending = re.sub(r"<class '(?:.*\.)?(\w+)'>", r"\1", next(filter(None, named.groups()))) if named else None
        whole = type_name(self.value_type)
        where = whole if offending in (None, whole) else f"{offending}, which its return annotation {whole} needs"
        detail = "" if named else f" ({type(exc).__name__}: {str(exc).splitlines()[0] if str(exc) else ''})"
        return f"pydantic cannot build a serializer for {where}{detail}; {BY_OBJECT}"

    def unloadable(self, exc: Exception) -> str:
        """Return why the data of a store cannot be loaded."""
        text = str(exc).splitlines()
        return (
            f"what its store holds cannot be loaded ({type(exc).__name__}: {', '.join(map(str.strip, text[:3]))}); "
            f"does its annotation, or a class in it, differ between the workers?"
        )

    def user_error(self, exc: BaseException) -> BaseException | None:
        """Return the exception that a user's code raised: this one, or one that a validation error wraps.

        None if there is none, because then our own message says everything.
        """
        errors = exc.errors(include_url=False, include_input=False) if isinstance(exc, ValidationError) else ()
        wrapped = (error.get("ctx", {}).get("error") for error in errors)
        return next((e for e in (exc, *wrapped) if isinstance(e, BaseException) and _has_user_frame(e)), None)

    def _mismatch(self, value: object, exc: ValidationError) -> tuple[str, str]:
        error = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        if error["type"] == "json_invalid":
            return _too_deep() if "recursion" in error["msg"] else (f"its value {_unwritten(': ' + error['msg'])}", "$")
        steps, part = _followed(value, error["loc"][1:])
        case = self._case(steps, part)
        shown = "a secret" if case.is_secret else with_class(part)
        # A user's own validator may quote its input.
        is_quotable = error["type"] not in ("value_error", "assertion_error") or not holds_secret(value)
        message = f" ({error['msg']})" if is_quotable else ""
        path, suggestion = path_of(case.shown_steps), suggestions.for_mismatch(case)
        return f"its value does not match its annotation{_at(path)}: {shown}{message}; {suggestion}", path

    def _undumpable(self, value: object, exc: Exception) -> tuple[str, str]:
        text = str(exc)
        if HOLDS_ITSELF in text:
            return f"its value holds itself, which JSON cannot say; {BY_OBJECT}", "$"
        if "depth exceeded" in text or isinstance(exc, RecursionError):
            return _too_deep()
        for part in parts_of(value):
            reason = self._unwritable(part, text)
            if reason is not None:
                path = path_of(self._case(part.steps, part.value).shown_steps)
                return f"its value cannot be written as JSON{_at(path)}: {reason}", path
        detail = "" if holds_secret(value) else f": {type(exc).__name__}: {text}"
        return f"its value {_unwritten(detail)}", "$"

    def _unwritable(self, part: Part, text: str) -> str | None:
        """Return the reason and the suggestion if it is this part that pydantic could not write."""
        value: Any = part.value
        if "unknown type" in text and str(type(value)) in text:
            suggestion = suggestions.for_numpy(value) or BY_OBJECT
            if not self.is_annotated and is_typed(value):
                suggestion = f"annotate the fixture -> {named_after((*(s.owner for s in part.steps), value)[0])}"
            return f"{an(class_name(value))} is nothing that JSON knows; {suggestion}"
        if "invalid utf-8" in text and type(value) is bytes and not _is_utf8(value):
            case = self._case(part.steps, value)
            return f"{_shown(case)} is no UTF-8; {suggestions.setting(value, case.model) if case.model else OPT_OUT}"
        if "surrogates" in text and isinstance(value, str) and not _is_utf8(value):
            case = self._case(part.steps, value)
            return f"{_shown(case)} has lone surrogates; share the bytes they stand for, or {OPT_OUT}"
        return None

    def _case(self, steps: Steps, part: object) -> Case:
        return case_of(Difference("value", part, ABSENT, steps), self.value_type)


# Packages whose frames tell users nothing, besides the standard library.
_UNTELLING: Final = ("pydantic", "pydantic_core", __name__.partition(".")[0])


def _has_user_frame(error: BaseException) -> bool:
    traceback = error.__traceback__
    while traceback is not None:
        package = str(traceback.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if package not in _UNTELLING and package not in sys.stdlib_module_names:
            return True
        traceback = traceback.tb_next
    return False


def _followed(value: object, location: tuple[int | str, ...]) -> tuple[Steps, Any]:
    """Return the steps to the location of a pydantic error, and the part there.

    A location also names members of unions and functions, which are not places in the value.
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


def _shown(case: Case) -> str:
    return "a secret" if case.is_secret else with_class(case.before)


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
