"""A decorated function with its options. Imports neither pydantic nor the engine: those are for who takes a share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pytest_shared_session_scope._fixtures import code
from pytest_shared_session_scope._fixtures.annotations import (
    UNANNOTATED,
    Sharing,
    admits_none,
    name_of,
    sharing_of,
    value_of_two_yields,
)
from pytest_shared_session_scope._fixtures.generators import FIRST_IS_NOT_SENT, NONE_IS_TAKEN, ONCE_INSTEAD
from pytest_shared_session_scope._run.records import Kind
from pytest_shared_session_scope.errors import DefinitionError
from pytest_shared_session_scope.store import holds_of
from pytest_shared_session_scope.types import SetupToken, Store

if TYPE_CHECKING:
    import pytest

    from pytest_shared_session_scope._codec.codec import Codec


@dataclasses.dataclass(frozen=True)
class Options:
    """What the decorator was called with."""

    store: Store[Any]
    serialize: Callable[[Any], Any] | None = None
    deserialize: Callable[[Any], Any] | None = None
    parse: Callable[[Any], Any] | None = None
    first: SetupToken | None = None
    timeout: float | None = None
    metadata_storage: Store[Any] | None = None

    @property
    def fixtures(self) -> list[str]:
        """The names of the fixtures that the stores need, each once."""
        return list(dict.fromkeys([*self.store.fixtures, *getattr(self.metadata_storage, "fixtures", ())]))

    @property
    def named_fixtures(self) -> list[str]:
        """Those of them that the shared fixture takes as parameters.

        In every test pytest looks again at each that a fixture takes, so what nobody parametrizes is asked for when the
        share is taken; `request`, the dearest (20 us in pytest 9), is handed over by the plugin.
        """
        return [name for name in self.fixtures if name != "tmp_path_factory"]


class Definition:
    """A decorated function with its options; the annotation is resolved and the codec built once, when first needed.

    `described` is how messages name the fixture before pytest calls it, `names` are the parameters of the function,
    `value_type` is the annotated type as text, once it is known.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        options: Options,
        names: frozenset[str],
        enclosing: Callable[[], dict[str, Any]],
        described: str,
    ) -> None:
        self.function = function
        self.options = options
        self.described = described
        self.names = names
        self.value_type = ""
        self._enclosing = enclosing
        self._sharing: Sharing | None = None
        self._codec: Codec | None = None
        self._request: pytest.FixtureRequest | None = None

    def note_request(self, request: pytest.FixtureRequest) -> None:
        """Keep the request for the call that follows."""
        self._request = request

    def take_request(self) -> pytest.FixtureRequest | None:
        """Return the request that was kept, once; None where the plugin is not loaded."""
        request, self._request = self._request, None
        return request

    def sharing(self, fixture: str) -> Sharing:
        """Return how the fixture shares. Raises `DefinitionError` for an annotation that does not fit."""
        if self._sharing is None:
            sharing = sharing_of(self.function, fixture, self._enclosing())
            if self.options.first is not None and sharing.kind is Kind.YIELDS_ONCE:
                # Only the first of two yields is sent a token; the later releases had no generators but those.
                sharing = Sharing(Kind.YIELDS_TWICE, value_of_two_yields(sharing.value_type))
            self._check(sharing, fixture)
            self._sharing = sharing
            self.value_type = "" if sharing.value_type is UNANNOTATED else name_of(sharing.value_type)
            self._enclosing = dict  # the names of a function's frame are not kept alive longer than needed
        return self._sharing

    def _check(self, sharing: Sharing, fixture: str) -> None:
        if sharing.kind is not Kind.YIELDS_TWICE or self.options.first is not None:
            return
        if code.names_setup_token(self.function):
            raise DefinitionError(fixture, FIRST_IS_NOT_SENT)
        if admits_none(sharing.value_type):
            raise DefinitionError(fixture, f"its value may be None, {NONE_IS_TAKEN}, or {ONCE_INSTEAD}")

    def codec(self, fixture: str) -> Codec:
        """Return the fixture's serializer; imports pydantic."""
        if self._codec is None:
            self._codec = self._build_codec(fixture)
        return self._codec

    def _build_codec(self, fixture: str) -> Codec:
        from pytest_shared_session_scope._codec.codec import CustomCodec, ObjectCodec, TypedCodec

        options = self.options
        holds = holds_of(options.store)
        if options.serialize is not None and options.deserialize is not None:
            return CustomCodec(options.serialize, options.deserialize, fixture, holds)
        if holds == "objects":
            return ObjectCodec()
        value_type = self.sharing(fixture).value_type
        if value_type is UNANNOTATED:
            return TypedCodec(Any, fixture, is_annotated=False)
        return TypedCodec(value_type, fixture)
