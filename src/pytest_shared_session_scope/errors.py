"""The exceptions that this package raises; imports nothing of the package.

They cross process borders, so each is rebuilt by `pickle` from the arguments it was made with.
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
    """Something about a shared fixture is wrong; the base of every error of this package.

    Attributes:
        fixture: which fixture, and where it is defined: `'db' (tests/conftest.py:12)`.
        reason: what happened and what to do about it.
    """

    def __init__(self, fixture: str, reason: str) -> None:
        super().__init__(fixture, reason)
        self.fixture = fixture
        self.reason = reason

    def __str__(self) -> str:
        return f"shared fixture {self.fixture}: {self.reason}"


class DefinitionError(SharedFixtureError, TypeError):
    """The decorator was used wrongly: raised where the fixture is defined, or when it is first used."""


class AnnotationError(DefinitionError):
    """The return annotation cannot be resolved, or pydantic can build no adapter for it."""


class ProtocolError(SharedFixtureError):
    """The fixture's generator yielded too often or too seldom for the way it is written."""


class CodecError(SharedFixtureError, ValueError):
    """A value cannot travel to the other workers unaltered, or what was stored cannot be loaded.

    Attributes:
        path: the place inside the value, `$` being the value itself: `$.items[3].key`.
    """

    def __init__(self, fixture: str, reason: str, path: str = "$") -> None:
        super().__init__(fixture, reason)
        self.args = (fixture, reason, path)
        self.path = path


class StoreError(SharedFixtureError, OSError):
    """What a store holds is truncated, garbled, foreign or missing, or it could not be written."""

    def __str__(self) -> str:
        # OSError formats two arguments as `[Errno x] y`; the MRO would pick that without this.
        return SharedFixtureError.__str__(self)


class SetupFailedError(SharedFixtureError):
    """The fixture's setup failed in another worker, and is not tried again in this one.

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
    """The fixture's `timeout` (seconds) passed while this worker waited for another one."""

    def __str__(self) -> str:
        # See `StoreError.__str__`: TimeoutError is an OSError.
        return SharedFixtureError.__str__(self)


class LockTimeoutError(WaitTimeoutError):
    """A lock of the fixture `shared_lock` could not be had within its `timeout` (seconds).

    Attributes:
        fixture: the lock's name, as a literal.
    """

    def __str__(self) -> str:
        return f"shared lock {self.fixture}: {self.reason}"
