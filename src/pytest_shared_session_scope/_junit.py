"""The facts of a run as properties in pytest's JUnit XML. Loaded where that is written."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_shared_session_scope._share_files import ShareFiles
from pytest_shared_session_scope.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_shared_session_scope._facts import Facts
    from pytest_shared_session_scope._observed import Take
    from pytest_shared_session_scope._state import RunState

# In what `junit_family` is by default, a test that has properties is no valid one.
_FAMILIES: Final = ("xunit1", "legacy")


def add_to_suite(config: pytest.Config, facts: Facts, run: str) -> None:
    """Give the test suite a property for each setup: its part of the JSON report, without those who asked."""
    from pytest_shared_session_scope._report_json import report

    setups = report(facts, run).setups
    for plugin in config.pluginmanager.get_plugins():
        # What pytest's fixture `record_testsuite_property` calls; a fixture is nothing that a controller has.
        add: Any = getattr(plugin, "add_global_property", None)
        if add is not None:
            for setup in setups:
                add(f"shared fixture {setup.fixture}", setup.model_dump_json(exclude={"takes"}))


class TestProperties:
    """The part of the plugin that gives a test a property for each share it was the first to ask for.

    Registered only where such a file is written: a hook that is there from the start costs every test of every run.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._told = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> None:
        """Say how what the test asked for came."""
        state = self._state
        if state.shares is None or state.directory is None:
            return
        takes = state.shares.engine.observed.takes
        for take in takes[self._told :]:
            name = f"shared fixture {_fixture_of(take, state.directory)}"
            item.user_properties.append((name, _told(take, state.worker)))
        self._told = len(takes)


def add_to_tests(config: pytest.Config, state: RunState) -> None:
    """Give each test its properties, where the file's family lets it have any."""
    if config.getini("junit_family") in _FAMILIES:
        config.pluginmanager.register(TestProperties(state))


def _told(take: Take, worker: str) -> str:
    from pytest_shared_session_scope._report_json import take_report

    return take_report(worker, take).model_dump_json(exclude={"test"})


def _fixture_of(take: Take, directory: Path) -> str:
    with contextlib.suppress(StoreError), ShareFiles(directory, take.key, "", take.key) as files:  # told by the test
        records = (files.read(name) for name in files.states())
        return next((record.definition for record in records if record is not None), take.key)
    return take.key
