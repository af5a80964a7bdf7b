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
    came: list[Callable[[], object]] = []
    with contextlib.ExitStack() as stack:
        stack.callback(_handle, came)
        for number in _RAISING:
            _note_instead(number, came, stack)
        yield


def _note_instead(number: int, came: list[Callable[[], object]], stack: contextlib.ExitStack) -> None:
    handler: Any = signal.getsignal(number)
    if callable(handler):

        def note(number: int, frame: FrameType | None) -> None:
            came.append(lambda: handler(number, frame))

        stack.callback(signal.signal, number, handler)
        signal.signal(number, note)


def _handle(came: list[Callable[[], object]]) -> None:
    for handler in came:
        handler()
