"""Steps that no signal may come between."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, Final

# Those that are handled by raising, here and now: Ctrl-C, what a process is asked to end by, pytest-timeout's alarm.
_RAISING: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGALRM", "SIGINT") if hasattr(signal, name)]


@contextlib.contextmanager
def held_back() -> Generator[None, None, None]:
    """Let no handler of a signal raise inside: what comes is handled at the end.

    Not by the signal mask: the kernel hands a signal to any thread that does not mask it, and Python handles it in the
    main thread all the same.
    """
    if threading.current_thread() is not threading.main_thread():  # where no handler is ever run
        yield
        return
    came = _Came()
    with contextlib.ExitStack() as stack:
        stack.callback(came.handle)
        for number in _RAISING:
            came.take_over(number, stack)
        stack.callback(came.end)
        yield


class _Came:
    """The signals that came, and how they are to be handled."""

    def __init__(self) -> None:
        self._handlers: list[Callable[[], object]] = []
        self._is_over = False

    def take_over(self, number: int, stack: contextlib.ExitStack) -> None:
        """Note a signal instead of handling it, until the stack is unwound."""
        handler: Any = signal.getsignal(number)
        if callable(handler):

            def note(number: int, frame: FrameType | None) -> None:
                # One that raises while the handlers are put back may keep this one where it is.
                if self._is_over:
                    handler(number, frame)
                else:
                    self._handlers.append(lambda: handler(number, frame))

            stack.callback(signal.signal, number, handler)
            signal.signal(number, note)

    def end(self) -> None:
        """Note no more."""
        self._is_over = True

    def handle(self) -> None:
        """Handle all that came, though the first of them raises."""
        with contextlib.ExitStack() as stack:
            for handler in reversed(self._handlers):
                stack.callback(handler)
