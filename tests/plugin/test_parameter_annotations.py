"""A test or fixture that annotates a shared fixture with a type its value can never have is a collection error."""

from __future__ import annotations

import sys
import textwrap

import pytest
from conftest import Suite

PORT = """
    @shared_session_scope_fixture
    def port() -> int:
        return 80
"""
OFF = ["-o", "shared_session_scope_check_annotations=false"]


def _assert_refused(result: pytest.RunResult, consumer: str) -> None:
    result.assert_outcomes(errors=1)
    message = (
        "*shared fixture 'port' (conftest.py:*): its value is of type int, but {consumer} annotates it as `port: str`; "
        "correct one of the two annotations (the ini option "
        "shared_session_scope_check_annotations turns this check off)"
    )
    result.stdout.fnmatch_lines([message.format(consumer=consumer)])


@pytest.mark.parametrize("workers", [None, 2])
def test_a_test_that_names_another_type_is_an_error_naming_both_places(suite: Suite, workers: int | None) -> None:
    suite.write(conftest=PORT, test_it="def test_port(port: str): ...")
    result = suite.run(workers=workers)
    result.stdout.fnmatch_lines(["*ERROR collecting test_it.py*"])
    _assert_refused(result, "'test_port' (test_it.py:*)")


CONSUMERS = {
    "a method": ("class TestPort:\n    def test_port(self, port: str): ...", "'test_port' (test_it.py:*)"),
    "a fixture": (
        "@pytest.fixture\ndef url(port: str): return port\n\ndef test_url(url): ...",
        "'url' (test_it.py:*)",
    ),
    "a shared fixture": (
        "@shared_session_scope_fixture\ndef url(port: str) -> str: return port\n\ndef test_url(url): ...",
        "'url' (test_it.py:*)",
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


@pytest.mark.parametrize(("module", "consumer"), CONSUMERS.values(), ids=list(CONSUMERS))
def test_every_consumer_is_checked(suite: Suite, module: str, consumer: str) -> None:
    suite.write(conftest=PORT, test_it=module)
    _assert_refused(suite.run("--collect-only"), consumer)


def test_the_type_that_parse_returns_counts(suite: Suite) -> None:
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
    result.stdout.fnmatch_lines(["*shared fixture 'text' (*): its value is of type str, but 'test_it' (test_text.py:*"])
    result.stdout.fnmatch_lines(["*shared fixture 'url' (*): its value is of type Url, but 'test_it' (test_url.py:*"])


def test_the_type_of_a_yielded_value_counts(suite: Suite) -> None:
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
    result.stdout.fnmatch_lines(["*'once' (*): its value is of type int, but*"])
    result.stdout.fnmatch_lines(["*'twice' (*): its value is of type int, but*"])
    result.assert_outcomes(errors=2)


@pytest.mark.parametrize("decorator", ["shared_session_scope_fixture", "shared_json_scope_fixture()"])
def test_an_annotation_may_use_names_of_the_enclosing_function(suite: Suite, decorator: str) -> None:
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
    _assert_refused(suite.run(), "'test_port' (test_it.py:*)")


def test_types_that_may_fit_are_left_alone(suite: Suite) -> None:
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


# Modules without mistakes, for a shared fixture `port` of type int.
LEFT_ALONE = {
    "a parameter with a default": """
        @pytest.fixture
        def url(port: int):
            return port

        def test_it(url, port: str = "80"):
            assert port == "80"
    """,
    "a parameter for the rest": """
        @pytest.mark.usefixtures("port")
        def test_it(*port: str):
            assert port == ()
    """,
    "a parameter for the named rest": """
        @pytest.mark.usefixtures("port")
        def test_it(**port: str):
            assert port == {}
    """,
    "a test in a wrapper that converts": """
        import functools

        def with_text(f):
            @functools.wraps(f)
            def g(port):
                return f(str(port))
            return g

        @with_text
        def test_it(port: str):
            assert port == "80"
    """,
    "a fixture in a wrapper that converts": """
        import functools

        def with_text(f):
            return functools.wraps(f)(lambda port: f(str(port)))

        @pytest.fixture
        @with_text
        def text(port: str):
            return port

        def test_it(text):
            assert text == "80"
    """,
    "a test whose arguments pydantic converts": """
        import pydantic

        @pydantic.validate_call
        def test_it(port: Annotated[str, pydantic.BeforeValidator(str)]):
            assert port == "80"
    """,
    "a shared fixture in a wrapper that converts": """
        import functools

        def with_text(f):
            @functools.wraps(f)
            def g(port):
                return f(str(port))
            return g

        @shared_session_scope_fixture
        @with_text
        def text(port: str) -> str:
            return port

        def test_it(text: str):
            assert text == "80"
    """,
    "a name of the class": """
        from __future__ import annotations

        Port = str

        class TestIt:
            Port = int

            @pytest.fixture
            def own(self, port: Port):
                return port

            def test_it(self, own, port: Port): ...
    """,
    "a name of an enclosing function": """
        from __future__ import annotations

        Port = str

        def make():
            Port = int
            def test_it(port: Port): ...
            return test_it

        test_it = make()
    """,
    "a name inside a type": """
        Port = str

        def make():
            Port = int
            def test_it(port: Union["Port", None]): ...
            return test_it

        test_it = make()
    """,
    "a mark of the module": """
        pytestmark = pytest.mark.parametrize("port", ["80"])

        def test_it(port: str):
            assert port == "80"
    """,
    "a mark of the class": """
        @pytest.mark.parametrize(("port", "host"), [("80", "h")])
        class TestIt:
            def test_it(self, port: str, host: str):
                assert port == "80"
    """,
    "a mark, for a fixture": """
        @pytest.fixture
        def url(port: str):
            return port

        @pytest.mark.parametrize("port", ["80"], indirect=False)
        def test_it(url: str):
            assert url == "80"
    """,
    "a hook of the module": """
        def pytest_generate_tests(metafunc):
            metafunc.parametrize("port", ["80"])

        def test_it(port: str):
            assert port == "80"
    """,
    "an override by another shared fixture": """
        @shared_session_scope_fixture
        def port(port: int) -> str:
            return str(port)

        def test_it(port: str):
            assert port == "80"
    """,
    "an override that requests it through another fixture": """
        @pytest.fixture(scope="session")
        def checked(port: int) -> int:
            assert port == 80
            return port

        @shared_session_scope_fixture
        def port(checked: int) -> str:
            return str(checked)

        def test_it(port: str):
            assert port == "80"
    """,
    "an override under another name": """
        @pytest.fixture(name="port")
        def as_text() -> str:
            return "80"

        def test_it(port: str):
            assert port == "80"
    """,
}


@pytest.mark.parametrize("module", LEFT_ALONE.values(), ids=list(LEFT_ALONE))
def test_a_module_without_mistakes_is_left_alone(suite: Suite, module: str) -> None:
    suite.write(
        conftest=PORT,
        test_it=textwrap.dedent(module).lstrip("\n"),
    )
    suite.run().assert_outcomes(passed=1)


def test_a_class_that_is_imported_twice_is_one(suite: Suite) -> None:
    suite.write(
        sub__conftest="""
            class Server: ...

            @shared_session_scope_fixture(PickleStore())
            def server() -> Server:
                return Server()
        """,
        sub__test_it="""
            from sub.conftest import Server

            def test_it(server: Server):
                assert type(server) is not Server
        """,
    )
    suite.pytester.syspathinsert()
    suite.run().assert_outcomes(passed=1)


def test_a_name_that_another_plugin_parametrizes_is_left_alone(suite: Suite) -> None:
    """pytest calls hooks in reverse order of registration, so the other plugin's hook runs after this one's."""
    (suite.path / "with_ports.py").write_text(
        "def pytest_generate_tests(metafunc):\n"
        "    if 'port' in metafunc.fixturenames: metafunc.parametrize('port', ['80'])\n",
        "utf-8",
    )
    suite.write(
        conftest=PORT,
        test_it="""
            @pytest.fixture
            def url(port: str):
                return port

            def test_it(url, port: str):
                assert port == "80"
        """,
    )
    suite.pytester.syspathinsert()
    plugins = ["-p", "with_ports", "-p", "shared_session_scope", "-p", "no:cacheprovider"]
    suite.pytester.runpytest_subprocess(*plugins).assert_outcomes(passed=1)


@pytest.mark.parametrize("indirect", [True, ["port"]])
def test_an_indirect_parameter_changes_nothing(suite: Suite, indirect: object) -> None:
    suite.write(
        conftest="""
            @shared_session_scope_fixture
            def port(request) -> int:
                return request.param
        """,
        test_it=f"""
            @pytest.mark.parametrize("port", [80], indirect={indirect})
            def test_it(port: str): ...
        """,
        test_fits=f"""
            @pytest.mark.parametrize("port", [80], indirect={indirect})
            def test_it(port: int): ...
        """,
    )
    _assert_refused(suite.run("--collect-only", "--continue-on-collection-errors"), "'test_it' (test_it.py:*)")


def test_overrides_of_directories_are_left_alone(suite: Suite) -> None:
    suite.write(
        conftest=PORT,
        text__conftest="""
            @shared_session_scope_fixture
            def port(port: int) -> str:
                return str(port)

            @shared_session_scope_fixture
            def url(port: str) -> str:
                return port
        """,
        text__test_text="def test_it(port: str, url: str): ...",
        list__conftest="""
            @pytest.fixture
            def port(port: int) -> list[int]:
                return [port]
        """,
        list__test_list="def test_it(port: list[int]): ...",
        test_it="def test_it(port: int): ...",
    )
    suite.run("--import-mode=importlib").assert_outcomes(passed=3)


PARSES = {
    "in a wrapper that converts": """
        import functools

        def as_list(f):
            return functools.wraps(f)(lambda port: [f(port)])

        @as_list
        def parse(port: int) -> int:
            return port
    """,
    "a class that creates another": """
        class parse:
            def __new__(cls, port: int) -> list[int]:
                return [port]
    """,
    "a class whose metaclass creates another": """
        class Making(type):
            def __call__(cls, port: int) -> list[int]:
                return [port]

        class parse(metaclass=Making): ...
    """,
}


@pytest.mark.parametrize("parse", PARSES.values(), ids=list(PARSES))
def test_an_unknown_result_of_parse_is_left_alone(suite: Suite, parse: str) -> None:
    suite.write(
        conftest=textwrap.dedent(parse)
        + """
@shared_session_scope_fixture(parse=parse)
def port() -> int:
    return 80
        """,
        test_it="def test_it(port: list[int]): assert port == [80]",
    )
    suite.run().assert_outcomes(passed=1)


def test_the_result_of_an_async_parse_is_left_alone(suite: Suite) -> None:
    suite.write(
        conftest="""
            async def parse(port: int) -> int:
                return port

            @shared_session_scope_fixture(parse=parse)
            def port() -> int:
                return 80
        """,
        test_it="""
            def test_it(port: Awaitable[int]):
                port.close()
        """,
    )
    suite.run().assert_outcomes(passed=1)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement needs Python 3.12")
def test_an_alias_for_type_checkers_only_is_left_alone(suite: Suite) -> None:
    suite.write(
        conftest=PORT,
        test_it="""
            if TYPE_CHECKING:
                from nowhere import Nothing

            type Port = Nothing
            type Ports[T] = list[T] | Nothing

            def test_it(port: Port): ...
            def test_members(port: Port | None): ...
            def test_parameters(port: Ports[int]): ...
        """,
    )
    suite.run().assert_outcomes(passed=3)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement needs Python 3.12")
def test_an_alias_may_use_names_that_are_defined_later(suite: Suite) -> None:
    suite.write(
        test_it="""
            type Ports = Iterator[Port]
            type Value = Port
            type Never = Iterator[Nothing]

            @shared_session_scope_fixture
            def port() -> Ports:
                yield 80

            @shared_session_scope_fixture
            def twice() -> SharedGenerator[Value]:
                yield (yield) or 80

            @shared_session_scope_fixture
            def never() -> Never:
                yield 80

            Port = int

            def test_it(port: int, twice: int):
                assert port == twice

            def test_never(never: int): ...
        """
    )
    result = suite.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E*AnnotationError: *its return annotation names 'Nothing', which is not defined; *"])


def test_the_option_turns_the_check_off(suite: Suite) -> None:
    suite.write(conftest=PORT, test_it="def test_port(port: str): ...")
    suite.run(*OFF).assert_outcomes(passed=1)


def test_a_function_is_checked_once(suite: Suite) -> None:
    suite.write(
        conftest=PORT
        + """
    @pytest.fixture
    def url(port: int):
        return port
        """,
        test_it="""
            import pytest_shared_session_scope._fixtures.consumers as consumers

            looked = []
            look = consumers.certain_annotation_of
            consumers.certain_annotation_of = lambda function, name: looked.append(function.__name__) or look(function, name)

            @pytest.mark.parametrize("n", range(3))
            def test_one(url, port: int, n): ...
            def test_two(url): ...
            def test_three(url):
                assert sorted(looked) == ["test_one", "url"]
        """,
    )
    suite.run().assert_outcomes(passed=5)


def test_the_check_imports_neither_pydantic_nor_filelock(suite: Suite) -> None:
    suite.write(
        conftest=PORT
        + """
    def pytest_collection_finish():
        import sys
        assert "pytest_shared_session_scope._fixtures.consumers" in sys.modules
        assert not {"pydantic", "filelock"} & set(sys.modules)
        """,
        test_it="def test_port(port: int): ...",
    )
    suite.run().assert_outcomes(passed=1)


def test_a_run_that_shares_nothing_does_not_import_the_check(suite: Suite) -> None:
    (suite.path / "test_it.py").write_text(
        "import sys\n\ndef test_it(tmp_path: int):\n"
        "    assert 'pytest_shared_session_scope._fixtures.consumers' not in sys.modules\n",
        "utf-8",
    )
    suite.run().assert_outcomes(passed=1)
