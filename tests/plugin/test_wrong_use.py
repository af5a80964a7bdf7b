"""Wrong use is an error that names the fixture, its place and a suggestion, raised as early as possible."""

from __future__ import annotations

import pytest
from conftest import Suite

# Refused when the fixture is defined: the decorated code, and the message.
AT_DEFINITION = {
    "scope": (
        "@shared_session_scope_fixture(scope='module')\ndef db(): return 1",
        "'db' (*conftest.py:*): scope='module' is not an option: the scope is the session; remove it",
    ),
    "async function": (
        "@shared_session_scope_fixture\nasync def db(): return 1",
        "'db' (*conftest.py:*): an `async def` fixture cannot be shared: its event loop belongs to one worker*",
    ),
    "async generator": (
        "@shared_session_scope_fixture\nasync def db(): yield 1",
        "'db' (*conftest.py:*): an `async def` fixture cannot be shared*",
    ),
    "a context manager": (
        "import contextlib\n@shared_session_scope_fixture\n@contextlib.contextmanager\ndef db() -> Iterator[int]: yield 1",
        "'db' (*conftest.py:*): @contextmanager has made it a context manager; remove it: pytest runs the generator itself",
    ),
    "serialize alone": (
        "@shared_session_scope_fixture(serialize=str)\ndef db(): return 1",
        "'db' (*conftest.py:*): it has serialize but no deserialize; pass both, or neither",
    ),
    "deserialize alone": (
        "@shared_json_scope_fixture(deserialize=str)\ndef db(): return 1",
        "'db' (*conftest.py:*): it has deserialize but no serialize; pass both, or neither",
    ),
    "a store without the methods": (
        "@shared_session_scope_fixture(store='/tmp')\ndef db(): return 1",
        "'db' (*conftest.py:*): the store, a str, has no fixtures, read, write, lock; implement the protocol types.Store",
    ),
    "a positional store without the methods": (
        "@shared_session_scope_fixture(5)\ndef db(): return 1",
        "'db' (*conftest.py:*): the store, a int, has no fixtures, read, write, lock*",
    ),
    "a store's class": (
        "@shared_session_scope_fixture(JsonStore)\ndef db(): return 1",
        "'db' (*conftest.py:*): the store is a class; pass an instance: JsonStore()",
    ),
    "a class": (
        "@shared_session_scope_fixture\nclass db: pass",
        "'db'*: only a function can be a fixture, not a type",
    ),
    "a callable object": (
        "import functools\ndb = shared_session_scope_fixture()(functools.partial(int, 1))",
        "*: only a function can be a fixture, not a partial",
    ),
    "twice": (
        "@shared_session_scope_fixture\n@shared_session_scope_fixture\ndef db(): return 1",
        "'db' (*conftest.py:*): it is a fixture already; remove the other fixture decorator",
    ),
    "called twice": (
        "@shared_session_scope_fixture()\n@pytest.fixture\ndef db(): return 1",
        "'db' (*conftest.py:*): it is a fixture already; remove the other fixture decorator",
    ),
    "timeout": (
        "@shared_session_scope_fixture(timeout=-1)\ndef db(): return 1",
        "'db' (*conftest.py:*): timeout must be a positive number of seconds, got -1",
    ),
    "first": (
        "@shared_session_scope_fixture(first='first')\ndef db(): return 1",
        "'db' (*conftest.py:*): first must be None or SetupToken.FIRST, got 'first'",
    ),
    "None among the values": (
        "@shared_session_scope_fixture\ndef db() -> SharedGenerator[int | None]:\n    yield None\n    yield None",
        "'db' (*conftest.py:*): its value may be None, which the first yield returns if the value is not set up yet; "
        "pass first=SetupToken.FIRST to get that token instead, or annotate it -> Iterator[[]T[]]*",
    ),
    "a token that is not sent": (
        "import pytest_shared_session_scope as p\n@shared_session_scope_fixture(PickleStore())\ndef db():\n"
        "    data = yield\n    yield 1 if data is p.types.SetupToken.FIRST else data",
        "'db' (*conftest.py:*): its code names SetupToken, but its first yield returns None if the value is not set up "
        "yet; pass first=SetupToken.FIRST to get that token, or compare with None",
    ),
    "a token that is not sent, under the first release's name": (
        "@shared_json_scope_fixture()\ndef db():\n    data = yield\n    yield 1 if data is SetupToken.FIRST else data",
        "'db' (*conftest.py:*): its code names SetupToken, but its first yield returns None *",
    ),
    "a class where the later names take a function": (
        "@shared_session_scope_json(dict)\ndef db(): return 1",
        "'dict': only a function can be a fixture; to parse with it, pass parse= by name",
    ),
    "deserialize alone, with a store": (
        "@shared_session_scope_fixture(JsonStore(), deserialize=tuple)\ndef db(): return 1",
        "'db' (*conftest.py:*): it has deserialize but no serialize; pass both, or neither",
    ),
    "an annotation with a syntax error": (
        "@shared_session_scope_fixture\ndef db() -> 'int[': return 1",
        "'db' (*conftest.py:*): its return annotation 'int[[]' cannot be resolved: SyntaxError: *; correct the annotation",
    ),
    "a generator annotated as a function": (
        "@shared_session_scope_fixture\ndef db() -> int:\n    yield 1",
        "'db' (*conftest.py:*): it yields, but its return annotation is int; annotate it -> Iterator[[]T[]]*",
    ),
}

