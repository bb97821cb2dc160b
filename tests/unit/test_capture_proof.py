"""The proof of capture: what is removed from the store or altered in it is found, a whole window is complete."""

import json
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor_jobs.capture_proof import findings_of, read_evidence, with_contents
from monitor_jobs.contract.checked import with_checksum
from monitor_jobs.contract.completeness import FindingKind
from monitor_jobs.contract.watermark import Gap, GapMarker, Watermark
from monitor_jobs.contract.window import HOUR, Window
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from tests.integration.capture_spool import (
    CAPTURES,
    GAPS,
    MANIFESTS,
    NOON,
    WATERMARKS,
    Clock,
    offer_all,
    spec_of,
    started,
)

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


def named(proof):
    return {(finding.kind, finding.object_key) for finding in proof.findings}


def with_gap(captured, store, *, number=1, at=NOON, dropped=7, sealed_until=NOON, written_at=NOON + HOUR):
    """The address of a gap that the first producer has, and its watermark tells of."""
    mark = Watermark.from_json(captured[below(captured, WATERMARKS)[0]])
    store.put(below(captured, WATERMARKS)[0], mark.model_copy(update={"last_gap": number}).to_json())
    gap = Gap(start=at, end=at + timedelta(seconds=1), dropped=dropped, reason="disk_full")
    times = {"sealed_until": sealed_until, "written_at": written_at}
    marker = GapMarker(producer=mark.producer, sequence=number, gap=gap, **times)
    address = S3Address("bucket", f"{GAPS.key}{mark.producer}/{number:012}.json")
    store.put(address, marker.to_json())
    return address


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


def test_nothing_at_all_is_complete_but_says_that_nobody_captured(tmp_path):
    proof = proof_of(FolderStore(tmp_path))
    assert proof.complete
    assert proof.summary().startswith("Nobody captured in this window")


def test_a_clean_window_tells_how_many_captured_in_it(store):
    assert (proof_of(store).producers, proof_of(store).summary()) == (PRODUCERS, "Capture is complete.")


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
        assert (FindingKind.HOLE, address.key) in named(proof_of(store))
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
    del told["checksum"]
    other = {"records": 99, "size_bytes": 1, "sha256": "0" * 64, "sequence": 9, "producer": "x", "outcome": "empty"}
    other |= {"object_key": "elsewhere.jsonl", "opened_at": "2026-11-20T01:00:00Z"}
    other |= {"first_inference_time": "2026-11-20T01:00:00Z", "last_inference_time": "2026-11-20T01:00:00Z"}
    assert other.keys() == told.keys()
    for name, value in other.items():
        store = filled(tmp_path, captured)
        store.put(address, with_checksum(json.dumps(told | {name: value}).encode()))
        assert not proof_of(store).complete or name == "opened_at", name


def test_bytes_of_what_producers_tell_that_are_altered_are_found_and_named(captured, store):
    addresses = [below(captured, folder)[0] for folder in (MANIFESTS, WATERMARKS)]
    for address in (*addresses, with_gap(captured, store)):
        body = store.get(address)
        for index in range(0, len(body), 23):
            store.put(address, body[:index] + bytes([body[index] ^ 1]) + body[index + 1 :])
            assert (FindingKind.UNREADABLE, address.key) in named(proof_of(store, reads=False)), index
        store.put(address, body)


def test_a_manifest_that_is_no_json_is_found_whichever_it_is(captured, tmp_path):
    for address in below(captured, MANIFESTS):
        store = filled(tmp_path, captured)
        store.put(address, b"\0")
        assert FindingKind.UNREADABLE in kinds(proof_of(store))


def test_a_watermark_that_is_removed_leaves_files_that_nobody_tells_of(captured, store):
    store.delete(below(captured, WATERMARKS)[0])
    assert kinds(proof_of(store)) == {FindingKind.UNKNOWN_OBJECT}


def test_a_producer_that_has_not_sealed_the_window_is_named(captured, store):
    mark = reopened(captured, store, sealed_until=NOON + HOUR - timedelta(seconds=1))
    (finding,) = proof_of(store).findings
    assert (finding.kind, finding.producer) == (FindingKind.NOT_SEALED, mark.producer)


def reopened(captured, store, **told):
    """The first producer, which has not ended."""
    address = below(captured, WATERMARKS)[0]
    mark = Watermark.from_json(captured[address]).model_copy(update={"closed": False, **told})
    store.delete(address)
    store.put(S3Address("bucket", f"{WATERMARKS.key}open/{mark.producer}.json"), mark.to_json())
    return mark


