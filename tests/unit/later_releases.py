"""A suite that uses every feature of the later releases of 0.x, with the setups and cleanups that it must cause."""

from __future__ import annotations

FIXTURES = """
import datetime, json, sqlite3
from pytest_shared_session_scope import CleanupToken, SetupToken, Store, StoreValueNotExists
from pytest_shared_session_scope import (
    shared_session_scope_fixture, shared_session_scope_json, shared_session_scope_pickle,
)
from pytest_shared_session_scope.store import FileStore, JsonStore, LocalFileStoreMixin, PickleStore
from pytest_shared_session_scope.types import Store as TheStore, StoreValueNotExists as NotThere

assert (TheStore, NotThere) == (Store, StoreValueNotExists)
FIRST = SetupToken.FIRST

# Fixtures that return, and fixtures that yield twice.

@shared_session_scope_json()
def port_numbers():
    log("setup", "port_numbers")
    return [8000, 8001]
@shared_session_scope_json()
def account():
    found = yield
    if found is SetupToken.FIRST:
        log("setup", "account")
        found = {"user": "jo", "rights": ["read", None, 1.5]}
    token: CleanupToken = yield found
    log("token", "account", token)
    if token is CleanupToken.LAST:
        log("cleanup", "account")

# Values that JSON cannot represent: pickled, converted, parsed.

class Robot:
    def __init__(self, arms):
        self.arms = {*range(arms)}

@shared_session_scope_pickle()
def robot():
    found = yield
    if found is FIRST:
        log("setup", "robot")
        found = Robot(3)
    yield found

@shared_session_scope_pickle
def pair():
    log("setup", "pair")
    return (1, Robot(1))
@shared_session_scope_json(serialize=lambda day: day.isoformat(), deserialize=datetime.date.fromisoformat)
def birthday():
    log("setup", "birthday")
    return datetime.date(2001, 2, 3)
@shared_session_scope_json(deserialize=tuple)
def point():
    log("setup", "point")
    return (3, 4)
@shared_session_scope_json(serialize=sorted)
def letters():
    log("setup", "letters")
    return "cab"
class Client:
    def __init__(self, host, port):
        self.host, self.port = host, port

    @classmethod
    def of(cls, data):
        return cls(**data)

@shared_session_scope_json(parse=Client.of)
def client():
    found = yield
    if found is SetupToken.FIRST:
        log("setup", "client")
        found = {"host": "localhost", "port": 80}
    yield found

@shared_session_scope_fixture(
    store=FileStore(), parse=Client.of, serialize=json.dumps, deserialize=json.loads, first=SetupToken.FIRST
)
def configured_client():
    found = yield
    if found is SetupToken.FIRST:
        log("setup", "configured_client")
        found = {"host": "remote", "port": 81}
    yield found

# A generator that yields twice, annotated as if it yielded once.

@shared_session_scope_json()
def loosely() -> Iterator[list[int]]:
    found = yield
    if found is SetupToken.FIRST:
        log("setup", "loosely")
        found = [1]
    if (yield found) is CleanupToken.LAST:
        log("cleanup", "loosely")

def make(number):
    class Local(NamedTuple):
        number: int

    @shared_session_scope_json(name="typed")
    def typed() -> "Generator[Local, Any, None]":
        found = yield
        if found is SetupToken.FIRST:
            log("setup", "typed")
            found = Local(number)
        yield found

    return typed

its_typed = make(5)

# Options of pytest, other fixtures, and pytest's cache.

@shared_session_scope_json(params=["a", "b"], ids=["first", "second"])
def letter(request, account):
    found = yield
    if found is SetupToken.FIRST:
        log("setup", f"letter {request.param}")
        found = [request.param, account["user"]]
    if (yield found) is CleanupToken.LAST:
        log("cleanup", f"letter {request.param}")

@shared_session_scope_pickle(params=[{1}, {2}])
def numbers(request):
    log("setup", f"numbers {request.param}")
    return request.param
@shared_session_scope_json(autouse=True, name="always")
def always_there():
    log("setup", "always")
    return True
@shared_session_scope_json()
def cached(pytestconfig):
    found = yield
    if found is SetupToken.FIRST:
        log("setup", "cached")
        pytestconfig.cache.set("suite/value", {"from": "cache"})
        found = pytestconfig.cache.get("suite/value", None)
    yield found

@shared_session_scope_json()
def asked_for():
    found = yield
    if found is SetupToken.FIRST:
        log("setup", "asked_for")
        found = "dynamically"
    if (yield found) is CleanupToken.LAST:
        log("cleanup", "asked_for")

@shared_session_scope_json()
def known_ids():
    log("setup", "known_ids")
    return [7, 8]

@pytest.fixture
def use_id(known_ids):
    used = []
    def use(number):
        assert number in known_ids
        used.append(number)
    yield use
    assert used == known_ids

# Custom stores.

class Grid:
    def __init__(self, rows):
        self.rows = rows

class GridStore(LocalFileStoreMixin):
    def read(self, identifier: str, fixture_values: dict[str, Any]) -> Grid:
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        try:
            return Grid([line.split(";") for line in path.read_text().splitlines()])
        except FileNotFoundError:
            raise StoreValueNotExists()

    def write(self, identifier: str, data: Grid, fixture_values: dict[str, Any]):
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        path.write_text("\\n".join(";".join(row) for row in data.rows))

@shared_session_scope_fixture(GridStore(), first=SetupToken.FIRST)
def grid():
    found = yield
    if found is SetupToken.FIRST:
        log("setup", "grid")
        found = Grid([["x", "y"], ["o", "x"]])
    yield found

# A store that converts to text over a store of text, as the package's JsonStore does.
class GridInJson(FileStore):
    def read(self, identifier, fixture_values):
        return Grid(json.loads(super().read(identifier, fixture_values)))

    def write(self, identifier, data, fixture_values):
        super().write(identifier, json.dumps(data.rows), fixture_values)

@shared_session_scope_fixture(GridInJson(), first=SetupToken.FIRST)
def grid_in_json():
    found = yield
    if found is SetupToken.FIRST:
        log("setup", "grid_in_json")
        found = Grid([["z"]])
    yield found

@pytest.fixture(scope="session")
def table_file(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    shared = base if "PYTEST_XDIST_WORKER" not in os.environ else base.parent
    return shared / "table.db"

class TableStore(LocalFileStoreMixin):
    @property
    def fixtures(self) -> list[str]:
        return ["table_file", "tmp_path_factory"]

    def _table(self, fixture_values):
        table = sqlite3.connect(fixture_values["table_file"], isolation_level=None)
        table.execute("create table if not exists kept (name primary key, value)")
        return table

    def read(self, identifier, fixture_values):
        row = self._table(fixture_values).execute("select value from kept where name = ?", [identifier]).fetchone()
        if row is None:
            raise StoreValueNotExists(identifier)
        return row[0]

    def write(self, identifier, data: str, fixture_values):
        assert isinstance(data, str)
        log("written", identifier.endswith("metadata"))
        self._table(fixture_values).execute("insert or replace into kept values (?, ?)", [identifier, data])

@shared_session_scope_fixture(TableStore(), metadata_storage=TableStore())
def in_a_table():
    log("setup", "in_a_table")
    return "kept"

@shared_session_scope_json(metadata_storage=TableStore())
def with_metadata():
    found = yield
    if found is SetupToken.FIRST:
        log("setup", "with_metadata")
        found = 1
    yield found
"""

