"""The main loop over HTTP alone: deploy, invoke, capture, judge, on request and on a cron, with two kinds of model."""

import base64
import io
import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from monitor_jobs.contract.window import Window, format_timestamp, hours_of
from monitor_jobs.object_store import S3Address
from service.demo import packaging
from service.demo.digits import load_digits_split
from tests.e2e.packages import signs
from tests.e2e.service_under_test import ENDED, ROLE, next_second
from tests.wait import wait_until

KEY = re.compile(r"captures/(\w+)/AllTraffic/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl")
FILES = {
    "statistics.json",
    "constraint_violations.json",
    "constraints_violations.json",
    "report.html",
    "report.json",
}
MINUTE = timedelta(minutes=1)
BASELINE = "s3://sextant/baselines/first"
DATASET, OUTPUTS = "/opt/ml/processing/input/endpoint", "/opt/ml/processing/outputs"


@pytest.fixture(scope="module")
def service(running_service, tmp_path_factory):
    """Both models in service, and a schedule that is due every minute."""
    folder = tmp_path_factory.mktemp("packages")
    running_service.deploy("digits", packaging.write_package(folder / "digits.tar.gz"))
    running_service.deploy("signs", signs.write_package(folder / "signs.tar.gz"))
    for name in ("digits", "signs"):
        running_service.wait_in_service(name)
    running_service.schedule("skew", "digits", environment={"THRESHOLD": "0.5"})
    running_service.schedule("every-minute", "digits", cron="cron(* * ? * * *)")
    return running_service


