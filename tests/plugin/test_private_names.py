"""The undocumented names of pytest, xdist, pydantic and other plugins that the source uses exist and behave as expected."""

from __future__ import annotations

import datetime
import inspect
import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
import pydantic_core
import pytest
from conftest import TWICE_AND_ONCE, Suite

import pytest_shared_session_scope

T = TypeVar("T")
SOURCE = Path(pytest_shared_session_scope.__file__).parent
# Each has a test below. The source may use no other private names.
OF_PYTEST = {
    "_fixtureinfo",
    "_get_active_fixturedef",
    "_initrequest",
    "_request",
    "_setupstate",
    "_tmp_path_factory",
}
# Options and plugins of others, by their names; this plugin's own are not listed.
OPTIONS = {
    "collectonly",
    "dist",
    "durations",
    "maxfail",
    "maxworkerrestart",
    "numprocesses",
    "tx",
}
PLUGINS = {"terminal", "terminalreporter"}
# Public attributes that are not documented.
OF_OTHERS = {"execution_count"}
OF_PYTHON = {"_fields", "_getframe", "_make"}
OF_PYDANTIC = {
    "__get_pydantic_core_schema__",
    "__pydantic_decorators__",
    "__pydantic_extra__",
    "__pydantic_fields__",
    "__pydantic_fields_set__",
    "__pydantic_private__",
}


def _source() -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted(SOURCE.rglob("*.py")))


def test_every_private_name_that_is_used_has_a_test() -> None:
    source = _source()
    used = {name for line in source.splitlines() if "SLF001" in line for name in re.findall(r"\.(_[a-z]\w+)", line)}
    used |= set(re.findall(r'attr\([^"()]*(?:\([^()]*\))?[^"()]*, "(_[a-z]\w+)"', source))
    assert used == OF_PYTEST | OF_PYTHON
    assert set(re.findall(r'"(__(?:get_)?pydantic_\w+__)"', source)) == OF_PYDANTIC
    assert set(re.findall(r'getoption\("(\w+)"', source)) == OPTIONS
    assert set(re.findall(r'(?:get_plugin|is_blocked)\("(\w+)"', source)) == PLUGINS
    assert set(re.findall(r'getattr\(.+, "(\w+)"', source)) >= OF_OTHERS
    assert "_pytest." not in source
    assert "pydantic._internal" not in source


@pytest.mark.parametrize("workers", [None, 2])
def test_nothing_deprecated_is_used(suite: Suite, workers: int | None) -> None:
    """Deprecation warnings are errors here; pytest prints those that a plugin causes at the end of the run."""
    suite.write(
        conftest=TWICE_AND_ONCE
        + """
class Point(NamedTuple):
    x: int

@shared_session_scope_fixture(params=[1, 2])
def point(request) -> Point:
    return Point(request.param)

@shared_json_scope_fixture(serialize=str, deserialize=int)
def number(point) -> int:
    return point.x
""",
        test_it="""
            @pytest.mark.parametrize("i", range(4))
            def test_it(i, twice: int, once: int, number: int, shared_lock):
                with shared_lock("lock"):
                    assert twice == once
        """,
    )
    report = ["--shared-report", "--shared-report-json=out.json", "--shared-trace=trace.json"]
    result = suite.run("-W", "error", *report, workers=workers)
    result.assert_outcomes(passed=8, warnings=0)
    result.stdout.no_fnmatch_line("*warnings summary*")
    assert "Warning" not in result.stderr.str()


def test_of_a_request(suite: Suite) -> None:
    suite.write(
        conftest="""
            @pytest.hookimpl(tryfirst=True)
            def pytest_runtest_protocol(item):
                item.session.running = item

            @pytest.hookimpl(tryfirst=True)
            def pytest_fixture_setup(fixturedef, request):
                if fixturedef.argname != "db":
                    return
                assert fixturedef.argnames == ("request", "below")
                assert fixturedef.func.__name__ == "db"
                assert fixturedef.baseid == "test_it.py"
                assert tuple(fixturedef.params) == (1, 2)
                active = request._get_active_fixturedef("below")
                assert (active.argname, active.cached_result[0]) == ("below", 1)
                item = request.session.running
                assert isinstance(item, pytest.Function)
                assert item.callspec.params["db"] == request.param
                assert item.callspec.indices["db"] == request.param - 1
                log("checked")
        """,
        test_it="""
            @pytest.fixture(scope="session")
            def below():
                return 1

            @pytest.fixture(scope="session", params=[1, 2])
            def db(request, below):
                return request.param

            def test_it(db): ...
        """,
    )
    suite.run().assert_outcomes(passed=2)
    assert len(suite.words("checked")) == 2


def test_of_the_definitions_behind_names(suite: Suite) -> None:
    suite.write(
        conftest="""
            @pytest.fixture
            def db(): ...

            def pytest_generate_tests(metafunc):
                names = [found.baseid for found in metafunc.definition._fixtureinfo.name2fixturedefs["db"]]
                assert names == ["", "test_it.py"]
                log("checked")
        """,
        test_it="""
            @pytest.fixture
            def db(db): ...

            def test_it(db): ...
        """,
    )
    suite.run().assert_outcomes(passed=1)
    assert suite.words("checked")


