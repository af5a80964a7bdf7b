"""Stores that come with the package, and stores that were written for the first release."""

from __future__ import annotations

import pytest
from conftest import Suite

WORKERS = pytest.mark.parametrize("workers", [None, 2, 4])


@WORKERS
def test_a_subclass_of_the_local_file_store_mixin(suite: Suite, workers: int | None) -> None:
    suite.write(
        conftest="""
        from pytest_shared_session_scope.store import LocalFileStoreMixin
        from pytest_shared_session_scope.types import StoreValueNotExists

        class Table(list): pass

        class CsvStore(LocalFileStoreMixin):
            def read(self, identifier, fixture_values):
                path = self._get_path(identifier, fixture_values["tmp_path_factory"])
                try:
                    return Table(line.split(",") for line in path.read_text().splitlines())
                except FileNotFoundError:
                    raise StoreValueNotExists()

            def write(self, identifier, data, fixture_values):
                path = self._get_path(identifier, fixture_values["tmp_path_factory"])
                log("path", str(path))
                path.write_text("\\n".join(",".join(row) for row in data))

        @shared_session_scope_fixture(CsvStore())
        def table():
            data = yield
            if data is None:
                log("setup", "table")
                data = Table([["a", "b"], ["c", "d"]])
            token = yield data
            if token == CleanupToken.LAST:
                log("cleanup", "table")

        @shared_session_scope_fixture(store=CsvStore(), parse=len)
        def rows():
            log("setup", "rows")
            return Table([["a"], ["b"]])
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(6))
        def test_it(i, table, rows):
            assert type(table).__name__ == "Table" and table == [["a", "b"], ["c", "d"]]
            assert rows == 2
        """,
    )
    suite.run(workers=workers).assert_outcomes(passed=6)
    assert sorted(suite.words("setup")) == [["setup", "rows"], ["setup", "table"]]
    assert suite.words("cleanup") == [["cleanup", "table"]]
    for _, path in suite.words("path"):
        assert not suite.path.joinpath(path).exists()


@WORKERS
def test_a_store_with_a_fixture_and_a_lock_of_its_own(suite: Suite, workers: int | None) -> None:
    suite.write(
        conftest="""
        import contextlib, pickle
        from pytest_shared_session_scope.types import StoreValueNotExists

        class DirectoryStore:
            fixtures = ["my_directory"]

            def read(self, identifier, fixture_values):
                try:
                    return pickle.loads((fixture_values["my_directory"] / identifier).read_bytes())
                except FileNotFoundError:
                    raise StoreValueNotExists()

            def write(self, identifier, data, fixture_values):
                log("write")
                (fixture_values["my_directory"] / identifier).write_bytes(pickle.dumps(data))

            def delete(self, identifier, fixture_values):
                log("delete")
                (fixture_values["my_directory"] / identifier).unlink()

            @contextlib.contextmanager
            def lock(self, identifier, fixture_values):
                log("locked")
                os.mkdir(fixture_values["my_directory"] / "lock")
                yield
                os.rmdir(fixture_values["my_directory"] / "lock")
                log("unlocked")

        @pytest.fixture(scope="session")
        def my_directory():
            path = Path(__file__).parent / "values"
            path.mkdir(exist_ok=True)
            return path

        @shared_session_scope_fixture(DirectoryStore())
        def numbers(my_directory):
            data = yield
            if data is None:
                log("setup")
                data = {1, 2, 3}
            yield data
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(6))
        def test_it(i, numbers): assert numbers == {1, 2, 3}
        """,
    )
    suite.run(workers=workers).assert_outcomes(passed=6)
    assert [words[0] for _, *words in suite.events] == ["locked", "setup", "write", "unlocked", "delete"]
    assert list((suite.path / "values").iterdir()) == []


