"""The saliency monitor as a process on staged files: a baseline, windows like it and unlike it, and what it refuses."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload
from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.errors import BadInput, SextantError
from monitor_jobs.contract.report import Constraints, Report, Statistics
from monitor_jobs.saliency.signals import SIGNALS
from monitor_jobs.saliency_drift.monitor import perform
from tests.explained_package import SIDE, write_explained_package
from tests.pictures import encoded, scenes

REPOSITORY = Path(__file__).parents[2]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CAPTURES = "opt/ml/processing/input/endpoint/signs/AllTraffic/2026/11/20/12/00-00-000-a.jsonl"
OUTPUTS = "opt/ml/processing/outputs"
PICTURES = scenes(500, side=SIDE)


def record(number: int, body: bytes) -> bytes:
    half = Payload(
        observed_content_type="image/png", mode="INPUT", data=base64.b64encode(body).decode(), encoding="BASE64"
    )
    metadata = EventMetadata(event_id=f"event-{number}", inference_time=NOON + timedelta(seconds=number))
    return CaptureRecord(capture_data=CaptureData(endpoint_input=half), event_metadata=metadata).to_line()


def records_of(pictures: list[np.ndarray]) -> bytes:
    return b"".join(record(number, encoded(picture)) for number, picture in enumerate(pictures))


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("saliency")
    (root / CAPTURES).parent.mkdir(parents=True)
    (root / "opt/ml/processing/model").mkdir(parents=True)
    (root / "opt/ml/processing/baseline").mkdir(parents=True)
    shutil.copy(write_explained_package(root / "package"), root / "opt/ml/processing/model/model.tar.gz")
    return root


def staged(root: Path, captures: bytes, environment: dict[str, str]) -> dict[str, str]:
    """The environment of a run over these captures, whose files are in place."""
    (root / CAPTURES).write_bytes(captures)
    shutil.rmtree(root / OUTPUTS, ignore_errors=True)
    return {"output_path": f"/{OUTPUTS}", "sagemaker_endpoint_name": "signs", **environment}


def process(root: Path, captures: bytes, **environment: str) -> "subprocess.CompletedProcess[str]":
    inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "monitor_jobs.saliency_drift", "--root", str(root)],
        cwd=REPOSITORY,
        env=inherited | staged(root, captures, environment),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def judged(root: Path, captures: bytes, **environment: str) -> Report:
    perform(ContainerPaths(root), staged(root, captures, environment))
    return Report.model_validate_json((root / OUTPUTS / "report.json").read_text())


@pytest.fixture(scope="module")
def baseline(root) -> dict[str, str]:
    """The variables that name the baseline of the first 300 pictures."""
    done = process(root, records_of(PICTURES[:300]), SEXTANT_ANALYSIS="suggest_baseline")
    assert done.returncode == 0, done.stderr
    names = {"baseline_statistics": "statistics.json", "baseline_constraints": "constraints.json"}
    for name in names.values():
        shutil.copy(root / OUTPUTS / name, root / "opt/ml/processing/baseline" / name)
    return {variable: f"/opt/ml/processing/baseline/{name}" for variable, name in names.items()}


def checks(report: Report) -> set[str]:
    return {violation.constraint_check_type for violation in report.violations}


def test_a_baseline_holds_every_signal_of_every_record_and_what_is_usual(root, baseline):
    folder = root / "opt/ml/processing/baseline"
    statistics = Statistics.model_validate_json((folder / "statistics.json").read_text())
    present = {one.name: one.numerical_statistics.common.num_present for one in statistics.features}
    assert present == {**dict.fromkeys(SIGNALS, 300), "adversarial_score": 150}
    constraints = Constraints.model_validate_json((folder / "constraints.json").read_text())
    assert constraints.monitoring_config["saliency_drift"]["false_alarm_rate"] == 0.01


def test_a_window_like_the_baseline_is_clean(root, baseline):
    report = judged(root, records_of(PICTURES[300:450]), **baseline)
    assert not report.violations
    assert (report.records, report.remark) == (150, "")
    assert {f"{name}_drift" for name in SIGNALS} < {measured.name for measured in report.measurements}


def test_pictures_of_another_kind_are_drift_and_the_farthest_are_named(root, baseline):
    pictures = [(255 - picture // 3) for picture in PICTURES[300:450]]
    report = judged(root, records_of(pictures), **baseline)
    assert "saliency_drift_check" in checks(report)
    named = report.violations[0].offending_records
    assert len(named) == 25
    assert all(one.event_id == f"event-{one.line - 1}" and one.detail for one in named)


def test_no_more_records_are_asked_than_the_variable_says(root, baseline):
    report = judged(root, records_of(PICTURES[300:450]), SALIENCY_RECORDS="40", **baseline)
    (asked,) = (measured.value for measured in report.measurements if measured.name == "records_asked_again")
    assert (asked, report.records) == (40, 150)


def test_a_window_of_few_records_or_without_a_baseline_has_no_verdict(root, baseline):
    few = judged(root, records_of(PICTURES[300:320]), **baseline)
    assert few.remark == "No verdict: 20 records asked again, fewer than the 30 that drift is judged from"
    alone = judged(root, records_of(PICTURES[300:400]))
    assert alone.remark.startswith("No verdict: no baseline to compare with. Make a baseline with")


def test_records_that_cannot_be_asked_again_are_a_violation_with_why(root, baseline):
    broken = b"".join(record(number, b"no picture") for number in range(1000, 1050))
    report = judged(root, records_of(PICTURES[300:350]) + broken + b'{"cut short', **baseline)
    assert checks(report) == {"not_asked_check"}
    assert "50 of 100 sampled records could not be asked again" in report.violations[0].description
    assert "input_fn raised" in report.violations[0].description


@pytest.mark.parametrize(
    ("captures", "environment", "message"),
    [
        (record(1, b"no picture"), {}, "none of 1 sampled records could be asked again: input_fn raised"),
        (b"", {"SALIENCY_RECORDS": "0"}, "SALIENCY_RECORDS is '0': give a whole number"),
        (b"", {"SALIENCY_FALSE_ALARM_RATE": "2"}, "SALIENCY_FALSE_ALARM_RATE is '2': input should be less than"),
        (b"", {"dataset_format": '{"parquet":{}}'}, "saliency_drift reads captures only"),
        (
            records_of(PICTURES[:5]),
            {"SEXTANT_ANALYSIS": "suggest_baseline"},
            "5 records could be asked again: a baseline takes 200",
        ),
    ],
)
def test_a_job_that_cannot_judge_fails_with_why(root, captures, environment, message):
    with pytest.raises(SextantError, match=re.escape(message)):
        perform(ContainerPaths(root), staged(root, captures, environment))


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("statistics.json", lambda file: file["features"].pop(), "statistics.json does not hold as many values"),
        (
            "constraints.json",
            lambda file: file["monitoring_config"]["saliency_drift"].pop("usual"),
            "saliency_drift.usual in constraints.json is not what a baseline leaves there",
        ),
        (
            "constraints.json",
            lambda file: file["monitoring_config"]["saliency_drift"]["usual"]["whitening"].pop(),
            "saliency_drift.usual in constraints.json is not what a baseline leaves there",
        ),
    ],
)
def test_a_baseline_of_something_else_is_refused(root, baseline, tmp_path, name, damage, message):
    folder = root / "opt/ml/processing/baseline"
    kept = (folder / name).read_text()
    file = json.loads(kept)
    damage(file)
    (folder / name).write_text(json.dumps(file))
    with pytest.raises(BadInput, match=re.escape(message)):
        judged(root, records_of(PICTURES[:40]), **baseline)
    (folder / name).write_text(kept)


def test_a_process_that_cannot_judge_leaves_one_sentence_and_no_traceback(root):
    done = process(root, record(1, b"no picture"))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    said = (root / "opt/ml/output/message").read_text()
    assert said.startswith("none of 1 sampled records could be asked again: input_fn raised")
