"""The identity of shares: no test gets another fixture's value, and no share has two setups."""

from __future__ import annotations

import pytest
from conftest import Suite

BOTH = pytest.mark.parametrize("workers", [None, 2])


def _setups(suite: Suite) -> list[str]:
    return sorted(words[1] for words in suite.words("setup"))


@BOTH
def test_indirect_parameters_share_where_they_are_equal(suite: Suite, workers: int | None) -> None:
    suite.write(
        conftest="""
        class Opaque:
            def __init__(self, number): self.number = number

        @shared_session_scope_fixture
        def doubled(request) -> list:
            log("setup", repr(getattr(request.param, "number", request.param)))
            param = request.param
            return [param.number if isinstance(param, Opaque) else len(param) if isinstance(param, str) else param * 2]
        """,
        test_it="""
        from conftest import Opaque
        @pytest.mark.parametrize("doubled", [1, 2, "1"], indirect=True)
        def test_a(doubled): assert doubled in ([2], [4], [1])

        @pytest.mark.parametrize("doubled", [2, 3], indirect=True, ids=["one", "two"])
        def test_b(doubled, request): assert doubled == {"one": [4], "two": [6]}[request.node.callspec.id]

        @pytest.mark.parametrize("doubled", [Opaque(7), Opaque(8)], indirect=True, ids=["7", "8"])
        def test_c(doubled, request): assert doubled == [int(request.node.callspec.id)]

        @pytest.mark.parametrize("doubled", [Opaque(8), Opaque(9)], indirect=True, ids=["8", "9"])
        def test_d(doubled, request): assert doubled == [int(request.node.callspec.id)]

        @pytest.mark.parametrize("doubled", ["../../x", "\\0", "x" * 5000, "con", "", "\\ud800"], indirect=True, ids=list("abcdef"))
        def test_e(doubled, request): assert doubled == [len("../../x"), 1, 5000, 3, 0, 1][:][ord(request.node.callspec.id) - ord("a"):][:1]
        """,
    )
    suite.run(workers=workers).assert_outcomes(passed=3 + 2 + 2 + 2 + 6)
    setups = _setups(suite)
    # Equal plain parameters are one share; opaque ones are distinguished by where they were written.
    assert setups == sorted(
        [
            "1",
            "2",
            "3",
            "'1'",
            "7",
            "8",
            "8",
            "9",
            "'../../x'",
            repr("\0"),
            repr("x" * 5000),
            "'con'",
            "''",
            repr("\ud800"),
        ]
    )


@BOTH
def test_one_name_in_two_conftests_is_two_shares(suite: Suite, workers: int | None) -> None:
    fixture = """
    @shared_session_scope_fixture
    def db() -> str:
        log("setup", {name!r})
        return {name!r}
    """
    test = """
    @pytest.mark.parametrize("i", range(3))
    def test_it(i, db): assert db == {name!r}
    """
    for name in ("a", "b"):
        suite.write(**{f"{name}__conftest": fixture.format(name=name), f"{name}__test_{name}": test.format(name=name)})
    suite.run(workers=workers).assert_outcomes(passed=6)
    assert _setups(suite) == ["a", "b"]


