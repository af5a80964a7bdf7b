"""A setup that raised, told to the other workers: what it means to pytest there is what it meant here."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import NoReturn

import pytest

from pytest_shared_session_scope._run.journal import Failure
from pytest_shared_session_scope.errors import SetupFailedError

_PACKAGE = Path(__file__).parents[1]


def describe_failure(error: BaseException) -> Failure:
    """Return what other workers need to know of the exception, its traceback cut to the user's own frames."""
    return Failure(
        outcome=_outcome(error),
        type_name=_type_name(error),
        message=str(getattr(error, "msg", None) or error),
        traceback="".join(_user_traceback(error)),
    )


def replay(failure: Failure, fixture: str, worker: str) -> NoReturn:
    """Raise in this worker what the failure means to pytest."""
    __tracebackhide__ = True
    if failure.outcome == "skip":
        pytest.skip(failure.message)
    if failure.outcome == "xfail":
        pytest.xfail(failure.message)
    if failure.outcome == "exit":
        pytest.exit(failure.message)
    if failure.outcome == "fail":
        pytest.fail(f"shared fixture {fixture} failed in worker {worker}: {failure.message}", pytrace=False)
    raise SetupFailedError(
        fixture,
        f"its setup failed in worker {worker}, so it is not tried again: {failure.type_name}: {failure.message}\n\n"
        f"{failure.traceback}",
        worker,
        failure.type_name,
        failure.traceback,
    )


def _outcome(error: BaseException) -> str:
    # `xfail.Exception` is a kind of `fail.Exception`, so it comes first.
    for exception, outcome in (
        (pytest.skip.Exception, "skip"),
        (pytest.xfail.Exception, "xfail"),
        (pytest.fail.Exception, "fail"),
        (pytest.exit.Exception, "exit"),
    ):
        if isinstance(error, exception):
            return outcome
    return "error"


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _user_traceback(error: BaseException) -> list[str]:
    whole = traceback.TracebackException.from_exception(error)
    frames = [frame for frame in whole.stack if _PACKAGE not in Path(frame.filename).parents]
    whole.stack = traceback.StackSummary.from_list(frames)
    return list(whole.format())
