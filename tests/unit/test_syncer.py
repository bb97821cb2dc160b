"""The thread that syncs and seals: in order, one thing ahead at most, and never ended by a disk."""

import errno
import os
import threading
from datetime import UTC, datetime

import pytest

from monitor_jobs.capture_io import read_contents
from service.endpoint.accounting import Ledger, Line
from service.endpoint.segment import OpenSegment, SegmentName
from service.endpoint.spool import Spool
from service.endpoint.syncer import Syncer
from tests.integration.capture_spool import FaultyFiles
from tests.wait import wait_until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RECORD = b'{"captureData":{}}\n'
PRODUCER = "0" * 32
PATIENCE = 30


def spool_in(folder, files=os):
    ledger = Ledger(budget_bytes=10**6, queue_bytes=10**6)
    return Spool(folder, PRODUCER, 1.0, ledger, lambda: NOON, files)


def written(spool, sequence=1):
    segment = OpenSegment(spool.folder, SegmentName.new(PRODUCER, sequence, NOON), spool.files)
    segment.append(RECORD)
    spool.ledger.write(segment.name, [Line(spool.ledger.admit(NOON, len(RECORD)), RECORD)])
    return segment


@pytest.fixture
def started():
    """A way to start a syncer."""

    def start(spool):
        syncer = Syncer(spool)
        syncer.start()
        return syncer

    return start


def test_what_was_asked_for_is_done_before_the_end(tmp_path, started):
    spool = spool_in(tmp_path)
    segment, syncer = written(spool), started(spool)
    syncer.seal(segment)
    syncer.finish()
    assert [path.suffix for path in tmp_path.iterdir()] == [".sealed"]
    assert spool.wake.is_set()


def test_a_tick_comes_after_what_was_to_be_sealed_before_it(tmp_path, started):
    spool = spool_in(tmp_path)
    segment, syncer = written(spool), started(spool)
    syncer.seal(segment)
    syncer.tick()
    assert spool.ticked.wait(PATIENCE)
    assert [path.suffix for path in tmp_path.iterdir()] == [".sealed"]
    syncer.finish()


def test_of_a_sealed_segment_is_known_what_its_file_holds(tmp_path, started):
    spool = spool_in(tmp_path)
    segment, syncer = written(spool), started(spool)
    syncer.seal(segment)
    syncer.finish()
    (sealed,) = tmp_path.iterdir()
    assert spool.ledger.contents_of(segment.name) == read_contents(sealed)


@pytest.mark.parametrize("call", ["fdatasync", "fsync", "rename"])
def test_a_segment_that_the_disk_refused_is_not_finished_and_the_next_one_is(tmp_path, started, call):
    files = FaultyFiles(call, errno.EIO)
    spool = spool_in(tmp_path, files)
    segments, syncer = [written(spool, 1), written(spool, 2)], started(spool)
    files.fail(1)
    for segment in segments:
        syncer.sync(segment)
        syncer.seal(segment)
    syncer.finish()
    assert [spool.ledger.contents_of(segment.name) is not None for segment in segments] == [False, True]


class Held(FaultyFiles):
    """A disk whose syncs take until it is let go."""

    def __init__(self):
        super().__init__("fdatasync", 0)
        self.released = threading.Event()

    def faulty(self, real, descriptor):
        self.released.wait(PATIENCE)
        real(descriptor)


def test_whoever_asks_for_more_than_the_disk_does_waits_for_it(tmp_path, started):
    files = Held()
    spool = spool_in(tmp_path, files)
    segment, syncer, asked = written(spool), started(spool), []

    def ask():
        for number in range(3):
            syncer.sync(segment)
            asked.append(number)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(lambda: len(asked) == 2, timeout_seconds=PATIENCE, what="one sync that runs and one that waits")
    asking.join(0.05)
    assert asking.is_alive()
    files.released.set()
    asking.join(PATIENCE)
    assert len(asked) == 3
    syncer.finish()
    segment.seal()
