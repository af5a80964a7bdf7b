"""Every public exception can be sent to another process, and names its fixture."""

from __future__ import annotations

import copy
import pickle

import pytest

from pytest_shared_session_scope import errors
from pytest_shared_session_scope.errors import (
    AnnotationError,
    CodecError,
    DefinitionError,
    LockTimeoutError,
    ProtocolError,
    SetupFailedError,
    SharedFixtureError,
    StoreError,
    WaitTimeoutError,
)

FIXTURE = "'db' (tests/conftest.py:12)"
ERRORS: list[tuple[SharedFixtureError, type[Exception]]] = [
    (SharedFixtureError(FIXTURE, "reason"), Exception),
    (DefinitionError(FIXTURE, "reason"), TypeError),
    (AnnotationError(FIXTURE, "reason"), TypeError),
    (ProtocolError(FIXTURE, "reason"), Exception),
    (CodecError(FIXTURE, "reason"), ValueError),
    (CodecError(FIXTURE, "reason", "$.items[3].key"), ValueError),
    (StoreError(FIXTURE, "reason"), OSError),
    (SetupFailedError(FIXTURE, "reason", "gw1", "app.Broken", "Traceback\n"), Exception),
    (WaitTimeoutError(FIXTURE, "reason"), TimeoutError),
]
ALL = [*ERRORS, (LockTimeoutError("'clone'", "reason"), WaitTimeoutError)]


@pytest.mark.parametrize("error", [error for error, _ in ALL], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_error_survives_pickling_with_its_attributes(error: SharedFixtureError, protocol: int) -> None:
    back = pickle.loads(pickle.dumps(error, protocol))
    assert type(back) is type(error)
    assert vars(back) == vars(error)
    assert (back.args, str(back)) == (error.args, str(error))
    assert vars(copy.copy(error)) == vars(error)


@pytest.mark.parametrize(("error", "builtin"), ALL, ids=lambda value: getattr(value, "__name__", ""))
def test_error_extends_the_closest_builtin(error: SharedFixtureError, builtin: type[Exception]) -> None:
    assert isinstance(error, builtin)
    assert isinstance(error, SharedFixtureError)


@pytest.mark.parametrize("error", [error for error, _ in ERRORS], ids=lambda error: type(error).__name__)
def test_error_names_the_fixture_and_the_reason(error: SharedFixtureError) -> None:
    assert str(error) == f"shared fixture {FIXTURE}: reason"
    assert (error.fixture, error.reason) == (FIXTURE, "reason")


def test_error_of_a_named_lock_names_the_lock() -> None:
    assert str(LockTimeoutError("'clone'", "reason")) == "shared lock 'clone': reason"


def test_attributes() -> None:
    assert CodecError(FIXTURE, "reason").path == "$"
    error = SetupFailedError(FIXTURE, "reason", "gw1", "app.Broken", "Traceback\n")
    assert (error.worker, error.type_name, error.traceback) == ("gw1", "app.Broken", "Traceback\n")


def test_each_public_exception_is_tested() -> None:
    assert {type(error).__name__ for error, _ in ALL} == set(errors.__all__)
