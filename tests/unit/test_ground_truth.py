"""Ground truth merged into captures: by which id, which of several labels, and what is counted of the rest."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.ground_truth import MergeCounts
from monitor_jobs.ground_truth import Merge, Uploads
from monitor_jobs.ground_truth.labels import MAX_LABEL_BYTES
from monitor_jobs.ground_truth.merging import with_ground_truth


def capture(event_id, inference_id=None, data="[3]"):
    metadata = {"eventId": event_id, "inferenceTime": "2026-11-20T12:00:00Z"}
    output = {"observedContentType": "application/json", "mode": "OUTPUT", "data": data, "encoding": "JSON"}
    named = metadata if inference_id is None else metadata | {"inferenceId": inference_id}
    return json.dumps({"captureData": {"endpointOutput": output}, "eventMetadata": named, "eventVersion": "0"}).encode()


def truth(name, data="1"):
    label = {"data": data, "encoding": "CSV"}
    line = {"groundTruthData": label, "eventMetadata": {"eventId": name}, "eventVersion": "0"}
    return json.dumps(line).encode()


@pytest.fixture
def merged(tmp_path):
    """Merges lines of captures with files of lines of ground truth: the merged records, and the counts."""

    def merge(captures, *uploads):
        source, target = tmp_path / "captures.jsonl", tmp_path / "merged.jsonl"
        source.write_bytes(b"\n".join(captures) + b"\n")
        labels = Uploads(tmp_path / "labels")
        for upload in uploads:
            file = tmp_path / "upload.jsonl"
            file.write_bytes(b"\n".join(upload) + b"\n")
            labels.add_file(file)
        merge = Merge(labels.labels())
        merge.merge_file(source, target)
        return [json.loads(line) for line in target.read_bytes().splitlines()], merge.counts()

    return merge


def labels_of(records):
    return {record["eventMetadata"]["eventId"]: record["groundTruthData"]["data"] for record in records}


def test_a_capture_gets_the_label_of_its_event(merged):
    records, counts = merged([capture("a"), capture("b")], [truth("b", "7"), truth("a", "3")])
    assert labels_of(records) == {"a": "3", "b": "7"}
    assert counts == MergeCounts(captures=2, labelled=2, labels=2, matched=2)


def test_a_merged_line_is_the_captured_one_and_its_label(merged):
    (record,), _ = merged([capture("a")], [truth("a", "cat")])
    label = record.pop("groundTruthData")
    assert (record, label) == (json.loads(capture("a")), {"data": "cat", "encoding": "CSV"})


def test_an_inference_id_is_looked_for_in_place_of_the_event_id(merged):
    records, _ = merged([capture("a", inference_id="mine")], [truth("a", "0"), truth("mine", "1")])
    assert labels_of(records) == {"a": "1"}


def test_a_label_of_the_event_is_none_of_a_capture_with_an_inference_id(merged):
    records, counts = merged([capture("a", inference_id="mine")], [truth("a")])
    assert (records, counts.unlabelled, counts.unmatched) == ([], 1, 1)


def test_an_empty_inference_id_is_none(merged):
    records, counts = merged([capture("a", "")], [truth("a", "3")])
    assert labels_of(records) == {"a": "3"}
    assert counts.matched == 1


def test_requests_that_share_an_inference_id_share_its_label(merged):
    records, counts = merged([capture("a", "mine"), capture("b", "mine")], [truth("mine", "4")])
    assert labels_of(records) == {"a": "4", "b": "4"}
    assert (counts.labelled, counts.matched) == (2, 1)


def test_the_label_that_was_uploaded_last_counts(merged):
    records, counts = merged([capture("a")], [truth("a", "1")], [truth("a", "2"), truth("a", "3")])
    assert labels_of(records) == {"a": "3"}
    assert (counts.labels, counts.repeated, counts.conflicting) == (1, 2, 2)


def test_the_same_label_again_is_no_conflict(merged):
    again = b' {"eventMetadata":{"eventId":"a"},"groundTruthData":{"encoding":"CSV","data":"1"}}'
    _, counts = merged([capture("a")], [truth("a", "1"), again])
    assert (counts.repeated, counts.conflicting) == (1, 0)


@pytest.mark.parametrize(
    ("before", "after", "conflicting"),
    [("1", 1, 0), ("1.0", " 1 ", 0), (True, "True", 0), ("1", "2", 1), (True, 1, 1), ("a", "A", 1)],
)
def test_a_label_spelt_anew_is_no_conflict_and_another_label_is(merged, before, after, conflicting):
    _, counts = merged([capture("a")], [truth("a", before), truth("a", after)])
    assert (counts.repeated, counts.conflicting) == (1, conflicting)


def test_captures_and_labels_without_each_other_are_counted_and_left_out(merged):
    records, counts = merged([capture("a"), capture("b")], [truth("b"), truth("c"), truth("d")])
    assert labels_of(records) == {"b": "1"}
    assert (counts.unlabelled, counts.unmatched) == (1, 2)
    assert counts.summary() == "1 of 2 captures have a label, 2 labels have no capture in the window"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json", "malformed"),
        (truth("a")[:-5], "malformed"),
        (truth("a").replace(b'"1"', b'"\xff"'), "malformed"),
        (b"[1, 2]", "wrong_schema"),
        (b'{"eventMetadata":{"eventId":"a"}}', "wrong_schema"),
        (b'{"groundTruthData":{"data":"1"},"eventMetadata":{}}', "wrong_schema"),
        (b'{"groundTruthData":{"data":null},"eventMetadata":{"eventId":"a"}}', "wrong_schema"),
        (b'{"groundTruthData":{"data":"1"},"eventMetadata":{"eventId":""}}', "wrong_schema"),
        (truth("a", "1" * MAX_LABEL_BYTES), "too_long"),
        (truth("a" * 2000), "too_long"),
    ],
)
def test_a_line_that_holds_no_label_is_counted_by_reason(merged, line, reason):
    records, counts = merged([capture("a")], [line, truth("a", "9")])
    assert labels_of(records) == {"a": "9"}
    assert counts.unreadable_labels == {reason: 1}


def test_labels_that_are_numbers_are_labels_too(merged):
    lines = [b'{"groundTruthData":{"data":%s},"eventMetadata":{"eventId":"%s"}}' % row for row in ((b"1", b"a"),)]
    records, _ = merged([capture("a")], lines)
    assert labels_of(records) == {"a": 1}


def test_captures_that_cannot_be_read_are_counted_as_every_monitor_counts_them(merged):
    _, counts = merged([capture("a")[:-10], b"{}", capture("b"), b""], [truth("a")])
    assert counts.unreadable_captures == {"truncated": 1, "wrong_schema": 1}
    assert counts.captures == 1


def test_no_captures_and_no_labels_merge_to_nothing(merged):
    assert merged([], []) == ([], MergeCounts())


@given(st.text(), st.text(min_size=1, max_size=20))
def test_any_label_and_any_answer_come_out_as_they_went_in(data, answer):
    line = json.loads(with_ground_truth(capture("a", data=answer) + b" \r\n", json.dumps({"data": data}).encode()))
    assert line["groundTruthData"] == {"data": data}
    assert line["captureData"]["endpointOutput"]["data"] == answer


def test_a_label_takes_few_bytes_of_memory_however_long_it_is(tmp_path):
    file = tmp_path / "labels.jsonl"
    file.write_bytes(b"\n".join(truth(f"event-{number:08}", "x" * 1000) for number in range(20_000)))
    tracemalloc.start()
    uploads = Uploads(tmp_path / "labels")
    uploads.add_file(file)
    labels = uploads.labels()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(labels) == 20_000
    assert kept < 60 * len(labels)
