import json
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from monitor_jobs.contract.watermark import (
    Gap,
    Watermark,
    floor_second,
    gap_address,
    gap_folder,
    watermark_address,
    watermark_folder,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SIDE = "s3://bucket/capture/_sextant/signs/AllTraffic"


def test_a_watermark_lies_under_its_producers_name():
    assert watermark_address(SIDE, "p1") == f"{SIDE}/watermarks/p1.json"


def test_every_watermark_lies_below_the_watermark_folder():
    assert watermark_address(SIDE, "p1").startswith(watermark_folder(SIDE))


def test_a_gap_lies_in_the_hour_in_which_it_starts():
    gap = uuid.UUID("0b7bfd33-c8a7-4adf-a09a-98fd0af79974")
    assert gap_address(SIDE, NOON + timedelta(seconds=61), gap) == f"{gap_folder(SIDE)}2026/11/20/12/01-01-{gap}.json"


def test_a_watermark_is_written_in_whole_utc_seconds():
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))
    text = Watermark(producer="p1", sealed_until=berlin, flush_interval_seconds=60).model_dump_json()
    assert json.loads(text) == {
        "producer": "p1",
        "sealed_until": "2026-11-20T12:00:00Z",
        "flush_interval_seconds": 60.0,
        "closed": False,
        "last_sequence": 0,
    }


def test_a_watermark_survives_its_own_json():
    watermark = Watermark(producer="p1", sealed_until=NOON, flush_interval_seconds=1, closed=True)
    assert Watermark.model_validate_json(watermark.model_dump_json()) == watermark


def test_a_gap_is_written_with_from_and_to():
    gap = Gap(start=NOON, end=NOON + timedelta(seconds=1), dropped=3, reason="spool_full")
    assert json.loads(gap.to_json()) == {
        "from": "2026-11-20T12:00:00Z",
        "to": "2026-11-20T12:00:01Z",
        "dropped": 3,
        "reason": "spool_full",
    }


def test_a_gap_survives_its_own_json():
    gap = Gap(start=NOON, end=NOON + timedelta(hours=2), dropped=1, reason="disk_full")
    assert Gap.model_validate_json(gap.to_json()) == gap


@pytest.mark.parametrize("wrong", [{"end": NOON}, {"dropped": 0}, {"start": NOON.replace(tzinfo=None)}, {"by": "me"}])
def test_a_gap_that_says_nothing_is_refused(wrong):
    right = {"start": NOON, "end": NOON + timedelta(seconds=1), "dropped": 1, "reason": "disk_full"}
    with pytest.raises(ValidationError):
        Gap(**{**right, **wrong})


def test_a_whole_second_stays_itself():
    assert floor_second(NOON) == floor_second(NOON + timedelta(microseconds=999_999)) == NOON
