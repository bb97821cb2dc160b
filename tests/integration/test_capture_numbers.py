"""Numbers of segments and gaps: none is left out and none is used twice, whatever fails or dies when."""

import errno
import os
from datetime import timedelta

import pytest

from monitor_jobs.capture_proof import findings_of, read_evidence, with_contents
from monitor_jobs.contract.completeness import FindingKind
from monitor_jobs.contract.errors import StoreRefused
from monitor_jobs.contract.manifest import Manifest, Outcome
from monitor_jobs.contract.watermark import Gap, GapMarker, Watermark
from monitor_jobs.contract.window import HOUR, Window
from monitor_jobs.object_store import S3Address
from service.endpoint.accounting import Ledger
from service.endpoint.gaps import Gaps
from service.endpoint.segment import SegmentName, State
from service.endpoint.spool import Spool
from tests.integration.capture_spool import (
    GAPS,
    MANIFESTS,
    NOON,
    WATERMARKS,
    Clock,
    FaultyFiles,
    Switched,
    exchange_of,
    gaps,
    manifests,
    offer_all,
    offer_one_by_one,
    spec_of,
    started,
    stored_ids,
    watermarks,
)
from tests.integration.test_capture_faults import TornWrites
from tests.integration.test_capture_recovery import left_behind, line, swept
from tests.wait import wait_until

PATIENCE = 60
PRODUCER = "0" * 32
GAP = Gap(start=NOON, end=NOON + timedelta(seconds=1), dropped=3, reason="disk_full")


@pytest.fixture
def store(tmp_path):
    return Switched(tmp_path / "data")


def spool_of(folder, files=os):
    return Spool(folder, PRODUCER, 1, Ledger(budget_bytes=1, queue_bytes=1), Clock(NOON), files)


def written(folder):
    paths = sorted(folder.glob("*.gap"))
    return [GapMarker.from_json(path.read_bytes()).sequence for path in paths]


def proof_of(store, hours=1):
    where = {"destination": "s3://bucket/capture", "endpoint": "signs", "variant": "AllTraffic"}
    evidence = read_evidence(store, window=Window(NOON, NOON + hours * HOUR), **where)
    return findings_of(with_contents(evidence, store, "bucket"))


def segment_left(spec, content, sequence, state=State.OPEN):
    path = left_behind(spec, content, state=state)
    path.rename(path.with_name(SegmentName.new(PRODUCER, sequence, NOON).file(state)))


def test_gaps_are_numbered_from_one(tmp_path):
    book = Gaps(spool_of(tmp_path))
    for _ in range(3):
        book.write(GAP)
    assert (written(tmp_path), book.last) == ([1, 2, 3], 3)


@pytest.mark.parametrize("call", ["open", "write", "fsync", "rename"])
def test_a_gap_that_is_not_written_takes_no_number(tmp_path, call):
    files = FaultyFiles(call, errno.EIO)
    book = Gaps(spool_of(tmp_path, files))
    files.fail(1)
    with pytest.raises(OSError, match="error"):
        book.write(GAP)
    book.write(GAP)
    assert written(tmp_path) == [1]


def test_a_gap_whose_file_is_there_has_its_number_even_where_its_folder_does_not_sync(tmp_path):
    files = FaultyFiles("fsync", errno.EIO)
    book = Gaps(spool_of(tmp_path, files))
    files.fail(1, after=1)  # the file's content is synced first
    book.write(GAP)
    book.write(GAP)
    assert (files.left, written(tmp_path)) == (0, [1, 2])


def test_a_gap_tells_what_the_watermark_had_promised_and_when_it_was_written(tmp_path):
    spool = spool_of(tmp_path)
    spool.ledger.promise(NOON - HOUR)
    Gaps(spool).write(GAP)
    (path,) = tmp_path.glob("*.gap")
    marker = GapMarker.from_json(path.read_bytes())
    assert (marker.sealed_until, marker.written_at, marker.gap) == (NOON - HOUR, NOON, GAP)


