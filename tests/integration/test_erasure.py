"""Erasing an id from captures: every place of it, proofs and monitors after it, and whatever breaks off on the way."""

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from monitor_jobs.capture_proof import findings_of, read_evidence, with_contents
from monitor_jobs.contract.completeness import FindingKind, RemovalKind
from monitor_jobs.contract.erasure import IdKind, Tombstone, event_folder
from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.contract.explanation import EXPLANATIONS_FILE, ClassScore, Explanation, Explanations
from monitor_jobs.contract.map_kind import MapKind
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.report import Dataset, OffendingRecord, Report, Statistics, UnreadableLines, Violation
from monitor_jobs.contract.retention import parse_retention
from monitor_jobs.contract.window import HOUR, Window
from monitor_jobs.erasure import Beside, Variant, begin, holding, pending, resume
from monitor_jobs.monitor import Baseline, Verdict
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.report_page import verdict_page
from monitor_jobs.retention import sweep
from monitor_jobs.side_index import read_index
from tests.integration.capture_spool import CAPTURES, NOON, Clock, Switched, offer_all, spec_of, started, stored_ids
from tests.servers.faulty_store import faulty_store
from tests.wait import wait_until

WINDOW = Window(NOON, NOON + HOUR)
KEY = b"k" * 32
ADA, BOB = "ada-4711", "bob"
LATER = NOON + 2 * HOUR
INDEX = S3Address("bucket", "capture/_sextant/signs/AllTraffic/index/")
REPORTS = "s3://bucket/reports/signs/"


class Counting(FolderStore):
    """A real folder store that fails at its n-th change, as one that is cut off does."""

    fails_at: int | None = None
    changes = 0

    def put(self, address, body):
        self._change()
        return super().put(address, body)

    def upload(self, path, address):
        self._change()
        return super().upload(path, address)

    def delete(self, address):
        self._change()
        super().delete(address)

    def _change(self):
        self.changes += 1
        if self.changes == self.fails_at:
            raise StoreUnavailable("cut off")


def captured(folder: Path, store: FolderStore, *, files: int = 3) -> None:
    """Some segments of an ended producer, each with lines of both."""
    clock = Clock(NOON + timedelta(seconds=1))
    capture = started(spec_of(folder), store, clock=clock)
    for _ in range(files):
        offer_all(capture, [BOB, ADA, BOB, ADA, BOB], at=clock.now)
        clock.advance(2)
        wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=30, what="delivery")
    clock.advance(3600)
    capture.close()


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    store = Counting(tmp_path / "data")
    captured(tmp_path, store)
    store.changes = 0
    return store


def variant_of(store: FolderStore) -> Variant:
    return Variant(store, "s3://bucket/capture", "signs", "AllTraffic")


def erase(store: FolderStore, value: str = ADA, kind: IdKind = IdKind.INFERENCE_ID, **changed: object) -> Tombstone:
    options = {"key": KEY, "now": LATER, "beside": Beside((REPORTS,)), "watch": lambda _key: None, **changed}
    return begin(variant_of(store), kind, value, **options)


def proof_of(store: FolderStore, *, reads: bool = True):
    variant = variant_of(store)
    where = {"destination": variant.destination, "endpoint": variant.endpoint, "variant": variant.variant}
    evidence = read_evidence(store, window=WINDOW, **where)
    return findings_of(with_contents(evidence, store, "bucket") if reads else evidence)


def everything(store: FolderStore) -> dict[str, bytes]:
    return {found.address.key: store.get(found.address) for found in store.list(S3Address("bucket", ""))}


def indexed(store: FolderStore, folder: Path) -> list[tuple[str, int, str]]:
    """Each row of the side index: its capture file, line, inference id."""
    for found in store.list(INDEX):
        path = folder / "index" / found.address.key.rpartition("/")[2]
        path.parent.mkdir(exist_ok=True)
        store.download(found.address, path)
    rows = []
    for columns in read_index(folder / "index", ModelCard()):
        ids = columns.inference_ids[range(len(columns.lines))]
        files = [columns.object_keys[each] for each in columns.files]
        rows += zip(files, columns.lines.tolist(), ids, strict=True)
    return rows


