"""A traceback shows users their own lines, and none of the package or of the libraries it calls."""

from __future__ import annotations

import re

import pytest
from conftest import Suite

# Each fixture, with the text of its error.
ERRORS = {
    "a type without a serializer": (
        "class Opaque: pass\n@shared_session_scope_fixture\ndef db() -> Opaque: return Opaque()",
        "AnnotationError: shared fixture 'db' (conftest.py:*): pydantic cannot build a serializer for Opaque; *",
    ),
    "a value that changes": (
        "@shared_session_scope_fixture\ndef db(): return (1, 2)",
        "CodecError: shared fixture 'db' (conftest.py:*): its value would change on its way *",
    ),
    "a value of another type": (
        "@shared_session_scope_fixture\ndef db() -> int: return 'x'",
        "CodecError: shared fixture 'db' (conftest.py:*): its value does not match its annotation: *",
    ),
    "a name that is not there": (
        "@shared_session_scope_fixture\ndef db() -> 'Thing': return 1",
        "AnnotationError: shared fixture 'db' (conftest.py:*): its return annotation names 'Thing', which is not defined; *",
    ),
    "a value that pickle cannot carry": (
        "@shared_session_scope_fixture(PickleStore())\ndef db(): return lambda: 1",
        "StoreError: shared fixture 'db' (conftest.py:*): its value could not be written to PickleStore: *Error: *; share "
        "what can be pickled, and make the rest of it with parse= in each worker",
    ),
    "one yield": (
        "@shared_session_scope_fixture\ndef db():\n    yield 1",
        "ProtocolError: shared fixture 'db' (conftest.py:*): it must yield exactly twice: *",
    ),
    "three yields": (
        "@shared_session_scope_fixture\ndef db():\n    yield\n    yield 1\n    yield 2",
        "ProtocolError: shared fixture 'db' (conftest.py:*): it must yield exactly twice, but yielded a third time*",
    ),
}
STYLES = ["long", "short", "line", "native", "no"]


def _lines(suite: Suite, *arguments: str, workers: int | None = None) -> list[str]:
    """Return the lines before the section about shared fixtures."""
    lines = suite.run(*arguments, workers=workers).outlines
    return lines[: next(i for i, line in enumerate(lines) if re.fullmatch("=+ shared fixtures =+", line))]


@pytest.mark.parametrize("style", STYLES)
def test_our_own_errors(suite: Suite, style: str) -> None:
    fixtures = [code.replace("db(", f"db{i}(") for i, (code, _) in enumerate(ERRORS.values())]
    tests = [f"def test_{i}(db{i}): pass" for i in range(len(fixtures))]
    suite.write(conftest="\n".join(fixtures), test_it="\n".join(tests))
    lines = _lines(suite, "--tb", style)
    text = "\n".join(lines)
    # Only pickle's exception is shown as a cause, because a user's own `__reduce__` may have failed.
    assert text.count("exception was the direct cause") <= 1
    assert "During handling" not in text
    if style != "native":  # Python's own style, from which pytest hides nothing
        assert "pytest_shared_session_scope/" not in text
        assert "pydantic/" not in text
        assert "contextlib" not in text
    if style == "no":
        return
    for i, (_, words) in enumerate(ERRORS.values()):
        pytest.LineMatcher(lines).fnmatch_lines([f"*{words.replace('db', f'db{i}')}"])


AT_DEFINITION = {
    "scope": "@shared_session_scope_fixture(scope='module')\ndef db(): return 1",
    "annotation": "@shared_session_scope_fixture\ndef db() -> int:\n    yield 1",
    "annotation that is not a type": "@shared_session_scope_fixture\ndef db() -> 'int[': return 1",
    "json": "@shared_json_scope_fixture(deserialize=str)\ndef db(): return 1",
    "later": "@shared_session_scope_json(dict)\ndef db(): return 1",
    "later, called": "@shared_session_scope_pickle(timeout=-1)\ndef db(): return 1",
}


@pytest.mark.parametrize("code", AT_DEFINITION.values(), ids=list(AT_DEFINITION))
@pytest.mark.parametrize("module", ["conftest", "test_it"])
def test_errors_at_definition(suite: Suite, code: str, module: str) -> None:
    """pytest shows hidden frames only in its style `native`."""
    suite.write(**{module: code + "\n\ndef test_it(db): pass"})
    for style in STYLES:
        result = suite.run("--tb", style)
        assert result.ret in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED)
        text = result.stdout.str() + result.stderr.str()
        assert "pytest_shared_session_scope/" not in text or style == "native"
        assert "exception was the direct cause" not in text
        if style != "no" or module == "conftest":
            assert re.search(r"\w+Error: shared fixture '(db|dict)'", text), text


@pytest.mark.parametrize("style", STYLES)
def test_a_failure_in_another_worker(suite: Suite, style: str) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> int:
            raise OSError("no route")
        """,
        test_it="@pytest.mark.parametrize('i', range(2))\ndef test_it(i, db): pass",
    )
    text = "\n".join(_lines(suite, "--tb", style, workers=2))
    assert "pytest_shared_session_scope/" not in text or style == "native"
    if style != "no":
        assert "its setup failed in worker gw" in text
        assert text.count('raise OSError("no route")') == (1 if style == "line" else 2)


def test_exception_of_a_users_store_is_shown(suite: Suite) -> None:
    suite.write(
        conftest="""
        class Full(JsonStore):
            def write(self, identifier, data, fixture_values):
                raise RuntimeError("full")

        @shared_session_scope_fixture(Full())
        def db(): return 1
        """,
        test_it="def test_it(db): pass",
    )
    text = "\n".join(_lines(suite))
    assert 'raise RuntimeError("full")' in text
    assert "its value could not be written to Full: RuntimeError: full; check the store's write()" in text
    assert "pytest_shared_session_scope/" not in text


def test_a_cleanup_that_raises_shows_its_own_line_first(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> Iterator[int]:
            yield 1
            raise OSError("no way back")
        """,
        test_it="def test_it(db): pass",
    )
    lines = _lines(suite)
    places = [line for line in lines if re.match(r"\S+\.py:\d+: ", line)]
    assert len(places) == 1
    assert re.fullmatch(r"conftest.py:\d+: OSError", places[0])


def test_a_full_trace_shows_all(suite: Suite) -> None:
    suite.write(conftest="@shared_session_scope_fixture\ndef db(): return (1, 2)", test_it="def test_it(db): pass")
    assert "pytest_shared_session_scope/_codec" in "\n".join(_lines(suite, "--full-trace"))