# Refused when the fixture is first used.
AT_USE = {
    "a type without adapter": (
        "class Opaque: pass\n@shared_session_scope_fixture\ndef db() -> Opaque: return Opaque()",
        "*shared fixture 'db' (conftest.py:*): *Opaque*",
    ),
    "a name for type checkers alone": (
        "if TYPE_CHECKING:\n    from somewhere import Thing\n@shared_session_scope_fixture\ndef db() -> 'Thing': return 1",
        "*shared fixture 'db' (conftest.py:*): its return annotation names 'Thing', which is not defined; if it is "
        "imported under `if TYPE_CHECKING:`, import it at run time*",
    ),
    "one yield without annotation": (
        "@shared_session_scope_fixture\ndef db():\n    yield 1",
        "*shared fixture 'db' (conftest.py:*): it must yield exactly twice: once for the value or None, once for the "
        "value that tests get; annotate it -> Iterator[[]T[]] to share an ordinary fixture that yields once*",
    ),
    "three yields": (
        "@shared_session_scope_fixture\ndef db():\n    yield\n    yield 1\n    yield 2",
        "*shared fixture 'db' (conftest.py:*): it must yield exactly twice, but yielded a third time; remove that yield*",
    ),
    "two yields in place of one": (
        "@shared_session_scope_fixture\ndef db() -> Iterator[int]:\n    yield 1\n    yield 2",
        "*shared fixture 'db' (conftest.py:*): it must yield exactly once, but yielded again; annotate it -> "
        "SharedGenerator[[]T[]] to yield twice*",
    ),
    "no yield": (
        "@shared_session_scope_fixture\ndef db() -> Iterator[int]:\n    if 0: yield 1",
        "*shared fixture 'db' (conftest.py:*): it did not yield; it must yield exactly once*",
    ),
    "None from two yields": (
        "@shared_session_scope_fixture\ndef db():\n    yield\n    yield None",
        "*shared fixture 'db' (conftest.py:*): its value is None, which the first yield returns if the value is "
        "not set up yet; pass first=SetupToken.FIRST to get that token instead*",
    ),
    "another value in another worker": (
        "@shared_session_scope_fixture\ndef db():\n    value = yield\n    yield [os.getpid()]",
        "*shared fixture 'db' (conftest.py:*): it yielded another value in worker gw* than it was sent: *; yield the "
        "value that the first yield returned, and use parse= to make something of it in each worker*",
    ),
}


@pytest.mark.parametrize(("code", "words"), AT_DEFINITION.values(), ids=AT_DEFINITION.keys())
def test_refused_when_it_is_defined(suite: Suite, code: str, words: str) -> None:
    suite.write(conftest=code, test_it="def test_it(db): pass")
    result = suite.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"E*shared fixture {words}"])


@pytest.mark.parametrize(("code", "words"), AT_USE.values(), ids=AT_USE.keys())
def test_refused_when_it_is_first_used(suite: Suite, code: str, words: str) -> None:
    suite.write(conftest=code, test_a="def test_it(db): pass", test_b="def test_it(db): pass")
    result = suite.run(workers=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([words])


def test_the_decorator_without_the_plugin(suite: Suite) -> None:
    suite.write(conftest="@shared_session_scope_fixture\ndef db(): return 1", test_it="def test_it(db): pass")
    result = suite.pytester.runpytest_subprocess("-p", "no:shared_session_scope", "-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "E*shared fixture 'db' (conftest.py:*): it needs the pytest plugin shared_session_scope, which is not loaded; *"
        ]
    )


def test_names_that_are_defined_later_are_found(suite: Suite) -> None:
    suite.write(
        conftest="""\
from __future__ import annotations
import dataclasses

@shared_session_scope_fixture
def later() -> Later:
    return Later(1)

@dataclasses.dataclass
class Later:
    number: int

def make():
    @dataclasses.dataclass
    class Local:
        number: int

    @shared_session_scope_fixture
    def local() -> list[Local]:
        return [Local(2)]

    @shared_session_scope_fixture
    def yielded() -> SharedGenerator[After]:
        value = yield None
        yield value or After(3)

    @dataclasses.dataclass
    class After:
        number: int

    return local, yielded

local, yielded = make()
""",
        test_it="""\
from __future__ import annotations

class TestIt:
    class Nested(NamedTuple):
        number: int

    @shared_session_scope_fixture
    def nested(self) -> Nested:
        return self.Nested(4)

    @pytest.mark.parametrize("i", range(4))
    def test_it(self, i, later, local, yielded, nested):
        assert [later.number, local[0].number, yielded.number, nested.number] == [1, 2, 3, 4]
        assert type(nested) is self.Nested
""",
    )
    result = suite.run("-W", "ignore::pytest.PytestDeprecationWarning", workers=2)
    result.assert_outcomes(passed=4)
