import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor_jobs.contract.watermark import (
    Gap,
    GapMarker,
    Watermark,
    born_at_of,
    closed_watermark_address,
    closed_watermark_folder,
    closing_hour_of,
    floor_second,
    gap_address,
    gap_folder,
    new_producer,
    open_watermark_address,
    open_watermark_folder,
    producer_of,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SIDE = "s3://bucket/capture/_sextant/signs/AllTraffic"


def mark_of(**fields):
    return Watermark(producer="p1", sealed_until=NOON, flush_interval_seconds=60, **fields)


def marker_of(**gap):
    told = {"start": NOON, "end": NOON + timedelta(seconds=1), "dropped": 3, "reason": "spool_full"} | gap
    return GapMarker(producer="p1", sequence=7, written_at=NOON, sealed_until=NOON, gap=Gap(**told))


def test_an_open_watermark_lies_under_its_producers_name():
    assert open_watermark_address(SIDE, "p1") == f"{open_watermark_folder(SIDE)}p1.json"


def test_a_closed_watermark_lies_in_the_hour_in_which_it_was_closed():
    address = closed_watermark_address(SIDE, mark_of(closed=True))
    assert address == f"{closed_watermark_folder(SIDE)}2026/11/20/12/p1.json"
    assert (closing_hour_of(address), producer_of(address)) == (NOON, "p1")


@pytest.mark.parametrize("key", ["", "p1.json", "a/b/c/d/p1.json", "2026/13/20/12/p1.json", "watermarks/open/p1.json"])
def test_a_key_without_an_hour_is_of_no_closed_watermark(key):
    assert closing_hour_of(key) is None


def test_the_name_of_a_producer_tells_the_second_in_which_it_was_born():
    names = {new_producer(NOON + timedelta(seconds=0.9)) for _ in range(100)}
    assert {(len(name), born_at_of(name)) for name in names} == {(32, NOON)}
    assert len(names) == 100


@pytest.mark.parametrize("stranger", ["", "p1", "0x" * 16, "abcdef01", "a" * 33])
def test_the_name_of_a_stranger_tells_no_birth(stranger):
    assert born_at_of(stranger) is None


def test_a_gap_lies_under_its_producer_and_number():
    assert gap_address(SIDE, "p1", 7) == f"{gap_folder(SIDE, 'p1')}000000000007.json"


def test_a_watermark_is_written_in_whole_utc_seconds():
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    told = json.loads(Watermark(producer="p1", sealed_until=berlin, flush_interval_seconds=60).to_json())
    assert len(told.pop("checksum")) == 64
    assert told == {
        "producer": "p1",
        "sealed_until": "2026-11-20T12:00:00Z",
        "flush_interval_seconds": 60.0,
        "closed": False,
        "last_sequence": 0,
        "last_gap": 0,
    }


def test_a_watermark_survives_its_own_json():
    assert Watermark.from_json(mark_of(closed=True).to_json()) == mark_of(closed=True)


def test_a_gap_is_written_with_from_and_to():
    assert json.loads(marker_of().to_json())["gap"] == {
        "from": "2026-11-20T12:00:00Z",
        "to": "2026-11-20T12:00:01Z",
        "dropped": 3,
        "reason": "spool_full",
    }


def test_a_gap_marker_survives_its_own_json():
    assert GapMarker.from_json(marker_of(dropped=1).to_json()) == marker_of(dropped=1)


@given(st.integers(0), st.integers(1, 255))
def test_wherever_a_byte_is_changed_it_is_told(index, change):
    text = bytearray(marker_of().to_json())
    text[index % len(text)] ^= change
    with pytest.raises(ValueError, match="checksum"):
        GapMarker.from_json(bytes(text))


@given(st.integers(0))
def test_wherever_it_is_cut_it_is_told(length):
    text = marker_of().to_json()
    with pytest.raises(ValueError, match="checksum"):
        GapMarker.from_json(text[: length % len(text)])


def test_what_has_a_checksum_and_is_no_watermark_is_refused():
    with pytest.raises(ValueError, match="GapMarker"):
        GapMarker.from_json(mark_of().to_json())


@pytest.mark.parametrize("wrong", [{"end": NOON}, {"dropped": 0}, {"start": NOON.replace(tzinfo=None)}, {"by": "me"}])
def test_a_gap_that_says_nothing_is_refused(wrong):
    right = {"start": NOON, "end": NOON + timedelta(seconds=1), "dropped": 1, "reason": "disk_full"}
    with pytest.raises(ValidationError):
        Gap(**{**right, **wrong})


def test_a_whole_second_stays_itself():
    assert floor_second(NOON) == floor_second(NOON + timedelta(microseconds=999_999)) == NOON
