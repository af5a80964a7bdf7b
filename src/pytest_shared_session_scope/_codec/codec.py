"""Turns the value of a shared fixture into what a store holds, and back. It, and what it uses, import pydantic."""

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
from pytest_shared_session_scope._codec.parts import Difference
from pytest_shared_session_scope.errors import AnnotationError, CodecError

Holds = Literal["text", "json", "objects"]

# Against what pydantic's defaults lose: bytes that are no UTF-8, NaN and infinity. An error does not print what it
# was given: it may be a password.
CONFIG: Final = ConfigDict(
    ser_json_bytes="base64",
    val_json_bytes="base64",
    ser_json_inf_nan="constants",
    allow_inf_nan=True,
    hide_input_in_errors=True,
)


class Codec(Protocol):
    """How a value goes into a store and comes out of it."""

    def dump(self, value: object) -> tuple[Any, object]:
        """Return what the store is to hold, and the copy that every worker is handed. Raises `CodecError`."""
        ...

    def load(self, data: Any) -> object:
        """Return the value from what the store held. Raises `CodecError`."""
        ...


def typed_codec(value_type: object, fixture: str) -> Codec:
    """Return the codec for the type that a fixture is annotated with; it writes text.

    Raises `AnnotationError` where pydantic can build no adapter for the type.
    """
    return _TypedCodec(value_type, fixture)


def untyped_codec(fixture: str) -> Codec:
    """Return the codec of a fixture without an annotation: plain JSON values, written as text."""
    return _TypedCodec(Any, fixture, is_annotated=False)


def custom_codec(
    serialize: Callable[[Any], Any], deserialize: Callable[[Any], Any], fixture: str, holds: Holds
) -> Codec:
    """Return the codec made of a user's two functions; nothing is asked of them but not to raise."""
    return _CustomCodec(serialize, deserialize, fixture, holds)


def object_codec() -> Codec:
    """Return the codec of a store that keeps objects as they are."""
    return _ObjectCodec()


class _Way:
    """One way to write values of a type; the JSON around the value tells it from the other way."""

    def __init__(self, wrapped: Any, place: Literal[0, "wide"]) -> None:
        self.place = place
        self.adapter: TypeAdapter[Any] = TypeAdapter(wrapped, config=CONFIG)
        if not self.adapter.pydantic_complete:
            self.adapter.rebuild(raise_errors=True)

    @functools.cached_property
    def has_user_serializer(self) -> bool:
        """Whether dumping runs functions of a user's own."""
        return _has_user_serializer(self.adapter.core_schema)

    def dump(self, value: object) -> str:
        wrapped = (value,) if self.place == 0 else {self.place: value}
        return self.adapter.dump_json(wrapped, round_trip=True, by_alias=False, warnings=False).decode()

    def load(self, data: str | bytes) -> object:
        with paused_collector():
            return self.adapter.validate_json(data, by_alias=False, by_name=True)[self.place]


_PLAIN_WAYS: Final = dict[tuple[object, str], _Way]()


def _plain_way(value_type: Any) -> _Way:
    """Return the way for a type, built once a worker: many fixtures are of one type, such as `dict[str, str]`.

    The text is part of the key since unions in which only the order differs are equal.
    """
    if not isinstance(value_type, Hashable):
        return _Way(tuple[value_type], 0)
    key = (value_type, repr(value_type))
    if key not in _PLAIN_WAYS:
        _PLAIN_WAYS[key] = _Way(tuple[value_type], 0)
    return _PLAIN_WAYS[key]


