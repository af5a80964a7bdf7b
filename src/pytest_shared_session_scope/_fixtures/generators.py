"""The generators of fixtures that yield, run from yield to yield, and what they are told when they yield otherwise."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final

from pytest_shared_session_scope.errors import ProtocolError
from pytest_shared_session_scope.types import CleanupToken, SetupToken

NONE_IS_TAKEN: Final = (
    "which the first yield gets where the value has yet to be set up; pass first=SetupToken.FIRST to get that token "
    "instead"
)
FIRST_IS_TAKEN: Final = (
    "which the first yield gave because the value has yet to be set up: set it up where `is SetupToken.FIRST` says so; "
    "shared_session_scope_fixture and shared_json_scope_fixture give None there"
)
FIRST_IS_NOT_SENT: Final = (
    "its code names SetupToken, but its first yield gives None where the value has yet to be set up; pass "
    "first=SetupToken.FIRST to get that token, or ask `is None`"
)
__tracebackhide__ = True
ONCE_INSTEAD: Final = "annotate it -> Iterator[T] to share an ordinary fixture that yields once"
TWICE_INSTEAD: Final = "annotate it -> SharedGenerator[T] to yield twice"


class Returns:
    is_set_up = False

    def __init__(self, fixture, function):
        self._function = function

    def create(self):
        return self._function()

    def receive(self, value):
        return value

    def end(self, token):
        pass


class YieldsOnce:
    """The generator of a fixture that yields once; only its owner runs it."""

    def __init__(self, fixture: str, function: Callable[[], Generator[Any, Any, None]]) -> None:
        self._fixture = fixture
        self._function = function

    is_set_up = False

    def receive(self, value):
        return value

    def create(self) -> object:
        self._generator = self._function()
        try:
            value = next(self._generator)
            self.is_set_up = True
            return value
        except StopIteration:
            raise ProtocolError(self._fixture, "it did not yield; it must yield exactly once") from None

    def end(self, _: CleanupToken | None) -> None:
        if not self.is_set_up:
            return
        try:
            next(self._generator)
        except StopIteration:
            return
        self._generator.close()
        raise ProtocolError(self._fixture, f"it must yield exactly once, and yielded again; {TWICE_INSTEAD}")


class YieldsTwice:
    """The generator of a fixture that yields twice; every worker that takes the share runs one."""

    def __init__(
        self, fixture: str, function: Callable[[], Generator[Any, Any, None]], first: SetupToken | None
    ) -> None:
        self._fixture = fixture
        self._function = function
        self._first = first

    def create(self) -> object:
        """Run to the second yield where there is no value yet; return the value, which is not what says so."""
        value = self.receive(self._first)
        if value is self._first:
            self.end(CleanupToken.LAST)
            why = NONE_IS_TAKEN if value is None else FIRST_IS_TAKEN
            raise ProtocolError(self._fixture, f"its value is {value}, {why}")
        self.is_set_up = True
        return value

    is_set_up = False

    def receive(self, sent: object) -> object:
        """Run to the second yield, sending the value or what says that there is none yet; return what is yielded."""
        self._generator = self._function()
        try:
            next(self._generator)
            return self._generator.send(sent)
        except StopIteration:
            without_first = "" if self._first is None else ", by shared_session_scope_fixture without first="
            raise ProtocolError(
                self._fixture,
                f"it must yield exactly twice: once for the value or {self._first}, once for the value that tests get; "
                f"{ONCE_INSTEAD}{without_first}",
            ) from None

    def end(self, token: CleanupToken | None) -> None:
        try:
            self._generator.send(token)
        except StopIteration:
            return
        self._generator.close()
        raise ProtocolError(self._fixture, "it must yield exactly twice, and yielded a third time; remove that yield")
