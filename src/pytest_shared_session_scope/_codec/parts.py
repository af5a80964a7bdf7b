"""The parts of a value: the steps to them, which of them are secret, and what the annotation says about them.

Must not import pydantic.
"""

from __future__ import annotations

import collections
import dataclasses
import enum
from collections.abc import Container, Iterator
from typing import Any, Final, Literal, NamedTuple

from pytest_shared_session_scope._codec.type_hints import hint_inside

StepKind = Literal["attribute", "index", "key", "key of", "member"]
Found = Literal["type", "value", "length", "keys", "incomparable", "too deep"]


class Step(NamedTuple):
    """One step of a path: from `owner`, a part of the value, to its attribute, item, value, key or member."""

    owner: object
    kind: StepKind
    name: object


Steps = tuple[Step, ...]


class Difference(NamedTuple):
    """The first place where a value and its copy differ, with the two parts found there."""

    found: Found
    before: Any
    after: Any
    steps: Steps


class Absent(enum.Enum):
    """A placeholder for an attribute that is not set."""

    ABSENT = "nothing"


ABSENT: Final = Absent.ABSENT
HOLDS_ITSELF: Final = "id repeated"  # part of pydantic's message about a cycle


# --- walking through a value -----------------------------------------------------------------------------

_ATOMS: Final = (type(None), bool, int, float, str, bytes)
_ITEMS: Final = (list, tuple, set, frozenset, collections.deque)


class Part(NamedTuple):
    """A part of a value, the step to it, and the part that the step starts from: the whole path would be quadratic."""

    value: Any
    step: Step | None = None
    owner: Part | None = None
    is_cycle: bool = False  # whether the part is one of those around it

    @property
    def steps(self) -> Steps:
        """The steps from the whole value to this part."""
        steps: list[Step] = []
        part: Part | None = self
        while part is not None and part.step is not None:
            steps.append(part.step)
            part = part.owner
        return tuple(reversed(steps))


def parts_of(value: object) -> Iterator[Part]:
    """Yield a value and every part that attributes, items and keys lead to; what an object holds only once."""
    whole = Part(value)
    yield whole
    seen, around = {id(value)}, {id(value)}  # ids: of objects that were entered, and of those around the next part
    walk = [_inside(whole, around)]
    entered = [id(value)]
    while walk:
        part = next(walk[-1], None)
        if part is None:
            walk.pop()
            around.discard(entered.pop())
            continue
        yield part
        key = id(part.value)
        if type(part.value) not in _ATOMS and key not in seen:  # remembering each number would take much memory
            seen.add(key)
            around.add(key)
            entered.append(key)
            walk.append(_inside(part, around))


def holds_itself(value: object) -> bool:
    """Whether attributes, items and keys lead from some part of the value back to it."""
    return any(part.is_cycle for part in parts_of(value))


def _inside(owner: Part, around: Container[int]) -> Iterator[Part]:
    held: Any = owner.value
    if isinstance(held, dict):
        for key, item in dict.items(held):
            yield Part(key, Step(held, "key of", key), owner, id(key) in around)
            yield Part(item, Step(held, "key", key), owner, id(item) in around)
    elif isinstance(held, _ITEMS):
        for place, item in enumerate(held):
            yield Part(item, Step(held, "index", place), owner, id(item) in around)
    elif not isinstance(held, type):
        for name in dict.fromkeys((*getattr(held, "__dict__", ()), *field_names(type(held)))):
            if hasattr(held, name):
                part = getattr(held, name)
                yield Part(part, Step(held, "attribute", name), owner, id(part) in around)


def field_names(cls: Any) -> tuple[str, ...]:
    """Return the names of the fields that a class of any kind declares."""
    declared = "__pydantic_fields__", "__dataclass_fields__", "_fields"
    names = (name for fields in declared for name in getattr(cls, fields, ()))
    return *names, *(field.name for field in getattr(cls, "__attrs_attrs__", ()))


# --- secrets ---------------------------------------------------------------------------------------------

# Searching for secrets must not take much longer than sending the value.
_MOST: Final = 100_000


def is_secret_field(cls: Any, name: object) -> bool:
    """Whether a class excludes a field from its `repr` or from its dumps."""
    if not isinstance(name, str):  # a key whose hash or equality may fail
        return False
    field = getattr(cls, "__pydantic_fields__", {}).get(name) or getattr(cls, "__dataclass_fields__", {}).get(name)
    field = field or next((a for a in getattr(cls, "__attrs_attrs__", ()) if a.name == name), None)
    return field is not None and not (getattr(field, "repr", True) and not getattr(field, "exclude", None))


def is_secret(value: object) -> bool:
    """Whether the value is one of pydantic's secrets."""
    return hasattr(type(value), "get_secret_value")


def has_secret(steps: Steps, *values: object) -> bool:
    """Whether the values at the end of the steps are secrets, or parts of one."""
    is_inside = any(is_secret(step.owner) or is_secret_field(type(step.owner), step.name) for step in steps)
    return is_inside or any(map(is_secret, values))


def holds_secret(value: object) -> bool:
    """Whether there is a secret anywhere in the value; assumed of a vast one."""
    for count, part in enumerate(parts_of(value)):
        if count == _MOST or has_secret(() if part.step is None else (part.step,), part.value):
            return True
    return False


# --- places ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Case:
    """A difference, with the annotations along the path to it: of the value first, of the place itself last."""

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
    def shown_steps(self) -> Steps:
        """The steps that may be shown: not those beyond a field that is annotated to be excluded from a `repr`."""
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
    """Whether an annotation says about a TypedDict's or a tuple's item what `is_secret_field` finds in a class."""
    metadata = getattr(hint, "__metadata__", ())
    return any(getattr(m, "exclude", None) or getattr(m, "repr", True) is False for m in metadata)


def case_of(difference: Difference, value_type: Any, *, is_annotated: bool = True) -> Case:
    """Return the case of a difference in a value of the type."""
    hints = [value_type]
    for step in difference.steps:
        hints.append(hint_inside(hints[-1], step.owner, step.kind, step.name))
    root = difference.steps[0].owner if difference.steps else difference.before
    return Case(difference, tuple(hints), root, is_annotated)
