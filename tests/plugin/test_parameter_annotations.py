"""A test or fixture that annotates a shared fixture with a type it can never be is told when it is collected."""

from __future__ import annotations

import pytest
from conftest import Suite

PORT = """
    @shared_session_scope_fixture
    def port() -> int:
        return 80
"""
OFF = ["-o", "shared_session_scope_check_annotations=false"]


def _is_refused(result: pytest.RunResult, taker: str) -> None:
    result.assert_outcomes(errors=1)
    message = (
        "*shared fixture 'port' (conftest.py:*): its value is of type int, and {taker} takes it as `port: str`, "
        "which it can never be; correct one of the two annotations (the ini option "
        "shared_session_scope_check_annotations turns this check off)"
    )
    result.stdout.fnmatch_lines([message.format(taker=taker)])


@pytest.mark.parametrize("workers", [None, 2])
def test_a_test_that_takes_another_type_is_an_error_naming_both_places(suite: Suite, workers: int | None) -> None:
    suite.write(conftest=PORT, test_it="def test_port(port: str): ...")
    result = suite.run(workers=workers)
    result.stdout.fnmatch_lines(["*ERROR collecting test_it.py*"])
    _is_refused(result, "'test_port' (test_it.py:*)")


TAKERS = {
    "a method": ("class TestPort:\n    def test_port(self, port: str): ...", "'test_port' (test_it.py:*)"),
    "a fixture": (
        "@pytest.fixture\ndef url(port: str): return port\n\ndef test_url(url): ...",
        "'url' (test_it.py:*)",
    ),
    "a shared fixture": (
        "@shared_session_scope_fixture\ndef url(port: str) -> str: return port\n\ndef test_url(url): ...",
        "'url' (test_it.py:*)",
    ),
    "an override": (
        "@pytest.fixture\ndef port(port: str): return port\n\ndef test_port(port: bytes): ...",
        "'port' (test_it.py:*)",
    ),
    "a wrapped test": (
        "import functools\n"
        "def wrap(f):\n    @functools.wraps(f)\n    def g(*a, **k): return f(*a, **k)\n    return g\n\n"
        "@wrap\ndef test_port(port: str): ...",
        "'test_port' (test_it.py:*)",
    ),
    "under future annotations": (
        "from __future__ import annotations\ndef test_port(port: str): ...",
        "'test_port' (test_it.py:*)",
    ),
    "of a closure": (
        "def make():\n    text = str\n    def test_port(port: 'text'):\n        text\n    return test_port\n\n"
        "test_port = make()",
        "'test_port' (test_it.py:*)",
    ),
}


@pytest.mark.parametrize(("module", "taker"), TAKERS.values(), ids=list(TAKERS))
def test_every_way_to_take_it_is_looked_at(suite: Suite, module: str, taker: str) -> None:
    suite.write(conftest=PORT, test_it=module)
    _is_refused(suite.run("--collect-only"), taker)


