"""The public types: tokens, the store protocol and the annotation of a fixture that yields twice."""

from __future__ import annotations

import enum
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any, Final, Protocol, TypeVar

__all__ = ["CleanupToken", "SetupToken", "SharedGenerator", "SharedLock", "Store", "StoreValueNotExists"]

T = TypeVar("T")
DataT = TypeVar("DataT")


class CleanupToken(str, enum.Enum):
    """What the second yield of a fixture that yields twice gets in the worker that has to clean up."""

    LAST = "last"


class SetupToken(enum.Enum):
    """What the first yield gets, with `first=SetupToken.FIRST`, where the value has yet to be set up."""

    FIRST = "first"


class StoreValueNotExists(Exception):  # noqa: N818 - the first release's name, which stores raise
    """Raised by a store's `read` where nothing was written under the identifier."""


class Store(Protocol[DataT]):
    """Where the values of shared fixtures are kept, so that every worker of a run can read them.

    A store may also have `delete(identifier, fixture_values)`. It is then called once, when the value has been
    cleaned up.

    `identifier` names one value of one run: letters, digits, `-`, `_` and `.`, at most 100 characters.
    `fixture_values` holds the values of the fixtures that `fixtures` names.
    """

    @property
    def fixtures(self) -> Sequence[str]:
        """The names of the fixtures the store needs; they are added to those of the decorated fixture."""
        ...

    def read(self, identifier: str, fixture_values: dict[str, Any]) -> DataT:
        """Return what was written. Raises `StoreValueNotExists` where nothing was."""
        ...

    def write(self, identifier: str, data: DataT, fixture_values: dict[str, Any]) -> object:
        """Keep `data`. What is returned is ignored."""
        ...

    def lock(self, identifier: str, fixture_values: dict[str, Any]) -> AbstractContextManager[Any]:
        """Return a context manager that only one worker of the run is inside of at a time."""
        ...


class SharedLock(Protocol):
    """What the fixture `shared_lock` gives: locks between the workers of a run, each known by a name."""

    def __call__(self, name: str, timeout: float | None = None) -> AbstractContextManager[None]:
        """Return a context manager that only one worker is inside of at a time, for one `name`.

        Raises `LockTimeoutError` when the lock could not be had within `timeout` seconds (None: no limit).
        """
        ...


class SharedValue:
    """Marks the value's type inside `SharedGenerator[T]`, so that a `T` which admits `None` stays exact."""

    def __repr__(self) -> str:
        return "SharedValue"


SHARED_VALUE: Final = SharedValue()

# The yielded type admits `None` for the first yield, which has no value yet; what is sent differs between the two
# yields (the value or a token, then a token), which no generator type can say.
SharedGenerator = Generator[Annotated[T, SHARED_VALUE] | None, Any, None]
