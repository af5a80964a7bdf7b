"""Steps that no signal comes between."""

from __future__ import annotations

import signal
import threading

import pytest

from pytest_shared_session_scope._engine.signals import held_back


def test_ctrl_c_comes_at_the_end() -> None:
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


def test_what_is_raised_inside_is_raised_and_signals_come_again() -> None:
    with pytest.raises(ValueError, match="mine"), held_back():
        raise ValueError("mine")
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_one_inside_another_holds_back_to_the_end_of_the_outer() -> None:
    done: list[str] = []

    def run() -> None:
        with held_back():
            with held_back():
                signal.raise_signal(signal.SIGINT)
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["outer"]


def test_a_signal_without_a_handler_in_python_is_left_alone() -> None:
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


def test_all_that_came_is_handled_though_the_first_of_it_raises() -> None:
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
