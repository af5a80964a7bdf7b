"""pytest shows a shared fixture as it shows any other fixture."""

from __future__ import annotations

import re

from conftest import Suite


def test_fixtures_lists_docstring_place_and_scope(suite: Suite) -> None:
    suite.write(
        conftest='''
        @shared_session_scope_fixture
        def db() -> int:
            """The database of the run."""
            return 1

        @pytest.fixture(scope="session")
        def plain():
            """Beside it."""
        ''',
        test_it="def test_it(db, plain): pass",
    )
    result = suite.run("--fixtures")
    result.stdout.fnmatch_lines(["db [[]session scope[]] -- conftest.py:*", "    The database of the run."])
    lines = (suite.path / "conftest.py").read_text().splitlines()
    apart = lines.index('@pytest.fixture(scope="session")') - lines.index("@shared_session_scope_fixture")
    # pytest 7 reports each fixture one line too low.
    shown = dict(re.findall(r"^(db|plain) \[session scope\] -- conftest\.py:(\d+)$", result.stdout.str(), re.MULTILINE))
    assert int(shown["plain"]) - int(shown["db"]) == apart


def test_a_fixture_has_only_the_parameters_of_its_function(suite: Suite) -> None:
    # The plugin adds no parameter: pytest would resolve it in every test, at a fifth of the cost of a small test.
    suite.write(
        conftest="""
        @pytest.fixture(scope="session")
        def port():
            return 1

        @shared_session_scope_fixture(FileStore(), metadata_storage=JsonStore())
        def db(port) -> int:
            return port
        """,
        test_it="def test_it(db): pass",
    )
    shown = suite.run("--setup-show").stdout
    shown.fnmatch_lines(["SETUP    S db (fixtures used: port)", "*test_it.py::test_it (fixtures used: db, port)*"])


def test_a_traceback_starts_at_the_users_line(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> SharedGenerator[int]:
            value = yield None
            connect()
            yield value or 1

        def connect():
            raise OSError("no route")
        """,
        test_it="def test_it(db): pass",
    )
    result = suite.run()
    lines = (suite.path / "conftest.py").read_text().splitlines()
    [call, raised] = [
        n for n, line in enumerate(lines, 1) if line.strip() in ("connect()", 'raise OSError("no route")')
    ]
    places = [line for line in result.outlines if re.match(r"\S+\.py:\d+: ", line)]
    assert places == [f"conftest.py:{call}: ", f"conftest.py:{raised}: OSError"]
    for style in ("short", "line", "no"):
        out = suite.run("--tb", style).stdout
        out.no_fnmatch_line("*pytest_shared_session_scope/_*")


def test_a_run_without_shared_fixtures_loads_nothing(suite: Suite) -> None:
    suite.write(
        test_it="""
        import sys
        def test_it():
            loaded = {name for name in sys.modules if name.split(".")[0] in ("pydantic", "filelock")}
            assert not loaded
        """
    )
    path = suite.path / "test_it.py"
    path.write_text(path.read_text().replace("from pytest_shared_session_scope import *", ""))
    suite.run().assert_outcomes(passed=1)
    suite.run(workers=1).assert_outcomes(passed=1)


def test_a_defined_fixture_that_no_test_uses_loads_nothing_more(suite: Suite) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> SharedGenerator[int]:
            value = yield None
            yield value or 1
        """,
        test_it="""
        import sys
        def test_it():
            assert not {name for name in sys.modules if name.split(".")[0] in ("pydantic", "filelock")}
        """,
    )
    suite.run().assert_outcomes(passed=1)
    suite.run(workers=1).assert_outcomes(passed=1)
