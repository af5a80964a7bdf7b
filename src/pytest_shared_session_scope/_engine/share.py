"""What the engine is told of a share, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from pytest_shared_session_scope._engine.values import ValueChannel
    from pytest_shared_session_scope._run.records import Failure, Kind


class Share(NamedTuple):
    """What the engine is told about a share when it is asked for.

    `timeout` is in seconds, None for no limit. `item` is the node id of the asking test, `is_rerun` says that a plugin
    runs it once more, after it failed. `is_dynamic` says that the share may end in the middle of the run, and that the
    test does not name it; `depends_on` has the keys of the shares that it depends on. `value_type` and `parameters`
    (names and values) are for the report.
    """

    key: str
    fixture: str
    fixture_name: str
    kind: Kind
    item: str
    travel: ValueChannel
    describe_failure: Callable[[BaseException], Failure]
    replay: Callable[[Failure, str, str], NoReturn]
    timeout: float | None = None
    is_rerun: bool = False
    is_dynamic: bool = False
    depends_on: tuple[str, ...] = ()
    value_type: str = ""
    parameters: tuple[tuple[str, object], ...] = ()


class Acquired(NamedTuple):
    """The value that tests get, and whether this worker set it up.

    `generation` is the setup's, `seconds` how long that took, or reading what another worker set up.
    """

    value: object
    is_owner: bool
    generation: int
    seconds: float
