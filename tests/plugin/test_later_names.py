"""Suites that were written for the later releases of 0.x run as their README promises, with the same values.

One suite uses the names of those releases in every way, with each number of workers.
"""

from __future__ import annotations

import pytest
from conftest import Suite
from later_releases import CLEANED_UP, FIXTURES, ONCE, TESTS

WORKERS = pytest.mark.parametrize("workers", [None, 0, 1, 2, 4])


@WORKERS
def test_every_use_of_the_later_releases(suite: Suite, workers: int | None) -> None:
    suite.write(conftest=FIXTURES, test_it=TESTS)
    suite.run("-p", "cacheprovider", workers=workers).assert_outcomes(passed=7 * 3 + 3 * 3)
    assert sorted(name for _, name in suite.words("setup")) == sorted(ONCE)
    assert sorted(name for _, name in suite.words("cleanup")) == CLEANED_UP
    tokens = [token for _, _, token in suite.words("token")]
    assert tokens == [None] * (len(tokens) - 1) + ["last"]
    assert sorted(suite.words("written")) == [["written", False], *[["written", True]] * 3]


@WORKERS
def test_stopping_at_the_first_failure(suite: Suite, workers: int | None) -> None:
    suite.write(
        conftest="""
        def shared(name):
            @shared_session_scope_json(name=name)
            def resource():
                found = yield
                if found is SetupToken.FIRST:
                    log("setup", name)
                    found = [name]
                if (yield found) is CleanupToken.LAST:
                    log("cleanup", *found)
            return resource

        resource, late = shared("resource"), shared("late")
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(20))
        def test_it(i, resource, request):
            assert i != 1
            assert request.getfixturevalue("late") == ["late"]
        """,
    )
    result = suite.run("-x", workers=workers)
    assert result.parseoutcomes()["failed"] == 1
    assert suite.words("setup").count(["setup", "resource"]) == 1
    assert sorted(words[1:] for words in suite.words("setup")) == sorted(words[1:] for words in suite.words("cleanup"))


def test_errors_name_the_suitable_decorator(suite: Suite) -> None:
    """The messages name the decorator that behaves as a fixture of an earlier release expects."""
    suite.write(
        conftest="""
        @shared_session_scope_json()
        def of_03():
            found = yield
            if found is None:
                found = 1
            yield found

        @shared_session_scope_pickle()
        def of_03_pickled():
            found = yield
            yield found or 1

        @shared_session_scope_json()
        def once() -> Iterator[int]:
            yield 1

        @shared_session_scope_json()
        def altered():
            return (1, 2)
        """,
        test_it="""
        @pytest.mark.parametrize("name", ["of_03", "of_03_pickled", "once", "altered"])
        def test_it(request, name):
            request.getfixturevalue(name)
        """,
    )
    result = suite.run()
    result.assert_outcomes(failed=4)
    message = (
        "its value is SetupToken.FIRST, which the first yield returned because the value is not set up yet; set the"
    )
    result.stdout.fnmatch_lines(
        [
            f"E*ProtocolError: shared fixture 'of_03' (conftest.py:*): {message} value up if it `is "
            "SetupToken.FIRST` (shared_session_scope_fixture and shared_json_scope_fixture return None there)",
            f"E*ProtocolError: shared fixture 'of_03_pickled' (conftest.py:*): {message} value *",
            "E*ProtocolError: shared fixture 'once' (conftest.py:*): it must yield exactly twice: once for the value or "
            "SetupToken.FIRST, once for the value that tests get; annotate it -> Iterator[[]T[]] to share an ordinary "
            "fixture that yields once, by shared_session_scope_fixture without first=",
            "E*CodecError: shared fixture 'altered' (conftest.py:*): * annotate the fixture -> tuple[[]int, int[]]",
        ]
    )


def test_none_is_an_ordinary_value_beside_the_token(suite: Suite) -> None:
    """With the token, a value may be None, in every worker."""
    suite.write(
        conftest="""
        @shared_session_scope_json()
        def nothing():
            found = yield
            if found is SetupToken.FIRST:
                log("setup")
                found = None
            yield found
        """,
        test_it="@pytest.mark.parametrize('i', range(4))\ndef test_it(i, nothing): assert nothing is None",
    )
    suite.run(workers=2).assert_outcomes(passed=4)
    assert suite.words("setup") == [["setup"]]
