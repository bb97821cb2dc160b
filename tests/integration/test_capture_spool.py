"""Capture with real files, real threads and the folder store: what is offered is what lies in the store."""

import os
import random
import threading
import uuid
from contextlib import ExitStack
from datetime import timedelta

import pytest

from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.contract.errors import BadInput
from service.core.deployment import EndpointSpec, Exchange
from service.endpoint.capture import start_capture
from service.endpoint.segment import held
from service.endpoint.snapshot import DropReason, Source
from service.endpoint.uploader import backoff_seconds
from tests.integration.capture_spool import (
    NOON,
    Clock,
    Switched,
    config_of,
    exchange_of,
    gaps,
    offer_all,
    spec_of,
    spooled,
    started,
    stored_ids,
    stored_keys,
    stored_records,
    watermarks,
)
from tests.wait import wait_until

PATIENCE = 30


@pytest.fixture
def store(tmp_path):
    return Switched(tmp_path / "data")


def ids_of(count, prefix="i"):
    return [f"{prefix}-{number:05}" for number in range(count)]


def captured(tmp_path, store, exchanges, **fields):
    """The records of a capture that takes these exchanges and is closed."""
    capture = started(spec_of(tmp_path, **fields), store, clock=Clock(NOON))
    for exchange in exchanges:
        capture.offer(exchange)
    capture.close()
    return stored_records(store)


def test_everything_that_is_offered_is_stored_once(tmp_path, store):
    capture = started(spec_of(tmp_path), store)
    offer_all(capture, ids_of(2000))
    capture.close()
    assert stored_ids(store) == ids_of(2000)
    assert len({record["eventMetadata"]["eventId"] for record in stored_records(store)}) == 2000


def test_what_was_captured_is_what_the_ledger_says(tmp_path, store):
    capture = started(spec_of(tmp_path), store)
    offer_all(capture, ids_of(300))
    capture.close()
    now = capture.snapshot()
    assert (now.captured[Source.REQUEST], now.stored, now.backlog_records, now.balanced) == (300, 300, 0, True)


def test_nothing_is_left_in_the_spool_after_a_clean_end(tmp_path, store):
    spec = spec_of(tmp_path)
    capture = started(spec, store)
    offer_all(capture, ids_of(10))
    capture.close()
    assert list(spec.spool_folder.iterdir()) == []


def test_without_a_request_there_is_no_capture_file(tmp_path, store):
    assert captured(tmp_path, store, []) == []


def test_the_line_is_a_capture_record_with_both_bodies(tmp_path, store):
    (record,) = captured(tmp_path, store, [exchange_of("i", at=NOON)])
    parsed = CaptureRecord.model_validate(record)
    assert parsed.capture_data.endpoint_input.encoding == "BASE64"
    assert parsed.capture_data.endpoint_output.data == '{"predictions": [[14]]}'
    assert parsed.capture_data.endpoint_output.observed_content_type == "application/json; charset=utf-8"
    assert uuid.UUID(parsed.event_metadata.event_id).version == 4


@pytest.mark.parametrize(("mode", "halves"), [("Input", {"endpointInput"}), ("Output", {"endpointOutput"})])
def test_only_the_chosen_half_is_captured(tmp_path, store, mode, halves):
    (record,) = captured(tmp_path, store, [exchange_of("i", at=NOON)], config=config_of(mode=mode))
    assert record["captureData"].keys() == halves


def test_the_inference_time_is_the_whole_second_of_the_answer(tmp_path, store):
    (record,) = captured(tmp_path, store, [exchange_of("i", at=NOON + timedelta(seconds=7.999))])
    assert record["eventMetadata"]["inferenceTime"] == "2026-11-20T12:00:07Z"


def test_what_the_caller_did_not_send_is_absent(tmp_path, store):
    (record,) = captured(tmp_path, store, [Exchange(b"1", "text/csv", b"2", "text/csv", NOON)])
    assert record["eventMetadata"].keys() == {"eventId", "inferenceTime"}


