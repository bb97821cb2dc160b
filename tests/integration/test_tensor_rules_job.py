"""The monitor of kept tensors as a process on staged steps: faulty networks, a healthy one, and what it refuses."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.errors import SextantError
from monitor_jobs.contract.report import Constraints, Report, Statistics
from monitor_jobs.tensor_rules.monitor import perform
from monitor_jobs.tensors.step_file import packed, unpacked
from tests.faulty_networks import dead, healthy, pictures, saturated, without_numbers
from tests.kept_tensors import keep_each, kept_folder

REPOSITORY = Path(__file__).parents[2]
DATASET = "opt/ml/processing/input/endpoint"
OUTPUTS = "opt/ml/processing/outputs"
BASELINE = "opt/ml/processing/baseline"
SENT = 40
BRIGHT = range(5, 8)
EVERYTHING = {"kind": "raw", "include_regex": ".*"}


def staged(root: Path, network, **asked: str) -> Path:
    """A container's root whose dataset is a network's steps."""
    keep_each(root / "endpoint", network, pictures(SENT, bright=BRIGHT), **(asked or EVERYTHING))
    shutil.copytree(kept_folder(root / "endpoint") / "signs", root / DATASET)
    return root


def environment_of(environment: dict[str, str]) -> dict[str, str]:
    return {"output_path": f"/{OUTPUTS}", "sagemaker_endpoint_name": "signs", **environment}


def judged(root: Path, **environment: str) -> Report:
    perform(ContainerPaths(root), environment_of(environment))
    return Report.model_validate_json((root / OUTPUTS / "report.json").read_text())


def process(root: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    inherited = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    return subprocess.run(
        [sys.executable, "-m", "monitor_jobs.tensor_rules", "--root", str(root)],
        cwd=REPOSITORY,
        env=inherited | environment_of(environment),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def checks(report: Report) -> dict[str, list[str]]:
    """The tensors that break each check."""
    found: dict[str, list[str]] = {}
    for row in report.violations:
        found.setdefault(row.constraint_check_type, []).append(row.feature_name)
    return found


def test_a_healthy_networks_steps_raise_nothing(tmp_path):
    report = judged(staged(tmp_path, healthy()))
    assert (report.violations, report.remark, report.records, report.predictions) == ((), "", SENT, SENT)
    assert (tmp_path / "opt/ml/output/message").read_text().startswith("Completed: Job completed successfully with no")


def test_a_layer_most_of_whose_channels_never_answer_is_named(tmp_path):
    report = judged(staged(tmp_path, dead()))
    assert checks(report) == {"dead_relu_check": ["1_output_0"]}
    assert report.violations[0].description.startswith("1_output_0: 6 of 8 units are dead")


def test_requests_whose_answers_are_no_numbers_are_named_by_their_ids_and_the_first_layer_first(tmp_path):
    report = judged(staged(tmp_path, without_numbers()))
    assert set(checks(report)) == {"exploding_tensor_check"}
    first = report.violations[0]
    assert first.feature_name == "0_output_0"
    for row in report.violations:
        assert {one.inference_id for one in row.offending_records} == {f"frame/{number}" for number in BRIGHT}
    assert re.fullmatch(
        r"AllTraffic/20261120T120000-0{8}/steps/2026/11/20/12/0{11}5_.*", first.offending_records[0].object_key
    )


def test_requests_that_saturate_a_sigmoid_are_named_and_no_others(tmp_path):
    report = judged(staged(tmp_path, saturated()))
    assert checks(report) == {"saturated_activation_check": ["1_input_0"]}
    assert [one.event_id for one in report.violations[0].offending_records] == [f"event-{one}" for one in BRIGHT]


def test_answers_that_are_no_numbers_are_found_in_what_reduced_keeps(tmp_path):
    report = judged(staged(tmp_path, without_numbers(), kind="reduced"))
    assert set(checks(report)) == {"exploding_tensor_check"}
    assert "sums" in checks(report)["exploding_tensor_check"]
    assert report.remark.startswith("No verdict: AllZero found no")


def test_only_steps_of_the_window_count(tmp_path):
    root = staged(tmp_path, without_numbers())
    report = judged(root, start_time="2026-11-20T12:00:06Z", end_time="2026-11-20T12:00:08Z")
    assert report.records == 2
    assert [one.event_id for one in report.violations[0].offending_records] == ["event-6", "event-7"]
    assert judged(root, start_time="2026-11-20T13:00:00Z", end_time="2026-11-20T14:00:00Z").remark == (
        "No verdict: 0 steps"
    )


def test_the_rules_are_the_users_to_say(tmp_path):
    root = staged(tmp_path, dead())
    assert not judged(root, TENSOR_RULES="AllZero,SaturatedActivation").violations
    assert not judged(root, TENSOR_RULES=json.dumps({"DeadRelu": {"threshold_layer": "80"}})).violations


def test_magnitudes_are_held_to_a_baseline(tmp_path):
    good, window = staged(tmp_path / "good", healthy()), staged(tmp_path / "window", saturated())
    done = process(good, SEXTANT_ANALYSIS="suggest_baseline")
    assert done.returncode == 0, done.stderr
    constraints = Constraints.model_validate_json((good / OUTPUTS / "constraints.json").read_text())
    assert set(constraints.monitoring_config["tensor_rules"]) > {"DeadRelu", "AllZero"}
    shutil.copytree(good / OUTPUTS, window / BASELINE)
    shutil.copytree(good / OUTPUTS, good / BASELINE)
    names = {"baseline_statistics": "statistics.json", "baseline_constraints": "constraints.json"}
    variables = {variable: f"/{BASELINE}/{name}" for variable, name in names.items()}
    assert not judged(good, **variables).violations
    # both networks have a module `1`, whose input the baseline knows
    assert "0_output_0" in checks(judged(window, **variables))["tensor_magnitude_check"]


def test_any_number_of_workers_comes_to_the_same_verdict(tmp_path):
    root = staged(tmp_path, without_numbers())
    assert judged(root, SEXTANT_JOB_WORKERS="1") == judged(root, SEXTANT_JOB_WORKERS="2")


def test_a_damaged_step_and_one_whose_load_is_gone_are_counted_and_the_rest_is_judged(tmp_path):
    root = staged(tmp_path, healthy())
    steps = sorted((root / DATASET).rglob("steps/**/*.zst"))
    steps[0].write_bytes(steps[0].read_bytes()[:-40])
    stray = root / DATASET / "AllTraffic/20261120T130000-11111111" / "/".join(steps[1].parts[-6:])
    stray.parent.mkdir(parents=True)
    shutil.copy(steps[1], stray)
    arrays, facts = unpacked(steps[2].read_bytes())
    ragged = json.loads(facts) | {"scores": [[0.0, 1.0], [2.0]]}
    steps[2].write_bytes(packed(arrays, json.dumps(ragged)))
    report = judged(root)
    assert report.records == SENT - 2
    assert report.unreadable.by_reason == {"damaged": 2, "without its hook.json": 1}
    assert checks(report) == {"unreadable_check": ["steps"]}


def test_a_process_leaves_every_file_of_a_report(tmp_path):
    done = process(staged(tmp_path, dead()), publish_cloudwatch_metrics="Enabled")
    assert done.returncode == 0, done.stderr
    files = {path.name for path in (tmp_path / OUTPUTS).iterdir()}
    assert files > {"statistics.json", "constraint_violations.json", "report.json", "report.html"}
    statistics = Statistics.model_validate_json((tmp_path / OUTPUTS / "statistics.json").read_text())
    assert statistics.dataset.item_count == SENT
    assert "1_output_0: 6 of 8 units are dead" in (tmp_path / OUTPUTS / "report.html").read_text()
    assert "dead_relu_tensors" in (tmp_path / "opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl").read_text()
    assert (tmp_path / "opt/ml/output/message").read_text().startswith("CompletedWithViolations")


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TENSOR_RULES": "DeadRelus"}, "TENSOR_RULES names 'DeadRelus', which is no rule"),
        ({"dataset_format": '{"parquet":{}}'}, "tensor_rules reads tensors, not rows: leave out dataset_format"),
        ({"dataset_source": "/opt/ml/nowhere"}, "set dataset_source to where the tensors are"),
        ({"SEXTANT_ANALYSIS": "suggest_baseline"}, "0 steps were kept: a baseline takes 20"),
    ],
)
def test_a_job_that_cannot_judge_fails_with_why(tmp_path, environment, message):
    (tmp_path / DATASET).mkdir(parents=True)
    with pytest.raises(SextantError, match=re.escape(message)):
        perform(ContainerPaths(tmp_path), environment_of(environment))
