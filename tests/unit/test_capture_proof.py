"""The proof of capture: what is removed from the store or altered in it is found, a whole window is complete."""

import json
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_jobs.capture_proof import findings_of, read_evidence, with_contents
from monitor_jobs.contract.completeness import FindingKind
from monitor_jobs.contract.window import HOUR, Window
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from tests.integration.capture_spool import (
    CAPTURES,
    GAPS,
    NOON,
    WATERMARKS,
    Clock,
    exchange_of,
    offer_all,
    spec_of,
    started,
)

MANIFESTS = S3Address("bucket", "capture/_sextant/signs/AllTraffic/manifests/")
WINDOW = Window(NOON, NOON + HOUR)
PRODUCERS, SECONDS = 2, 4


@pytest.fixture(scope="module")
def captured(tmp_path_factory):
    """Every object that two producers left of a clean hour, by address."""
    folder = tmp_path_factory.mktemp("captured")
    store = FolderStore(folder / "data")
    for producer in range(PRODUCERS):
        clock = Clock(NOON + timedelta(seconds=1))
        capture = started(spec_of(folder), store, clock=clock)
        for second in range(SECONDS):
            offer_all(capture, [f"{producer}-{second}-{each}" for each in range(3)], at=clock.now)
            clock.advance(1)
        clock.advance(3600)
        capture.close()
    return {found.address: store.get(found.address) for found in store.list(S3Address("bucket", ""))}


@pytest.fixture
def store(tmp_path, captured):
    return filled(tmp_path, captured)


def filled(folder, objects):
    store = FolderStore(folder)
    for address, body in objects.items():
        store.put(address, body)
    return store


def proof_of(store, window=WINDOW, *, reads=True):
    where = {"destination": "s3://bucket/capture", "endpoint": "signs", "variant": "AllTraffic"}
    evidence = read_evidence(store, window=window, **where)
    return findings_of(with_contents(evidence, store, "bucket") if reads else evidence)


def kinds(proof):
    return {finding.kind for finding in proof.findings}


def below(captured, prefix):
    return [address for address in captured if address.key.startswith(prefix.key)]


def altered(body):
    """As many bytes, one of them another."""
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


def test_a_clean_window_is_complete(store):
    assert proof_of(store).findings == ()


def test_a_clean_window_is_complete_without_reading_its_files_too(store):
    assert proof_of(store, reads=False).findings == ()


def test_an_hour_in_which_nothing_was_captured_is_complete(store):
    assert proof_of(store, Window(NOON - 5 * HOUR, NOON - 4 * HOUR)).complete


def test_nothing_at_all_is_complete(tmp_path):
    assert proof_of(FolderStore(tmp_path)).complete


def test_every_object_that_is_removed_is_missed(captured, tmp_path):
    for address in below(captured, CAPTURES):
        store = filled(tmp_path, captured)
        store.delete(address)
        (finding,) = proof_of(store).findings
        assert (finding.kind, f"s3://bucket/{finding.object_key}") == (FindingKind.MISSING_OBJECT, str(address))
        assert finding.records == captured[address].count(b"\n")


def test_every_manifest_that_is_removed_is_missed(captured, tmp_path):
    for address in below(captured, MANIFESTS):
        store = filled(tmp_path, captured)
        store.delete(address)
        assert FindingKind.HOLE in kinds(proof_of(store))
        store.put(address, captured[address])


def test_every_segment_that_is_removed_with_its_manifest_is_missed(captured, tmp_path):
    for address in below(captured, MANIFESTS):
        store = filled(tmp_path, captured)
        if key := json.loads(captured[address]).get("object_key"):
            store.delete(S3Address("bucket", key))
        store.delete(address)
        assert kinds(proof_of(store)) == {FindingKind.HOLE}


def test_every_object_that_is_altered_is_found(captured, tmp_path):
    for address in below(captured, CAPTURES):
        store = filled(tmp_path, captured)
        store.put(address, altered(captured[address]))
        assert kinds(proof_of(store)) == {FindingKind.CHANGED_OBJECT}


def test_every_object_that_is_cut_short_is_found_without_reading_it(captured, tmp_path):
    for address in below(captured, CAPTURES):
        store = filled(tmp_path, captured)
        store.put(address, captured[address][:-1])
        assert kinds(proof_of(store, reads=False)) == {FindingKind.CHANGED_OBJECT}


