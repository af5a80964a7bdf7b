"""What is used of pytest, xdist and pydantic without being promised by them is there, and does what it is used for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Generic, TypeVar

import pydantic
import pytest
from conftest import Suite

import pytest_shared_session_scope

T = TypeVar("T")
SOURCE = Path(pytest_shared_session_scope.__file__).parent
# Each with a test below; what the source uses and is not here has none.
OF_PYTEST = {
    "_arg2fixturedefs",
    "_calls",
    "_fixturedef",
    "_get_active_fixturedef",
    "_initrequest",
    "_pyfuncitem",
    "_pytestfixturefunction",
    "_request",
    "_setupstate",
    "_tmp_path_factory",
}
OF_PYTHON = {"_fields", "_getframe", "_make"}
OF_PYDANTIC = {
    "__get_pydantic_core_schema__",
    "__pydantic_decorators__",
    "__pydantic_extra__",
    "__pydantic_fields__",
    "__pydantic_fields_set__",
    "__pydantic_generic_metadata__",
    "__pydantic_private__",
}


def _source() -> str:
    return "\n".join(path.read_text("utf-8") for path in sorted(SOURCE.glob("*.py")))


def test_every_private_name_that_is_used_has_a_test() -> None:
    source = _source()
    used = {name for line in source.splitlines() if "SLF001" in line for name in re.findall(r"\.(_[a-z]\w+)", line)}
    used |= set(re.findall(r'attr\([^"()]*(?:\([^()]*\))?[^"()]*, "(_[a-z]\w+)"', source))
    assert used == OF_PYTEST | OF_PYTHON
    assert set(re.findall(r'"(__(?:get_)?pydantic_\w+__)"', source)) == OF_PYDANTIC
    assert "_pytest." not in source
    assert "pydantic._internal" not in source


def test_of_a_request(suite: Suite) -> None:
    suite.write(
        test_it="""
            @pytest.fixture(scope="session")
            def below():
                return 1

            @pytest.fixture(scope="session", params=[1, 2])
            def db(request, below):
                definition = request._fixturedef
                assert (definition.argname, definition.argnames) == ("db", ("request", "below"))
                assert definition.func.__name__ == "db"
                assert definition.baseid == "test_it.py"
                assert tuple(definition.params) == (1, 2)
                active = request._get_active_fixturedef("below")
                assert (active.argname, active.cached_result[0]) == ("below", 1)
                item = request._pyfuncitem
                assert isinstance(item, pytest.Function)
                assert item.callspec.params["db"] == request.param
                assert item.callspec.indices["db"] == request.param - 1
                return item.nodeid

            def test_it(db, request):
                assert db == request.node.nodeid
        """
    )
    suite.run().assert_outcomes(passed=2)


def test_of_the_definitions_behind_names(suite: Suite) -> None:
    suite.write(
        conftest="""
            @pytest.fixture
            def db(): ...

            def pytest_generate_tests(metafunc):
                names = [definition.baseid for definition in metafunc._arg2fixturedefs["db"]]
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


def test_of_what_a_test_is_parametrized_with(suite: Suite) -> None:
    """Before 8.0 pytest keeps it apart, since then it makes a definition of it that is no longer the fixture's."""
    suite.write(
        test_it="""
            @pytest.fixture
            def db(): ...

            def pytest_generate_tests(metafunc):
                assert metafunc._calls == []
                metafunc.parametrize("db", [1])
                [call] = metafunc._calls
                if pytest.version_tuple < (8, 0):
                    assert call.funcargs == {"db": 1}
                else:
                    assert not hasattr(call, "funcargs")
                    [definition] = metafunc._arg2fixturedefs["db"]
                    assert definition.func is not db

            def test_it(db):
                assert db == 1
        """,
    )
    suite.run().assert_outcomes(passed=1)


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


def test_of_setting_up_a_test_that_is_over(suite: Suite) -> None:
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
    """Before 8.4 pytest marked the function, since then it makes an object that is of one type."""

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
                    log("worker", given["workerid"], given["testrunuid"], given["told"])

            @pytest.hookimpl(optionalhook=True)
            def pytest_configure_node(node):
                node.workerinput["told"] = True
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


def test_of_pydantic_s_generic_models() -> None:
    class Box(pydantic.BaseModel, Generic[T]):
        held: T

    class IntBox(Box[int]): ...

    assert Box[int].__pydantic_generic_metadata__["origin"] is Box
    assert Box.__pydantic_generic_metadata__["origin"] is None
    assert IntBox.__pydantic_generic_metadata__["origin"] is None


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
    assert callable(Model.__get_pydantic_core_schema__)