def test_custom_attributes_are_a_list_of_one(tmp_path, store):
    (record,) = captured(tmp_path, store, [Exchange(b"1", "", b"2", "", NOON, custom_attributes="c=1")])
    assert record["eventMetadata"]["customAttributes"] == ["c=1"]


def test_a_record_larger_than_a_segment_is_captured_whole(tmp_path, store):
    (record,) = captured(tmp_path, store, [exchange_of("huge", at=NOON, request_bytes=9 * 2**20)])
    assert len(record["captureData"]["endpointInput"]["data"]) == 12 * 2**20


def test_a_record_that_cannot_be_encoded_is_dropped_and_counted(tmp_path, store):
    spec = spec_of(tmp_path)
    capture = started(spec, store)
    capture.offer(Exchange(b"1", "text/csv", b"2", "text/csv", NOON, custom_attributes="\ud800"))
    offer_all(capture, ["good"])
    capture.close()
    assert capture.snapshot().dropped[DropReason.UNENCODABLE] == 1
    assert stored_ids(store) == ["good"]


@pytest.mark.parametrize(("percentage", "expected"), [(0, 0), (100, 400)])
def test_the_ends_of_sampling_are_exact(tmp_path, store, percentage, expected):
    records = captured(tmp_path, store, map(exchange_of, ids_of(400)), config=config_of(percentage=percentage))
    assert len(records) == expected


def test_sampling_takes_what_the_generator_draws(tmp_path, store):
    generator = random.Random(7)
    drawn = [name for name in ids_of(400) if generator.random() < 0.25]
    captured(tmp_path, store, map(exchange_of, ids_of(400)), config=config_of(percentage=25))
    assert stored_ids(store) == drawn


def test_capture_that_is_switched_off_takes_nothing(tmp_path, store):
    off = config_of().model_copy(update={"enable_capture": False})
    assert captured(tmp_path, store, [exchange_of("i")], config=off) == []


def test_an_endpoint_without_capture_is_refused(tmp_path, store):
    spec = EndpointSpec(**{**spec_of(tmp_path).model_dump(), "data_capture": None})
    with pytest.raises(BadInput, match="signs has no DataCaptureConfig"):
        start_capture(spec, store, clock=Clock(NOON), generator=random.Random(1))


def test_a_spool_folder_that_cannot_be_made_is_named(tmp_path, store):
    (tmp_path / "spool").touch()
    with pytest.raises(BadInput, match=r"spool folder .* cannot be written to"):
        started(spec_of(tmp_path), store)


def test_only_capture_files_lie_below_the_variant(tmp_path, store):
    capture = started(spec_of(tmp_path, budget_bytes=2000), store)
    for name in ids_of(50):
        capture.offer(exchange_of(name))
    capture.close()
    assert gaps(store)
    assert watermarks(store)
    assert all(key.endswith(".jsonl") for key in stored_keys(store))


def test_an_outage_of_the_store_costs_nothing(tmp_path, store):
    store.on = False
    spec = spec_of(tmp_path)
    capture = started(spec, store)
    offer_all(capture, ids_of(100))
    wait_until(lambda: capture.snapshot().store_requests.get(("put", "failed")), timeout_seconds=PATIENCE, what="a try")
    assert (capture.snapshot().backlog_records, stored_keys(store)) == (100, [])
    store.on = True
    wait_until(lambda: stored_ids(store) == ids_of(100), timeout_seconds=PATIENCE, what="the backlog in the store")
    capture.close()


def test_what_an_outage_leaves_at_the_end_is_delivered_by_the_next_start(tmp_path, store):
    store.on = False
    capture = started(spec_of(tmp_path), store)
    offer_all(capture, ids_of(20))
    capture.close(timeout_seconds=0.5)
    store.on = True
    wait_until(
        lambda: _nobody_holds(spooled(spec_of(tmp_path), "lock")),
        timeout_seconds=PATIENCE,
        what="the first uploader's end",
    )
    heir = started(spec_of(tmp_path), store)
    wait_until(lambda: stored_ids(store) == ids_of(20), timeout_seconds=PATIENCE, what="the inherited records")
    heir.close()


