"""Stored values are read back unchanged, incomplete files are errors, and only their user can read them."""

from __future__ import annotations

import stat
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

from pytest_shared_session_scope._run import files
from pytest_shared_session_scope._run.files import NAME, create_directory
from pytest_shared_session_scope.errors import StoreError
from pytest_shared_session_scope.store import FileStore, JsonStore, LocalFileStoreMixin, PickleStore, holds_of
from pytest_shared_session_scope.types import StoreValueNotExists

KEY = "db-0123456789"


class TmpPathFactory:
    """The part of pytest's factory that a store uses."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def getbasetemp(self) -> Path:
        return self._base


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    create_directory(tmp_path)
    return {"tmp_path_factory": TmpPathFactory(tmp_path)}


def file_of(values: dict[str, Any]) -> Path:
    base: Path = values["tmp_path_factory"].getbasetemp()
    return base / NAME / "values" / KEY


TEXTS = ["", "a", "two\nlines\r\n", "\0", "\ud800", "é\u2028\U0001f600", "shared-session-scope 1 text 0 00000000\n"]


@pytest.mark.parametrize("data", [*TEXTS, b"", b"\n", b"\x00\xff" * 1000], ids=ascii)
def test_text_and_bytes_come_back(values: dict[str, Any], data: str | bytes) -> None:
    FileStore().write(KEY, data, values)
    back = FileStore().read(KEY, values)
    assert (back, type(back)) == (data, type(data))


def test_file_begins_with_format_kind_length_and_checksum(values: dict[str, Any]) -> None:
    FileStore().write(KEY, "é", values)
    payload = "é".encode()
    header = f"shared-session-scope 1 text {len(payload)} {zlib.crc32(payload):08x}\n"
    assert file_of(values).read_bytes() == header.encode() + payload


def test_later_value_replaces_the_earlier_one(values: dict[str, Any]) -> None:
    FileStore().write(KEY, "long" * 1000, values)
    FileStore().write(KEY, "short", values)
    assert FileStore().read(KEY, values) == "short"
    assert [path.name for path in file_of(values).parent.iterdir()] == [KEY]


@pytest.mark.parametrize("data", [None, 1, ["a"], bytearray(b"a")], ids=ascii)
def test_file_store_refuses_data_that_is_neither_text_nor_bytes(values: dict[str, Any], data: Any) -> None:
    with pytest.raises(TypeError, match=f"the store holds text or bytes, not {type(data).__name__}"):
        FileStore().write(KEY, data, values)
    assert not file_of(values).exists()


def test_value_that_was_never_written(values: dict[str, Any]) -> None:
    for store in (FileStore(), JsonStore(), PickleStore()):
        with pytest.raises(StoreValueNotExists):
            store.read(KEY, values)


WHOLE = b"shared-session-scope 1 text 5 %08x\nvalue" % zlib.crc32(b"value")
NO_HEADER, DIFFERS = "it has no header of this store", "its length or checksum differs"
GARBLED = {
    "empty": (b"", NO_HEADER),
    "foreign": (b"value", NO_HEADER),
    "foreign lines": (b"{\n}\n", NO_HEADER),
    "zeros": (bytes(100), NO_HEADER),
    "header cut off": (WHOLE[:20], NO_HEADER),
    "header without its line's end": (WHOLE.partition(b"\n")[0], NO_HEADER),
    "another format": (WHOLE.replace(b"scope 1", b"scope 2"), NO_HEADER),
    "cut off": (WHOLE[:-1], DIFFERS),
    "header alone": (WHOLE.partition(b"\n")[0] + b"\n", DIFFERS),
    "too long": (WHOLE + b"\n", DIFFERS),
    "one bit": (WHOLE[:-1] + b"d", DIFFERS),
    "other length": (WHOLE.replace(b" 5 ", b" 4 "), DIFFERS),
    "other checksum": (WHOLE.replace(b"%08x" % zlib.crc32(b"value"), b"00000000"), DIFFERS),
    "no length": (b"shared-session-scope 1 text\nvalue", DIFFERS),
}


@pytest.mark.parametrize("store", [FileStore(), JsonStore(), PickleStore()], ids=lambda store: type(store).__name__)
@pytest.mark.parametrize(("content", "message"), GARBLED.values(), ids=list(GARBLED))
def test_garbled_file_is_an_error(store: FileStore, content: bytes, message: str, values: dict[str, Any]) -> None:
    file_of(values).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        store.read(KEY, values)
    assert str(caught.value) == f"shared fixture {KEY}: the file {file_of(values)} is not what was stored: {message}"


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_no_part_of_a_file_is_a_value(cut: int, values: dict[str, Any]) -> None:
    file_of(values).write_bytes(WHOLE[:cut])
    with pytest.raises(StoreError):
        FileStore().read(KEY, values)


LARGE = bytes(range(256)) * (10 << 10)  # 2.5 MiB


@pytest.mark.parametrize("data", [LARGE, LARGE.decode("latin-1")], ids=["bytes", "text"])
def test_large_values_come_back(values: dict[str, Any], data: str | bytes) -> None:
    FileStore().write(KEY, data, values)
    assert FileStore().read(KEY, values) == data


@pytest.mark.parametrize("place", [100, 1 << 20, -(1 << 20), -1])
def test_large_file_that_differs_at_either_end_is_an_error(values: dict[str, Any], place: int) -> None:
    FileStore().write(KEY, LARGE, values)
    content = bytearray(file_of(values).read_bytes())
    content[place] ^= 1
    file_of(values).write_bytes(content)
    with pytest.raises(StoreError, match=DIFFERS):
        FileStore().read(KEY, values)


@pytest.mark.parametrize("kept", [0, 40, 1 << 16, 1 << 20, -(1 << 16), -1])
def test_large_file_that_is_cut_off_is_an_error(values: dict[str, Any], kept: int) -> None:
    FileStore().write(KEY, LARGE, values)
    file_of(values).write_bytes(file_of(values).read_bytes()[:kept])
    with pytest.raises(StoreError):
        FileStore().read(KEY, values)


def test_large_value_is_in_memory_once(values: dict[str, Any]) -> None:
    tracemalloc.start()
    try:
        FileStore().write(KEY, LARGE, values)
        assert tracemalloc.get_traced_memory()[1] < len(LARGE) / 10
        tracemalloc.reset_peak()
        assert FileStore().read(KEY, values) == LARGE
        assert tracemalloc.get_traced_memory()[1] < len(LARGE) * 1.1
    finally:
        tracemalloc.stop()


def test_delete(values: dict[str, Any]) -> None:
    FileStore().write(KEY, "value", values)
    FileStore().delete(KEY, values)
    assert not file_of(values).exists()
    FileStore().delete(KEY, values)  # deleting it again is not an error


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
@pytest.mark.parametrize(("store", "data"), [(FileStore(), "secret"), (JsonStore(), ["secret"]), (PickleStore(), {1})])
def test_only_its_user_can_read_a_value(store: FileStore, data: Any, values: dict[str, Any]) -> None:
    store.write(KEY, data, values)
    with store.lock(KEY, values):
        for path in file_of(values).parent.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(file_of(values).parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file_of(values).parent.parent.stat().st_mode) == 0o700


def test_json_values_come_back(values: dict[str, Any]) -> None:
    value = {"a": [1, 1.5, None, True, "é"], "b": {}}
    JsonStore().write(KEY, value, values)
    assert JsonStore().read(KEY, values) == value


def test_objects_come_back(values: dict[str, Any]) -> None:
    value = {Path("a"): {1, 2}, (1, 2): b"x"}
    PickleStore().write(KEY, value, values)
    assert PickleStore().read(KEY, values) == value


def test_workers_and_their_controller_use_one_directory(tmp_path: Path) -> None:
    """A worker's base directory lies inside its controller's, where the run's directory is."""
    create_directory(tmp_path)
    (tmp_path / "popen-gw0").mkdir()
    worker = {"tmp_path_factory": TmpPathFactory(tmp_path / "popen-gw0")}
    FileStore().write(KEY, "value", worker)
    assert FileStore().read(KEY, {"tmp_path_factory": TmpPathFactory(tmp_path)}) == "value"


