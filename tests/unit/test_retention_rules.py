"""Rules of retention: their text, which one an object has, and how old it is."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.retention import (
    CaptureFile,
    capture_file,
    ended_at,
    is_beside_captures,
    parse_retention,
    rule_for,
    told_variant,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CAPTURE = "captures/signs/AllTraffic/2026/11/20/12/00-01-000-0b7bfd33-c8a7-4adf-a09a-98fd0af79974.jsonl"


def test_rules_are_read_in_days_and_hours() -> None:
    rules = parse_retention("s3://bucket/captures=30d, s3://other/a/b/=12h,")
    assert [str(rule) for rule in rules] == ["s3://bucket/captures/ for 30 d", "s3://other/a/b/ for 12 h"]


@pytest.mark.parametrize(
    "text", ["s3://bucket=30d", "s3://bucket/=30d", "bucket/a=1d", "s3://bucket/a", "s3://bucket/a=0d", "s3://b/a=1w"]
)
def test_what_is_no_rule_is_named(text: str) -> None:
    with pytest.raises(BadInput, match=f"'{text}' is no retention"):
        parse_retention(f"s3://bucket/fine=1d,{text}")


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("s3://bucket/base/x", "s3://bucket/base/"),
        ("s3://bucket/base/deep/x", "s3://bucket/base/deep/"),
        ("s3://bucket/base/deeper/x", "s3://bucket/base/"),
        ("s3://bucket/baseline/x", None),
        ("s3://other/base/x", None),
        ("s3://bucket/x", None),
    ],
)
def test_an_object_has_the_rule_of_the_longest_folder_that_it_is_in(address: str, prefix: str | None) -> None:
    rule = rule_for(address, parse_retention("s3://bucket/base=1d, s3://bucket/base/deep=2d"))
    assert (rule.prefix if rule else None) == prefix


def test_a_capture_file_is_known_by_its_key() -> None:
    assert capture_file("bucket", CAPTURE) == CaptureFile("s3://bucket/captures", "signs", "AllTraffic", NOON)


@pytest.mark.parametrize(
    "key",
    ["a.jsonl", CAPTURE + ".part", CAPTURE.partition("/AllTraffic/")[2], "reports/" + "2026/11/20/12/report.json"],
)
def test_no_other_key_is_one(key: str) -> None:
    assert capture_file("bucket", key) is None


@pytest.mark.parametrize(
    ("key", "ended"),
    [
        (CAPTURE, NOON + timedelta(hours=1)),
        ("reports/signs/skew/2026/11/20/11/05-00-abc/report.json", NOON),
        ("packages/model.tar.gz", NOON - timedelta(days=9)),
        ("odd/2026/13/40/99/x", NOON - timedelta(days=9)),
    ],
)
def test_an_object_is_as_old_as_its_hour_and_else_as_its_last_change(key: str, ended: datetime) -> None:
    assert ended_at(key, NOON - timedelta(days=9)) == ended


def test_what_is_beside_captures_is_known() -> None:
    assert is_beside_captures("captures/_sextant/signs/AllTraffic/manifests/x/000000000001.json")
    assert not is_beside_captures(CAPTURE)


def test_the_variant_that_is_told_of_is_in_the_key() -> None:
    told = ("s3://bucket/captures", "signs", "AllTraffic")
    assert told_variant("bucket", "captures/_sextant/signs/AllTraffic/retention.json") == told
    assert told_variant("bucket", "_sextant/signs/AllTraffic/retention.json") == ("s3://bucket", "signs", "AllTraffic")
    assert told_variant("bucket", "captures/signs/AllTraffic/retention.json") is None
