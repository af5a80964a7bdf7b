"""Signals that arrive during a protected step are handled at its end."""

from __future__ import annotations

import signal
import threading

import pytest

from pytest_shared_session_scope._run.journal_file import held_back


def test_ctrl_c_is_handled_at_the_end() -> None:
    done: list[str] = []

    def run() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("inside")
        done.append("after")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["inside"]
    assert signal.getsignal(signal.SIGINT) is before


def test_error_inside_is_raised_and_signals_are_handled_again() -> None:
    with pytest.raises(ValueError, match="mine"), held_back():
        raise ValueError("mine")
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_nested_step_holds_signals_back_to_the_end_of_the_outer_one() -> None:
    done: list[str] = []

    def run() -> None:
        with held_back():
            with held_back():
                signal.raise_signal(signal.SIGINT)
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["outer"]


def test_signal_without_a_python_handler_is_left_alone() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_back():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_are_left_alone() -> None:
    found: list[object] = []

    def run() -> None:
        with held_back():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [signal.getsignal(signal.SIGINT)]


def test_every_signal_is_handled_even_if_the_first_handler_raises() -> None:
    handled: list[str] = []

    def fail(*_: object) -> None:
        handled.append("first")
        raise ValueError("mine")

    def run() -> None:
        with held_back():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, fail),
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: handled.append("second")),
    }
    try:
        with pytest.raises(ValueError, match="mine"):
            run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert handled == ["first", "second"]
