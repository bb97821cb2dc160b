"""Manifests: one a segment, numbered without a hole, the same whoever writes them and however often."""

import hashlib
from datetime import timedelta

import pytest

from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.contract.manifest import Outcome, sequence_of
from monitor_jobs.object_store import S3Address
from service.endpoint.segment import SegmentName, State
from tests.integration.capture_spool import (
    CAPTURES,
    GAPS,
    MANIFESTS,
    NOON,
    Clock,
    FaultyFiles,
    Switched,
    exchange_of,
    gaps,
    manifests,
    offer_all,
    spec_of,
    spooled,
    started,
    stored_keys,
    watermarks,
)
from tests.integration.test_capture_recovery import child, killed_after, left_behind, line, swept
from tests.servers.failing_disk import Effect, FailingDisk, Fault
from tests.wait import wait_until

PATIENCE = 60


@pytest.fixture
def store(tmp_path):
    return Switched(tmp_path / "data")


def captured_by_the_second(spec, store, *, seconds=3, **seams):
    """One segment a second, of one record each, and a clean end."""
    clock = Clock(NOON)
    capture = started(spec, store, clock=clock, **seams)
    for second in range(seconds):
        offer_all(capture, [f"i-{second}"], at=clock.now)
        clock.advance(1)
    capture.close()
    return capture.snapshot()


def test_every_segment_has_a_manifest_that_tells_what_its_object_holds(tmp_path, store):
    captured_by_the_second(spec_of(tmp_path), store)
    for manifest in manifests(store):
        body = store.get(S3Address("bucket", manifest.object_key))
        assert (manifest.size_bytes, manifest.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert manifest.records == body.count(b"\n") > 0


def test_numbers_begin_at_one_and_have_no_hole(tmp_path, store):
    captured_by_the_second(spec_of(tmp_path), store, seconds=4)
    found = [each.sequence for each in manifests(store)]
    assert found == list(range(1, len(found) + 1)) != []


def test_the_name_of_a_manifest_tells_its_producer_and_number(tmp_path, store):
    captured_by_the_second(spec_of(tmp_path), store, seconds=1)
    (manifest,) = manifests(store)
    (found,) = store.list(MANIFESTS)
    assert found.address.key == f"{MANIFESTS.key}{manifest.producer}/000000000001.json"
    assert sequence_of(found.address.key) == 1


def test_a_manifest_tells_the_first_and_last_inference_time(tmp_path, store):
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    for seconds in (5, 2, 9):
        capture.offer(exchange_of(str(seconds), at=NOON + timedelta(seconds=seconds)))
    capture.close()
    (manifest,) = manifests(store)
    assert (manifest.first_inference_time, manifest.last_inference_time) == (
        NOON + timedelta(seconds=2),
        NOON + timedelta(seconds=9),
    )


def test_the_closed_watermark_tells_the_last_number(tmp_path, store):
    captured_by_the_second(spec_of(tmp_path), store)
    (watermark,) = watermarks(store)
    assert (watermark.closed, watermark.last_sequence) == (True, len(manifests(store)))


def test_a_segment_costs_two_writes_an_hour_its_index_and_every_write_a_look(tmp_path, store):
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="the first watermark")
    offer_all(capture, ["i"], at=NOON)
    capture.close()
    now = capture.snapshot()
    assert now.store_requests["upload", "ok"] == 1
    assert now.store_requests["head", "ok"] == now.store_requests["put", "ok"] + 1
    assert now.store_requests["put", "ok"] == 4  # the first watermark, the manifest, the index, the last watermark


class NoManifests(Switched):
    """A store that refuses manifests while it is told to, and nothing else."""

    refuses = True

    def put(self, address, body):
        if self.refuses and "/manifests/" in address.key:
            raise StoreUnavailable("no manifests today")
        super().put(address, body)


def test_no_segment_leaves_the_spool_before_its_manifest_is_stored(tmp_path):
    store, spec, clock = NoManifests(tmp_path / "data"), spec_of(tmp_path), Clock(NOON)
    capture = started(spec, store, clock=clock)
    offer_all(capture, ["kept"], at=NOON)
    clock.advance(1)
    wait_until(lambda: stored_keys(store), timeout_seconds=PATIENCE, what="the object")
    assert (len(spooled(spec, "sealed")), capture.snapshot().stored) == (1, 0)
    store.refuses = False
    capture.close()
    assert (len(manifests(store)), spooled(spec, "sealed")) == (1, [])


def test_a_watermark_does_not_pass_a_segment_without_a_manifest(tmp_path):
    store, clock = NoManifests(tmp_path / "data"), Clock(NOON)
    capture = started(spec_of(tmp_path), store, clock=clock)
    offer_all(capture, ["kept"], at=NOON)
    clock.advance(100)
    wait_until(lambda: stored_keys(store), timeout_seconds=PATIENCE, what="the object")
    assert all(each.sealed_until <= NOON for each in watermarks(store))
    store.refuses = False
    capture.close()


@pytest.mark.parametrize("died_before", ["the upload", "the manifest", "the unlink"])
def test_an_heir_continues_where_the_dead_stopped_with_the_same_bytes(tmp_path, store, died_before):
    spec = spec_of(tmp_path)
    path = left_behind(spec, line("a"), state=State.SEALED)
    kept = path.read_bytes()
    swept(spec, store)
    first = {found.address: store.get(found.address) for found in [*store.list(MANIFESTS), *store.list(CAPTURES)]}
    for address in first:
        if died_before == "the upload" or (died_before == "the manifest" and "/manifests/" in address.key):
            store.delete(address)
    path.write_bytes(kept)
    swept(spec, store)
    assert {address: store.get(address) for address in first} == first
    assert len(manifests(store)) == 1


