"""The container contract, kept by a real process: `python -m monitor_jobs.class_skew --root DIR` on staged files.

Follows the AWS developer guide, "Container contract inputs" and "Container contract outputs".
"""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload
from monitor_jobs.contract.report import Report, Statistics, class_counts

REPOSITORY = Path(__file__).parents[2]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR_FOLDER = "demo/AllTraffic/2026/11/20/12"
ENVIRONMENT = {
    "dataset_format": '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}',
    "dataset_source": "/opt/ml/processing/input/endpoint",
    "output_path": "/opt/ml/processing/outputs",
    "start_time": "2026-11-20T12:00:00Z",
    "end_time": "2026-11-20T13:00:00Z",
    "sagemaker_endpoint_name": "demo",
    "sagemaker_monitoring_schedule_name": "hourly",
    "publish_cloudwatch_metrics": "Enabled",
}


def line(answer: Any, second: int = 0) -> bytes:
    """One captured exchange whose answer is this JSON value."""
    output = Payload(observed_content_type="application/json", mode="OUTPUT", data=json.dumps(answer), encoding="JSON")
    metadata = EventMetadata(event_id=f"event-{second}", inference_time=NOON + timedelta(seconds=second))
    return CaptureRecord(capture_data=CaptureData(endpoint_output=output), event_metadata=metadata).to_line()


def stage(root: Path, *lines: bytes, name: str = "00-00-000-a.jsonl") -> None:
    path = root / "opt/ml/processing/input/endpoint" / HOUR_FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))