def test_the_gaps_of_a_producer_have_its_name_and_their_numbers(tmp_path, store):
    clock = Clock(NOON)
    capture = started(spec_of(tmp_path, budget_bytes=1), store, clock=clock)
    for second in range(3):
        capture.offer(exchange_of("dropped", at=clock.now))
        clock.advance(1)
        wait_until(lambda: len(gaps(store)) > second, timeout_seconds=PATIENCE, what="the gap")  # noqa: B023
    capture.close()
    (mark,) = watermarks(store)
    keys = [found.address.key.removeprefix(GAPS.key) for found in store.list(GAPS)]
    assert keys == [f"{mark.producer}/{number:012}.json" for number in (1, 2, 3)]
    assert mark.last_gap == 3


def test_a_disk_that_takes_the_gap_hours_later_hides_it_from_no_window(tmp_path, store):
    files, clock = FaultyFiles("open", errno.ENOSPC), Clock(NOON)
    capture = started(spec_of(tmp_path, budget_bytes=1), store, clock=clock, files=files)
    files.fail(10**9)
    capture.offer(exchange_of("dropped", at=NOON))
    clock.advance(30 * 3600)
    capture.offer(exchange_of("dropped later", at=clock.now))
    files.fail(0)
    capture.close()
    assert len(gaps(store)) == 2
    (finding,) = proof_of(store).findings
    assert (finding.kind, finding.records) == (FindingKind.GAP, 1)


def test_a_gap_that_the_dead_left_is_delivered_under_its_own_number(tmp_path, store):
    spec = spec_of(tmp_path)
    spec.spool_folder.mkdir()
    book = Gaps(spool_of(spec.spool_folder))
    for _ in range(2):
        book.write(GAP)
    swept(spec, store)
    assert [found.address.key[-17:] for found in store.list(GAPS)] == ["000000000001.json", "000000000002.json"]
    assert [mark.last_gap for mark in watermarks(store) if mark.producer == PRODUCER] == [2]


def test_an_heir_tells_the_last_numbers_that_the_store_has_over_a_hole(tmp_path, store):
    spec = spec_of(tmp_path)
    for sequence in (1, 2, 4):
        segment_left(spec, line(f"i-{sequence}"), sequence, State.SEALED)
    swept(spec, store)
    assert [mark.last_sequence for mark in watermarks(store) if mark.producer == PRODUCER] == [4]
    (hole,) = proof_of(store).findings
    assert (hole.kind, hole.sequence) == (FindingKind.HOLE, 3)


def test_a_segment_that_was_set_aside_is_one_finding_with_its_records(tmp_path, store):
    segment_left(spec_of(tmp_path), b"damage\n" * 2, 1)
    swept(spec_of(tmp_path), store)
    (finding,) = proof_of(store).findings
    assert (finding.kind, finding.reason, finding.records) == (FindingKind.LOST_SEGMENT, "quarantined", 2)
    assert proof_of(store).missing_records == 2


def test_what_is_damaged_of_a_segment_is_one_finding_and_the_rest_is_stored(tmp_path, store):
    segment_left(spec_of(tmp_path), b"damage\n" + line("a"), 1)
    swept(spec_of(tmp_path), store)
    (finding,) = proof_of(store).findings
    assert (finding.kind, finding.reason, finding.records) == (FindingKind.GAP, "quarantined", 1)
    assert stored_ids(store) == ["a"]


def test_a_manifest_that_cannot_be_read_in_the_spool_says_quarantined_all_the_same(tmp_path, store):
    segment_left(spec_of(tmp_path), b"no manifest", 1, State.LOST)
    swept(spec_of(tmp_path), store)
    assert [(each.sequence, each.outcome) for each in manifests(store)] == [(1, Outcome.QUARANTINED)]


def test_a_file_of_no_name_of_ours_is_a_gap_of_whoever_sets_it_aside(tmp_path, store):
    left_behind(spec_of(tmp_path), line("a")).rename(spec_of(tmp_path).spool_folder / "somebody.open")
    swept(spec_of(tmp_path), store)
    (gap,) = gaps(store)
    assert (gap.start, gap.dropped, gap.reason) == (NOON, 1, "quarantined")
    assert {(each.kind, each.sequence) for each in proof_of(store).findings} == {(FindingKind.GAP, 1)}