def report_with(store: FolderStore, *, key: str = "reports/signs/skew/2026/11/20/13/report.json") -> S3Address:
    """A report that names every captured record."""
    records = []
    for found in store.list(CAPTURES):
        for line, text in enumerate(store.get(found.address).splitlines(), 1):
            told = json.loads(text)["eventMetadata"]
            object_key = found.address.key.removeprefix("capture/")
            records.append(
                OffendingRecord(
                    event_id=told["eventId"], object_key=object_key, line=line, inference_id=told["inferenceId"]
                )
            )
    violation = Violation(
        feature_name="predicted_class", constraint_check_type="skew", description="14", offending_records=records
    )
    report = Report(
        monitor="class-skew",
        endpoint="signs",
        window_start=WINDOW.start,
        window_end=WINDOW.end,
        records=15,
        predictions=15,
        unreadable=UnreadableLines(),
        measurements=(),
        violations=(violation,),
    )
    store.put(S3Address("bucket", key), report.to_json().encode())
    verdict = Verdict((), (violation,), Statistics(dataset=Dataset(item_count=15), features=[]))
    page = verdict_page(report, verdict, Baseline(), schedule="skew").encode()
    store.put(S3Address("bucket", key.replace(".json", ".html")), page)
    return S3Address("bucket", key)


def test_no_object_of_the_store_holds_the_id_and_the_others_lines_are_all_there(store: Counting) -> None:
    report_with(store)
    assert any(ADA.encode() in body for body in everything(store).values())
    tombstone = erase(store)
    assert not [key for key, body in everything(store).items() if ADA.encode() in body]
    assert stored_ids(store) == [BOB] * 9
    assert (tombstone.done, tombstone.lines, sorted(tombstone.objects.values())) == (True, 6, [2, 2, 2])


def test_a_window_with_erasures_is_complete_and_names_them(store: Counting) -> None:
    tombstone = erase(store)
    for proof in (proof_of(store), proof_of(store, reads=False)):
        assert proof.complete
        assert proof.summary() == "Capture is complete. 6 records were erased."
        assert {removal.kind for removal in proof.removals} == {RemovalKind.ERASED}
        assert all(tombstone.name in removal.detail for removal in proof.removals)


def test_a_second_id_may_be_erased_from_the_same_files(store: Counting) -> None:
    erase(store)
    erase(store, BOB)
    assert stored_ids(store) == []
    assert proof_of(store).summary() == "Capture is complete. 15 records were erased."


def test_a_file_that_was_changed_in_another_way_is_still_found(store: Counting) -> None:
    key = next(iter(erase(store).objects))
    body = store.get(S3Address("bucket", key))
    store.put(S3Address("bucket", key), body.replace(b"14", b"15"))
    assert [finding.kind for finding in proof_of(store).findings] == [FindingKind.CHANGED_OBJECT]


def test_a_file_that_is_rewritten_and_not_amended_is_found(store: Counting) -> None:
    found = next(iter(store.list(CAPTURES)))
    lines = store.get(found.address).splitlines(keepends=True)
    store.put(found.address, b"".join(line for line in lines if ADA.encode() not in line))
    assert [finding.kind for finding in proof_of(store).findings] == [FindingKind.CHANGED_OBJECT]
    assert proof_of(store).losses().findings


def test_lines_that_come_back_are_found(store: Counting) -> None:
    before = everything(store)
    key = next(iter(erase(store).objects))
    store.put(S3Address("bucket", key), before[key])
    assert [finding.kind for finding in proof_of(store).findings] == [FindingKind.NOT_ERASED]


def test_the_side_index_says_what_the_captures_say_afterwards(store: Counting, tmp_path: Path) -> None:
    erase(store)
    left = [
        (found.address.key.removeprefix("capture/"), line, BOB)
        for found in store.list(CAPTURES)
        for line, _ in enumerate(store.get(found.address).splitlines(), 1)
    ]
    assert indexed(store, tmp_path) == left


def test_an_index_of_which_nothing_is_left_is_removed(store: Counting) -> None:
    erase(store)
    erase(store, BOB)
    assert list(store.list(INDEX)) == []


def test_reports_name_no_erased_record_and_the_others_where_they_are_now(store: Counting) -> None:
    address = report_with(store)
    erase(store)
    (violation,) = Report.model_validate_json(store.get(address)).violations
    assert {record.inference_id for record in violation.offending_records} == {BOB}
    for record in violation.offending_records:
        lines = store.get(S3Address("bucket", f"capture/{record.object_key}")).splitlines()
        assert json.loads(lines[record.line - 1])["eventMetadata"]["eventId"] == record.event_id