TESTS = """
import datetime
again = pytest.mark.parametrize("i", range(3))

@again
def test_values(i, port_numbers, account, always):
    assert (port_numbers, always) == ([8000, 8001], True)
    assert account == {"user": "jo", "rights": ["read", None, 1.5]}

@again
def test_not_json(i, robot, pair, birthday, point, letters):
    assert robot.arms == {0, 1, 2}
    assert (pair[0], pair[1].arms) == (1, {0})
    assert birthday == datetime.date(2001, 2, 3)
    assert (point, letters) == ((3, 4), ["a", "b", "c"])

@again
def test_parsed(i, client, configured_client):
    assert [type(client).__name__, client.host, client.port] == ["Client", "localhost", 80]
    assert (configured_client.host, configured_client.port) == ("remote", 81)

@again
def test_annotated(i, loosely, typed):
    assert (loosely, type(typed).__name__, typed.number) == ([1], "Local", 5)

@again
def test_parametrized(i, letter, numbers, request):
    assert letter == [request.node.callspec.params["letter"], "jo"]
    assert numbers == request.node.callspec.params["numbers"]

@again
def test_fixtures_of_fixtures(i, cached, use_id, known_ids, request):
    assert cached == {"from": "cache"}
    assert request.getfixturevalue("asked_for") == "dynamically"
    for number in known_ids:
        use_id(number)

@again
def test_stores(i, grid, grid_in_json, in_a_table, with_metadata):
    assert (grid.rows, grid_in_json.rows) == ([["x", "y"], ["o", "x"]], [["z"]])
    assert (in_a_table, with_metadata) == ("kept", 1)
"""

ONCE = [
    *("port_numbers", "account", "robot", "pair", "birthday", "point", "letters", "client", "configured_client"),
    *("loosely", "typed", "letter a", "letter b", "numbers {1}", "numbers {2}", "always", "cached", "asked_for"),
    *("known_ids", "grid", "grid_in_json", "in_a_table", "with_metadata"),
]
CLEANED_UP = ["account", "asked_for", "letter a", "letter b", "loosely"]
