"""Puts a value into words for who has to clean up by hand. Runs no user's `__repr__` and tells no secret."""

from __future__ import annotations

import collections
import dataclasses
import reprlib
from typing import Any, Final

from pytest_shared_session_scope._codec.formatting import shortened, shown
from pytest_shared_session_scope._codec.parts import field_names, is_secret_field
from pytest_shared_session_scope._codec.type_hints import type_name

# An address, or a name in a cloud, has to be whole.
_AT_MOST: Final = 201
_DEPTH: Final = 2
# Where the code of a `__repr__` stands that was generated: who writes one may have something to hide.
_GENERATED: Final = (collections.__file__, dataclasses.__file__, reprlib.__file__, "<attrs generated")


def value_text(value: Any, depth: int = _DEPTH) -> str:
    """Return a text for a value: of a class with declared fields, with each that its `repr` would show."""
    cls: Any = type(value)
    if cls is str:
        return shortened(repr(value), _AT_MOST)
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