@BOTH
def test_override_may_request_the_overridden_fixture(suite: Suite, workers: int | None) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def db() -> SharedGenerator[str]:
            value = yield None
            if value is None:
                log("setup", "base")
                value = "base"
            if (yield value) is CleanupToken.LAST:
                log("cleanup", "base")
        """,
        sub__conftest="""
        @shared_session_scope_fixture
        def db(db: str) -> Iterator[str]:
            log("setup", "override")
            yield "override of " + db
            log("cleanup", "override")
        """,
        test_base="""
        @pytest.mark.parametrize("i", range(3))
        def test_it(i, db): assert db == "base"
        """,
        sub__test_override="""
        @pytest.mark.parametrize("i", range(3))
        def test_it(i, db): assert db == "override of base"

        class TestDeeper:
            @shared_session_scope_fixture
            def db(self, db) -> str:
                log("setup", "class")
                return "class over " + db

            @pytest.mark.parametrize("i", range(3))
            def test_it(self, i, db): assert db == "class over override of base"
        """,
    )
    suite.run("-W", "ignore::pytest.PytestDeprecationWarning", workers=workers).assert_outcomes(passed=9)
    assert _setups(suite) == ["base", "class", "override"]
    assert suite.words("cleanup") == [["cleanup", "override"], ["cleanup", "base"]]


@BOTH
def test_a_factory_makes_as_many_shares_as_fixtures(suite: Suite, workers: int | None) -> None:
    suite.write(
        factory="""
        def make(number, name=None):
            @shared_session_scope_fixture(name=name)
            def made() -> int:
                log("setup", str(number))
                return number
            return made
        """,
        conftest="""
        from factory import make
        first = make(1)
        second = make(2)
        _third = make(3, name="third")
        same = make(4)
        """,
        sub__conftest="""
        from factory import make
        same = make(5)
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(3))
        def test_it(i, first, second, third, same): assert (first, second, third, same) == (1, 2, 3, 4)
        """,
        sub__test_sub="""
        @pytest.mark.parametrize("i", range(3))
        def test_it(i, same): assert same == 5
        """,
    )
    suite.run(workers=workers).assert_outcomes(passed=6)
    assert _setups(suite) == ["1", "2", "3", "4", "5"]


@BOTH
def test_a_fixture_of_a_base_class_is_one_share_for_each_test_class(suite: Suite, workers: int | None) -> None:
    suite.write(
        test_it="""
        class Base:
            port: int

            @shared_session_scope_fixture
            def server(self) -> int:
                log("setup", str(self.port))
                return self.port

            @pytest.mark.parametrize("i", range(3))
            def test_it(self, i, server): assert server == self.port

        class TestOne(Base):
            port = 1

        class TestTwo(Base):
            port = 2
        """,
    )
    suite.run("-W", "ignore::pytest.PytestDeprecationWarning", workers=workers).assert_outcomes(passed=6)
    assert _setups(suite) == ["1", "2"]


@BOTH
def test_a_fixture_that_modules_import_is_one_share(suite: Suite, workers: int | None) -> None:
    test = """
    from helper import server
    @pytest.mark.parametrize("i", range(3))
    def test_it(i, server): assert server == 1
    """
    suite.write(
        helper="""
        @shared_session_scope_fixture
        def server() -> Iterator[int]:
            log("setup", "server")
            yield 1
            log("cleanup", "server")
        """,
        test_a=test,
        test_b=test,
    )
    suite.run(workers=workers).assert_outcomes(passed=6)
    assert _setups(suite) == ["server"]
    assert suite.words("cleanup") == [["cleanup", "server"]]


@BOTH
def test_autouse_and_renamed_fixtures(suite: Suite, workers: int | None) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture(autouse=True)
        def migrated() -> Iterator[None]:
            log("setup", "migrated")
            yield
            log("cleanup", "migrated")

        @shared_session_scope_fixture(name="renamed")
        def _some_other_name() -> int:
            log("setup", "renamed")
            return 5
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(6))
        def test_it(i, renamed): assert renamed == 5
        """,
    )
    suite.run(workers=workers).assert_outcomes(passed=6)
    assert _setups(suite) == ["migrated", "renamed"]
    assert suite.words("cleanup") == [["cleanup", "migrated"]]


@pytest.mark.parametrize("workers", [None, 2, 4])
@pytest.mark.parametrize("which", ["0", "19", "i"], ids=["an early test", "a late test", "every test"])
def test_fixtures_that_are_requested_dynamically(suite: Suite, workers: int | None, which: str) -> None:
    suite.write(
        conftest="""
        @shared_session_scope_fixture
        def twice() -> SharedGenerator[int]:
            value = yield None
            if value is None:
                log("setup", "twice")
                value = 1
            if (yield value) is CleanupToken.LAST:
                log("cleanup", "twice")

        @shared_session_scope_fixture
        def once(twice) -> Iterator[int]:
            log("setup", "once")
            yield 2
            log("cleanup", "once")
        """,
        test_it=f"""
        @pytest.mark.parametrize("i", range(20))
        def test_it(i, request):
            if i == {which}:
                assert request.getfixturevalue("once") == 2
        """,
    )
    suite.run(workers=workers).assert_outcomes(passed=20)
    assert _setups(suite) == ["once", "twice"]
    assert suite.words("cleanup") == [["cleanup", "once"], ["cleanup", "twice"]]


@pytest.mark.parametrize("order", ["sorted", "shuffled"])
@pytest.mark.parametrize("workers", [None, 2, 4])
def test_shares_that_depend_on_a_parametrized_fixture(suite: Suite, workers: int | None, order: str) -> None:
    """Tests return to a parameter that ended earlier: still one setup and one cleanup for each."""
    suite.write(
        conftest=f"""
        @pytest.fixture(scope="session", params=[1, 2, 3])
        def version(request):
            log("begin", request.param)
            yield request.param
            log("end", request.param)

        @shared_session_scope_fixture
        def twice(version) -> SharedGenerator[int]:
            value = yield None
            if value is None:
                log("setup", f"twice {{version}}")
                value = version
            token = yield value
            log("let go", version)
            if token is CleanupToken.LAST:
                log("cleanup", f"twice {{version}}")

        @shared_session_scope_fixture
        def once(version) -> Iterator[int]:
            log("setup", f"once {{version}}")
            yield version
            log("cleanup", f"once {{version}}")

        def pytest_collection_modifyitems(items):
            if {order == "shuffled"}:
                items.sort(key=lambda item: item.name[::-1])
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(5))
        def test_it(i, version, twice, once): assert twice == once == version
        """,
    )
    suite.run(workers=workers).assert_outcomes(passed=15)
    names = sorted(f"{kind} {number}" for kind in ("twice", "once") for number in (1, 2, 3))
    assert _setups(suite) == names
    assert sorted(words[1] for words in suite.words("cleanup")) == names, "\n".join(map(str, suite.events))
    for worker in {worker for worker, *_ in suite.events}:
        alive: list[int] = []
        for event in (words for other, *words in suite.events if other == worker):
            if event[0] == "begin":
                alive.append(event[1])
            elif event[0] == "end":
                alive.remove(event[1])
            elif event[0] == "let go":
                assert event[1] in alive


