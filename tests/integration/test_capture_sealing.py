"""When a segment is sealed, and in which hour its capture file lies."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from tests.integration.capture_spool import (
    CAPTURES,
    NOON,
    Clock,
    Switched,
    exchange_of,
    offer_all,
    spec_of,
    spooled,
    started,
    stored_ids,
    stored_keys,
    stored_records,
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


def test_each_full_hour_has_its_own_capture_file(tmp_path, store):
    before, after = NOON - timedelta(milliseconds=1), NOON + timedelta(milliseconds=1)
    captured(tmp_path, store, [exchange_of("a", at=before), exchange_of("b", at=after), exchange_of("c", at=before)])
    assert Counter(key[:13] for key in stored_keys(store)) == {"2026/11/20/11": 2, "2026/11/20/12": 1}


def test_every_record_lies_in_the_hour_of_its_inference_time(tmp_path, store):
    moments = [NOON + timedelta(minutes=25 * step) for step in range(12)]
    captured(tmp_path, store, [exchange_of(str(moment), at=moment) for moment in moments])
    for found in store.list(CAPTURES):
        hour = found.address.key.removeprefix(CAPTURES.key)[:13].replace("/", "-", 2).replace("/", "T")
        times = [json.loads(line)["eventMetadata"]["inferenceTime"] for line in store.get(found.address).splitlines()]
        assert all(time.startswith(hour) for time in times)


def test_a_segment_is_sealed_at_8_mib(tmp_path, store):
    capture = started(spec_of(tmp_path), store, clock=Clock(NOON))
    offer_all(capture, ids_of(7), at=NOON, request_bytes=2**20)  # six of them make 8 MiB of lines
    wait_until(lambda: stored_ids(store) == ids_of(6), timeout_seconds=PATIENCE, what="the full segment")
    capture.close()
    assert len(stored_keys(store)) == 2


def test_a_segment_is_sealed_when_a_flush_interval_ends(tmp_path, store):
    clock = Clock(NOON + timedelta(seconds=1))
    capture = started(spec_of(tmp_path, flush_seconds=60), store, clock=clock)
    offer_all(capture, ["early"], at=clock.now)
    clock.advance(60)
    wait_until(lambda: stored_ids(store) == ["early"], timeout_seconds=PATIENCE, what="the sealed segment")
    capture.close()


def test_nothing_is_sealed_before_the_flush_interval_ends(tmp_path, store):
    clock = Clock(NOON + timedelta(seconds=1))
    spec = spec_of(tmp_path, flush_seconds=60)
    capture = started(spec, store, clock=clock)
    offer_all(capture, ["early"], at=clock.now)
    clock.advance(59)
    offer_all(capture, ["later"], at=clock.now)
    assert (len(spooled(spec, "open")), stored_keys(store)) == (1, [])
    capture.close()