def test_of_the_base_directory(suite: Suite) -> None:
    suite.write(
        conftest="""
            def pytest_runtestloop(session):
                log("base", str(session.config._tmp_path_factory.getbasetemp()))
        """,
        test_it="""
            def test_it(tmp_path_factory):
                log("base", str(tmp_path_factory.getbasetemp()))
        """,
    )
    suite.run().assert_outcomes(passed=1)
    (_, controller), (_, fixture) = suite.words("base")
    assert controller == fixture


def test_of_setting_up_a_finished_test(suite: Suite) -> None:
    suite.write(
        conftest="""
            @pytest.fixture(scope="session")
            def db():
                yield "db"
                log("end")

            @pytest.hookimpl(wrapper=True)
            def pytest_sessionfinish(session):
                item, state = session.items[0], session._setupstate
                assert not state.stack
                kept = item.fixturenames, item.funcargs, item._request
                item._initrequest()
                request, item.fixturenames = item._request, []
                assert request is not kept[2]
                state.setup(item)
                item.fixturenames, item.funcargs, item._request = kept
                assert request.getfixturevalue("db") == "db"
                state.teardown_exact(session)
                assert list(state.stack) == [session]
                log("before the end")
                state.teardown_exact(None)
                return (yield)
        """,
        test_it="def test_it(): log('test')",
    )
    suite.run().assert_outcomes(passed=1)
    assert [words for _, *words in suite.events] == [["test"], ["before the end"], ["end"]]


def test_of_a_fixture_as_an_object() -> None:
    """Before 8.4 pytest marks the function; since 8.4 it returns an object of a type of its own."""

    def plain() -> None: ...

    decorated: object = pytest.fixture(plain)
    if pytest.version_tuple >= (8, 4):
        assert type(decorated) is type(pytest.fixture(lambda: None))
        assert type(decorated) is not type(plain)
    else:
        assert hasattr(decorated, "_pytestfixturefunction")
        assert not hasattr(plain, "_pytestfixturefunction")


def test_of_xdist(suite: Suite) -> None:
    suite.write(
        conftest="""
            def pytest_configure(config):
                given = getattr(config, "workerinput", None)
                if given is not None:
                    log("worker", given["workerid"], given["testrunuid"], given["added"])

            @pytest.hookimpl(optionalhook=True)
            def pytest_configure_node(node):
                node.workerinput["added"] = True
                log("controller", node.gateway.id, node.workerinput["testrunuid"], node.config is not None)

            @pytest.hookimpl(optionalhook=True)
            def pytest_handlecrashitem(crashitem, report, sched):
                log("crash", report.node.gateway.id, crashitem, True)
        """,
        test_it="def test_it(): os._exit(1)",
    )
    suite.run("--max-worker-restart=0", workers=1)
    worker, controller = suite.words("worker")[0], suite.words("controller")[0]
    assert worker[1:] == controller[1:]
    assert suite.words("crash") == [["crash", "gw0", "test_it.py::test_it", True]]


def test_of_options(suite: Suite) -> None:
    suite.write(
        conftest="""
            def pytest_configure_node(node):
                option = node.config.getoption
                log("xdist", option("dist"), option("tx"), option("maxworkerrestart"), option("numprocesses"))
                log("pytest", option("durations"), option("maxfail"), option("collectonly"))
        """,
        test_it="def test_it(): ...",
    )
    xdist = ["--dist=loadfile", "--max-worker-restart=2"]
    suite.run(*xdist, "--durations=3", "--maxfail=4", workers=1)
    assert suite.words("xdist") == [["xdist", "loadfile", ["popen"], "2", 1]]
    assert suite.words("pytest") == [["pytest", 3, 4, False]]


def test_of_a_session_that_stops(suite: Suite) -> None:
    suite.write(
        conftest="""
            def pytest_sessionfinish(session):
                log("end", session.testsfailed, str(session.shouldfail), session.shouldstop)
        """,
        test_it="""
            def test_it(request):
                request.session.shouldstop = "enough"
                assert not request.session.shouldfail

            def test_never(): ...
        """,
    )
    suite.run("--maxfail=1")
    assert suite.words("end") == [["end", 0, "False", "enough"]]
    suite.write(test_it="def test_it(): assert 0")
    suite.run("--maxfail=1")
    [[_, failed, why, _]] = suite.words("end")
    assert (failed, why) == (1, "stopping after 1 failures")