@WORKERS
def test_the_stores_that_come_with_the_package(suite: Suite, workers: int | None) -> None:
    suite.write(
        conftest="""
        import datetime
        from pytest_shared_session_scope.store import FileStore, JsonStore, PickleStore

        class Odd:
            def __eq__(self, other): return type(other) is Odd

        @shared_session_scope_fixture(PickleStore())
        def pickled() -> Odd: return Odd()

        @shared_session_scope_fixture(JsonStore())
        def json_typed() -> dict[str, datetime.date]: return {"a": datetime.date(2024, 2, 29)}

        @shared_session_scope_fixture(FileStore(), serialize=lambda value: value * 2, deserialize=lambda data: data)
        def data() -> bytes: return b"\\x00\\xff\\n"

        @shared_session_scope_fixture(serialize=str, deserialize=int, parse=hex)
        def parsed(): return 255

        @shared_json_scope_fixture(serialize=lambda value: [value.year, None], deserialize=lambda data: datetime.date(data[0], 1, 1))
        def opted_out(): return datetime.date(2024, 5, 6)
        """,
        test_it="""
        import datetime
        @pytest.mark.parametrize("i", range(4))
        def test_it(i, pickled, json_typed, data, parsed, opted_out):
            assert type(pickled).__name__ == "Odd"
            assert json_typed == {"a": datetime.date(2024, 2, 29)}
            assert data == b"\\x00\\xff\\n" * 2
            assert parsed == "0xff"
            assert opted_out == datetime.date(2024, 1, 1)
        """,
    )
    suite.run(workers=workers).assert_outcomes(passed=4)


def test_metadata_storage_receives_the_record_after_setup_and_cleanup(suite: Suite) -> None:
    suite.write(
        conftest="""
        class Noting(JsonStore):
            def write(self, identifier, data, fixture_values):
                log("note", data["fixture_name"], data["kind"], data["worker"], data["cleaned_by"])
                super().write(identifier, data, fixture_values)

        @shared_session_scope_fixture(metadata_storage=Noting())
        def db() -> Iterator[int]:
            yield 1
        """,
        test_it="def test_it(db): pass",
    )
    suite.run().assert_outcomes(passed=1)
    assert suite.words("note") == [
        ["note", "db", "yields once", "master", None],
        ["note", "db", "yields once", "master", "master"],
    ]


@pytest.mark.parametrize("kind", ["Iterator", "SharedGenerator"])
def test_failing_metadata_storage_leaves_the_value_to_its_holders(suite: Suite, kind: str) -> None:
    """The value is shared by then, so it is cleaned up once its holders have released it."""
    once = 'log("setup"); yield 1; log("cleanup")'
    twice = """
    value = yield None
    if value is None:
        log("setup")
    if (yield 1) is CleanupToken.LAST:
        log("cleanup")
"""
    suite.write(
        conftest=f"""
class Failing(JsonStore):
    def write(self, identifier, data, fixture_values):
        if "seconds" in data and not Path("failed").exists():
            wait_for("taken")
            Path("failed").touch()
            raise OSError("no space")

@shared_session_scope_fixture(metadata_storage=Failing())
def db() -> {kind}[int]:
    {once if kind == "Iterator" else twice}
""",
        test_it="""
        @pytest.mark.parametrize("i", range(2))
        def test_it(i, db):
            Path("taken").touch()
            wait_for("failed")
            time.sleep(0.2)
            log("used")
        """,
    )
    result = suite.run(workers=2)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E*OSError: no space"])
    assert [words for _, *words in suite.events] == [["setup"], ["used"], ["cleanup"]]


def test_a_store_that_cannot_determine_a_size(suite: Suite) -> None:
    suite.write(
        conftest="""
        class Sizeless(PickleStore):
            def size(self, identifier, fixture_values):
                raise ValueError("no size")

        @shared_session_scope_fixture(Sizeless())
        def db() -> Iterator[int]:
            log("setup")
            yield 1
            log("cleanup")
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(4))
        def test_it(i, db): pass
        """,
    )
    suite.run(workers=2).assert_outcomes(passed=4)
    assert [words for _, *words in suite.events] == [["setup"], ["cleanup"]]


_NOT_STORED = "its value cannot be read: the file *shared-session-scope/values/* is not what was stored: "
_GARBLED = "its journal is garbled: {}; nothing but the plugin may write to *shares*db-*"
# Damage to a value in its own file, and to a value in the journal.
BROKEN = {
    "truncated": (5000, "path.write_bytes(path.read_bytes()[:-1])", f"{_NOT_STORED}its length or checksum differs"),
    "garbled": (
        5000,
        "path.write_bytes(path.read_bytes().replace(b'value', b'VALUE'))",
        f"{_NOT_STORED}its length or checksum differs",
    ),
    "foreign": (5000, "path.write_bytes(b'hello')", f"{_NOT_STORED}it has no header of this store"),
    "empty": (5000, "path.write_bytes(b'')", f"{_NOT_STORED}it has no header of this store"),
    "gone": (
        5000,
        "path.unlink()",
        "its value is gone from FileStore, though no worker has cleaned it up; was the run's directory removed while it "
        "was in use[?]",
    ),
    "unreadable": (
        5000,
        "path.unlink(); path.mkdir()",
        "its value could not be read from FileStore: *Error: *",
    ),
    "garbled in the journal": (
        1,
        "path.write_bytes(path.read_bytes().replace(b'value', b'VALUE'))",
        _GARBLED.format("the checksum of its value differs"),
    ),
}


