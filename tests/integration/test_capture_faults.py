"""Capture on disks and stores that fail: every record is stored or counted, and the endpoint never hears of it."""

import errno
import os
import subprocess
import threading
from collections import Counter
from datetime import timedelta

import pytest

from monitor_jobs.object_store.folder import FolderStore
from service.endpoint.snapshot import DropReason
from tests.integration.capture_spool import (
    CAPTURES,
    NOON,
    Clock,
    FaultyFiles,
    HalfWrites,
    Switched,
    exchange_of,
    gaps,
    offer_all,
    offer_one_by_one,
    spec_of,
    started,
    stored_ids,
    stored_keys,
    watermarks,
)
from tests.wait import wait_until

PATIENCE = 60
SPOOL_BYTES = 2**20


@pytest.fixture
def store(tmp_path):
    return Switched(tmp_path / "data")


@pytest.fixture
def tiny_disk(tmp_path):
    """A real file system of 1 MiB as the spool."""
    spool = tmp_path / "spool"
    spool.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SPOOL_BYTES}", "tmpfs", str(spool)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mount: this user may not mount a tmpfs")
    yield spool
    subprocess.run(["umount", str(spool)], check=True)


def ids_of(count):
    return [f"i-{number:03}" for number in range(count)]


def dropped_of(capture):
    return {reason: count for reason, count in capture.snapshot().dropped.items() if count}


def test_on_a_full_disk_exactly_what_is_missing_is_counted(tmp_path, store, tiny_disk):
    store.on = False
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    offer_all(capture, ids_of(60), at=NOON, request_bytes=50_000)
    dropped = dropped_of(capture)
    store.on = True
    capture.close()
    assert dropped.keys() == {DropReason.DISK_FULL}
    assert 0 < len(stored_ids(store)) == 60 - dropped[DropReason.DISK_FULL]
    assert capture.snapshot().balanced


def test_a_full_disk_is_written_down_as_a_gap(tmp_path, store, tiny_disk):
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    offer_all(capture, ids_of(60), at=NOON, request_bytes=50_000)
    capture.close()
    assert sum(gap.dropped for gap in gaps(store)) == capture.snapshot().dropped[DropReason.DISK_FULL] > 0


def test_a_full_disk_heals_without_a_restart(tmp_path, store, tiny_disk):
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path), store, clock=clock)
    offer_all(capture, ids_of(60), at=NOON, request_bytes=50_000)
    clock.advance(5)
    wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=PATIENCE, what="an empty disk")
    offer_all(capture, ["healed"], at=clock.now, request_bytes=50_000)
    capture.close()
    assert "healed" in stored_ids(store)


def test_half_a_record_is_rolled_back_and_counted(tmp_path, store):
    files = HalfWrites()
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON), files=files)
    offer_all(capture, ["before"], at=NOON)
    files.fail(1)
    offer_one_by_one(capture, ["half", "after"], at=NOON)
    capture.close()
    assert stored_ids(store) == ["after", "before"]
    assert dropped_of(capture) == {DropReason.DISK_FULL: 1}


class TornWrites(HalfWrites):
    """A disk that takes half of a record, and then does not even let it be cut off."""

    torn = False

    def ftruncate(self, descriptor, length):
        if self.torn:
            return os.ftruncate(descriptor, length)
        self.torn = True
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_file_that_could_not_be_rolled_back_is_mended_and_delivered(tmp_path, store):
    files = TornWrites()
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON), files=files)
    offer_all(capture, ["before"], at=NOON)
    files.fail(1)
    offer_one_by_one(capture, ["half", "after"], at=NOON)
    capture.close()
    assert files.torn
    assert stored_ids(store) == ["after", "before"]
    assert dropped_of(capture) == {DropReason.DISK_FULL: 1}


def test_after_a_disk_error_another_file_is_used(tmp_path, store):
    files = FaultyFiles("write", errno.EIO)
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON), files=files)
    offer_all(capture, ["before"], at=NOON)
    files.fail(1)
    offer_one_by_one(capture, ["lost", "after"], at=NOON)
    capture.close()
    assert (len(stored_keys(store)), stored_ids(store)) == (2, ["after", "before"])
    assert dropped_of(capture) == {DropReason.DISK_ERROR: 1}


def test_a_file_that_failed_to_sync_is_never_written_again(tmp_path, store):
    files, clock = FaultyFiles("fdatasync", errno.EIO), Clock(NOON)
    capture = started(spec_of(tmp_path, flush_seconds=3600), store, clock=clock, files=files)
    files.fail(1)
    offer_all(capture, ["before"], at=NOON)
    clock.advance(0.2)
    wait_until(lambda: stored_ids(store) == ["before"], timeout_seconds=PATIENCE, what="the sealed segment")
    offer_all(capture, ["after"], at=NOON)
    capture.close()
    assert (len(stored_keys(store)), stored_ids(store)) == (2, ["after", "before"])


