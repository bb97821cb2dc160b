"""What the operating system does to captures: real disks, real kills, real memory limits; each fault once, and short.

Each fault many times, under load: tests.benchmarks.faults.system. What needs a mount or a cgroup is skipped, by name,
where this user may not have one.
"""

import asyncio
import signal
from pathlib import Path

import pytest

from monitor_jobs.contract.window import HOUR
from monitor_jobs.object_store.folder import FolderStore
from service.endpoint.snapshot import DropReason
from tests.answering import captured
from tests.integration.capture_spool import (
    NOON,
    Clock,
    Switched,
    exchange_of,
    gaps,
    offer_all,
    spec_of,
    started,
    stored_ids,
)
from tests.servers.capture_campaign import drain
from tests.servers.fault_endpoints import endpoint, furnish, never_flushed_capture, real_capture
from tests.servers.fault_load import ask_too_much, load_on
from tests.servers.system_faults import (
    Unobtainable,
    copied_image,
    crowded,
    disk_image,
    memory_limit,
    mounted_image,
    read_only,
    small_disk,
)
from tests.wait import wait_until

PATIENCE = 60
DISK_BYTES = 16 * 2**20
MEMORY_BYTES = 256 * 2**20


@pytest.fixture
def store(tmp_path):
    return Switched(tmp_path / "data")


@pytest.fixture
def disk(tmp_path):
    """A real ext4 of 16 MiB as the spool."""
    try:
        with small_disk(tmp_path / "spool", DISK_BYTES) as disk:
            yield disk
    except Unobtainable as reason:
        pytest.skip(f"mount: {reason}")


@pytest.fixture
def limit():
    """A real memory cgroup."""
    try:
        with memory_limit(MEMORY_BYTES) as limit:
            yield limit
    except Unobtainable as reason:
        pytest.skip(f"cgroup: {reason}")


def ids_of(count, prefix="i"):
    return [f"{prefix}-{number:03}" for number in range(count)]


def dropped_of(capture):
    return {reason: count for reason, count in capture.snapshot().dropped.items() if count}


def recovered(capture, clock, store):
    """The snapshot after a record that came once the fault was over, and the end."""
    clock.advance(5)
    offer_all(capture, ["after"], at=clock.now)
    capture.close()
    assert "after" in stored_ids(store)
    return capture.snapshot()


def test_a_disk_that_somebody_else_has_filled_costs_exactly_what_is_counted(tmp_path, store, disk):
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path), store, clock=clock)
    with crowded(disk.folder):
        offer_all(capture, ids_of(20), at=NOON, request_bytes=50_000)
    dropped = recovered(capture, clock, store).dropped[DropReason.DISK_FULL]
    assert 0 < dropped == 21 - len(stored_ids(store)) == sum(gap.dropped for gap in gaps(store))


def test_a_spool_that_becomes_read_only_costs_what_is_counted_and_recovers(tmp_path, store, disk):
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path), store, clock=clock)
    offer_all(capture, ["before"], at=NOON)
    clock.advance(1)
    wait_until(lambda: stored_ids(store) == ["before"], timeout_seconds=PATIENCE, what="the record before")
    with read_only(disk.folder):
        offer_all(capture, ids_of(5), at=clock.now)
    assert recovered(capture, clock, store).dropped[DropReason.DISK_ERROR] == 5
    assert stored_ids(store) == ["after", "before"]
    assert sum(gap.dropped for gap in gaps(store)) == 5


def test_what_was_written_before_a_spool_became_read_only_is_sealed_after_it(tmp_path, store, disk):
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path), store, clock=clock)
    offer_all(capture, ["before"], at=NOON)
    with read_only(disk.folder):
        clock.advance(1)
        # its segment cannot get its sealed name, and no other one can be opened
        offer_all(capture, ["during"], at=clock.now + HOUR)
    recovered(capture, clock, store)
    assert stored_ids(store) == ["after", "before"]
    assert dropped_of(capture) == {DropReason.DISK_ERROR: 1}


def test_a_full_spool_whose_store_heals_needs_no_restart(tmp_path, store, disk):
    clock = Clock(NOON)
    store.on = False
    capture = started(spec_of(tmp_path), store, clock=clock)
    offer_all(capture, ids_of(200), at=NOON, request_bytes=100_000)
    store.on = True
    dropped = recovered(capture, clock, store).dropped[DropReason.DISK_FULL]
    assert 0 < dropped == 201 - len(stored_ids(store)) == sum(gap.dropped for gap in gaps(store))


