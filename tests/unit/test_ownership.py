"""Whose segments they are: real flocks on real lock files."""

import json
from datetime import UTC, datetime

import pytest

from service.endpoint.ownership import Destination, become_producer, inherit

HERE = Destination(destination="s3://bucket/capture", endpoint="signs", variant="AllTraffic")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_of_two_heirs_only_one_inherits(tmp_path):
    dead = become_producer(tmp_path, HERE, NOON)
    dead.let_go()
    first = inherit(tmp_path, dead.producer, HERE)
    assert inherit(tmp_path, dead.producer, HERE) is None
    first.end()
    assert list(tmp_path.iterdir()) == []


def test_a_living_producer_cannot_be_inherited(tmp_path):
    alive = become_producer(tmp_path, HERE, NOON)
    assert inherit(tmp_path, alive.producer, HERE) is None
    alive.end()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", json.dumps({"destination": 1}).encode(), b"\xff"])
def test_a_lock_file_that_tells_nothing_leaves_the_heirs_own_destination(tmp_path, content):
    (tmp_path / f"producer-{'0' * 32}.lock").write_bytes(content)
    ownership = inherit(tmp_path, "0" * 32, HERE)
    assert ownership.destination == HERE
    ownership.end()