def class_skew(root: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A run with the container's environment and nothing else of ours."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "OMP_NUM_THREADS": "1"}
    environment |= ENVIRONMENT | variables
    command = [sys.executable, "-m", "monitor_jobs.class_skew", "--root", str(root)]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def output(root: Path, name: str) -> str:
    return (root / "opt/ml/processing/outputs" / name).read_text()


def message(root: Path) -> str:
    return (root / "opt/ml/output/message").read_text()


@pytest.fixture(scope="module")
def skewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is left by a run over 322 answers of class 4 and 78 of class 7, in two files."""
    root = tmp_path_factory.mktemp("skewed")
    answers = [line([[4 if number < 322 else 7]], second=number) for number in range(400)]
    stage(root, *answers[:250])
    stage(root, *answers[250:], name="30-00-000-b.jsonl")
    finished = class_skew(root, THRESHOLD="0.5")
    assert finished.returncode == 0, finished.stderr
    (root / "log").write_text(finished.stdout)
    return root


def test_violations_have_sagemakers_three_fields(skewed):
    assert json.loads(output(skewed, "constraint_violations.json")) == {
        "violations": [
            {
                "feature_name": "predicted_class",
                "constraint_check_type": "class_skew_check",
                "description": "Class 4 predicted 80.5 % of the time (322 of 400), above the 50 % threshold",
            }
        ]
    }


def test_the_violations_are_found_under_both_their_names(skewed):
    assert output(skewed, "constraints_violations.json") == output(skewed, "constraint_violations.json")


def test_the_message_is_sagemakers(skewed):
    assert message(skewed) == "CompletedWithViolations: Job completed successfully with 1 violation."


def test_statistics_hold_the_class_counts(skewed):
    statistics = Statistics.model_validate_json(output(skewed, "statistics.json"))
    assert class_counts(statistics, "predicted_class") == {"4": 322, "7": 78}


def test_the_report_names_where_the_newest_offender_lies(skewed):
    report = Report.model_validate_json(output(skewed, "report.json"))
    newest = report.violations[0].offending_records[0]
    assert (newest.event_id, newest.object_key, newest.line) == ("event-321", f"{HOUR_FOLDER}/30-00-000-b.jsonl", 72)
    assert (report.endpoint, report.records, report.window_start) == ("demo", 400, NOON)


def test_metrics_are_one_json_object_a_line_with_their_dimensions(skewed):
    lines = (skewed / "opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl").read_text().splitlines()
    share = next(metric for metric in map(json.loads, lines) if metric["MetricName"] == "top_class_share")
    assert (share["Value"], share["Timestamp"]) == (0.805, "2026-11-20T13:00:00Z")
    assert share["Dimensions"] == [
        {"Name": "Endpoint", "Value": "demo"},
        {"Name": "MonitoringSchedule", "Value": "hourly"},
    ]


def test_the_log_repeats_the_sentence(skewed):
    assert "Class 4 predicted 80.5 % of the time (322 of 400)" in (skewed / "log").read_text()


def test_two_workers_leave_the_same_report(skewed, tmp_path):
    (tmp_path / "opt/ml/processing").mkdir(parents=True)
    (tmp_path / "opt/ml/processing/input").symlink_to(skewed / "opt/ml/processing/input")
    assert class_skew(tmp_path, SEXTANT_JOB_WORKERS="2").returncode == 0
    assert output(tmp_path, "report.json") == output(skewed, "report.json")


def test_a_baseline_is_suggested_and_then_used(tmp_path):
    stage(tmp_path, *(line([number % 2], second=number) for number in range(1000)))
    assert class_skew(tmp_path, SEXTANT_ANALYSIS="suggest_baseline").returncode == 0
    written = tmp_path / "opt/ml/processing/outputs"
    written.rename(tmp_path / "baseline")
    stage(tmp_path, *(line([number % 4 and 1], second=number) for number in range(1000)))
    class_skew(
        tmp_path, baseline_statistics="/baseline/statistics.json", baseline_constraints="/baseline/constraints.json"
    )
    (row,) = json.loads(output(tmp_path, "constraint_violations.json"))["violations"]
    assert row["constraint_check_type"] == "class_shift_check"
    assert row["description"].endswith(
        "Class 1 predicted 75 % of the time (750 of 1000), in the baseline 50 % (500 of 1000)"
    )


def test_labels_come_from_the_model_card(tmp_path):
    stage(tmp_path, *(line([[0.1, 0.9]], second=number) for number in range(30)))
    (tmp_path / "card.json").write_text('{"classes": ["cat", "dog"]}')
    class_skew(tmp_path, SEXTANT_MODEL_CARD="/card.json")
    assert "Class dog predicted 100 % of the time (30 of 30)" in output(tmp_path, "constraint_violations.json")


def test_one_record_is_no_alarm(tmp_path):
    stage(tmp_path, line([[4]]))
    assert class_skew(tmp_path).returncode == 0
    assert json.loads(output(tmp_path, "constraint_violations.json")) == {"violations": []}
    assert message(tmp_path) == "No verdict: 1 prediction, fewer than the 20 that skew is judged from"


def test_no_record_in_the_window_is_no_verdict(tmp_path):
    stage(tmp_path, line([[4]], second=3600), line([[4]], second=-1))
    assert class_skew(tmp_path).returncode == 0
    assert message(tmp_path) == "No verdict: 0 records"


def test_lines_that_cannot_be_read_are_counted_and_judged(tmp_path):
    stage(tmp_path, line([[4]]), line([[7]])[:-20], b"\n\xff\xfe\n")
    class_skew(tmp_path)
    report = Report.model_validate_json(output(tmp_path, "report.json"))
    assert (report.records, report.unreadable.total) == (1, 2)
    assert [violation.constraint_check_type for violation in report.violations] == ["unreadable_check"]


def test_a_threshold_that_is_no_number_ends_the_job_with_a_sentence(tmp_path):
    stage(tmp_path, line([[4]]))
    finished = class_skew(tmp_path, THRESHOLD="nan")
    assert (finished.returncode, finished.stderr) == (1, f"{message(tmp_path)}\n")
    assert message(tmp_path).startswith("THRESHOLD is 'nan': ")


def test_an_absent_dataset_ends_the_job_with_a_sentence(tmp_path):
    finished = class_skew(tmp_path)
    assert finished.returncode == 1
    assert message(tmp_path).endswith("set dataset_source to where the captures are")


def test_a_dataset_that_is_no_captures_ends_the_job_with_a_sentence(tmp_path):
    stage(tmp_path, b"a,b\n1,2\n", name="data.csv")
    finished = class_skew(tmp_path, dataset_format='{"csv": {"header": true}}')
    assert finished.returncode == 1
    assert message(tmp_path).startswith("class skew reads captures only: set dataset_format to sagemakerCaptureJson")


def test_an_output_that_cannot_be_written_leaves_its_traceback(tmp_path):
    stage(tmp_path, line([[4]]))
    (tmp_path / "opt/ml/processing/outputs").write_text("a file where a folder should be")
    finished = class_skew(tmp_path)
    assert finished.returncode == 1
    assert "Traceback" in finished.stderr
    assert message(tmp_path).startswith("class_skew failed unexpectedly")
