"""What a proof of capture asks of the store: a few requests, however long producers have lived and how many there were.

The stores here make up what they are asked for, so that they hold years of captures and no files.
"""

from bisect import bisect_left
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.capture_proof import findings_of, read_evidence
from monitor_jobs.capture_proof.series import Series
from monitor_jobs.contract.manifest import Manifest, Outcome, manifest_address, sequence_of, unstored
from monitor_jobs.contract.watermark import (
    GapMarker,
    Watermark,
    closed_watermark_address,
    new_producer,
    open_watermark_address,
)
from monitor_jobs.contract.window import HOUR, Window
from monitor_jobs.object_store import ObjectMissing, S3Address
from monitor_jobs.object_store.port import StoredObject
from service.scheduler.completeness import completeness
from tests.integration.capture_spool import NOON, spec_of

SIDE = "s3://bucket/capture/_sextant/signs/AllTraffic"
MINUTE = timedelta(minutes=1)
LISTED_AT_ONCE = 1000  # keys that one request for a listing brings, as S3 has it
SEGMENTS = 100_000


class Ledger:
    """A store that holds these bodies, each made when it is asked for, and counts its requests."""

    def __init__(self, bodies):
        self.bodies = {S3Address.parse(address): body for address, body in bodies.items()}
        self.keys = sorted(address.key for address in self.bodies)
        self.requests = Counter()

    def get(self, address):
        self.requests["get"] += 1
        if address not in self.bodies:
            raise ObjectMissing(f"{address} is not there")
        return self.bodies[address]()

    def list(self, prefix):
        first = bisect_left(self.keys, prefix.key)
        last = bisect_left(self.keys, prefix.key + "\U0010ffff")
        self.requests["list"] += 1 + (last - first) // LISTED_AT_ONCE
        return iter([StoredObject(S3Address(prefix.bucket, key), 1, NOON) for key in self.keys[first:last]])


def long_lived(*, minutes=SEGMENTS, without=()):
    """A producer that left one empty segment a minute until noon, and lives."""
    born_at = NOON - minutes * MINUTE
    producer = new_producer(born_at)

    def manifest(number):
        return unstored(producer, number, born_at + (number - 1) * MINUTE, Outcome.EMPTY).to_json()

    mark = Watermark(producer=producer, sealed_until=NOON, flush_interval_seconds=60, last_sequence=minutes)
    numbers = (number for number in range(1, minutes + 1) if number not in without)
    bodies = {manifest_address(SIDE, producer, number): lambda number=number: manifest(number) for number in numbers}
    return bodies | {open_watermark_address(SIDE, producer): mark.to_json}


def proof_over(store, window):
    evidence = read_evidence(
        store, destination="s3://bucket/capture", endpoint="signs", variant="AllTraffic", window=window
    )
    return findings_of(evidence)


@pytest.fixture(scope="module")
def bodies():
    return long_lived()


@pytest.mark.parametrize("hours_ago", [1, 800, 1660])
def test_an_hour_of_a_hundred_thousand_manifests_costs_a_hundred_requests_and_three_listings(bodies, hours_ago):
    store = Ledger(bodies)
    window = Window(NOON - hours_ago * HOUR, NOON - (hours_ago - 1) * HOUR)
    assert proof_over(store, window).findings == ()
    assert store.requests["get"] <= 60 + 2 * 10 + 2 * 17 + 3  # the hour, its slack, two searches, the rest
    assert store.requests["list"] == 3  # open watermarks, closed ones, the hour's captures


def test_a_hole_is_found_among_a_hundred_thousand_manifests():
    store = Ledger(long_lived(without=(SEGMENTS - 30,)))
    (finding,) = proof_over(store, Window(NOON - HOUR, NOON)).findings
    assert finding.sequence == SEGMENTS - 30


def test_the_hours_before_a_hole_of_a_whole_hour_and_after_it_miss_it_and_the_others_do_not():
    store = Ledger(long_lived(minutes=600, without=range(301, 361)))
    proofs = [proof_over(store, Window(NOON - hours * HOUR, NOON - (hours - 1) * HOUR)) for hours in range(1, 11)]
    assert [len(proof.findings) for proof in proofs] == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]


