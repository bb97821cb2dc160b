"""Whose segments they are: real flocks on real lock files."""

import errno
import json
import random
from datetime import UTC, datetime

import pytest

from service.endpoint.ownership import Destination, become_producer, inherit, make_folder
from tests.integration.capture_spool import FaultyFiles
from tests.servers.recorded_disk import Disk, RecordedDisk

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


def states_after_a_cut(events):
    return [Disk(events).after_a_cut(random.Random(seed)) for seed in range(50)]


def test_whose_the_segments_are_outlives_a_power_failure(tmp_path):
    events = []
    disk = RecordedDisk(events.append)
    make_folder(tmp_path / "new" / "spool", disk)
    producer = become_producer(tmp_path / "new" / "spool", HERE, NOON, disk)
    producer.let_go()
    for left in states_after_a_cut(events):
        assert Destination.model_validate_json(left[producer.path]) == HERE


def test_every_folder_that_was_made_is_put_on_the_disk(tmp_path):
    events = []
    make_folder(tmp_path / "a" / "b" / "spool", RecordedDisk(events.append))
    assert [event.folder for event in events] == [tmp_path / "a" / "b", tmp_path / "a", tmp_path]


def test_a_folder_on_a_disk_that_does_not_sync_is_used_nevertheless(tmp_path, caplog):
    files = FaultyFiles("fsync", errno.EIO)
    files.fail(1)
    make_folder(tmp_path / "spool", files)
    assert (tmp_path / "spool").is_dir()
    assert caplog.messages == ["spool_folder_not_synced"]