def test_every_field_of_a_manifest_that_is_altered_is_found(captured, tmp_path):
    address = below(captured, MANIFESTS)[1]
    told = json.loads(captured[address])
    other = {"records": 99, "size_bytes": 1, "sha256": "0" * 64, "sequence": 9, "producer": "x", "outcome": "empty"}
    other |= {"object_key": "elsewhere.jsonl", "opened_at": "2026-11-20T01:00:00Z"}
    other |= {"first_inference_time": "2026-11-20T01:00:00Z", "last_inference_time": "2026-11-20T01:00:00Z"}
    assert other.keys() == told.keys()
    for name, value in other.items():
        store = filled(tmp_path, captured)
        store.put(address, json.dumps(told | {name: value}).encode())
        assert not proof_of(store).complete or name == "opened_at", name


def test_a_manifest_that_is_no_json_is_found_whichever_it_is(captured, tmp_path):
    for address in below(captured, MANIFESTS):
        store = filled(tmp_path, captured)
        store.put(address, b"\0")
        assert FindingKind.UNREADABLE in kinds(proof_of(store))


def test_a_watermark_that_is_removed_leaves_files_that_nobody_tells_of(captured, store):
    store.delete(below(captured, WATERMARKS)[0])
    assert kinds(proof_of(store)) == {FindingKind.UNKNOWN_OBJECT}


def test_a_producer_that_has_not_sealed_the_window_is_named(captured, store):
    address = below(captured, WATERMARKS)[0]
    told = json.loads(captured[address]) | {"closed": False, "sealed_until": "2026-11-20T12:59:59Z"}
    store.put(address, json.dumps(told).encode())
    (finding,) = proof_of(store).findings
    assert (finding.kind, finding.producer) == (FindingKind.NOT_SEALED, told["producer"])


def test_a_gap_is_told_with_its_count_and_reason(store):
    gap = {"from": "2026-11-20T12:30:00Z", "to": "2026-11-20T12:30:01Z", "dropped": 7, "reason": "disk_full"}
    store.put(S3Address("bucket", f"{GAPS.key}2026/11/20/12/30-00-x.json"), json.dumps(gap).encode())
    (finding,) = proof_of(store).findings
    assert (finding.kind, finding.records, finding.reason) == (FindingKind.GAP, 7, "disk_full")
    assert proof_of(store, Window(NOON - HOUR, NOON)).complete


def test_a_gap_that_began_hours_before_the_window_counts(store):
    gap = {"from": "2026-11-20T07:00:00Z", "to": "2026-11-20T12:00:01Z", "dropped": 7, "reason": "disk_full"}
    store.put(S3Address("bucket", f"{GAPS.key}2026/11/20/07/00-00-x.json"), json.dumps(gap).encode())
    assert kinds(proof_of(store)) == {FindingKind.GAP}


def test_an_event_that_is_there_twice_is_found(captured, store):
    original = below(captured, CAPTURES)[0]
    copy = S3Address("bucket", original.key[:-6] + "9.jsonl")
    store.put(copy, captured[original])
    found = {finding.kind: finding.records for finding in proof_of(store).findings}
    assert found == {FindingKind.UNKNOWN_OBJECT: 0, FindingKind.DUPLICATE: captured[original].count(b"\n")}


def test_a_file_of_the_hour_that_begins_after_the_window_is_left_out(store):
    store.put(S3Address("bucket", f"{CAPTURES.key}2026/11/20/12/45-00-000-x.jsonl"), b"{}\n")
    assert proof_of(store, Window(NOON, NOON + HOUR / 2)).complete
    assert kinds(proof_of(store)) == {FindingKind.UNKNOWN_OBJECT}


def test_a_loss_elsewhere_is_no_finding_of_a_window_hours_away(captured, store):
    for address in below(captured, MANIFESTS)[1:3]:
        store.delete(address)
    assert proof_of(store, Window(NOON + 3 * HOUR, NOON + 4 * HOUR)).complete


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whichever_files_are_removed_the_proof_fails(captured, data):
    victims = [*below(captured, CAPTURES), *below(captured, MANIFESTS)]
    removed = data.draw(st.sets(st.sampled_from(victims), max_size=len(victims)))
    with TemporaryDirectory() as folder:
        store = filled(Path(folder), {address: body for address, body in captured.items() if address not in removed})
        assert proof_of(store).complete is (not removed)


def test_a_producer_of_many_segments_is_read_around_the_window_only(tmp_path):
    store = Counting(tmp_path / "data")
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path), store, clock=clock)
    for hour in range(40):
        capture.offer(exchange_of(str(hour), at=NOON + hour * HOUR))
    clock.advance(40 * 3600)
    capture.close()
    store.manifests_read = 0
    assert proof_of(store, Window(NOON + 20 * HOUR, NOON + 21 * HOUR)).findings == ()
    assert store.manifests_read <= 12


class Counting(FolderStore):
    """A store that counts the manifests that are read."""

    manifests_read = 0

    def get(self, address):
        self.manifests_read += "/manifests/" in address.key
        return super().get(address)