class Asked(Switched):
    """A store that notes how files were given to it."""

    def __init__(self, root):
        super().__init__(root)
        self.calls = []

    def upload(self, path, address):
        self.calls.append("upload")
        super().upload(path, address)

    def take(self, path, address):
        self.calls.append("take")
        super().take(path, address)


@pytest.mark.parametrize(
    ("call", "asked"), [("nothing", ["take"]), ("fdatasync", ["upload"]), ("fsync", ["upload"]), ("rename", ["upload"])]
)
def test_only_what_the_disk_never_refused_is_given_away_and_all_else_is_copied(tmp_path, call, asked):
    files, clock, store = FaultyFiles(call, errno.EIO), Clock(NOON), Asked(tmp_path / "data")
    capture = started(spec_of(tmp_path), store, clock=clock, files=files)
    offer_all(capture, ["i"], at=NOON)
    files.fail(1)
    clock.advance(1)
    wait_until(lambda: stored_ids(store) == ["i"], timeout_seconds=PATIENCE, what="the segment")
    capture.close()
    assert store.calls == asked


def test_a_file_that_could_not_be_renamed_is_sealed_later_without_a_restart(tmp_path, store):
    files, clock = FaultyFiles("rename", errno.EIO), Clock(NOON)
    capture = started(spec_of(tmp_path), store, clock=clock, files=files)
    offer_all(capture, ["stuck"], at=NOON)
    files.fail(1)
    clock.advance(1)
    wait_until(lambda: stored_ids(store) == ["stuck"], timeout_seconds=PATIENCE, what="the renamed segment")
    assert files.left == 0
    capture.close()


def test_a_gap_that_cannot_be_written_down_is_written_down_later(tmp_path, store):
    files = FaultyFiles("open", errno.EIO)
    capture = started(spec_of(tmp_path, budget_bytes=1), store, clock=Clock(NOON), files=files)
    offer_all(capture, ids_of(3), at=NOON)
    files.fail(2)
    capture.close()
    assert [gap.dropped for gap in gaps(store)] == [3]


def test_a_gap_for_which_the_disk_has_no_room_until_the_end_is_told_to_the_store(tmp_path, store):
    files = FaultyFiles("open", errno.EROFS)
    files.fail(10**9)
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON), files=files)
    offer_all(capture, ids_of(3), at=NOON)
    capture.close()
    assert [(gap.dropped, gap.reason) for gap in gaps(store)] == [(3, DropReason.DISK_ERROR)]
    assert [watermark.closed for watermark in watermarks(store)] == [True]


def test_gaps_that_neither_disk_nor_store_takes_are_told_later_each_once(tmp_path, store):
    files, clock = FaultyFiles("open", errno.EROFS), Clock(NOON)
    files.fail(10**9)
    store.on = False
    capture = started(spec_of(tmp_path, budget_bytes=4500), store, clock=clock, files=files)
    offer_all(capture, ids_of(3), at=NOON)
    capture.offer(exchange_of("too large", at=NOON, request_bytes=4000))
    clock.advance(1)
    tries = ("put", "failed")
    wait_until(lambda: capture.snapshot().store_requests.get(tries), timeout_seconds=PATIENCE, what="a try")
    store.on = True
    capture.close()
    assert {gap.reason: gap.dropped for gap in gaps(store)} == {"disk_error": 3, "spool_full": 1}


class Stuck(FaultyFiles):
    """A disk on which writing takes until it is let go."""

    def __init__(self):
        super().__init__("write", 0)
        self.released = threading.Event()

    def faulty(self, real, *arguments):
        self.released.wait()
        return real(*arguments)


def test_a_watermark_is_not_closed_over_records_that_are_only_in_memory(tmp_path, store):
    files = Stuck()
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON), files=files)
    wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="the first watermark")
    for name in ids_of(2):
        capture.offer(exchange_of(name, at=NOON))
    capture.close(timeout_seconds=0.5)
    assert [watermark.closed for watermark in watermarks(store)] == [False]
    files.released.set()
    assert capture.wait_until_written(PATIENCE)