def test_what_parse_and_a_class_give_is_what_counts(suite: Suite) -> None:
    suite.write(
        conftest="""
            def to_text(port: int) -> str:
                return str(port)

            class Url:
                def __init__(self, port: int) -> None: ...

            @shared_session_scope_fixture(parse=to_text)
            def text() -> int:
                return 80

            @shared_session_scope_fixture(parse=Url)
            def url() -> int:
                return 80

            @shared_session_scope_fixture(parse=lambda port: [port])
            def unknown() -> int:
                return 80
        """,
        test_fits="""
            from conftest import Url
            def test_it(text: str, url: Url, unknown: bytes): ...
        """,
        test_text="def test_it(text: int): ...",
        test_url="def test_it(url: int): ...",
    )
    result = suite.run("--continue-on-collection-errors")
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*shared fixture 'text' (*): its value is of type str, and 'test_it' (test_text.py:*"])
    result.stdout.fnmatch_lines(["*shared fixture 'url' (*): its value is of type Url, and 'test_it' (test_url.py:*"])


def test_yielded_values_count_however_they_are_yielded(suite: Suite) -> None:
    suite.write(
        conftest="""
            @shared_session_scope_fixture
            def once() -> Iterator[int]:
                yield 1

            @shared_session_scope_fixture
            def twice() -> SharedGenerator[int]:
                yield (yield) or 2
        """,
        test_once="def test_it(once: str): ...",
        test_twice="def test_it(twice: str): ...",
        test_fits="def test_it(once: int, twice: int): ...",
    )
    result = suite.run("--collect-only", "--continue-on-collection-errors")
    result.stdout.fnmatch_lines(["*'once' (*): its value is of type int, and*"])
    result.stdout.fnmatch_lines(["*'twice' (*): its value is of type int, and*"])
    result.assert_outcomes(errors=2)


@pytest.mark.parametrize("decorator", ["shared_session_scope_fixture", "shared_json_scope_fixture()"])
def test_an_annotation_may_name_what_only_the_enclosing_function_knows(suite: Suite, decorator: str) -> None:
    suite.write(
        conftest=f"""
            def make():
                Port = int

                @{decorator}
                def port() -> "Port":
                    return 80

                return port

            port = make()
        """,
        test_it="def test_port(port: str): ...",
    )
    _is_refused(suite.run(), "'test_port' (test_it.py:*)")


def test_what_may_fit_is_left_alone(suite: Suite) -> None:
    suite.write(
        conftest=PORT
        + """
    @shared_session_scope_fixture
    def untyped():
        value = yield
        yield value or 1
        """,
        test_it="from __future__ import annotations\n"
        """
            if TYPE_CHECKING:
                from nowhere import Port

            def test_plain(port): ...
            def test_same(port: int): ...
            def test_wider(port: object): ...
            def test_any(port: Any): ...
            def test_promoted(port: float): ...
            def test_union(port: int | str | None): ...
            def test_protocol(port: SupportsInt): ...
            def test_only_for_checkers(port: Port): ...
            def test_no_type(port: 1 / 0, untyped: str): ...
            def test_no_type_at_all(port: "a number"): ...

            @pytest.mark.parametrize("port", ["of its own"])
            def test_parametrized(port: str):
                assert port == "of its own"

            class TestOverridden:
                @pytest.fixture
                def port(self) -> str:
                    return "of its own"

                def test_it(self, port: str):
                    assert port == "of its own"
        """,
    )
    suite.run().assert_outcomes(passed=12)


def test_the_option_turns_it_off(suite: Suite) -> None:
    suite.write(conftest=PORT, test_it="def test_port(port: str): ...")
    suite.run(*OFF).assert_outcomes(passed=1)


def test_a_function_is_looked_at_once(suite: Suite) -> None:
    suite.write(
        conftest=PORT
        + """
    @pytest.fixture
    def url(port: int):
        return port
        """,
        test_it="""
            import pytest_shared_session_scope._parameters as parameters

            looked = []
            look = parameters._parameter_type
            parameters._parameter_type = lambda function, name: looked.append(function.__name__) or look(function, name)

            @pytest.mark.parametrize("n", range(3))
            def test_one(url, port: int, n): ...
            def test_two(url): ...
            def test_three(url):
                assert sorted(looked) == ["test_one", "test_three", "test_two", "url"]
        """,
    )
    suite.run().assert_outcomes(passed=5)


def test_nothing_is_imported_for_it(suite: Suite) -> None:
    suite.write(
        conftest=PORT
        + """
    def pytest_collection_finish():
        import sys
        assert "pytest_shared_session_scope._parameters" in sys.modules
        assert not {"pydantic", "filelock"} & set(sys.modules)
        """,
        test_it="def test_port(port: int): ...",
    )
    suite.run().assert_outcomes(passed=1)


def test_a_run_that_shares_nothing_does_not_load_it(suite: Suite) -> None:
    (suite.path / "test_it.py").write_text(
        "import sys\n\ndef test_it(tmp_path: int):\n"
        "    assert 'pytest_shared_session_scope._parameters' not in sys.modules\n",
        "utf-8",
    )
    suite.run().assert_outcomes(passed=1)