class _TypedCodec:
    """Writes a value the way pydantic does; what is lost on it takes the wide way, as its widened type.

    The guard judges both. Two ways because what pydantic carries by itself shall cost what pydantic costs; what only
    the other way, or a refusal, needs is imported there.
    """

    def __init__(self, value_type: object, fixture: str, *, is_annotated: bool = True) -> None:
        self.value_type, self.fixture, self.is_annotated = value_type, fixture, is_annotated
        self.plain: _Way | None = None
        try:
            self.plain = _plain_way(value_type)
        except Exception as exc:
            if self.wide is None:
                from pytest_shared_session_scope._codec import diagnostics

                raise AnnotationError(fixture, diagnostics.no_adapter(value_type, exc)) from exc

    @functools.cached_property
    def wide(self) -> _Way | None:
        """The wide way, built when first needed; `None` where pydantic has no adapter for it."""
        from pytest_shared_session_scope._codec.extended import widened

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _Way(dict[str, widened(self.value_type)], "wide")  # type: ignore[misc]
        except Exception:  # noqa: BLE001 - what a type cannot be widened to leaves the plain way as it is
            return None

    def dump(self, value: object) -> tuple[str, object]:
        witness = self._witness(value)
        failures: list[Exception] = []
        difference = None
        for name in ("plain", "wide"):
            try:
                way = self._way_for(name, value, has_failed=difference is None)
                if way is None:
                    continue
                data = way.dump(value)
                loaded = way.load(data)
                difference = compare.difference(witness, loaded)
            except Exception as exc:  # noqa: BLE001 - whatever it is, the value is refused
                failures.append(exc)
                continue
            if difference is None:
                return data, loaded
            del data, loaded  # else there would be two copies at once
        raise self._refusal(value, difference, failures)

    def _way_for(self, name: Literal["plain", "wide"], value: object, *, has_failed: bool) -> _Way | None:
        if name == "plain":
            return self.plain
        from pytest_shared_session_scope._codec import diagnostics, parts

        if has_failed and parts.holds_itself(value):
            # Before 2.13 pydantic finds that out only after it has tried each member of each union, 255 levels deep.
            raise ValueError(diagnostics.HOLDS_ITSELF)
        return self.wide

    def load(self, data: Any) -> object:
        try:
            return self._way_of(data).load(data)
        except Exception as exc:
            from pytest_shared_session_scope._codec import diagnostics

            raise CodecError(self.fixture, diagnostics.unloadable(exc)) from exc

    def _way_of(self, data: Any) -> _Way:
        way = self.wide if data[:1] in ("{", b"{") else self.plain
        if way is None:
            raise ValueError("it was written another way than its type allows")
        return way

    def _witness(self, value: object) -> object:
        """Return what the copy is to be compared with: a serializer of the user's own might change the value."""
        way = self.plain or self.wide
        if way is None or not way.has_user_serializer:
            return value
        try:
            return copy.deepcopy(value)
        except Exception:  # noqa: BLE001 - what cannot be copied is compared as it is after the dump
            return value

    def _refusal(self, value: object, difference: Difference | None, failures: list[Exception]) -> CodecError:
        from pytest_shared_session_scope._codec import diagnostics, parts

        explainer = diagnostics.Explainer(self.value_type, is_annotated=self.is_annotated)
        if difference is not None:
            reason, path = explainer.difference(difference)
            return CodecError(self.fixture, reason, path)
        reason, path = explainer.failure(value, failures[0])
        error = CodecError(self.fixture, reason, path)
        # What a user's serializer or validator raises may quote a secret it was given.
        error.__cause__ = None if parts.holds_secret(value) else failures[0]
        error.__suppress_context__ = True
        return error


# Whose functions change no value: pydantic's and ours.
_KNOWN: Final = ("pydantic", __name__.partition(".")[0])


def _has_user_serializer(schema: Any) -> bool:
    """Say whether dumping runs functions of a user's own.

    Pydantic says so nowhere but in its schema, whose keys it does not promise; `test_private_names.py` tests them.
    """
    if isinstance(schema, list | tuple):
        return any(map(_has_user_serializer, schema))
    if not isinstance(schema, dict):
        return False
    is_serializer = not {"return_schema", "when_used", "is_field_serializer"}.isdisjoint(schema)
    if is_serializer and str(schema.get("type")).startswith("function-"):
        module = str(getattr(schema["function"], "__module__", ""))
        if module.partition(".")[0] not in _KNOWN:
            return True
    return any(map(_has_user_serializer, schema.values()))


@contextlib.contextmanager
def paused_collector() -> Generator[None, None, None]:
    """Keep the garbage collector from walking a half-loaded value over and over: it doubles the time of a load."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class _CustomCodec:
    def __init__(
        self, serialize: Callable[[Any], Any], deserialize: Callable[[Any], Any], fixture: str, holds: Holds
    ) -> None:
        self.serialize, self.deserialize, self.fixture, self.holds = serialize, deserialize, fixture, holds

    def dump(self, value: object) -> tuple[Any, object]:
        data = self._call("serialize", self.serialize, value)
        if self.holds == "text" and not isinstance(data, str | bytes):
            raise self._unfit(data, "text: return str or bytes")
        # `deserialize` gets its own: it may take apart what it is given, and the store is yet to be written.
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
        except Exception as exc:
            raise self._unfit(data, f"JSON values ({exc}): return what json.loads gives back") from exc
        difference = compare.difference(data, again)
        if difference is not None:
            lost = formatting.change(difference)
            raise self._unfit(data, f"JSON values, and {lost}: return what json.loads gives back")
        return again

    def _unfit(self, data: object, held: str) -> CodecError:
        return CodecError(
            self.fixture,
            f"its serialize function, {formatting.function_name(self.serialize)}, returned "
            f"{formatting.an(formatting.class_name(data))}, but its store holds {held}, or use a store that holds "
            f"objects: store=PickleStore()",
        )


class _ObjectCodec:
    def dump(self, value: object) -> tuple[Any, object]:
        return value, value

    def load(self, data: Any) -> object:
        return data
