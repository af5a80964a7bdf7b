"""Hold signals back during steps that must not be interrupted."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, Final

# The signals whose handlers raise in the main thread: Ctrl-C, a request to terminate, pytest-timeout's alarm.
_RAISING: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGALRM", "SIGINT") if hasattr(signal, name)]


@contextlib.contextmanager
def held_back() -> Generator[None, None, None]:
    """Let no signal handler raise inside: signals that arrive are handled at the end.

    The signal mask would not do: the kernel delivers a signal to any thread that does not mask it, and Python runs the
    handler in the main thread all the same.
    """
    if threading.current_thread() is not threading.main_thread():  # handlers never run in other threads
        yield
        return
    pending = _Pending()
    with contextlib.ExitStack() as stack:
        stack.callback(pending.handle)
        for number in _RAISING:
            pending.hold_back(number, stack)
        stack.callback(pending.stop)
        yield


class _Pending:
    """The signals that have arrived, with the handlers that are still to run."""

    def __init__(self) -> None:
        self._handlers: list[Callable[[], object]] = []
        self._is_over = False

    def hold_back(self, number: int, stack: contextlib.ExitStack) -> None:
        """Note a signal instead of handling it, until the stack is unwound."""
        handler: Any = signal.getsignal(number)
        if callable(handler):

            def note(number: int, frame: FrameType | None) -> None:
                # If a handler raises while the handlers are restored, this one may stay in place.
                if self._is_over:
                    handler(number, frame)
                else:
                    self._handlers.append(lambda: handler(number, frame))

            stack.callback(signal.signal, number, handler)
            signal.signal(number, note)

    def stop(self) -> None:
        """Handle further signals at once."""
        self._is_over = True

    def handle(self) -> None:
        """Run the handler of every signal that has arrived, even if the first of them raises."""
        with contextlib.ExitStack() as stack:
            for handler in reversed(self._handlers):
                stack.callback(handler)
