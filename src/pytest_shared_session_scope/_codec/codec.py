"""Codecs: convert the value of a shared fixture to the text that its store holds, and back. Imports pydantic.

A typed codec has two encodings. Native encoding is pydantic's own JSON for the type, in a list: `[{"id":1}]`. A value
that native encoding would alter uses extended encoding, in an object: `{"extended":[[{"x":1,"y":2.0}],[3]]}`.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import json
import warnings
from collections.abc import Callable, Generator, Hashable
from typing import Any, Final, Literal, Protocol

from pydantic import ConfigDict, TypeAdapter

from pytest_shared_session_scope._codec import compare, formatting
from pytest_shared_session_scope._codec.diagnostics import Explainer
from pytest_shared_session_scope._codec.parts import HOLDS_ITSELF, Difference, holds_itself, holds_secret
from pytest_shared_session_scope._codec.type_hints import has_user_serializer
from pytest_shared_session_scope.errors import AnnotationError, CodecError
from pytest_shared_session_scope.store import Holds

__tracebackhide__ = True  # pytest shows users their own frames

# pydantic's defaults lose bytes that are not UTF-8, NaN and infinity. Errors must not print their input, which may be a
# password.
CONFIG: Final = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", hide_input_in_errors=True)
CONFIG["ser_json_inf_nan"], CONFIG["allow_inf_nan"] = "constants", True


class Codec(Protocol):
    """Converts a value to the data that a store holds, and back."""

    def dump(self, value: object) -> tuple[Any, object]:
        """Return the data for the store, and the copy that every worker is given. Raises `CodecError`."""
        ...

    def load(self, data: Any) -> object:
        """Return the value from the store's data. Raises `CodecError`."""
        ...


class _Encoding:
    """An encoding for values of one type; the JSON around the value, a list or an object, tells which one it is."""

    def __init__(self, wrapped: Any, place: Literal[0, "extended"]) -> None:
        self.place = place
        self.adapter: TypeAdapter[Any] = TypeAdapter(wrapped, config=CONFIG)
        if not self.adapter.pydantic_complete:
            self.adapter.rebuild(raise_errors=True)

    @functools.cached_property
    def has_user_serializer(self) -> bool:
        """Whether dumping runs a user's functions."""
        return has_user_serializer(self.adapter.core_schema)

    def dump(self, value: object) -> str:
        wrapped = (value,) if self.place == 0 else {self.place: value}
        return self.adapter.dump_json(wrapped, round_trip=True, by_alias=False, warnings=False).decode()

    def load(self, data: str | bytes) -> object:
        with paused_collector():
            return self.adapter.validate_json(data, by_alias=False, by_name=True)[self.place]


_NATIVE: Final = dict[tuple[object, str], _Encoding]()


def _native_encoding(value_type: Any) -> _Encoding:
    """Return the native encoding for a type, built once per worker: many fixtures share types such as `dict[str, str]`.

    The key includes the type's text, because unions that differ only in their order are equal.
    """
    if not isinstance(value_type, Hashable):
        return _Encoding(tuple[value_type], 0)
    key = (value_type, repr(value_type))
    if key not in _NATIVE:
        _NATIVE[key] = _Encoding(tuple[value_type], 0)
    return _NATIVE[key]