def test_the_page_beside_a_report_names_the_others_only(store: Counting) -> None:
    address = report_with(store)
    erase(store)
    page = store.get(S3Address("bucket", address.key.replace(".json", ".html"))).decode()
    assert ADA not in page
    assert page.count(f"<td>{BOB}</td>") == 9
    assert page.endswith("</html>\n")


def test_a_page_of_another_program_is_left_as_it_is(store: Counting) -> None:
    address = S3Address("bucket", report_with(store).key.replace(".json", ".html"))
    store.put(address, b"<p>\xff nothing of ours")
    erase(store)
    assert store.get(address) == b"<p>\xff nothing of ours"


def explained(store: FolderStore) -> S3Address:
    """Explanations of one record of each, with their pictures and maps, below a report."""
    folder = S3Address("bucket", "reports/signs/skew/2026/11/20/13/explanations")
    said = []
    for name in (ADA, BOB):
        for ending in ("png", "npy"):
            store.put(folder.joined(f"{name}.{ending}"), b"what was sent")
        said.append(
            Explanation(
                event_id=f"event of {name}",
                inference_id=name,
                position=0,
                predicted=ClassScore(index=1, name="stop", logit=2.0, probability=0.9),
                map_kind=MapKind.IDIAP,
                completeness_error=0.0,
                exact=True,
                outside_centre=0.1,
                parts={},
                picture_file=f"{name}.png",
                map_file=f"{name}.npy",
            )
        )
    found = Explanations(endpoint="signs", explanations=tuple(said), absent=(ADA, "nobody"))
    store.put(folder.joined(EXPLANATIONS_FILE), found.to_json().encode())
    return folder


def test_explanations_and_their_pictures_go_and_those_of_others_stay(store: Counting) -> None:
    folder = explained(store)
    erase(store)
    left = {found.address.key.rpartition("/")[2]: store.get(found.address) for found in store.list(folder)}
    assert set(left) == {EXPLANATIONS_FILE, f"{BOB}.png", f"{BOB}.npy"}
    assert ADA.encode() not in left[EXPLANATIONS_FILE]
    told = Explanations.from_json(left[EXPLANATIONS_FILE])
    assert [one.inference_id for one in told.explanations] == [BOB]
    assert told.absent == ("nobody",)


@pytest.mark.parametrize("fails_at", range(1, 30, 3))
def test_explanations_go_whatever_breaks_off_between(store: Counting, fails_at: int) -> None:
    folder = explained(store)
    store.changes, store.fails_at = 0, fails_at
    with suppress(StoreUnavailable):
        erase(store)
    store.fails_at = None
    erase(store)
    assert not [found for found in store.list(folder) if ADA in found.address.key]
    assert ADA.encode() not in store.get(folder.joined(EXPLANATIONS_FILE))


def test_a_list_that_names_a_file_elsewhere_removes_nothing_there(store: Counting) -> None:
    folder = explained(store)
    other = S3Address("bucket", "reports/signs/skew/report.png")
    store.put(other, b"another")
    listed = folder.joined(EXPLANATIONS_FILE)
    store.put(listed, store.get(listed).replace(f"{ADA}.png".encode(), b"../../../../../report.png"))
    erase(store)
    assert store.get(other) == b"another"


def test_what_another_program_wrote_with_the_id_is_named_and_left(store: Counting) -> None:
    foreign = S3Address("bucket", "reports/signs/skew/of-another.csv")
    store.put(foreign, f"{ADA},1\n".encode())
    tombstone = erase(store)
    assert holding(variant_of(store), tombstone, ADA, key=KEY) == [foreign]


def test_what_was_made_of_an_erased_event_goes_with_it(store: Counting) -> None:
    events = [json.loads(text)["eventMetadata"] for body in bodies(store) for text in body.splitlines()]
    for told in events:
        store.put(S3Address.parse(event_folder(variant_of(store).side, told["eventId"]) + "thumbnail.png"), b"x")
    erase(store)
    left = {
        found.address.key.split("/")[-2]
        for found in store.list(S3Address("bucket", "capture/_sextant/signs/AllTraffic/events/"))
    }
    assert left == {told["eventId"] for told in events if told["inferenceId"] == BOB}


def bodies(store: FolderStore) -> list[bytes]:
    return [store.get(found.address) for found in store.list(CAPTURES)]


def test_an_event_is_erased_alone(store: Counting) -> None:
    event = json.loads(bodies(store)[0].splitlines()[0])["eventMetadata"]["eventId"]
    assert erase(store, event, IdKind.EVENT_ID).lines == 1
    assert len(stored_ids(store)) == 14