def test_what_an_open_watermark_does_not_tell_of_yet_is_no_finding(captured, store):
    reopened(captured, store, last_sequence=1)
    assert proof_of(store).findings == ()


def test_a_producer_that_has_ended_and_is_still_among_the_open_has_ended(captured, store):
    address = below(captured, WATERMARKS)[0]
    reopened(captured, store, sealed_until=NOON)
    store.put(address, captured[address])
    assert proof_of(store).findings == ()


@pytest.fixture
def jumpy(tmp_path):
    """What one producer left whose clock was set by a day, on and back, within one watermark's interval."""
    store, clock = FolderStore(tmp_path / "jumpy"), Clock(NOON)
    capture = started(spec_of(tmp_path, flush_seconds=3600), store, clock=clock)
    for day in (0, 1, 0, -1, 0):
        clock.now = NOON + timedelta(days=day, seconds=5)
        offer_all(capture, [f"of {day}"], at=clock.now)
    capture.close()
    return store


@pytest.mark.parametrize("day", [-1, 0, 1])
def test_files_of_a_clock_that_was_set_by_days_are_known(jumpy, day):
    window = Window(NOON + timedelta(days=day), NOON + timedelta(days=day) + HOUR)
    assert proof_of(jumpy, window).findings == ()


def test_so_they_are_not_where_their_manifests_are_gone_or_nobody_knows_their_producer(jumpy):
    for prefix in (MANIFESTS, WATERMARKS):
        kept = {found.address: jumpy.get(found.address) for found in jumpy.list(prefix)}
        for address in kept:
            jumpy.delete(address)
        days = (NOON + timedelta(days=day) for day in (-1, 0, 1))
        assert any(FindingKind.UNKNOWN_OBJECT in kinds(proof_of(jumpy, Window(day, day + HOUR))) for day in days)
        for address, body in kept.items():
            jumpy.put(address, body)


def test_a_watermark_in_the_place_of_another_is_found(captured, store):
    first, second = below(captured, WATERMARKS)
    store.put(first, captured[second])
    assert (FindingKind.UNREADABLE, first.key) in named(proof_of(store))


def test_a_producer_that_was_born_after_the_window_is_not_asked(captured, store):
    reopened(captured, store)
    assert proof_of(store, Window(NOON - 5 * HOUR, NOON - 4 * HOUR)).producers == 0


def test_a_producer_that_ended_in_the_first_second_of_the_window_is_asked(captured, store):
    for address in below(captured, WATERMARKS):
        mark = Watermark.from_json(captured[address]).model_copy(update={"sealed_until": NOON})
        store.delete(address)
        store.put(S3Address("bucket", f"{WATERMARKS.key}closed/2026/11/20/12/{mark.producer}.json"), mark.to_json())
    assert (proof_of(store).findings, proof_of(store).producers) == ((), PRODUCERS)


def test_a_producer_that_ended_before_the_window_is_not_asked(store):
    assert proof_of(store, Window(NOON + 5 * HOUR, NOON + 6 * HOUR)).producers == 0


def test_a_gap_is_told_with_its_count_and_reason(captured, store):
    with_gap(captured, store, at=NOON + HOUR / 2)
    (finding,) = proof_of(store).findings
    assert (finding.kind, finding.records, finding.reason) == (FindingKind.GAP, 7, "disk_full")
    assert proof_of(store, Window(NOON - HOUR, NOON)).complete


def test_a_gap_that_a_full_disk_took_hours_later_counts(captured, store):
    with_gap(captured, store, written_at=NOON + 30 * HOUR)
    assert kinds(proof_of(store)) == {FindingKind.GAP}


def test_the_marker_of_a_gap_that_is_removed_is_missed(captured, store):
    address = with_gap(captured, store)
    store.delete(address)
    assert named(proof_of(store)) == {(FindingKind.HOLE, address.key)}


def test_markers_in_a_row_that_are_removed_are_one_finding(captured, store):
    with_gap(captured, store, number=9)
    (hole, gap) = sorted(proof_of(store).findings, key=lambda finding: finding.sequence)
    assert (hole.kind, hole.sequence, gap.kind, gap.sequence) == (FindingKind.HOLE, 1, FindingKind.GAP, 9)
    assert hole.detail == "a gap has no marker, nor have those up to number 8"


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