def test_lock_admits_one_holder_at_a_time(values: dict[str, Any]) -> None:
    with FileStore().lock(KEY, values):
        other = files.new_lock(file_of(values).with_name(f"{KEY}.lock"))
        assert not files.wait_lock(other, 0)
    assert files.wait_lock(other, 0)
    other.release()


# -- the kind of data that a store holds: by its own `holds`, by its base, or objects if it overrides read and write


class NoBase:
    def read(self, identifier: str, fixture_values: dict[str, Any]) -> Any: ...
    def write(self, identifier: str, data: Any, fixture_values: dict[str, Any]) -> None: ...


class OverTheMixin(NoBase, LocalFileStoreMixin): ...


class OwnForm(NoBase, FileStore): ...


class OwnFormOverJson(NoBase, JsonStore): ...


class OwnFormInherited(OwnForm): ...


class OwnWrite(JsonStore):
    def write(self, identifier: str, data: Any, fixture_values: dict[str, Any]) -> None: ...


class OwnFixtures(FileStore):
    fixtures = ["database"]  # noqa: RUF012 - as users write it


class DeclaresText(OwnForm):
    holds = "text"


class DeclaresTextInInit:
    def __init__(self) -> None:
        self.holds = "text"


CASES = [
    *((NoBase, "objects"), (OverTheMixin, "objects"), (OwnForm, "objects"), (OwnFormOverJson, "objects")),
    *((OwnFormInherited, "objects"), (OwnWrite, "json"), (OwnFixtures, "text"), (DeclaresText, "text")),
    *((DeclaresTextInInit, "text"), (FileStore, "text"), (JsonStore, "json"), (PickleStore, "objects")),
]


@pytest.mark.parametrize(("store", "holds"), CASES)
def test_kind_of_data_that_a_store_holds(store: type, holds: str) -> None:
    assert holds_of(store()) == holds