SHARE_OF_A_PARAMETER = """
@pytest.fixture(scope="session", params=[0, 1])
def ordinary(request):
    return request.param

@shared_session_scope_fixture
def share(ordinary) -> SharedGenerator[int]:
    value = yield None
    if value is None:
        log("setup", ordinary)
    if (yield ordinary) is CleanupToken.LAST:
        log("cleanup", ordinary)
"""


@pytest.mark.parametrize("workers", [2])
def test_share_that_ends_in_the_run_and_is_requested_dynamically_elsewhere(suite: Suite, workers: int) -> None:
    """A worker cannot know which shares others will request, so it keeps the share until the end."""
    suite.write(
        conftest=SHARE_OF_A_PARAMETER,
        # Releases the share of parameter 0 on reaching 1, when the other worker has requested that share only once.
        test_a="""
        def test_names_it(share, ordinary):
            if ordinary == 1:
                Path("let-go").touch()
            else:
                wait_for("asked")
        """,
        test_b="""
        @pytest.mark.parametrize("i", range(2))
        def test_asks(request, ordinary, i):
            if ordinary == 0 and i == 0:
                request.getfixturevalue("share")
                Path("asked").touch()
            if ordinary == 1 and i == 0:
                wait_for("let-go")
            request.getfixturevalue("share")
        """,
    )
    suite.run("--dist", "loadfile", workers=workers).assert_outcomes(passed=6)
    assert sorted(suite.words("setup")) == [["setup", 0], ["setup", 1]]
    assert sorted(suite.words("cleanup")) == [["cleanup", 0], ["cleanup", 1]]


def test_share_is_kept_when_a_worker_takes_over_another_of_the_same_fixture(suite: Suite) -> None:
    """Taking over the share of parameter 0 makes pytest end that of parameter 1, which others may still request."""
    suite.write(
        conftest=SHARE_OF_A_PARAMETER,
        test_a="""
        def test_names_it(share, ordinary):
            if ordinary == 0:
                wait_for("asked")
            else:
                Path("is-at-1").touch()
                wait_for("other-is-at-1")
        """,
        test_b="""
        def test_asks(request, ordinary, worker_id, tmp_path_factory):
            if ordinary == 0:
                request.getfixturevalue("share")
                Path("asked").touch()
                return
            wait_for("is-at-1")
            Path("other-is-at-1").touch()
            other = {"gw0": "gw1", "gw1": "gw0"}[worker_id]
            wait_for(tmp_path_factory.getbasetemp().parent / "shared-session-scope" / "workers" / f"{other}.draining")
            time.sleep(0.5)  # for the other's take-over; otherwise a fault there would go unnoticed
            request.getfixturevalue("share")
        """,
    )
    suite.run("--dist", "loadfile", workers=2).assert_outcomes(passed=4)
    assert sorted(suite.words("setup")) == [["setup", 0], ["setup", 1]]
    assert sorted(suite.words("cleanup")) == [["cleanup", 0], ["cleanup", 1]]


def test_a_share_is_kept_while_one_that_depends_on_it_is_not_cleaned_up(suite: Suite) -> None:
    """The only holder of the dependent share crashes, so the other worker must keep the base share beyond its use."""
    suite.write(
        conftest="""
        @pytest.fixture(scope="session", params=[0, 1])
        def ordinary(request):
            return request.param

        @shared_session_scope_fixture
        def base(ordinary) -> SharedGenerator[str]:
            value = yield None
            if value is None:
                log("setup", "base", ordinary)
            if (yield "base") is CleanupToken.LAST:
                log("cleanup", "base", ordinary)

        @shared_session_scope_fixture
        def dependent(base) -> SharedGenerator[str]:
            value = yield None
            if value is None:
                log("setup", "dependent")
            if (yield "dependent") is CleanupToken.LAST:
                log("cleanup", "dependent")
        """,
        test_a="""
        def test_lets_go_of_base_in_the_run(base, ordinary):
            if ordinary == 0:
                wait_for("dead")
                time.sleep(0.3)  # for the controller to notice
        """,
        test_b="""
        import signal
        @pytest.mark.parametrize("ordinary", [0], indirect=True)
        def test_dies(dependent, ordinary):
            Path("dead").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        """,
    )
    suite.run("--dist", "loadfile", "--max-worker-restart=0", workers=2)
    words = [words for _, *words in suite.events]
    assert words.index(["cleanup", "dependent"]) < words.index(["cleanup", "base", 0])
    assert words.count(["setup", "base", 0]) == words.count(["setup", "dependent"]) == 1