def test_the_last_number_of_the_dead_is_told_even_where_it_delivered_that_one_itself(tmp_path, store):
    spec = spec_of(tmp_path)
    left_behind(spec, line("a"), state=State.SEALED)
    swept(spec, store)
    producer = manifests(store)[0].producer
    extra = manifests(store)[0].model_copy(update={"sequence": 7})
    store.put(S3Address("bucket", f"{MANIFESTS.key}{producer}/000000000007.json"), extra.to_json())
    left_behind(spec, line("b"), state=State.SEALED)
    heir = started(spec, store, clock=Clock(NOON))
    wait_until(lambda: last_told(store, producer) == 7, timeout_seconds=PATIENCE, what="the dead one's last number")
    heir.close()


@pytest.mark.parametrize("name", ["000000000001.json.bak", "000000000000.json"])
def test_a_file_of_somebody_elses_among_the_manifests_keeps_no_watermark_open(tmp_path, store, name):
    spec, producer = spec_of(tmp_path), "0" * 32
    store.put(S3Address("bucket", f"{MANIFESTS.key}{producer}/{name}"), b"not ours")
    store.put(S3Address("bucket", f"{GAPS.key}{producer}/{name}"), b"not ours")
    left_behind(spec, line("a"), state=State.SEALED)
    heir = started(spec, store, clock=Clock(NOON))
    wait_until(lambda: last_told(store, producer) == 1, timeout_seconds=PATIENCE, what="the dead one's last number")
    heir.close()


def last_told(store, producer):
    return max((each.last_sequence for each in watermarks(store) if each.producer == producer), default=None)


def test_after_kill_9_the_numbers_of_every_producer_have_no_hole(tmp_path, store):
    spec = spec_of(tmp_path)
    for round_number in range(3):
        with child(tmp_path, f"r{round_number}") as process:
            killed_after(process, 20)
    swept(spec, store)
    numbers = {}
    for each in manifests(store):
        numbers.setdefault(each.producer, []).append(each.sequence)
    assert len(numbers) == 3
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())


def test_a_segment_with_nothing_whole_in_it_has_a_manifest_and_no_object(tmp_path, store):
    left_behind(spec_of(tmp_path), line("a")[:10])
    swept(spec_of(tmp_path), store)
    assert ([each.outcome for each in manifests(store)], stored_keys(store)) == ([Outcome.EMPTY], [])


def test_a_quarantined_segment_has_a_manifest_that_says_so(tmp_path, store):
    spec = spec_of(tmp_path)
    path = left_behind(spec, b"damage\n" * 2)
    path.rename(path.with_name(SegmentName.new("0" * 32, 5, NOON).file(State.OPEN)))
    swept(spec, store)
    assert [(each.sequence, each.outcome) for each in manifests(store)] == [(5, Outcome.QUARANTINED)]


def test_a_file_that_was_opened_after_all_does_not_hide_the_one_that_has_its_number(tmp_path, store):
    disk = FailingDisk(Fault("open", 1, Effect.DONE_BUT_EIO))
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON), files=disk)
    offer_all(capture, ["refused", "stored"], at=NOON)
    capture.close()
    assert [(each.sequence, each.outcome) for each in manifests(store)] == [(1, Outcome.STORED)]


def test_a_vanished_segment_has_a_manifest_that_says_so(tmp_path, store):
    store.on, spec, clock = False, spec_of(tmp_path), Clock(NOON)
    capture = started(spec, store, clock=clock)
    offer_all(capture, ["gone"], at=NOON)
    clock.advance(5)
    (path,) = wait_until(lambda: spooled(spec, "sealed"), timeout_seconds=PATIENCE, what="a sealed segment")
    path.unlink()
    store.on = True
    capture.close()
    assert [each.outcome for each in manifests(store)] == [Outcome.VANISHED]


def test_dropped_records_use_no_number(tmp_path, store):
    capture = started(spec_of(tmp_path, budget_bytes=1), store, clock=Clock(NOON))
    offer_all(capture, ["no-room"], at=NOON)
    capture.close()
    assert ([gap.dropped for gap in gaps(store)], manifests(store)) == ([1], [])


@pytest.mark.parametrize("call", ["open", "write", "ftruncate", "fsync", "rename", "unlink"])
@pytest.mark.parametrize("nth", range(4))
def test_whichever_system_call_fails_the_numbers_have_no_hole(tmp_path, store, call, nth):
    files = FaultyFiles(call, 5)
    files.fail(1, after=nth)
    captured_by_the_second(spec_of(tmp_path), store, files=files)
    found = [each.sequence for each in manifests(store)]
    assert found == list(range(1, watermarks(store)[0].last_sequence + 1))


def test_a_file_that_never_took_a_record_gives_its_number_back(tmp_path, store):
    files = FaultyFiles("write", 5)
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON), files=files)
    files.fail(1000)  # the uploader writes too, and may come first
    offer_all(capture, [f"lost-{each}" for each in range(3)], at=NOON)
    files.fail(0)
    offer_all(capture, ["kept"], at=NOON)
    capture.close()
    assert [(each.sequence, each.records) for each in manifests(store)] == [(1, 1)]
    assert list(spec_of(tmp_path).spool_folder.iterdir()) == []
