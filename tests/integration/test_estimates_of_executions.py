"""Executions of model quality before labels come: the monitor sees captures without a label, and estimates them."""

import json
import os
import subprocess
import sys

import pytest

from monitor_jobs.object_store import S3Address
from service.adapters.process_runner import ProcessRunner
from service.core.states import ExecutionStatus
from tests.integration import job_program
from tests.integration.scheduling import NOON
from tests.integration.test_ground_truth import HOUR, INPUTS, upload
from tests.unit.labelled_scores import captures, drawn

CONSTRAINTS = S3Address("bucket", "baseline/constraints.json")
WINDOW = {"rows": 600, "seed": 3, "distance": 4.0}
PROBLEM = {"problem_type": "MulticlassClassification"}


@pytest.fixture(scope="module")
def constraints(tmp_path_factory):
    """What the monitor suggests from labelled predictions."""
    root = tmp_path_factory.mktemp("baseline")
    dataset = root / "opt/ml/processing/input/endpoint"
    dataset.mkdir(parents=True)
    (dataset / "a.jsonl").write_bytes(captures(rows=3000, seed=1, distance=4.0, labelled=True))
    command = [sys.executable, "-m", "monitor_jobs.model_quality", "--root", str(root)]
    environment = {**os.environ, **PROBLEM, "SEXTANT_ANALYSIS": "suggest_baseline"}
    subprocess.run(command, env=environment, check=True, timeout=120)
    return (root / "opt/ml/processing/resultdata/constraints.json").read_bytes()


@pytest.fixture
def judged(house):
    """The execution over the hour of noon, by a monitor, and its report."""
    house.runner = ProcessRunner(job_program.environment(), rule=job_program.rule)
    house.capture_bytes(captures(**WINDOW, labelled=False), opened_at=NOON)

    def judge(image="sextant/model-quality", action=(), **definition):
        house.clock.now = NOON + HOUR
        monitor = {"ImageUri": image, "ContainerArguments": list(action)}
        house.add_schedule(
            MonitoringAppSpecification=monitor, MonitoringInputs=INPUTS, Environment=PROBLEM, **definition
        )
        ended = house.ended(house.start(), house.ask_for(start=NOON, end=NOON + HOUR))
        found = [key for key in house.reports() if key.endswith("/report.json")]
        return ended, json.loads(house.store.get(S3Address("bucket", found[0]))) if found else None

    return judge


@pytest.fixture
def baseline(house, constraints):
    house.store.put(CONSTRAINTS, constraints)
    return {"BaselineConfig": {"ConstraintsResource": {"S3Uri": str(CONSTRAINTS)}}}


def values(report):
    return {row["name"]: row["value"] for row in report["measurements"]}


def test_a_window_without_any_label_is_estimated(judged, baseline):
    ended, report = judged(**baseline)
    assert (ended.status, ended.window_records) == (ExecutionStatus.COMPLETED, 600)
    assert ended.exit_message.startswith("No verdict: 0 of 600 captures have a label; accuracy without labels is ")
    truth, measured = drawn(600, 3, distance=4.0).right.mean(), values(report)
    assert measured["estimated_accuracy_at_least"] <= truth <= measured["estimated_accuracy_at_most"]
    assert (measured["unlabelled_share"], measured["unreadable_share"]) == (1, 0)


def test_beside_a_few_labels_all_captures_are_estimated(house, judged, baseline):
    labels = drawn(600, 3, distance=4.0).labels.tolist()[:50]
    upload(house, NOON, **{f"3-{number}": str(label) for number, label in enumerate(labels)})
    _, report = judged(**baseline)
    measured = values(report)
    assert measured["unlabelled_share"] == pytest.approx(550 / 600)
    assert 0 < measured["estimated_accuracy_at_least"] < measured["estimated_accuracy"]
    assert measured["accuracy"] == pytest.approx(drawn(600, 3, distance=4.0).right[:50].mean())


def test_without_a_baseline_there_is_no_verdict(judged):
    ended, report = judged()
    assert ended.exit_message == "No verdict: 0 of 600 captures have a label"
    assert "estimated_accuracy" not in values(report)


def test_a_monitor_written_for_aws_is_not_started_without_a_label(judged):
    ended, report = judged(job_program.IMAGE, ("compare_with_ground_truth",))
    assert (ended.status, ended.processing_job_name, report) == (ExecutionStatus.COMPLETED, None, None)
    assert ended.exit_message == "No verdict: 0 of 600 captures have a label"
