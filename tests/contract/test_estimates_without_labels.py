"""Model quality before labels come, by real processes: a labelled baseline, then windows of captures without labels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.unit.labelled_scores import CLASSES, captures, drawn

REPOSITORY = Path(__file__).parents[2]
DATASET, OUTPUT, CONSTRAINTS = (
    "opt/ml/processing/input/endpoint",
    "opt/ml/processing/resultdata",
    "opt/ml/constraints.json",
)
SURE, UNSURE = 4.0, 1.6


def model_quality(root: Path, content: bytes, **variables: str) -> dict:
    """The report of one run on these captures, or what it left of a baseline."""
    (root / DATASET).mkdir(parents=True, exist_ok=True)
    (root / DATASET / "captures.jsonl").write_bytes(content)
    environment = {"PATH": os.environ["PATH"], "problem_type": "MulticlassClassification", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "monitor_jobs.model_quality", "--root", str(root)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment | variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return {path.name: json.loads(path.read_text()) for path in (root / OUTPUT).glob("*.json")}


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> dict:
    content = captures(rows=3000, seed=1, distance=SURE, labelled=True)
    return model_quality(tmp_path_factory.mktemp("baseline"), content, SEXTANT_ANALYSIS="suggest_baseline")


@pytest.fixture
def judged(baseline, tmp_path):
    """Runs the monitor on captures against the baseline's constraints."""

    def run(content: bytes) -> dict:
        (tmp_path / "opt/ml").mkdir(parents=True)
        (tmp_path / CONSTRAINTS).write_text(json.dumps(baseline["constraints.json"]))
        return model_quality(tmp_path, content, baseline_constraints=f"/{CONSTRAINTS}")

    return run


def values(report: dict) -> dict[str, float]:
    return {row["name"]: row["value"] for row in report["measurements"]}


def test_a_labelled_baseline_leaves_a_calibration_beside_the_limits_of_metrics(baseline):
    constraints = baseline["constraints.json"]
    assert constraints["label_free_quality"]["calibration"]["names"] == [str(label) for label in range(CLASSES)]
    assert "temperature" in constraints["label_free_quality"]["calibration"]["scaling"]
    assert "accuracy" in constraints["multiclass_classification_constraints"]


def test_a_window_without_labels_is_judged_by_the_estimate(judged):
    files = judged(captures(rows=600, seed=2, distance=UNSURE, labelled=False))
    (violation,) = files["constraint_violations.json"]["violations"]
    assert violation["constraint_check_type"] == "estimated_accuracy_check"
    truth = drawn(600, 2, distance=UNSURE).right.mean()
    measured = values(files["report.json"])
    assert measured["estimated_accuracy_at_least"] <= truth <= measured["estimated_accuracy_at_most"]


def test_a_good_window_without_labels_says_its_estimate_in_place_of_silence(judged):
    files = judged(captures(rows=600, seed=3, distance=SURE, labelled=False))
    assert files["constraint_violations.json"]["violations"] == []
    assert "accuracy without labels is estimated at 0.9" in files["report.json"]["remark"]


def test_the_estimated_class_shares_are_in_the_statistics(judged):
    files = judged(captures(rows=600, seed=4, distance=SURE, labelled=False))
    shares = files["statistics.json"]["label_free_quality"]["estimated_class_shares"]
    assert all(row["low"] <= row["share"] <= row["high"] for row in shares.values())
    assert sum(row["share"] for row in shares.values()) == pytest.approx(1)


def test_when_labels_come_truth_stands_beside_the_estimate(judged):
    report = judged(captures(rows=600, seed=5, distance=SURE, labelled=True))["report.json"]
    measured = values(report)
    assert measured["estimate_error"] == pytest.approx(measured["estimate_of_labelled"] - measured["accuracy"])
    assert measured["estimate_covers_truth"] == 1
    assert report["remark"] == ""


def test_a_baseline_that_makes_no_errors_says_why_there_is_no_estimate(tmp_path):
    content = captures(rows=300, seed=6, distance=30.0, labelled=True)
    files = model_quality(tmp_path, content, SEXTANT_ANALYSIS="suggest_baseline")
    assert "300 right and 0 wrong predictions" in files["constraints.json"]["label_free_quality"]["withheld"]


def test_the_report_is_the_same_for_any_number_of_workers(judged, baseline, tmp_path):
    content = captures(rows=400, seed=7, distance=UNSURE, labelled=True)
    alone = judged(content)["report.json"]
    halves = content.split(b"\n")
    (tmp_path / DATASET / "more.jsonl").write_bytes(b"\n".join(halves[:150]))
    again = model_quality(
        tmp_path, b"\n".join(halves[150:]), baseline_constraints=f"/{CONSTRAINTS}", SEXTANT_JOB_WORKERS="2"
    )["report.json"]
    assert again["measurements"] == alone["measurements"]
    assert np.isfinite(values(alone)["estimated_accuracy"])