def test_a_file_that_never_took_a_record_and_cannot_be_emptied_has_a_manifest_before_its_producer_ends(tmp_path, store):
    files, clock = TornWrites(), Clock(NOON)
    capture = started(spec_of(tmp_path), store, clock=clock, files=files)
    wait_until(lambda: watermarks(store), timeout_seconds=PATIENCE, what="the first watermark")
    files.fail(1)
    offer_one_by_one(capture, ["half", "kept"], at=NOON)
    clock.advance(2)
    wait_until(lambda: len(manifests(store)) == 2, timeout_seconds=PATIENCE, what="both manifests")
    assert [each.outcome for each in manifests(store)] == [Outcome.EMPTY, Outcome.STORED]
    capture.close()
    assert stored_ids(store) == ["kept"]


class Stubborn(Switched):
    """A store that takes and gives everything, and deletes nothing."""

    def delete(self, address):
        raise StoreRefused(f"{address}: nobody may delete")


def test_whoever_may_not_delete_says_in_both_places_that_it_has_ended(tmp_path):
    store = Stubborn(tmp_path / "data")
    started(spec_of(tmp_path), store, clock=Clock(NOON)).close()
    marks = [Watermark.from_json(store.get(found.address)) for found in store.list(WATERMARKS)]
    assert [mark.closed for mark in marks] == [True, True]
    assert proof_of(store).findings == ()


def test_the_watermark_of_a_producer_that_has_ended_lies_in_its_hour(tmp_path, store):
    started(spec_of(tmp_path), store, clock=Clock(NOON)).close()
    (found,) = store.list(WATERMARKS)
    assert found.address.key.startswith(f"{WATERMARKS.key}closed/2026/11/20/12/")


def test_the_watermark_tells_no_number_beyond_what_is_left_in_the_spool(tmp_path, store):
    files, clock = FaultyFiles("rename", errno.EIO), Clock(NOON)
    capture = started(spec_of(tmp_path), store, clock=clock, files=files)
    files.fail(10**9)  # the first segment is never sealed
    offer_all(capture, ["stuck"], at=NOON)
    clock.advance(1)
    wait_until(lambda: 10**9 - files.left >= 2, timeout_seconds=PATIENCE, what="a try to seal it again")
    first_mark = watermarks(store)[0]
    files.fail(0)
    capture.close()
    assert (first_mark.last_sequence, watermarks(store)[0].last_sequence) == (0, 1)


def test_what_is_in_quarantine_takes_room_from_the_budget(tmp_path, store):
    spec = spec_of(tmp_path, budget_bytes=5000)
    segment_left(spec, b"damage\n" * 700, 1)
    capture = started(spec, store, clock=Clock(NOON))
    wait_until(lambda: manifests(store), timeout_seconds=PATIENCE, what="the manifest")
    offer_all(capture, ["no room"], at=NOON)
    capture.close()
    assert capture.snapshot().dropped["spool_full"] == 1


def test_whoever_removes_the_quarantine_has_the_room_again(tmp_path, store):
    spec, clock = spec_of(tmp_path, budget_bytes=5000), Clock(NOON)
    segment_left(spec, b"damage\n" * 700, 1)
    swept(spec, store)
    for path in (spec.spool_folder / "quarantine").iterdir():
        path.unlink()
    capture = started(spec, store, clock=clock)
    offer_all(capture, ["room"], at=NOON)
    capture.close()
    assert stored_ids(store) == ["room"]


def test_a_manifest_in_the_store_is_what_its_producer_wrote(tmp_path, store):
    segment_left(spec_of(tmp_path), line("a"), 1)
    swept(spec_of(tmp_path), store)
    body = store.get(S3Address("bucket", f"{MANIFESTS.key}{PRODUCER}/000000000001.json"))
    assert Manifest.from_json(body).to_json() == body
