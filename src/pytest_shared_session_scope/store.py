"""The stores of the package, which keep values in files of the run's own directory, readable by its user alone.

Imports neither pytest nor pydantic at run time, and filelock only when the first lock is needed.
"""

from __future__ import annotations

import functools
import json
import os
import zlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pytest_shared_session_scope._run import files
from pytest_shared_session_scope._run.files import NAME
from pytest_shared_session_scope.errors import StoreError
from pytest_shared_session_scope.types import StoreValueNotExists

if TYPE_CHECKING:
    import pytest

__tracebackhide__ = True  # pytest shows users their own frames

__all__ = ["FileStore", "Holds", "JsonStore", "LocalFileStoreMixin", "PickleStore"]

# The kinds of data that a store can hold: text (or bytes), any JSON value, or any object.
Holds = Literal["text", "json", "objects"]

_MAGIC: Final = b"shared-session-scope 1 "
_BLOCK: Final = 1 << 16
# The checksum covers this many bytes at each end of a payload. A file that is cut off differs in length anyway, and the
# checksum of a whole value of 100 MB would take as long as copying it.
_CHECKED: Final = 1 << 20


class LocalFileStoreMixin:
    """A base for stores that keep each value in a local file: subclasses add `read` and `write` and use `_get_path`."""

    fixtures: list[str] = ["tmp_path_factory"]  # noqa: RUF012 - stores of users declare theirs without ClassVar

    def _get_path(self, identifier: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Return the path of the value's file, in an existing directory of the run."""
        return Path(_values_directory(tmp_path_factory.getbasetemp()) + identifier)

    def lock(self, identifier: str, fixture_values: dict[str, Any]) -> AbstractContextManager[Any]:
        """Return a lock that one worker of the run holds at a time."""
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        return files.new_lock(path.with_name(f"{identifier}.lock"))

    def size(self, identifier: str, fixture_values: dict[str, Any]) -> int:
        """Return the number of bytes in the value's file, for reports."""
        return os.stat(self._get_path(identifier, fixture_values["tmp_path_factory"])).st_size

    def delete(self, identifier: str, fixture_values: dict[str, Any]) -> None:
        """Delete the value's file if it exists."""
        files.remove(str(self._get_path(identifier, fixture_values["tmp_path_factory"])))


class FileStore(LocalFileStoreMixin):
    """A store for text or bytes. The file has a length and a checksum, so that half a file is never taken for a value.

    The checksum is the CRC-32 of the payload, or of its first and last MiB if it is longer than 2 MiB. A shared
    fixture's short text needs no file: it is kept in the fixture's journal.
    """

    holds: ClassVar[Holds] = "text"

    def read(self, identifier: str, fixture_values: dict[str, Any]) -> Any:
        """Return the text or bytes that were written.

        Raises `StoreValueNotExists` if there are none, and `StoreError` if the file is not the one that was written.
        """
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        try:
            header, payload = _read_parts(path)
        except FileNotFoundError:
            raise StoreValueNotExists(identifier) from None
        try:
            return _unframe(header, payload)
        except ValueError as error:
            raise StoreError(identifier, f"the file {path} is not what was stored: {error}") from error

    def write(self, identifier: str, data: str | bytes, fixture_values: dict[str, Any]) -> None:
        """Write text or bytes, completely or not at all."""
        path = self._get_path(identifier, fixture_values["tmp_path_factory"])
        header, payload = _frame(data)
        files.write_atomic(path, header, payload)


class JsonStore(FileStore):
    """A store for any value that the built-in `json` module can encode."""

    holds: ClassVar[Holds] = "json"

    def read(self, identifier: str, fixture_values: dict[str, Any]) -> Any:
        """Return the JSON value that was written; see `FileStore.read`."""
        return json.loads(super().read(identifier, fixture_values))

    def write(self, identifier: str, data: Any, fixture_values: dict[str, Any]) -> None:
        """Write a JSON value, completely or not at all."""
        super().write(identifier, json.dumps(data), fixture_values)


class PickleStore(FileStore):
    """A store for any object that the built-in `pickle` module can serialize.

    Loading a pickle can run code. The file is trusted because only the run's user can write to the run's directory.
    """

    holds: ClassVar[Holds] = "objects"

    def read(self, identifier: str, fixture_values: dict[str, Any]) -> Any:
        """Return a copy of the object that was written; see `FileStore.read`."""
        import pickle  # here: most runs pickle nothing

        return pickle.loads(super().read(identifier, fixture_values))  # noqa: S301 - see the class

    def write(self, identifier: str, data: Any, fixture_values: dict[str, Any]) -> None:
        """Write an object, completely or not at all."""
        import pickle

        super().write(identifier, pickle.dumps(data, pickle.HIGHEST_PROTOCOL), fixture_values)


def holds_of(store: Any) -> Holds:
    """Return the kind of data that the store holds: its attribute `holds`, else objects.

    A subclass that overrides both `read` and `write` converts the data that it is given to the kind that its base
    holds, as `JsonStore` does. Unless it declares its own `holds`, it accepts objects.
    """
    overridden: set[str] = set()
    for cls in type(store).__mro__:
        if "holds" in vars(cls):
            if overridden == {"read", "write"}:
                return "objects"
            break
        overridden |= {"read", "write"} & vars(cls).keys()
    holds: Holds = getattr(store, "holds", "objects")
    return holds


@functools.lru_cache(maxsize=16)
def _values_directory(base: Path) -> str:
    # A worker's base directory lies inside the controller's; the run's directory is in the latter.
    parent = base if (base / NAME).is_dir() else base.parent
    return os.path.join(parent, NAME, "values", "")  # text: joining two paths takes longer than reading a file


def _frame(data: object) -> tuple[bytes, bytes]:
    """Return the header and the bytes to store. Raises `TypeError` unless the data is text or bytes."""
    if isinstance(data, str):
        kind, payload = b"text", data.encode("utf-8", "surrogatepass")
    elif isinstance(data, bytes):
        kind, payload = b"bytes", data
    else:
        raise TypeError(f"the store holds text or bytes, not {type(data).__name__}")
    return _MAGIC + b"%s %d %08x\n" % (kind, len(payload), _checksum(payload)), payload


def _unframe(header: bytes, payload: bytes) -> str | bytes:
    if not (header.startswith(_MAGIC) and header.endswith(b"\n")):
        raise ValueError("it has no header of this store")
    kind, _, length_and_checksum = header[len(_MAGIC) :].partition(b" ")
    if length_and_checksum != b"%d %08x\n" % (len(payload), _checksum(payload)):
        raise ValueError("its length or checksum differs")
    if kind == b"text":
        return payload.decode("utf-8", "surrogatepass")
    return payload


def _checksum(payload: bytes) -> int:
    if len(payload) <= 2 * _CHECKED:
        return zlib.crc32(payload)
    view = memoryview(payload)
    return zlib.crc32(view[-_CHECKED:], zlib.crc32(view[:_CHECKED]))


def _read_parts(path: Path) -> tuple[bytes, bytes]:
    """Return the header line and the payload; a large payload is never in memory twice."""
    descriptor = os.open(path, os.O_RDONLY | files.BINARY)
    try:
        content = os.read(descriptor, _BLOCK)
        length = content.find(b"\n") + 1
        if len(content) < _BLOCK:
            return content[:length], content[length:]
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            file.seek(length)
            return content[:length], file.readall()
    finally:
        os.close(descriptor)