class TypedCodec:
    """Writes text: in native encoding, or in extended encoding if native would alter the value or cannot write it.

    Either result is loaded again and compared with the value; if both fail, the value is refused. Without an annotation
    the type is `Any`: plain JSON values. Raises `AnnotationError` if pydantic cannot build an adapter for the type.
    """

    def __init__(self, value_type: object, fixture: str, *, is_annotated: bool = True) -> None:
        self.value_type, self.fixture, self.is_annotated = value_type, fixture, is_annotated
        self.native: _Encoding | None = None
        try:
            self.native = _native_encoding(value_type)
        except Exception as exc:  # noqa: BLE001 - whatever building an adapter raises
            if self.extended is None:
                explain = self._explainer()
                raise AnnotationError(fixture, explain.no_adapter(exc)) from explain.user_error(exc)

    @functools.cached_property
    def extended(self) -> _Encoding | None:
        """The extended encoding, built when first needed, or None if pydantic has no adapter for it."""
        from pytest_shared_session_scope._codec.extended_encoding import extended_type  # 24 ms that few values need

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _Encoding(dict[str, extended_type(self.value_type)], "extended")  # type: ignore[misc]
        except Exception:  # noqa: BLE001 - whatever the type's own code raises: native encoding is left
            return None

    def dump(self, value: object) -> tuple[str, object]:
        witness = self._witness(value)
        failures: list[Exception] = []
        difference = None
        for name in ("native", "extended"):
            try:
                encoding = self._encoding(name, value, has_failed=difference is None)
                if encoding is None:
                    continue
                data = encoding.dump(value)
                loaded = encoding.load(data)
                difference = compare.difference(witness, loaded)
            except Exception as exc:  # noqa: BLE001 - whatever it is, the value is refused
                failures.append(exc)
                continue
            if difference is None:
                return data, loaded
            del data, loaded  # or two copies would be in memory at once
        raise self._refusal(value, difference, failures)

    def _encoding(self, name: Literal["native", "extended"], value: object, *, has_failed: bool) -> _Encoding | None:
        if name == "native":
            return self.native
        if has_failed and holds_itself(value):
            # pydantic before 2.13 finds a cycle only after trying each member of each union, 255 levels deep.
            raise ValueError(HOLDS_ITSELF)
        return self.extended

    def load(self, data: Any) -> object:
        try:
            return self._encoding_of(data).load(data)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the value is not loaded
            explain = self._explainer()
            raise CodecError(self.fixture, explain.unloadable(exc)) from explain.user_error(exc)

    def _encoding_of(self, data: Any) -> _Encoding:
        encoding = self.extended if data[:1] in ("{", b"{") else self.native
        if encoding is None:
            raise ValueError("it was written in another encoding than its type allows")
        return encoding

    def _witness(self, value: object) -> object:
        """Return what the copy is compared with: a deep copy of a value that a user's serializer might change."""
        encoding = self.native or self.extended
        if encoding is not None and encoding.has_user_serializer:
            with contextlib.suppress(Exception):  # if it cannot be copied, it is compared as it is after the dump
                return copy.deepcopy(value)
        return value

    def _refusal(self, value: object, difference: Difference | None, failures: list[Exception]) -> CodecError:
        explain = self._explainer()
        if difference is not None:
            return CodecError(self.fixture, *explain.difference(difference))
        error = CodecError(self.fixture, *explain.failure(value, failures[0]))
        cause = explain.user_error(failures[0])  # which may quote a secret
        error.__cause__ = None if cause is None or holds_secret(value) else cause
        return error

    def _explainer(self) -> Explainer:
        return Explainer(self.value_type, is_annotated=self.is_annotated)


@contextlib.contextmanager
def paused_collector() -> Generator[None, None, None]:
    """Pause the garbage collector: it would traverse a half-loaded value repeatedly and double the time of a load."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class CustomCodec:
    """Runs a user's two functions, `serialize` and `deserialize`. Their results are not compared."""

    def __init__(
        self, serialize: Callable[[Any], Any], deserialize: Callable[[Any], Any], fixture: str, holds: Holds
    ) -> None:
        self.serialize, self.deserialize, self.fixture, self.holds = serialize, deserialize, fixture, holds

    def dump(self, value: object) -> tuple[Any, object]:
        data = self._call("serialize", self.serialize, value)
        if self.holds == "text" and not isinstance(data, str | bytes):
            raise self._unfit(data, "text: return str or bytes")
        # `deserialize` gets a copy, because it may modify its argument, and the data is stored afterwards.
        return data, self.load(self._through_json(data) if self.holds == "json" else data)

    def load(self, data: Any) -> object:
        return self._call("deserialize", self.deserialize, data)

    def _call(self, role: str, function: Callable[[Any], Any], argument: Any) -> Any:
        try:
            return function(argument)
        except Exception as exc:
            raise CodecError(
                self.fixture,
                f"its {role} function, {formatting.function_name(function)}, raised {type(exc).__name__}: {exc}; "
                f"deserialize(serialize(value)) must give the value back",
            ) from exc

    def _through_json(self, data: Any) -> Any:
        try:
            again = json.loads(json.dumps(data))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the message says it
            raise self._unfit(data, f"JSON values ({exc}): return what json.loads gives back") from None
        difference = compare.difference(data, again)
        if difference is not None:
            change = formatting.change(difference)
            raise self._unfit(data, f"JSON values, and {change}: return what json.loads gives back")
        return again

    def _unfit(self, data: object, held: str) -> CodecError:
        return CodecError(
            self.fixture,
            f"its serialize function, {formatting.function_name(self.serialize)}, returned "
            f"{formatting.an(formatting.class_name(data))}, but its store holds {held}, or use a store that holds "
            f"objects: store=PickleStore()",
        )


class ObjectCodec:
    """Leaves values as they are, for a store that keeps objects."""

    def dump(self, value: object) -> tuple[Any, object]:
        return value, value

    def load(self, data: Any) -> object:
        return data