def test_of_the_terminal(suite: Suite) -> None:
    suite.write(
        conftest="""
            def pytest_sessionfinish(session):
                manager = session.config.pluginmanager
                reporter = manager.get_plugin("terminalreporter")
                assert reporter.verbosity == 0
                session.config.get_terminal_writer().write("some dots")
                assert session.config.get_terminal_writer().width_of_current_line >= len("some dots")
                reporter.section("of its own", red=True)
                reporter.line("a line", red=True)
                reporter.write("some words\\n", flush=True)
                assert type(manager.get_plugin("terminal").TerminalReporter(session.config)) is type(reporter)
                assert not manager.is_blocked("terminal")
        """,
        test_it="def test_it(): ...",
    )
    result = suite.run()
    result.stdout.fnmatch_lines(["*= of its own =*", "a line", "some words"])
    result.assert_outcomes(passed=1)


def test_of_pytest_timeout(suite: Suite) -> None:
    pytest.importorskip("pytest_timeout")
    suite.write(
        conftest="""
            @pytest.hookimpl(tryfirst=True)
            def pytest_timeout_set_timer(item, settings):
                log("set", settings.timeout, settings._replace(timeout=1.5).timeout)

            @pytest.hookimpl(tryfirst=True)
            def pytest_timeout_cancel_timer(item):
                log("cancelled", item.name)
        """,
        test_it="def test_it(): ...",
    )
    suite.run("-p", "pytest_timeout", "-o", "timeout=30").assert_outcomes(passed=1)
    assert suite.words("set") == [["set", 30, 1.5]]
    assert suite.words("cancelled")[0] == ["cancelled", "test_it"]


def test_of_pytest_rerunfailures(suite: Suite) -> None:
    pytest.importorskip("pytest_rerunfailures")
    suite.write(
        test_it="""
            def test_it(request):
                log("run", getattr(request.node, "execution_count", 1))
                assert len(Path(os.environ["SUITE_LOG"]).read_text().splitlines()) == 2
        """
    )
    suite.run("-p", "pytest_rerunfailures", "--reruns=1")
    assert suite.words("run") == [["run", 1], ["run", 2]]


def test_of_pytest_sugar() -> None:
    sugar = pytest.importorskip("pytest_sugar")
    assert callable(sugar.SugarTerminalReporter.reset_tracked_lines)


def test_of_pydantic_s_own_classes() -> None:
    zone = pydantic.TypeAdapter(datetime.datetime).validate_json('"2020-01-01T00:00:00+01:00"').tzinfo
    assert (type(zone).__name__, type(zone).__module__.partition(".")[0]) == ("TzInfo", "pydantic_core")
    for url in (pydantic.AnyUrl("http://a.b"), pydantic_core.Url("http://a.b"), pydantic.MySQLDsn("mysql://a/b")):
        modules = {base.__module__.partition(".")[0] for base in type(url).__mro__}
        assert callable(url.unicode_string)
        assert {"pydantic", "pydantic_core"} & modules


def test_of_pydantic_s_message_about_a_cycle() -> None:
    tied: list[object] = []
    tied.append(tied)
    with pytest.raises(ValueError, match="id repeated"):
        pydantic.TypeAdapter(object).dump_json(tied)


def test_of_pydantic_s_schemas() -> None:
    class Kept(pydantic.BaseModel):
        a: int

        @pydantic.field_serializer("a")
        def text_of_a(self, a: int) -> str:
            return str(a)

    function = "function"
    own = Annotated[int, pydantic.PlainSerializer(str, return_type=str)]
    [serializer] = _serializers(pydantic.TypeAdapter(own).core_schema)
    assert serializer[function] is str
    assert {"return_schema", "when_used"} & serializer.keys()
    [of_field] = _serializers(pydantic.TypeAdapter(Kept).core_schema)
    assert of_field["is_field_serializer"]
    assert of_field[function].__module__ == __name__
    assert not _serializers(pydantic.TypeAdapter(dict[str, int]).core_schema)


def _serializers(schema: Any) -> list[dict[str, Any]]:
    """Return the parts of a schema that are serializers, as the codec finds them."""
    if isinstance(schema, list | tuple):
        return [one for part in schema for one in _serializers(part)]
    if not isinstance(schema, dict):
        return []
    is_serializer = {"return_schema", "when_used", "is_field_serializer"} & schema.keys()
    here = [schema] if is_serializer and str(schema["type"]).startswith("function-") else []
    return here + [one for part in schema.values() for one in _serializers(part)]


def test_of_pydantic() -> None:
    class Model(pydantic.BaseModel, extra="allow"):
        a: int
        _b: int = pydantic.PrivateAttr(2)

        @pydantic.field_serializer("a")
        def text_of_a(self, a: int) -> str:
            return str(a)

    model = Model(a=1)
    assert set(Model.__pydantic_fields__) == {"a"}
    assert set(Model.__pydantic_decorators__.field_serializers) == {"text_of_a"}
    assert model.__pydantic_fields_set__ == {"a"}
    assert model.__pydantic_private__ == {"_b": 2}
    assert model.__pydantic_extra__ == {}
    schemas: list[Any] = [cls.__get_pydantic_core_schema__ for cls in (Model, pydantic.BaseModel, pydantic.RootModel)]
    assert all(inspect.isfunction(schema.__func__) for schema in schemas)
    assert schemas[0].__func__ is schemas[1].__func__
