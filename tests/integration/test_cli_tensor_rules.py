"""Rules on kept tensors against a running service: an endpoint whose network has every fault, and a healthy one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor_jobs.model_archive import pack
from service.cli.schedule import job_definition
from tests import plain_http
from tests.aws_clients import SIGNED, client
from tests.explained_package import CLASSES, INFERENCE, SIDE
from tests.integration.sextant_command import Sextant, sextant_up
from tests.pictures import encoded
from tests.servers.endpoint import write_package
from tests.wait import wait_until

IMAGE = "sextant/tensor-rules"
SENT, BRIGHT = 36, range(4, 7)
HOOK = {"S3OutputPath": "s3://sextant/tensors", "HookParameters": {"kind": "raw", "include_regex": ".*"}}
NETWORKS = """

class Healthy(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.squash, self.act, self.root, self.fc = nn.Linear(128, 6), nn.Sigmoid(), nn.Identity(), nn.Linear(6, 3)
        nn.init.constant_(self.features[0].bias, 1.0)

    def forward(self, pictures):
        return self.fc(self.root(self.act(self.squash(self.features(pictures)) + self.pull(pictures))))

    def pull(self, pictures):
        return 0


class Root(nn.Module):
    def forward(self, values):
        return values + 0 * torch.sqrt(0.99 - values)


class Faulty(Healthy):
    # six of eight channels are dead; a bright picture pulls the sigmoid to its end, where the root is no number
    def __init__(self):
        super().__init__()
        self.root = Root()
        nn.init.constant_(self.features[0].bias[:6], -100.0)

    def pull(self, pictures):
        return 1000 * torch.relu(pictures.mean((1, 2, 3))[:, None] - 1)


def model_fn(model_dir):
    torch.manual_seed(3)
    return NETWORK().eval()
"""


@pytest.fixture(scope="module")
def sextant(tmp_path_factory):
    with sextant_up(tmp_path_factory.mktemp("rules"), {"SEXTANT_EXPLAINED_RECORDS": "2"}) as running:
        yield running


def package(folder: Path, network: str) -> Path:
    code = INFERENCE + NETWORKS.replace("NETWORK()", f"{network}()")
    card = {"classes": CLASSES, "input": {"shape": [3, SIDE, SIDE]}}
    files = {"code/inference.py": code, "code/model_card.json": json.dumps(card)}
    pack(write_package(folder / "files", files), folder / "model.tar.gz")
    return folder / "model.tar.gz"


def serve(sextant: Sextant, folder: Path, name: str, network: str) -> None:
    """An endpoint that keeps every tensor of 36 pictures, three of them bright, all of which have been stored."""
    hook = ("--env", f"SEXTANT_DEBUG_HOOK={json.dumps(HOOK)}")
    sextant.json("endpoint", "create", name, "--model", package(folder, network), *hook)
    generator = np.random.default_rng(7)
    for number in range(SENT):
        low, high = (240, 256) if number in BRIGHT else (0, 100)
        picture = generator.integers(low, high, (SIDE, SIDE, 3)).astype(np.uint8)
        headers = {"Content-Type": "image/png", "X-Amzn-SageMaker-Inference-Id": f"frame-{number}"}
        url = f"{sextant.url}/endpoints/{name}/invocations"
        plain_http.post(url, content=encoded(picture), headers=headers, auth=SIGNED).raise_for_status()
    steps = (sextant.folder / "store/sextant/tensors" / name).glob
    wait_until(lambda: len(list(steps("AllTraffic/*/steps/**/*.zst"))) == SENT, timeout_seconds=120, what="tensors")
    # a window leaves out the second that has not ended
    captured = ("capture", "ls", "--endpoint", name)
    wait_until(lambda: len(sextant.json(*captured, *window())) == SENT, timeout_seconds=60, what="captures")


def window() -> list[str]:
    now = datetime.now(UTC)
    start, end = (f"{now - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}" for minutes in (30, 0))
    return ["--from", start, "--to", end]


def report_of(sextant: Sextant, execution: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = sextant.json("report", "show", execution["MonitoringExecutionId"])
    return found


def broken(report: dict[str, Any]) -> dict[str, set[str]]:
    """The tensors that break each check."""
    found: dict[str, set[str]] = {}
    for row in report["violations"]:
        found.setdefault(row["constraint_check_type"], set()).add(row["feature_name"])
    return found


@pytest.fixture(scope="module")
def faulty(sextant, tmp_path_factory) -> str:
    serve(sextant, tmp_path_factory.mktemp("faulty"), "faulty", "Faulty")
    return "faulty"


def test_each_fault_of_a_network_is_named_with_its_requests(sextant, faulty):
    amazon = client("sagemaker", sextant.url)
    definition = job_definition(faulty, monitor=IMAGE, environment={}, baseline=None, output="s3://sextant/reports")
    config = {"ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}, "MonitoringJobDefinition": definition}
    amazon.create_monitoring_schedule(MonitoringScheduleName="faults", MonitoringScheduleConfig=config)
    execution = sextant.json("schedule", "run", "faults", *window())
    assert execution["MonitoringExecutionStatus"] == "CompletedWithViolations"
    report = report_of(sextant, execution)
    found = broken(report)
    assert found["dead_relu_check"] == {"features.1_output_0"}
    assert found["saturated_activation_check"] == {"act_input_0"}
    assert "root_output_0" in found["exploding_tensor_check"]
    assert "act_output_0" not in found["exploding_tensor_check"]
    saturated = next(row for row in report["violations"] if row["feature_name"] == "act_input_0")
    named = {one["inference_id"]: one["event_id"] for one in saturated["offending_records"]}
    assert set(named) == {f"frame-{number}" for number in BRIGHT}
    job = amazon.describe_processing_job(ProcessingJobName=execution["ProcessingJobArn"].rpartition("/")[2])
    assert job["ProcessingInputs"][0]["S3Input"]["S3Uri"] == "s3://sextant/tensors/faulty"


def test_the_rules_are_the_users_to_say_and_requests_that_they_name_can_be_explained(sextant, faulty):
    asked = ("--env", 'TENSOR_RULES={"DeadRelu": {"threshold_layer": "60"}}')
    sextant.json("schedule", "create", "dead", "--endpoint", faulty, "--monitor", IMAGE, *asked)
    execution = sextant.json("schedule", "run", "dead", *window())
    (row,) = report_of(sextant, execution)["violations"]
    assert row["description"].startswith("features.1_output_0: 6 of 8 units are dead, more than 60 %")
    worst = {one["event_id"] for one in row["offending_records"][:2]}
    for source in ([], ["--from-tensors"]):
        explain = ("explain", "--execution", execution["MonitoringExecutionId"], "--limit", "2", *source)
        assert {one["event_id"] for one in sextant.json(*explain)["explanations"]} == worst
    page = f"{sextant.url}/executions/{execution['MonitoringExecutionId']}.json"
    by_itself = wait_until(
        lambda: plain_http.get(page, auth=SIGNED).raise_for_status().json()["Report"]["Explanations"],
        timeout_seconds=60,
        what="explanations that nobody asked for",
    )
    assert {one["EventId"] for one in by_itself} == worst


def test_a_healthy_network_raises_nothing_and_is_held_to_a_baseline_of_its_own(sextant, tmp_path):
    serve(sextant, tmp_path, "healthy", "Healthy")
    baseline = sextant.json("baseline", "create", "--endpoint", "healthy", *window(), "--monitor", IMAGE)["Baseline"]
    held = ("--monitor", IMAGE, "--baseline", baseline)
    sextant.json("schedule", "create", "health", "--endpoint", "healthy", *held)
    execution = sextant.json("schedule", "run", "health", *window())
    report = report_of(sextant, execution)
    assert (execution["MonitoringExecutionStatus"], report["violations"]) == ("Completed", [])
    assert report["remark"] == ""
    assert report["records"] == SENT
    looked_at = {one["name"]: one["value"] for one in report["measurements"] if one["name"].endswith("_looked_at")}
    assert all(looked_at.values())
    assert "tensor_magnitude_looked_at" in looked_at


def test_an_endpoint_that_keeps_no_tensors_fails_its_executions_with_why(sextant, tmp_path):
    sextant.json("endpoint", "create", "plain", "--model", package(tmp_path, "Healthy"))
    sextant.json("schedule", "create", "nothing", "--endpoint", "plain", "--monitor", IMAGE)
    done = sextant.run("schedule", "run", "nothing", *window(), "--json")
    execution = json.loads(done.stdout)
    assert execution["MonitoringExecutionStatus"] == "Failed"
    assert "endpoint plain keeps no tensors" in execution["FailureReason"]
    refused = sextant.run("baseline", "create", "--endpoint", "plain", *window(), "--monitor", IMAGE)
    assert "endpoint plain keeps no tensors" in refused.stderr