def break_under(capture, disk):
    """Let a disk break on which one record is, and drop three more."""
    if disk.device is None:
        pytest.skip("mount: a tmpfs cannot break")
    asyncio.run(captured(capture, exchange_of("answered", at=NOON)))
    disk.fail()
    offer_all(capture, ids_of(3), at=NOON)
    capture.close(timeout_seconds=2)


def test_gaps_of_a_disk_that_broke_outlive_the_process_in_the_store(tmp_path, store, disk):
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    break_under(capture, disk)
    assert dropped_of(capture) == {DropReason.DISK_ERROR: 3}
    assert sum(gap.dropped for gap in gaps(store)) == 3  # in one gap or in two: the uploader may come between


def test_where_answers_wait_for_the_disk_one_that_broke_and_was_checked_has_lost_none(tmp_path, store):
    try:
        with small_disk(tmp_path / "spool", DISK_BYTES) as disk:
            break_under(started(spec_of(tmp_path, durability="power"), store, clock=Clock(NOON)), disk)
    except Unobtainable as reason:
        pytest.skip(f"mount: {reason}")
    with mounted_image(copied_image(disk_image(disk.folder)), disk.folder):
        drain(tmp_path)
    assert stored_ids(store) == ["answered"]


def acknowledged_ids(load):
    return {call.inference_id for call in load.acknowledged}


def answered(load, count=20):
    wait_until(lambda: len(load.acknowledged) >= count, timeout_seconds=PATIENCE, what=f"{count} answers")


def killed_for_memory(tmp_path, limit, open_capture):
    """What was acknowledged before the kernel killed the endpoint, and is not in the store once an heir has ended."""
    furnish(tmp_path)
    with endpoint(tmp_path, open_capture) as living, load_on(living.port) as load:
        limit.hold(living.process_id)
        answered(load)
        ask_too_much(living.port)
        assert (living.wait(), limit.kills) == (-signal.SIGKILL, 1)
        load.enough.set()
    drain(tmp_path)
    return acknowledged_ids(load) - set(stored_ids(FolderStore(tmp_path / "data")))


def test_what_was_acknowledged_survives_the_kernels_memory_kill(tmp_path, limit):
    assert killed_for_memory(tmp_path, limit, real_capture) == set()


def test_what_waits_in_memory_does_not_survive_it(tmp_path, limit):
    assert killed_for_memory(tmp_path, limit, never_flushed_capture)


def test_a_sibling_delivers_what_one_left_that_was_killed(tmp_path):
    furnish(tmp_path)
    with endpoint(tmp_path), endpoint(tmp_path) as victim, load_on(victim.port) as load:
        answered(load)
        victim.kill()
        load.enough.set()
        wait_until(
            lambda: acknowledged_ids(load) <= set(stored_ids(FolderStore(tmp_path / "data"))),
            timeout_seconds=PATIENCE,
            what="what the dead had acknowledged",
        )
    assert load.acknowledged


def test_an_endpoint_that_is_told_to_stop_leaves_nothing_for_an_heir(tmp_path):
    spec = furnish(tmp_path)
    with endpoint(tmp_path) as living, load_on(living.port) as load:
        answered(load)
        living.terminate()
        assert living.wait() == 0
        load.enough.set()
    assert list(spec.spool_folder.iterdir()) == []
    assert acknowledged_ids(load) <= set(stored_ids(FolderStore(tmp_path / "data")))


def test_disks_are_unmounted_when_their_block_fails(tmp_path):
    with (
        pytest.raises((ZeroDivisionError, Unobtainable)),
        small_disk(tmp_path / "spool", DISK_BYTES) as disk,
        crowded(disk.folder),
        read_only(disk.folder),
    ):
        raise ZeroDivisionError
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


def test_a_memory_limit_is_lifted_when_its_block_fails(limit):
    with pytest.raises(ZeroDivisionError), memory_limit(MEMORY_BYTES) as other:
        raise ZeroDivisionError
    assert (limit.folder.exists(), other.folder.exists()) == (True, False)