def test_thousands_of_producers_that_ended_before_the_window_or_were_born_after_it_are_not_asked():
    bodies = {}
    for hours in range(2000):
        born_at = NOON - hours * HOUR + 20 * MINUTE
        mark = Watermark(
            producer=new_producer(born_at), sealed_until=born_at + 25 * MINUTE, flush_interval_seconds=1, closed=True
        )
        bodies[closed_watermark_address(SIDE, mark)] = mark.to_json
    store = Ledger(bodies)
    assert proof_over(store, Window(NOON - 1000 * HOUR, NOON - 999 * HOUR)).producers == 1
    assert (store.requests["get"], store.requests["list"]) == (
        5,
        5,
    )  # two watermarks, no first segment, no first gap, no retention


def test_a_scheduler_that_waits_looks_at_those_only_that_have_not_ended(tmp_path):
    ended = Watermark(producer="ended", sealed_until=NOON - HOUR, flush_interval_seconds=1, closed=True)
    alive = Watermark(producer="alive", sealed_until=NOON, flush_interval_seconds=1)
    bodies = {
        closed_watermark_address(SIDE, ended): ended.to_json,
        open_watermark_address(SIDE, "alive"): alive.to_json,
    }
    store, window = Ledger(bodies), Window(NOON - HOUR, NOON)
    assert completeness(store, spec_of(tmp_path), window, NOON).may_start
    assert store.requests == {"list": 1, "get": 1}


def counted(times, lost):
    """A series whose numbers, from 1, were opened in these hours, and what it was asked."""
    folder = f"{SIDE}/manifests/p/"

    def body(number):
        manifest = unstored("p", number, NOON + times[number - 1] * HOUR, Outcome.EMPTY)
        return b"damaged" if lost.get(number) == "damaged" else manifest.to_json()

    numbers = [number for number in range(1, len(times) + 1) if lost.get(number) != "missing"]
    store = Ledger({f"{folder}{number:012}.json": lambda number=number: body(number) for number in numbers})
    return Series(store, folder, len(times), lambda _number, text: Manifest.from_json(text)), store


@given(
    st.lists(st.integers(0, 30), max_size=40).map(sorted),
    st.dictionaries(st.integers(1, 40), st.sampled_from(["missing", "damaged"])),
    st.integers(0, 30),
    st.integers(1, 10),
)
def test_a_stretch_is_all_that_is_in_it_and_all_that_is_lost_beside_it(times, lost, start, hours):
    series, store = counted(times, lost)
    begin, end = NOON + start * HOUR, NOON + (start + hours) * HOUR
    stretch = series.stretch(lambda each: each.opened_at >= begin, lambda each: each.opened_at >= end)
    numbers = range(1, len(times) + 1)
    inside = {n for n in numbers if n not in lost and start <= times[n - 1] < start + hours}
    assert set(stretch.told) == inside
    for kind, found in (("missing", stretch.missing), ("damaged", stretch.damaged)):
        assert {n for n in numbers if lost.get(n) == kind and _beside(n, inside, lost)} <= set(found)
        assert all(lost[n] == kind for n in found)
    assert store.requests["get"] <= len(times) + 1


def _beside(number, inside, lost):
    """True where between this number and one inside there are lost ones only."""
    return any(all(n in lost for n in range(min(number, each) + 1, max(number, each))) for each in inside)


def test_numbers_that_follow_what_the_watermark_tells_are_read_until_one_is_missing():
    folder = f"{SIDE}/manifests/p/"
    numbers = [1, 2, 3, 5]
    bodies = {f"{folder}{n:012}.json": unstored("p", n, NOON, Outcome.EMPTY).to_json for n in numbers}
    series = Series(Ledger(bodies), folder, 1, lambda _number, text: Manifest.from_json(text))
    stretch = series.stretch(lambda _each: True, lambda _each: False)
    assert (list(stretch.told), stretch.missing) == ([1, 2, 3], ())


def test_a_marker_is_no_manifest():
    with pytest.raises(ValueError, match="Manifest"):
        Manifest.from_json(
            GapMarker(
                producer="p",
                sequence=1,
                written_at=NOON,
                sealed_until=NOON,
                gap={"from": NOON, "to": NOON + MINUTE, "dropped": 1, "reason": "disk_full"},
            ).to_json()
        )


def test_the_number_of_a_key_is_that_of_its_name():
    assert sequence_of(manifest_address(SIDE, "p", 123)) == 123
