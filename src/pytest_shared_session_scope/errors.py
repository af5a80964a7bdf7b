"""The exceptions of this package. Imports nothing from the package.

They cross process borders, so `pickle` rebuilds each from its constructor's arguments.
"""

from __future__ import annotations

__all__ = [
    "AnnotationError",
    "CodecError",
    "DefinitionError",
    "LockTimeoutError",
    "ProtocolError",
    "SetupFailedError",
    "SharedFixtureError",
    "StoreError",
    "WaitTimeoutError",
]


class SharedFixtureError(Exception):
    """The base of every error of this package: a shared fixture cannot be used.

    Attributes:
        fixture: the fixture's name and place: `'db' (tests/conftest.py:12)`.
        reason: what happened, and what to do about it.
    """

    def __init__(self, fixture: str, reason: str) -> None:
        super().__init__(fixture, reason)
        self.fixture = fixture
        self.reason = reason

    def __str__(self) -> str:
        return f"shared fixture {self.fixture}: {self.reason}"


class DefinitionError(SharedFixtureError, TypeError):
    """The decorator is used wrongly. Raised where the fixture is defined, or when it is first used."""


class AnnotationError(DefinitionError):
    """The return annotation cannot be resolved, or pydantic cannot build an adapter for it."""


class ProtocolError(SharedFixtureError):
    """The fixture's generator yielded too often, or not often enough, for the way it is written."""


class CodecError(SharedFixtureError, ValueError):
    """A value would not reach the other workers unaltered, or a stored value cannot be loaded.

    Attributes:
        path: the place inside the value, e.g. `$.items[3].key`; `$` is the value itself.
    """

    def __init__(self, fixture: str, reason: str, path: str = "$") -> None:
        super().__init__(fixture, reason)
        self.args = (fixture, reason, path)
        self.path = path


class StoreError(SharedFixtureError, OSError):
    """A stored value is truncated, garbled, foreign or missing, or could not be written."""

    def __str__(self) -> str:
        # Without this the MRO would pick OSError's, which formats two arguments as `[Errno x] y`.
        return SharedFixtureError.__str__(self)


class SetupFailedError(SharedFixtureError):
    """The fixture's setup failed in another worker and is not run again in this one.

    Attributes:
        worker: the id of the worker in which the setup failed.
        type_name: the qualified name of the original exception's type.
        traceback: the original traceback, as text.
    """

    def __init__(self, fixture: str, reason: str, worker: str, type_name: str, traceback: str) -> None:
        super().__init__(fixture, reason)
        self.args = (fixture, reason, worker, type_name, traceback)
        self.worker = worker
        self.type_name = type_name
        self.traceback = traceback


class WaitTimeoutError(SharedFixtureError, TimeoutError):
    """The fixture's `timeout` (seconds) passed while this worker waited for another."""

    def __str__(self) -> str:
        # See `StoreError.__str__`: TimeoutError is an OSError.
        return SharedFixtureError.__str__(self)


class LockTimeoutError(WaitTimeoutError):
    """A lock of the fixture `shared_lock` could not be acquired within its `timeout` (seconds).

    Attributes:
        fixture: the lock's name, as a literal.
    """

    def __str__(self) -> str:
        return f"shared lock {self.fixture}: {self.reason}"
