"""The public types: tokens, the protocols of stores and locks, and the annotation of a fixture that yields twice."""

from __future__ import annotations

import enum
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any, Final, Protocol, TypeVar

__all__ = ["CleanupToken", "SetupToken", "SharedGenerator", "SharedLock", "Store", "StoreValueNotExists"]

T = TypeVar("T")
DataT = TypeVar("DataT")


class CleanupToken(str, enum.Enum):
    """The token that the second yield of a fixture that yields twice returns in the worker that has to clean up."""

    LAST = "last"


class SetupToken(enum.Enum):
    """The token that the first yield returns, with `first=SetupToken.FIRST`, if the value has to be set up."""

    FIRST = "first"


class StoreValueNotExists(Exception):  # noqa: N818 - the first release's name, which stores raise
    """Raised by a store's `read` if nothing was written under the identifier."""


class Store(Protocol[DataT]):
    """A place for the values of shared fixtures that every worker of a run can read.

    A store may also have `delete(identifier, fixture_values)`, which is called once, after the value's cleanup.

    `identifier` names one value of one run: letters, digits, `-`, `_` and `.`, at most 100 characters.
    `fixture_values` has the values of the fixtures that `fixtures` names.
    """

    @property
    def fixtures(self) -> Sequence[str]:
        """The names of the fixtures that the store needs; they are added to those of the decorated fixture."""
        ...

    def read(self, identifier: str, fixture_values: dict[str, Any]) -> DataT:
        """Return the data that was written. Raises `StoreValueNotExists` if there is none."""
        ...

    def write(self, identifier: str, data: DataT, fixture_values: dict[str, Any]) -> object:
        """Keep the data. The return value is ignored."""
        ...

    def lock(self, identifier: str, fixture_values: dict[str, Any]) -> AbstractContextManager[Any]:
        """Return a context manager that one worker of the run can be inside of at a time."""
        ...


class SharedLock(Protocol):
    """The value of the fixture `shared_lock`: locks between the workers of a run, each identified by a name."""

    def __call__(self, name: str, timeout: float | None = None) -> AbstractContextManager[None]:
        """Return a context manager that one worker at a time can be inside of, for each `name`.

        Raises `LockTimeoutError` if the lock cannot be acquired within `timeout` seconds (None: no limit).
        """
        ...


class SharedValue:
    """A marker of the value's type inside `SharedGenerator[T]`, so that a `T` that admits `None` stays exact."""

    def __repr__(self) -> str:
        return "SharedValue"


SHARED_VALUE: Final = SharedValue()

# The yielded type admits `None` for the first yield, which has no value yet. The sent type differs between the two
# yields (the value or a token, then a token), which no generator type can express.
SharedGenerator = Generator[Annotated[T, SHARED_VALUE] | None, Any, None]