@pytest.mark.parametrize(("times", "damage", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_damaged_value_is_an_error_that_names_the_fixture(suite: Suite, times: int, damage: str, words: str) -> None:
    suite.write(
        conftest=f"""
        @shared_session_scope_fixture
        def db(tmp_path_factory) -> str:
            log("setup")
            return "value" * {times}

        @pytest.fixture(scope="session")
        def damaged(db, tmp_path_factory):
            run = tmp_path_factory.getbasetemp().parent / "shared-session-scope"
            [path] = (run / {"values" if times > 1 else "shares"!r}).iterdir()
            {damage}
            Path("damaged").touch()
        """,
        test_a="def test_a(damaged): pass",
        test_b="""
        @pytest.fixture(scope="session")
        def damage():
            wait_for("damaged")

        def test_b(damage, db): pass
        """,
    )
    result = suite.run("--dist", "loadfile", workers=2)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"E*StoreError: shared fixture 'db' (conftest.py:*): {words}"])
    assert suite.words("setup") == [["setup"]]


JOURNALS = {
    "record": ("b'\\npublish ready 1 {\"format\": 1}\\x1e'", "None is not a valid Kind"),
    "foreign": ("b'hello'", "it does not begin with a line feed"),
    "unknown word": ("b'\\nsing gw0\\x1e'", "'sing gw0' is not a line of this format"),
    "no text": ("b'\\n\\xff\\x1e'", "*can't decode*"),
}


@pytest.mark.parametrize(("content", "words"), JOURNALS.values(), ids=JOURNALS.keys())
def test_a_garbled_journal_is_an_error_that_names_the_fixture(suite: Suite, content: str, words: str) -> None:
    suite.write(
        conftest=f"""
        @shared_session_scope_fixture
        def db() -> str:
            log("setup")
            return "value"

        @pytest.fixture(scope="session")
        def damaged(db, tmp_path_factory):
            [share] = (tmp_path_factory.getbasetemp().parent / "shared-session-scope" / "shares").iterdir()
            share.write_bytes({content})
            Path("damaged").touch()
        """,
        test_a="def test_a(damaged): pass",
        test_b="""
        @pytest.fixture(scope="session")
        def damage():
            wait_for("damaged")

        def test_b(damage, db): pass
        """,
    )
    result = suite.run("--dist", "loadfile", workers=2)
    result.assert_outcomes(passed=1, errors=1)
    reason = _GARBLED.format(words)
    result.stdout.fnmatch_lines([f"E*StoreError: shared fixture 'db' (conftest.py:*): {reason}"])
    result.stdout.fnmatch_lines([f"*shared fixture db-*: {reason}"])
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()
    assert suite.words("setup") == [["setup"]]


@WORKERS
def test_a_store_that_cannot_delete(suite: Suite, workers: int | None) -> None:
    """The fixture is still cleaned up once, the error names it, and no worker waits for its lock."""
    suite.write(
        conftest="""
        class Stubborn(PickleStore):
            def delete(self, identifier, fixture_values):
                raise OSError("read-only")

        @shared_session_scope_fixture(Stubborn())
        def db():
            value = yield
            if value is None:
                log("setup")
                value = 1
            if (yield value) is CleanupToken.LAST:
                log("cleanup")
        """,
        test_it="""
        @pytest.mark.parametrize("i", range(4))
        def test_it(i, db): pass
        """,
    )
    result = suite.run(workers=workers, timeout=30)
    result.assert_outcomes(passed=4, errors=1)
    assert [words for _, *words in suite.events] == [["setup"], ["cleanup"]]
    result.stdout.fnmatch_lines(
        [
            "E *StoreError: shared fixture 'db' (conftest.py:*): it was cleaned up, but its value could not be deleted "
            "from Stubborn: OSError: read-only"
        ]
    )
    assert "not cleaned up" not in result.stdout.str()
