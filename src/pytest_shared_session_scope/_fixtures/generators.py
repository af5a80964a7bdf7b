"""The three styles in which a fixture's function shares its value, as objects that run it step by step.

Each object is one call of the function in one worker. All have one interface: `create` in the worker that sets the
value up or `receive` in the others, then `end`. `is_set_up` is true once `create` has succeeded, so that `end` has
something to clean up.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final

from pytest_shared_session_scope.errors import ProtocolError
from pytest_shared_session_scope.types import CleanupToken, SetupToken

__tracebackhide__ = True  # pytest shows users their own frames

NONE_IS_TAKEN: Final = (
    "which the first yield returns if the value is not set up yet; pass first=SetupToken.FIRST to get that token "
    "instead"
)
FIRST_IS_TAKEN: Final = (
    "which the first yield returned because the value is not set up yet; set the value up if it `is SetupToken.FIRST` "
    "(shared_session_scope_fixture and shared_json_scope_fixture return None there)"
)
ONCE_INSTEAD: Final = "annotate it -> Iterator[T] to share an ordinary fixture that yields once"
TWICE_INSTEAD: Final = "annotate it -> SharedGenerator[T] to yield twice"


class Returns:
    """A fixture that returns: one worker calls the function, the others receive its value."""

    def __init__(self, fixture: str, function: Callable[[], Any]) -> None:
        self.fixture = fixture
        self.is_set_up = False
        self._function = function

    def create(self) -> object:
        """Call the function and return its value."""
        value: object = self._function()
        self.is_set_up = True
        return value

    def receive(self, value: object) -> object:
        """Return the value without calling the function."""
        return value

    def end(self, token: CleanupToken | None) -> None:
        """Do nothing: there is no code after a return."""


class YieldsOnce:
    """A fixture that yields once: only the worker that sets the value up runs the generator."""

    def __init__(self, fixture: str, function: Callable[[], Any]) -> None:
        self.fixture = fixture
        self.is_set_up = False
        self._function: Callable[[], Generator[Any, Any, None]] = function
        self._generator: Generator[Any, Any, None] | None = None

    def create(self) -> object:
        """Run to the yield and return its value."""
        self._generator = self._function()
        try:
            value: object = next(self._generator)
        except StopIteration:
            raise ProtocolError(self.fixture, "it did not yield; it must yield exactly once") from None
        self.is_set_up = True
        return value

    def receive(self, value: object) -> object:
        """Return the value without running the generator."""
        return value

    def end(self, token: CleanupToken | None) -> None:  # noqa: ARG002 - the interface of all styles
        """Run the code after the yield, if the generator ran here."""
        if self._generator is None:
            return
        try:
            next(self._generator)
        except StopIteration:
            return
        self._generator.close()
        raise ProtocolError(self.fixture, f"it must yield exactly once, but yielded again; {TWICE_INSTEAD}")


class YieldsTwice:
    """A fixture that yields twice: every worker that acquires the share runs a generator of its own."""

    def __init__(self, fixture: str, function: Callable[[], Any], first: SetupToken | None) -> None:
        self.fixture = fixture
        self.is_set_up = False
        self._function: Callable[[], Generator[Any, Any, None]] = function
        self._first = first

    def create(self) -> object:
        """Run to the second yield and return its value. Raises `ProtocolError` if it is the "no value yet" marker."""
        value = self.receive(self._first)
        if value is self._first:
            self.end(CleanupToken.LAST)
            reason = NONE_IS_TAKEN if value is None else FIRST_IS_TAKEN
            raise ProtocolError(self.fixture, f"its value is {value}, {reason}")
        self.is_set_up = True
        return value

    def receive(self, value: object) -> object:
        """Run to the second yield, where the first yield returns `value`; return what the second yields."""
        self._generator = self._function()
        try:
            next(self._generator)
            return self._generator.send(value)
        except StopIteration:
            without_first = "" if self._first is None else ", by shared_session_scope_fixture without first="
            raise ProtocolError(
                self.fixture,
                f"it must yield exactly twice: once for the value or {self._first}, once for the value that tests get; "
                f"{ONCE_INSTEAD}{without_first}",
            ) from None

    def end(self, token: CleanupToken | None) -> None:
        """Run the code after the second yield, which returns `token`."""
        try:
            self._generator.send(token)
        except StopIteration:
            return
        self._generator.close()
        raise ProtocolError(self.fixture, "it must yield exactly twice, but yielded a third time; remove that yield")
