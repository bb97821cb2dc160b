"""Executions with ground truth: a monitor written for AWS finds merged records of the right hours, and nothing else."""

import json
from datetime import timedelta

import pytest

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload
from monitor_jobs.contract.ground_truth import ground_truth_folder
from monitor_jobs.object_store import S3Address
from service.core.states import ExecutionStatus
from tests.integration.scheduling import NOON
from tests.wait import wait_until

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LABELS = "s3://bucket/labels"
INPUTS = [
    {
        "EndpointInput": {"EndpointName": "digits", "LocalPath": "/opt/ml/processing/input_data"},
        "GroundTruthS3Input": {"S3Uri": LABELS + "/"},
    }
]


def capture(house, *names, at=NOON, answer="3"):
    """One capture file with a record of each inference id."""
    output = Payload(observed_content_type="application/json", mode="OUTPUT", data=answer, encoding="JSON")
    metadata = [EventMetadata(event_id=f"event-{name}", inference_id=name, inference_time=at) for name in names]
    captured = CaptureData(endpoint_output=output)
    lines = [CaptureRecord(capture_data=captured, event_metadata=each).to_line() for each in metadata]
    house.capture_bytes(b"".join(lines), opened_at=at)


def upload(house, hour, name="labels.jsonl", **labels):
    """A file of ground truth in the folder of an hour."""
    lines = [
        {"groundTruthData": {"data": label, "encoding": "CSV"}, "eventMetadata": {"eventId": of}}
        for of, label in labels.items()
    ]
    address = S3Address.parse(f"{ground_truth_folder(LABELS, hour)}{name}")
    house.store.put(address, "\n".join(map(json.dumps, lines)).encode())


@pytest.fixture
def judged(house):
    """The execution over the hour of noon, asked for after it, by a foreign monitor; and the lines that it saw."""

    def judge(asked_at=NOON + HOUR):
        house.clock.now = asked_at
        house.add_schedule(action=("compare_with_ground_truth",), MonitoringInputs=INPUTS)
        ended = house.ended(house.start(), house.ask_for(start=NOON, end=NOON + HOUR))
        (seen,) = [key for key in house.reports() if key.endswith("seen.jsonl")] or [None]
        lines = house.store.get(S3Address("bucket", seen)).splitlines() if seen else []
        return ended, [json.loads(line) for line in lines]

    return judge


def labels_in(records):
    return {record["eventMetadata"]["inferenceId"]: record["groundTruthData"]["data"] for record in records}


def test_a_foreign_monitor_finds_the_label_in_each_captured_line(house, judged):
    capture(house, "a", "b", "c")
    upload(house, NOON, a="3", b="7", elsewhere="1")
    ended, seen = judged()
    assert labels_in(seen) == {"a": "3", "b": "7"}
    assert (ended.status, ended.violations, ended.window_records) == (
        ExecutionStatus.COMPLETED_WITH_VIOLATIONS,
        1,  # a row with metric_name and no feature_name, as AWS writes it
        3,
    )


def test_a_merged_file_lies_where_its_captures_would(house, judged):
    capture(house, "a", at=NOON + HOUR / 2)
    upload(house, NOON, a="3")
    ended, _ = judged()
    job = house.job_of(ended.id).request
    assert job["Environment"]["dataset_source"] == "/opt/ml/processing/input_data"
    assert json.loads(job["Environment"]["dataset_format"]).keys() == {"sagemakerMergeJson"}


def test_labels_that_come_late_count_until_the_execution_is_asked_for(house, judged):
    capture(house, "a", "b", "c")
    upload(house, NOON, a="1")
    upload(house, NOON + DAY, b="2")
    upload(house, NOON + 3 * DAY, c="3")
    _, seen = judged(asked_at=NOON + 2 * DAY)
    assert labels_in(seen) == {"a": "1", "b": "2"}


def test_labels_of_an_hour_before_the_window_are_not_looked_for(house, judged):
    capture(house, "a")
    upload(house, NOON - HOUR, a="1")
    ended, seen = judged()
    assert (ended.status, seen) == (ExecutionStatus.COMPLETED, [])
    assert ended.exit_message == "No verdict: 0 of 1 captures have a label"


def test_of_two_labels_the_one_of_the_later_upload_counts_whatever_its_name(house, judged):
    capture(house, "a", "b")
    upload(house, NOON, "z.jsonl", a="old", b="old")
    upload(house, NOON, "b.jsonl", a="new")
    upload(house, NOON + HOUR, "a.jsonl", b="newest")
    _, seen = judged(asked_at=NOON + 2 * HOUR)
    assert labels_in(seen) == {"a": "new", "b": "newest"}


def test_other_files_beside_ground_truth_are_passed_over(house, judged):
    capture(house, "a")
    upload(house, NOON, "labels.jsonl.tmp", a="1")
    ended, _ = judged()
    assert ended.exit_message == "No verdict: 0 of 1 captures have a label"


def test_captures_outside_a_window_of_minutes_are_not_merged(house):
    capture(house, "a", at=NOON)
    capture(house, "b", at=NOON + HOUR / 2)
    upload(house, NOON, a="3", b="3")
    house.clock.now = NOON + HOUR
    house.add_schedule(action=("compare_with_ground_truth",), MonitoringInputs=INPUTS)
    house.ended(house.start(), house.ask_for(start=NOON, end=NOON + HOUR / 4))
    (seen,) = [key for key in house.reports() if key.endswith("seen.jsonl")]
    assert labels_in(map(json.loads, house.store.get(S3Address("bucket", seen)).splitlines())) == {"a": "3"}


def test_a_finished_execution_leaves_no_labels_behind(house, judged):
    capture(house, "a")
    upload(house, NOON, a="3")
    ended, _ = judged()
    assert ended.status is ExecutionStatus.COMPLETED
    root = house.folder / "jobs" / str(ended.processing_job_name) / "root"
    wait_until(lambda: not root.exists(), timeout_seconds=10, what="the job's folder to go")
