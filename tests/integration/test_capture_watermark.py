"""Watermarks: what the store has is what they say, with traffic, without, and while the store is away."""

import os
from datetime import timedelta

import pytest

from monitor_jobs.contract.watermark import Watermark
from monitor_jobs.object_store.folder import FolderStore
from service.endpoint.accounting import Ledger
from service.endpoint.capture_lines import line_of
from service.endpoint.ownership import Destination, become_producer
from service.endpoint.segment import SegmentName, State
from service.endpoint.spool import Spool
from tests.integration.capture_spool import (
    NOON,
    Clock,
    Switched,
    config_of,
    exchange_of,
    gaps,
    offer_all,
    spec_of,
    started,
    stored_ids,
    stored_records,
    watermarks,
)
from tests.wait import wait_until

PATIENCE = 30
HERE = Destination(destination="s3://bucket/capture", endpoint="signs", variant="AllTraffic")


@pytest.fixture
def store(tmp_path):
    return Switched(tmp_path / "data")


def ids_of(count, prefix="i"):
    return [f"{prefix}-{number:05}" for number in range(count)]


def test_the_first_watermark_announces_the_producer(tmp_path, store):
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    (watermark,) = wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="a watermark")
    assert (watermark.closed, watermark.flush_interval_seconds) == (False, 1)
    capture.close()


def test_a_watermark_that_the_store_refused_is_put_again_before_the_next_interval(tmp_path, store):
    store.on = False
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    wait_until(lambda: capture.snapshot().store_requests.get(("put", "failed")), timeout_seconds=PATIENCE, what="a try")
    store.on = True
    wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="the first watermark")
    capture.close()


def test_a_flush_interval_ends_a_grace_after_the_full_minute(tmp_path):
    ledger = Ledger(budget_bytes=1, queue_bytes=1)
    spool = Spool(tmp_path, "0" * 32, 60, ledger, Clock(NOON), os)
    ticks = [spool.tick_at(NOON + timedelta(seconds=after)) for after in (-1, 0, 0.49, 0.5, 60.49, 60.5)]
    assert [tick - ticks[0] for tick in ticks] == [0, 0, 0, 1, 1, 2]


def test_the_watermark_reaches_a_full_minute_without_traffic(tmp_path, store):
    clock = Clock(NOON + timedelta(seconds=59))
    capture = started(spec_of(tmp_path, flush_seconds=60), store, clock=clock)
    clock.advance(1.5)
    wait_until(lambda: _sealed_until(store) == NOON + timedelta(minutes=1), timeout_seconds=PATIENCE, what="12:01:00")
    capture.close()


def test_the_watermark_waits_for_what_the_store_does_not_have(tmp_path, store):
    clock = Clock(NOON + timedelta(seconds=1))
    capture = started(spec_of(tmp_path), store, clock=clock)
    wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="the first watermark")
    store.on = False
    offer_all(capture, ["waits"], at=clock.now)
    clock.advance(100)
    wait_until(
        lambda: capture.snapshot().store_requests.get(("upload", "failed")), timeout_seconds=PATIENCE, what="a try"
    )
    assert _sealed_until(store) <= NOON + timedelta(seconds=1)
    store.on = True
    wait_until(
        lambda: _sealed_until(store) > NOON + timedelta(seconds=90), timeout_seconds=PATIENCE, what="the watermark"
    )
    assert stored_ids(store) == ["waits"]
    capture.close()


def test_whatever_a_watermark_passes_is_in_the_store(tmp_path, store):
    capture = started(spec_of(tmp_path), store)
    names = iter(ids_of(100_000))
    seen = []

    def passed_two_seconds():
        offer_all(capture, [next(names)])
        seen.append((_sealed_until(store), len(stored_ids(store))))
        return seen[-1][0] > seen[0][0] + timedelta(seconds=2)

    wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="the first watermark")
    wait_until(passed_two_seconds, timeout_seconds=PATIENCE, what="two more seconds")
    capture.close()
    times = [record["eventMetadata"]["inferenceTime"] for record in stored_records(store)]
    assert [until for until, _ in seen] == sorted(until for until, _ in seen)
    assert all(sum(time < _wire(until) for time in times) <= stored for until, stored in seen)


