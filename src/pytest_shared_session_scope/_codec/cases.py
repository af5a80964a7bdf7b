"""Where a difference was found, and what the annotation says there. Imports `_hints` and `_secrets`."""

from __future__ import annotations

import dataclasses
from typing import Any, Final, get_args, get_origin

import typing_extensions

from pytest_shared_session_scope._codec.parts import Difference, Step, Steps, has_secret
from pytest_shared_session_scope._codec.type_hints import classes_of, hint_of, members_of, unwrapped


@dataclasses.dataclass(frozen=True)
class Case:
    """A difference, with what the annotation says of the place where it was found."""

    difference: Difference
    hints: tuple[Any, ...]
    root: object
    is_annotated: bool

    @property
    def before(self) -> Any:
        return self.difference.before

    @property
    def after(self) -> Any:
        return self.difference.after

    @property
    def steps(self) -> Steps:
        return self.difference.steps

    @property
    def told(self) -> Steps:
        """The steps as far as they may be told: not beyond a field that is annotated to be kept out of a `repr`."""
        hidden = [place for place, hint in enumerate(self.hints) if _is_hidden(hint)]
        return self.steps[: hidden[0]] if hidden else self.steps

    @property
    def is_secret(self) -> bool:
        is_hidden = any(map(_is_hidden, self.hints))
        return is_hidden or has_secret(self.steps, self.before, self.after)

    @property
    def hint(self) -> Any:
        return self.hints[-1]

    @property
    def model(self) -> type | None:
        """The class of the innermost pydantic model around the place."""
        owners = [type(step.owner) for step in self.steps if hasattr(type(step.owner), "model_config")]
        return owners[-1] if owners else None


def _is_hidden(hint: Any) -> bool:
    """Say whether an annotation says of a TypedDict's or a tuple's item what `is_secret_field` finds in a class."""
    return any(
        getattr(m, "exclude", None) or getattr(m, "repr", True) is False for m in getattr(hint, "__metadata__", ())
    )


def case_of(difference: Difference, value_type: Any, *, is_annotated: bool = True) -> Case:
    """Look up what the annotation says along the way to the difference."""
    hints = [value_type]
    for step in difference.steps:
        hints.append(_inner(hints[-1], step))
    root = difference.steps[0].owner if difference.steps else difference.before
    return Case(difference, tuple(hints), root, is_annotated)


class _Unknown:
    """Stands for the annotation of what has none that could be found."""


UNKNOWN: Final = _Unknown()


def fitting(tp: Any, value: object) -> list[Any]:
    """Return the members of a union, or the type itself, that the value's very class belongs to."""
    return [member for member in members_of(unwrapped(tp)) if type(value) in classes_of(member)]


def _inner(tp: Any, step: Step) -> Any:
    """Return the annotation of what the step leads to."""
    tp = unwrapped(next(iter(fitting(tp, step.owner)), members_of(unwrapped(tp))[0]))
    origin, arguments = get_origin(tp), get_args(tp)
    if step.kind == "attribute":
        return hint_of(type(step.owner), step.name, UNKNOWN)
    if typing_extensions.is_typeddict(origin or tp):
        return hint_of(origin or tp, step.name, UNKNOWN)
    if not arguments:
        return tp if tp in (Any, object, UNKNOWN) else Any
    if origin is tuple and arguments[-1] is not ...:
        return arguments[step.name] if isinstance(step.name, int) and step.name < len(arguments) else UNKNOWN
    return arguments[-1 if step.kind == "key" else 0]
