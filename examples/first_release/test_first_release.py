# mypy: allow-untyped-defs
# pyright: basic
# ruff: noqa: ANN001, ANN201, DTZ005
"""Fixtures written for the first release. Apart from the calls of `note`, they run unchanged."""

from datetime import datetime

import pytest

from pytest_shared_session_scope import CleanupToken, shared_json_scope_fixture


@shared_json_scope_fixture()
def my_fixture(note):
    initial = yield
    if initial is None:
        note("set up", "my_fixture")
        data = 123
    else:
        data = initial
    token = yield data
    if token == CleanupToken.LAST:
        note("cleaned up", "my_fixture")


def serialize(value):
    return value.isoformat()


def deserialize(value):
    return datetime.fromisoformat(value)


@shared_json_scope_fixture(serialize=serialize, deserialize=deserialize)
def now(note):
    note("set up", "now")
    return datetime.now()


@shared_json_scope_fixture()
def shared_list(note):
    note("set up", "shared_list")
    return [1, 2, 3]


@pytest.fixture
def my_list(shared_list):
    return list(shared_list)


def test_yielded_twice(my_fixture):
    assert my_fixture == 123


def test_opted_out(now):
    assert isinstance(now, datetime)
    assert now <= datetime.now()


def test_an_ordinary_fixture_over_a_shared_one(my_list):
    my_list.append(4)
    assert my_list == [1, 2, 3, 4]