def test_the_last_watermark_is_closed_and_tells_the_whole_truth(tmp_path, store):
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    offer_all(capture, ["last"], at=NOON - timedelta(seconds=5))
    capture.close()
    (watermark,) = watermarks(store)
    assert (watermark.closed, watermark.sealed_until) == (True, NOON)


class Hooked(Switched):
    """A store during whose first upload something else happens."""

    def upload(self, path, address):
        hook, self.hook = self.hook, lambda: None
        hook()
        super().upload(path, address)


def test_an_interval_that_ends_during_an_upload_has_its_gap_and_watermark_without_the_next(tmp_path):
    store, clock = Hooked(tmp_path / "data"), Clock(NOON)
    capture = started(spec_of(tmp_path, budget_bytes=1), store, clock=clock)

    def another_interval():
        capture.offer(exchange_of("dropped during the upload", at=clock.now))
        clock.advance(1)
        wait_until(capture._spool.wake.is_set, timeout_seconds=PATIENCE, what="the end of the interval")

    store.hook = another_interval
    wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="the first watermark")
    capture.offer(exchange_of("dropped", at=clock.now))
    clock.advance(1)
    wait_until(lambda: len(gaps(store)) == 2, timeout_seconds=PATIENCE, what="the second gap")
    wait_until(lambda: _sealed_until(store) > NOON, timeout_seconds=PATIENCE, what="the watermark")
    capture.close()


def test_a_watermark_that_could_not_be_closed_stays_open(tmp_path, store):
    capture = started(spec_of(tmp_path), store)
    wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="a watermark")
    offer_all(capture, ["stranded"])
    store.on = False
    capture.close(timeout_seconds=0.5)
    assert [watermark.closed for watermark in watermarks(store)] == [False]


def test_the_last_watermark_is_not_before_a_record_of_a_clock_that_was_set_back(tmp_path, store):
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path, flush_seconds=86400), store, clock=clock)
    offer_all(capture, ["ahead"], at=NOON + timedelta(hours=1))
    capture.close()
    assert [each.sealed_until for each in watermarks(store)] == [NOON + timedelta(hours=1, seconds=1)]


def dead_producer(spec):
    """A producer that has died and left its lock."""
    spec.spool_folder.mkdir()
    ownership = become_producer(spec.spool_folder, HERE, NOON)
    ownership.let_go()
    return ownership.producer


def closed_by_an_heir(spec, store):
    """How far the watermark of a dead producer goes once an heir, at noon, has closed it."""
    heir = started(spec, store, clock=Clock(NOON))
    (dead,) = wait_until(
        lambda: [each for each in watermarks(store) if each.closed], timeout_seconds=PATIENCE, what="a closed watermark"
    )
    heir.close()
    return dead.sealed_until


def test_an_heir_whose_clock_was_set_back_does_not_set_the_watermark_back(tmp_path, store):
    spec, later = spec_of(tmp_path), NOON + timedelta(hours=1)
    dead = Watermark(producer=dead_producer(spec), sealed_until=later, flush_interval_seconds=1)
    store.put(HERE.open_watermark_of(dead.producer), dead.to_json())
    assert closed_by_an_heir(spec, store) == later


def test_an_heir_whose_clock_was_set_back_closes_after_the_last_record(tmp_path, store):
    spec, later = spec_of(tmp_path), NOON + timedelta(hours=1)
    name = SegmentName.new(dead_producer(spec), 1, later)
    line = line_of(exchange_of("ahead", at=later), later, config_of())
    (spec.spool_folder / name.file(State.OPEN)).write_bytes(line)
    assert closed_by_an_heir(spec, store) == later + timedelta(seconds=1)


def _sealed_until(store: FolderStore):
    return max((watermark.sealed_until for watermark in watermarks(store)), default=NOON - timedelta(days=1))


def _wire(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