class Crowded(HalfWrites):
    """A disk whose first record takes long, so that others wait behind it; of these it takes half, some times."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.released = threading.Event(), threading.Event()
        self.records = []

    def faulty(self, real, descriptor, content):
        self.records.append(content.count(b"\n"))
        if not self.first.is_set():
            self.first.set()
            self.released.wait(PATIENCE)
        return super().faulty(real, descriptor, content)


@pytest.mark.parametrize("failures", [0, 1, 2])
def test_records_that_wait_are_written_by_one_call_and_where_that_fails_one_by_one(tmp_path, store, failures):
    files = Crowded()
    files.fail(failures, after=1)
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON), files=files)
    capture.offer(exchange_of("0", at=NOON))
    assert files.first.wait(PATIENCE)
    for name in "1234":
        capture.offer(exchange_of(name, at=NOON))
    files.released.set()
    assert capture.wait_until_written(PATIENCE)
    capture.close()
    lost = failures == 2  # the first of those that were tried alone
    assert files.records[:2] == [1, 4]
    assert stored_ids(store) == (["0", "2", "3", "4"] if lost else ["0", "1", "2", "3", "4"])
    assert dropped_of(capture) == ({DropReason.DISK_FULL: 1} if lost else {})


CALLS = {"open": 3, "write": 30, "ftruncate": 1, "fdatasync": 3, "fsync": 8, "rename": 3, "unlink": 3}
NTH_CALLS = [(call, nth) for call, most in CALLS.items() for nth in range(0, most, 1 + most // 10)]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize(("call", "nth"), NTH_CALLS)
def test_whichever_system_call_fails_every_record_is_stored_once_or_counted(tmp_path, store, call, nth, number):
    files, clock = FaultyFiles(call, number), Clock(NOON)
    files.fail(1, after=nth)
    capture = started(spec_of(tmp_path), store, clock=clock, files=files)
    for number_of_second in range(3):
        names = [f"{number_of_second}-{each}" for each in range(8)]
        offer_one_by_one(capture, names[:4], at=clock.now)
        offer_all(capture, names[4:], at=clock.now)
        clock.advance(1)
    capture.close()
    now = capture.snapshot()
    assert (now.balanced, now.backlog_records) == (True, 0)
    assert set(Counter(stored_ids(store)).values()) == {1}
    assert len(stored_ids(store)) == now.stored == 24 - sum(now.dropped.values())
    assert sum(gap.dropped for gap in gaps(store)) == sum(now.dropped.values())


def test_a_disk_that_always_fails_costs_every_record_and_says_so(tmp_path, store):
    files = FaultyFiles("open", errno.EROFS)
    files.fail(10**9)
    capture = started(spec_of(tmp_path), store, files=files)
    offer_all(capture, ids_of(50))
    capture.close(timeout_seconds=1)
    assert dropped_of(capture) == {DropReason.DISK_ERROR: 50}
    assert capture.snapshot().balanced


class Shortening(FolderStore):
    """A store that keeps less than it was given, as often as it is told to."""

    def __init__(self, root, times):
        super().__init__(root)
        self.times = times

    def take(self, path, address):
        self.times -= 1
        if self.times >= 0:
            self.put(address, path.read_bytes()[:-5])
        else:
            super().take(path, address)


def test_an_object_that_is_shorter_than_its_segment_is_uploaded_again(tmp_path):
    store = Shortening(tmp_path / "data", times=2)
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    offer_all(capture, ids_of(5), at=NOON)
    capture.close()
    assert stored_ids(store) == ids_of(5)
    assert capture.snapshot().stored == 5


class Buggy(FolderStore):
    """A store whose adapter raises what its port does not allow, once."""

    broken = True

    def take(self, path, address):
        if self.broken:
            self.broken = False
            raise ZeroDivisionError
        super().take(path, address)


def test_an_unexpected_error_does_not_end_the_uploader(tmp_path):
    store = Buggy(tmp_path / "data")
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    offer_all(capture, ids_of(5), at=NOON)
    capture.close()
    assert stored_ids(store) == ids_of(5)


def test_a_watermark_does_not_pass_a_gap_that_is_not_written_down(tmp_path, store):
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path, budget_bytes=1), store, clock=clock)
    wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="the first watermark")
    store.on = False
    capture.offer(exchange_of("dropped", at=NOON))
    clock.advance(100)
    wait_until(
        lambda: capture.snapshot().store_requests.get(("upload", "failed")), timeout_seconds=PATIENCE, what="a try"
    )
    assert watermarks(store)[0].sealed_until <= NOON
    store.on = True
    wait_until(
        lambda: watermarks(store)[0].sealed_until > NOON + timedelta(seconds=90), timeout_seconds=PATIENCE, what="it"
    )
    assert [gap.dropped for gap in gaps(store)] == [1]
    capture.close()


def test_nothing_of_a_failed_start_lies_among_the_captures(tmp_path, store):
    started(spec_of(tmp_path), store).close()
    assert list(store.list(CAPTURES)) == []