def test_over_the_budget_exactly_what_is_missing_is_counted(tmp_path, store):
    store.on = False
    capture = started(spec_of(tmp_path, budget_bytes=50_000), store)
    offer_all(capture, ids_of(1000))
    dropped = sum(capture.snapshot().dropped.values())
    store.on = True
    capture.close()
    assert 0 < dropped < 1000
    assert len(stored_ids(store)) == 1000 - dropped


def test_the_spool_never_outgrows_its_budget(tmp_path, store):
    store.on = False
    spec = spec_of(tmp_path, budget_bytes=50_000)
    capture = started(spec, store)
    for name in ids_of(200):
        offer_all(capture, [name])
    on_disk = sum(path.stat().st_size for suffix in ("open", "sealed") for path in spooled(spec, suffix))
    capture.close(timeout_seconds=0.5)
    assert 45_000 < on_disk <= 50_000


def test_a_gap_tells_how_many_were_dropped_and_when(tmp_path, store):
    capture = started(spec_of(tmp_path, budget_bytes=3000), store, clock=Clock(NOON))
    offer_all(capture, ids_of(10), at=NOON + timedelta(seconds=2.5), request_bytes=4000)
    capture.close()
    (gap,) = gaps(store)
    assert (gap.dropped, gap.reason, gap.start, gap.end - gap.start) == (
        10,
        "spool_full",
        NOON + timedelta(seconds=2),
        timedelta(seconds=1),
    )


def test_room_that_uploading_makes_is_used_again(tmp_path, store):
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path, budget_bytes=3000), store, clock=clock)
    offer_all(capture, ids_of(20), at=clock.now)
    clock.advance(2)
    wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=PATIENCE, what="an empty spool")
    offer_all(capture, ["fits-again"], at=clock.now)
    capture.close()
    assert "fits-again" in stored_ids(store)


def test_a_record_after_the_end_is_dropped_and_counted(tmp_path, store):
    capture = started(spec_of(tmp_path), store)
    capture.close()
    capture.offer(exchange_of("late"))
    assert capture.snapshot().dropped[DropReason.CLOSED] == 1
    assert capture.snapshot().balanced


def test_a_scrape_is_balanced_while_threads_offer(tmp_path, store):
    capture = started(spec_of(tmp_path, budget_bytes=300_000), store)
    threads = [
        threading.Thread(target=lambda: list(map(capture.offer, map(exchange_of, ids_of(500))))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    snapshots = [capture.snapshot() for _ in range(500)]
    for thread in threads:
        thread.join()
    capture.close()
    assert all(snapshot.balanced for snapshot in (*snapshots, capture.snapshot()))
    assert capture.snapshot().captured[Source.REQUEST] == 1500


@pytest.mark.parametrize("failures", [1, 2, 5, 9, 50, 10_000])
def test_the_backoff_lies_between_its_floor_and_its_ceiling(failures):
    shortest, longest = backoff_seconds(failures, 0.0), backoff_seconds(failures, 0.999_999)
    assert shortest == 0.2
    assert 0.2 < longest <= min(60, 0.2 * 2.0 ** min(failures, 20))


def _nobody_holds(locks):
    with ExitStack() as stack:
        return all(stack.enter_context(held(lock)) for lock in locks)


def test_the_threads_that_nobody_waits_for_come_after_those_that_answer(tmp_path, store):
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    names = {thread.name: thread.native_id for thread in threading.enumerate() if thread.name.startswith("capture-")}

    def niceness() -> dict[str, int]:
        return {name: os.getpriority(os.PRIO_PROCESS, thread) for name, thread in names.items()}

    wait_until(lambda: niceness()["capture-syncer"], timeout_seconds=30, what="a lower priority")
    wait_until(lambda: niceness()["capture-uploader"], timeout_seconds=30, what="a lower priority")
    assert niceness()["capture-writer"] == os.getpriority(os.PRIO_PROCESS, 0)
    capture.close()