@pytest.fixture(scope="module")
def scans():
    """Test scans, and their digits."""
    test = load_digits_split().test
    return test.images.numpy(), test.labels.numpy()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def png(scan):
    buffer = io.BytesIO()
    Image.fromarray((scan[0] * 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def send(service, images, **headers):
    """The window in which these scans were sent one by one."""
    start = next_second()
    for image in images:
        service.invoke("digits", npy(image[None]), "application/x-npy", **headers)
    return start, next_second()


def captured(service, name, inference_id):
    def found():
        records = service.captures(name)
        return [record for record in records if record.event_metadata.inference_id == inference_id]

    return wait_until(found, timeout_seconds=30, what=f"the capture of {inference_id}")


def test_a_scan_is_read_alike_in_every_content_type(service, scans):
    images, labels = scans
    bodies = {
        "application/x-npy": npy(images[:1]),
        "application/json": json.dumps(images[:1].tolist()).encode(),
        "image/png": png(images[0]),
    }
    answers = [service.invoke("digits", body, content_type) for content_type, body in bodies.items()]
    assert [int(np.argmax(answer[0])) for answer in answers] == [labels[0]] * 3


@pytest.mark.parametrize("encode", [signs.Photograph.png, signs.Photograph.jpeg])
def test_colour_photographs_are_answered_by_the_other_model(service, encode):
    photograph = signs.draw_photographs(1, seed=3)[0]
    content_type = f"image/{encode.__name__}"
    assert service.invoke("signs", encode(photograph), content_type) == [[photograph.label]]


def test_captures_lie_in_sagemakers_layout_and_no_other_file_beside_them(service, scans):
    service.invoke("digits", npy(scans[0][:1]), "application/x-npy", **_named("layout"))
    captured(service, "digits", "layout")
    keys = [entry.address.key for entry in service.store.list(S3Address("sextant", "captures/digits/"))]
    assert [key for key in keys if not KEY.fullmatch(key)] == []


@pytest.mark.parametrize(
    ("name", "content_type", "encoding"),
    [
        ("digits", "application/json", "JSON"),
        ("digits", "application/x-npy", "BASE64"),
        ("signs", "image/jpeg", "BASE64"),
    ],
)
def test_a_capture_holds_both_halves_as_they_went_over_the_wire(service, scans, name, content_type, encoding):
    bodies = {
        "application/json": json.dumps(scans[0][:1].tolist()).encode(),
        "application/x-npy": npy(scans[0][:1]),
        "image/jpeg": signs.draw_photographs(1, seed=5)[0].jpeg(),
    }
    body, inference_id = bodies[content_type], f"halves-{content_type}"
    answer = service.invoke(name, body, content_type, **_named(inference_id))
    (record,) = captured(service, name, inference_id)
    sent, got = record.capture_data.endpoint_input, record.capture_data.endpoint_output
    assert (sent.encoding, sent.observed_content_type, got.encoding) == (encoding, content_type, "JSON")
    assert sent.data == (body.decode() if encoding == "JSON" else base64.b64encode(body).decode())
    assert json.loads(got.data) == answer


def test_a_refused_request_is_not_captured(service, scans):
    assert service.post("digits", b"[[0]]", "application/json", **_named("refused")).status_code == 424
    service.invoke("digits", npy(scans[0][:1]), "application/x-npy", **_named("after-refused"))
    captured(service, "digits", "after-refused")
    assert "refused" not in {record.event_metadata.inference_id for record in service.captures("digits")}


def test_a_clean_window_is_completed_without_violations(service, scans):
    verdict = service.verdict(service.ask_for("skew", *send(service, scans[0][:40])))
    assert (verdict["MonitoringExecutionStatus"], verdict["WindowRecords"]) == ("Completed", 40)
    assert verdict["ExitMessage"] == "Completed: Job completed successfully with no violations."
    assert service.report(verdict, "constraint_violations.json") == {"violations": []}


def test_a_skewed_window_is_a_violation_with_its_records(service, scans):
    images, labels = scans
    window = send(service, images[labels == 7][:30], **_named("seven"))
    verdict = service.verdict(service.ask_for("skew", *window))
    assert (verdict["MonitoringExecutionStatus"], verdict["Violations"]) == ("CompletedWithViolations", 1)
    (row,) = service.report(verdict, "constraints_violations.json")["violations"]
    assert row["constraint_check_type"] == "class_skew_check"
    (violation,) = service.report(verdict)["violations"]
    assert {record["inference_id"] for record in violation["offending_records"]} == {"seven"}


def test_every_file_of_a_report_lies_where_the_job_says(service, scans):
    verdict = service.verdict(service.ask_for("skew", *send(service, scans[0][:2])))
    folder = service.report_folder(verdict)
    assert {entry.address.key.rpartition("/")[2] for entry in service.store.list(folder)} == FILES
    slot = datetime.fromtimestamp(verdict["ScheduledTime"], UTC)
    assert folder.key == f"reports/digits/skew/{slot:%Y/%m/%d/%H}/{slot:%M-%S}-{verdict['MonitoringExecutionId']}"


def test_an_empty_window_has_no_verdict_and_no_job(service):
    long_ago = datetime.now(UTC) - timedelta(days=40)
    verdict = service.verdict(service.ask_for("skew", long_ago, long_ago + MINUTE))
    assert verdict["ExitMessage"] == "No verdict: 0 records"
    assert "ProcessingJobArn" not in verdict


def test_the_cron_judges_the_minute_before_its_slot(service, scans):
    start, _ = send(service, scans[0][:25])
    slot = start.replace(second=0) + MINUTE

    def ended():
        listed = service.call("ListMonitoringExecutions", MonitoringScheduleName="every-minute", MaxResults=100)
        rows = {row["ScheduledTime"]: row for row in listed["MonitoringExecutionSummaries"]}
        row = rows.get(slot.timestamp())
        return row if row and row["MonitoringExecutionStatus"] in ENDED else None

    verdict = wait_until(ended, timeout_seconds=200, what=f"the verdict of {slot}")
    bounds = verdict["WindowStart"], verdict["WindowEnd"]
    assert bounds == ((slot - MINUTE).timestamp(), slot.timestamp())
    sent = [record.event_metadata.inference_time for record in service.captures("digits")]
    assert verdict["WindowRecords"] == sum(slot - MINUTE <= moment < slot for moment in sent)
    assert service.report_folder(verdict).key == _slot_folder(slot, verdict["MonitoringExecutionId"])


def test_a_window_that_shifts_from_its_baseline_is_a_violation(service, scans):
    images, labels = scans
    baseline = _baseline(service, *send(service, images[:100]))
    service.schedule("shift", "digits", baseline=baseline, environment={"THRESHOLD": "1"})
    window = send(service, images[labels < 3][:60])
    verdict = service.verdict(service.ask_for("shift", *window))
    (row,) = service.report(verdict, "constraint_violations.json")["violations"]
    assert row["constraint_check_type"] == "class_shift_check"


@pytest.mark.parametrize("name", ["digits", "signs"])
def test_every_record_is_accounted_for(service, name):
    counts = wait_until(lambda: _settled(service, name), timeout_seconds=30, what="an empty spool")
    kept = sum(counts.get(f"sextant_capture_{part}", 0) for part in KEPT)
    assert counts["sextant_capture_captured_records_total"] == kept == len(service.captures(name))


def test_no_record_is_stored_twice(service):
    ids = Counter(record.event_metadata.event_id for name in ("digits", "signs") for record in service.captures(name))
    assert [event for event, count in ids.items() if count > 1] == []


KEPT = ("stored_records_total", "backlog_records", "dropped_records_total", "quarantined_records_total")


def _settled(service, name):
    counts = service.endpoint_metrics(name)
    return counts if counts["sextant_capture_backlog_records"] == 0 else None


def _named(inference_id):
    return {"X-Amzn-SageMaker-Inference-Id": inference_id}


def _slot_folder(slot, execution):
    folder = f"reports/digits/every-minute/{slot:%Y/%m/%d/%H}"
    return folder if slot.minute == 0 else f"{folder}/{slot:%M-%S}-{execution}"


def _baseline(service, start, end):
    """The address of a baseline that a processing job makes from a window, once its captures are stored."""

    def stored():
        return sum(start <= record.event_metadata.inference_time < end for record in service.captures("digits")) == 100

    wait_until(stored, timeout_seconds=30, what="the window's captures")
    service.call("CreateProcessingJob", **_baseline_request(Window(start, end)))
    job = wait_until(lambda: _ended_job(service, "baseline"), timeout_seconds=60, what="the baseline")
    assert job["ProcessingJobStatus"] == "Completed", job
    return BASELINE


def _baseline_request(window):
    folders = [f"digits/AllTraffic/{hour:%Y/%m/%d/%H}" for hour in hours_of(window)]
    inputs = [
        {"S3Uri": f"s3://sextant/captures/{folder}", "LocalPath": f"{DATASET}/{folder}", "S3DataType": "S3Prefix"}
        for folder in folders
    ]
    output = {"S3Uri": BASELINE, "LocalPath": OUTPUTS, "S3UploadMode": "EndOfJob"}
    return {
        "ProcessingJobName": "baseline",
        "ProcessingInputs": [{"InputName": f"hour-{n}", "S3Input": each} for n, each in enumerate(inputs)],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "baseline", "S3Output": output}]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "AppSpecification": {"ImageUri": "sextant/class-skew"},
        "Environment": {
            "SEXTANT_ANALYSIS": "suggest_baseline",
            "dataset_source": DATASET,
            "output_path": OUTPUTS,
            "start_time": format_timestamp(window.start),
            "end_time": format_timestamp(window.end),
            "sagemaker_endpoint_name": "digits",
        },
        "RoleArn": ROLE,
    }


def _ended_job(service, name):
    job = service.call("DescribeProcessingJob", ProcessingJobName=name)
    return job if job["ProcessingJobStatus"] != "InProgress" else None
