"""What a setup's exception means to pytest in one worker, it means in every other."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pytest_shared_session_scope._run.journal import Failure
from pytest_shared_session_scope._session.setup import describe_failure, replay
from pytest_shared_session_scope.errors import SetupFailedError

FIXTURE = "'db' (tests/conftest.py:12)"


class BrokenError(Exception):
    pass


def raised(call: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        call()
    return caught.value


def raise_(error: BaseException) -> None:
    raise error


OUTCOMES: dict[str, tuple[Callable[[], object], str, str]] = {
    "error": (lambda: raise_(ValueError("no server")), "error", "no server"),
    "empty": (lambda: raise_(ValueError()), "error", ""),
    "system exit": (lambda: raise_(SystemExit(3)), "error", "3"),
    "skip": (lambda: pytest.skip("no docker"), "skip", "no docker"),
    "xfail": (lambda: pytest.xfail("known"), "xfail", "known"),
    "fail": (lambda: pytest.fail("broken"), "fail", "broken"),
    "exit": (lambda: pytest.exit("enough"), "exit", "enough"),
}


@pytest.mark.parametrize(("call", "outcome", "message"), OUTCOMES.values(), ids=list(OUTCOMES))
def test_what_an_exception_means(call: Callable[[], object], outcome: str, message: str) -> None:
    failure = describe_failure(raised(call))
    assert (failure.outcome, failure.message) == (outcome, message)


def test_type_is_named_as_it_is_imported() -> None:
    assert describe_failure(ValueError()).type_name == "ValueError"
    assert describe_failure(BrokenError()).type_name == f"{__name__}.BrokenError"


def test_traceback_has_the_users_frames_and_the_cause() -> None:
    def user_code() -> None:
        try:
            raise_(KeyError("port"))
        except KeyError as error:
            raise BrokenError("no port") from error

    text = describe_failure(raised(user_code)).traceback
    assert re.search(r"in user_code\n(.*\n)+.*BrokenError: no port", text)
    assert "KeyError: 'port'" in text
    assert "The above exception was the direct cause" in text


def test_frames_of_the_package_are_left_out() -> None:
    failure = Failure("error", "ValueError", "no server", "Traceback ...")
    error = raised(lambda: replay(failure, FIXTURE, "gw1"))
    text = describe_failure(error).traceback
    assert "in replay" not in text
    assert "test_setup.py" in text


REPLAYED = {
    "skip": (pytest.skip.Exception, "no docker"),
    "xfail": (pytest.xfail.Exception, "no docker"),
    "exit": (pytest.exit.Exception, "no docker"),
    "fail": (pytest.fail.Exception, f"shared fixture {FIXTURE} failed in worker gw1: no docker"),
}


@pytest.mark.parametrize(("outcome", "kind", "message"), [(name, *what) for name, what in REPLAYED.items()])
def test_outcome_is_replayed_as_what_it_is(outcome: str, kind: type[BaseException], message: str) -> None:
    error = raised(lambda: replay(Failure(outcome, "", "no docker", ""), FIXTURE, "gw1"))
    assert type(error) is kind
    assert getattr(error, "msg", None) == message


def test_error_is_replayed_with_its_type_message_traceback_and_worker() -> None:
    failure = Failure("error", "app.Broken", "no server", "Traceback ...\n  in connect\n")
    error = raised(lambda: replay(failure, FIXTURE, "gw1"))
    assert isinstance(error, SetupFailedError)
    assert (error.fixture, error.worker) == (FIXTURE, "gw1")
    assert (error.type_name, error.traceback) == ("app.Broken", failure.traceback)
    assert str(error) == (
        f"shared fixture {FIXTURE}: its setup failed in worker gw1, so it is not tried again: app.Broken: no server\n\n"
        "Traceback ...\n  in connect\n"
    )
