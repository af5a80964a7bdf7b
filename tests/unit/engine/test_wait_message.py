"""The message of a worker that has waited for longer than the timeout."""

from __future__ import annotations

import pytest
from samples import RECORD

from pytest_shared_session_scope._engine.engine import _waited_too_long as waited_too_long
from pytest_shared_session_scope._run.records import ShareRecord


@pytest.mark.parametrize(
    ("record", "is_alive", "owner"),
    [
        (None, True, "another worker holds its lock"),
        (
            RECORD,
            True,
            "worker gw1 (pid 4711, which is alive) has been setting it up for 2.5 s, in test_a.py::test_one",
        ),
        (
            RECORD,
            False,
            "worker gw1 (pid 4711, which is dead) has been setting it up for 2.5 s, in test_a.py::test_one",
        ),
    ],
)
def test_message_names_the_setup(record: ShareRecord | None, is_alive: bool, owner: str) -> None:
    assert waited_too_long("gw2", 1.5, record, now=1002.49, is_alive=is_alive) == (
        f"worker gw2 waited 1.5 s for its value: {owner}; raise the timeout (timeout= or the ini option "
        "shared_session_scope_timeout) or look at what that setup is waiting for"
    )