def test_what_was_captured_after_it_was_asked_for_stays(store: Counting) -> None:
    assert erase(store, now=NOON + timedelta(seconds=2)).lines == 2
    assert stored_ids(store).count(ADA) == 4


def test_an_id_that_nothing_was_captured_of_leaves_everything_as_it_was(store: Counting) -> None:
    before = everything(store)
    assert erase(store, "nobody").lines == 0
    changed = {key for key, body in everything(store).items() if before.get(key) != body}
    assert all("/erasures/ids/" in key for key in changed)


def test_a_tombstone_holds_no_id_and_no_digest_that_can_be_made_without_the_key(store: Counting) -> None:
    assert erase(store).digests != erase(store, key=b"j" * 32).digests


def test_it_ends_the_same_wherever_it_was_broken_off(tmp_path: Path) -> None:
    whole = Counting(tmp_path / "data")
    captured(tmp_path, whole)
    report_with(whole)
    start = everything(whole)
    whole.changes = 0
    erase(whole)
    expected, steps = everything(whole), whole.changes
    assert steps > 10
    for step in range(1, steps + 1):
        store = Counting(tmp_path / f"step-{step}")
        for key, body in start.items():
            store.put(S3Address("bucket", key), body)
        store.changes, store.fails_at = 0, step
        with pytest.raises(StoreUnavailable, match="cut off"):
            erase(store)
        assert len(list(pending(variant_of(store)))) == (step > 2)
        assert not proof_of(store).losses().findings
        erase(store)
        assert everything(store) == expected


def test_a_line_that_is_still_in_the_spool_is_erased_once_it_arrives(tmp_path: Path) -> None:
    store, clock = Switched(tmp_path / "data"), Clock(NOON + timedelta(seconds=1))
    capture = started(spec_of(tmp_path), store, clock=clock)
    wait_until(lambda: list(variant_of(store).open_watermarks()), timeout_seconds=30, what="a watermark")
    offer_all(capture, [ADA, BOB], at=clock.now)
    tombstone = erase(store, now=clock.now)
    assert (tombstone.done, tombstone.lines, len(tombstone.waiting)) == (False, 0, 1)
    clock.advance(2)
    wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=30, what="delivery")
    tombstone = resume(variant_of(store), tombstone, key=KEY, now=clock.now)
    assert (tombstone.done, tombstone.lines, stored_ids(store)) == (False, 1, [BOB])
    clock.advance(3600)
    capture.close()
    (told,) = pending(variant_of(store))
    ended = resume(variant_of(store), told, key=KEY, now=clock.now)
    assert (ended.done, list(pending(variant_of(store)))) == (True, [])
    assert not [key for key, body in everything(store).items() if ADA.encode() in body]
    assert proof_of(store).complete


def test_a_segment_that_is_delivered_once_more_is_erased_once_more(tmp_path: Path) -> None:
    store, clock = Switched(tmp_path / "data"), Clock(NOON + timedelta(seconds=1))
    capture = started(spec_of(tmp_path), store, clock=clock)
    wait_until(lambda: list(variant_of(store).open_watermarks()), timeout_seconds=30, what="a watermark")
    offer_all(capture, [ADA, BOB], at=clock.now)
    clock.advance(2)
    wait_until(lambda: not capture.snapshot().backlog_records, timeout_seconds=30, what="delivery")
    (file,) = store.list(CAPTURES)
    delivered = store.get(file.address)
    told = erase(store, now=clock.now)
    store.put(file.address, delivered)
    told = told.model_copy(update={"waiting": dict.fromkeys(told.waiting, 0)})  # its watermark had not passed it yet
    assert resume(variant_of(store), told, key=KEY, now=clock.now).lines == 1
    assert stored_ids(store) == [BOB]
    capture.close()


def test_an_s3_server_is_erased_from_and_swept_like_a_folder(store: Counting) -> None:
    with faulty_store() as server:
        remote = server.connected()
        for key, body in everything(store).items():
            remote.put(S3Address("bucket", key), body)
        assert erase(remote).lines == 6
        assert not [key for key, body in everything(remote).items() if ADA.encode() in body]
        assert proof_of(remote).summary() == "Capture is complete. 6 records were erased."
        for _ in sweep(remote, parse_retention("s3://bucket/capture=1d"), LATER + timedelta(days=9)):
            pass
        assert list(remote.list(CAPTURES)) == []
        assert proof_of(remote).complete
