"""The whole loop with unmodified boto3 clients, told only the address: deploy, invoke, schedule, read verdicts.

The model is the second package: 64x64 colour signs as PNG and JPEG, answered by a transform_fn with a nested list of
classes.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from tests.aws_clients import KEYS
from tests.e2e.packages.signs import CLASSES, Photograph, draw_photographs, npy, write_package
from tests.integration.sextant_command import Sextant, sextant_up
from tests.wait import wait_until

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
PACKAGE = S3Address("sm-local", "models/signs/model.tar.gz")
DESTINATION = "s3://sm-local/datacapture/"  # with the trailing slash that AWS stumbled over
REPORTS = "s3://sm-local/reports"


class Flow:
    """boto3's two clients, the store that they write to, and the steps that every test repeats."""

    def __init__(self, sextant: Sextant) -> None:
        self.sagemaker = boto3.client("sagemaker", endpoint_url=sextant.url, **KEYS)
        self.runtime = boto3.client("sagemaker-runtime", endpoint_url=sextant.url, **KEYS)
        self.store = FolderStore(sextant.folder)

    def invoke(self, body: bytes, content_type: str, **more: str) -> Any:
        answer = self.runtime.invoke_endpoint(
            EndpointName="signs", Body=body, ContentType=content_type, Accept="application/json", **more
        )
        return json.loads(answer["Body"].read())

    def captures(self) -> list[CaptureRecord]:
        found = self.store.list(S3Address("sm-local", "datacapture/signs/AllTraffic/"))
        lines = (line for entry in found for line in self.store.get(entry.address).splitlines())
        return [CaptureRecord.model_validate_json(line) for line in lines]

    def execution_over(self, start: datetime, end: datetime) -> dict[str, Any]:
        """The ended execution of a schedule that runs once, now, over a window."""
        now = datetime.now(UTC)
        name = f"now-{now:%H%M%S%f}"
        # Offsets count from the moment in which the service makes the schedule, which is a little later than this one.
        times = {"DataAnalysisStartTime": offset(start - now - MARGIN), "DataAnalysisEndTime": offset(end - now)}
        config = {"ScheduleConfig": {"ScheduleExpression": "NOW", **times}, "MonitoringJobDefinition": definition()}
        self.sagemaker.create_monitoring_schedule(MonitoringScheduleName=name, MonitoringScheduleConfig=config)
        return wait_until(lambda: self.ended_execution(name), timeout_seconds=90, what=f"the end of {name}")

    def ended_execution(self, schedule: str) -> dict[str, Any] | None:
        found = self.sagemaker.list_monitoring_executions(MonitoringScheduleName=schedule)
        ended = (row for row in found["MonitoringExecutionSummaries"] if row["MonitoringExecutionStatus"] in ENDED)
        return next(ended, None)

    def report(self, execution: dict[str, Any], name: str) -> Any:
        job = self.sagemaker.describe_processing_job(
            ProcessingJobName=execution["ProcessingJobArn"].rpartition("processing-job/")[2]
        )
        uri = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
        return json.loads(self.store.get(S3Address.parse(f"{uri}/{name}")))


MARGIN = timedelta(seconds=2)
ENDED = {"Completed", "CompletedWithViolations", "Failed", "Stopped"}


def offset(distance: timedelta) -> str:
    seconds = round(distance.total_seconds())
    return f"{'-' if seconds < 0 else ''}PT{abs(seconds)}S"


def definition() -> dict[str, Any]:
    local = "/opt/ml/processing/outputs"
    return {
        "MonitoringInputs": [
            {"EndpointInput": {"EndpointName": "signs", "LocalPath": "/opt/ml/processing/input/endpoint"}}
        ],
        "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": {"S3Uri": REPORTS, "LocalPath": local}}]},
        "MonitoringResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
        },
        "MonitoringAppSpecification": {
            "ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/sextant/class-skew:latest"
        },
        "Environment": {"THRESHOLD": "0.5"},
        "RoleArn": ROLE,
    }


def deploy(flow: Flow, archive: Path) -> None:
    flow.store.upload(archive, PACKAGE)
    container = {"ModelDataUrl": str(PACKAGE), "Image": "pytorch-inference:2.13-cpu-py311", "Environment": {}}
    flow.sagemaker.create_model(ModelName="signs", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": "signs", "InitialInstanceCount": 1}
    flow.sagemaker.create_endpoint_config(
        EndpointConfigName="signs",
        ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": DESTINATION,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        },
    )
    flow.sagemaker.create_endpoint(EndpointName="signs", EndpointConfigName="signs")
    waiter = flow.sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="signs", WaiterConfig={"Delay": 1, "MaxAttempts": 90})


def next_second() -> datetime:
    """The next full second, once it has come: windows and captures carry whole seconds."""
    second = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    wait_until(lambda: datetime.now(UTC) >= second, timeout_seconds=5, what="the next second")
    return second


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    folder = tmp_path_factory.mktemp("boto3")
    with sextant_up(folder) as sextant:
        flow = Flow(sextant)
        deploy(flow, write_package(folder / "model.tar.gz"))
        yield flow


@pytest.fixture(scope="module")
def photographs() -> list[Photograph]:
    return draw_photographs(40, seed=7)


def test_a_png_a_jpeg_and_an_array_of_one_sign_are_answered_with_its_class(flow, photographs):
    one = photographs[0]
    answers = [flow.invoke(one.png(), "image/png"), flow.invoke(one.jpeg(), "image/jpeg")]
    assert [*answers, flow.invoke(npy([one]), "application/x-npy")] == [[[one.label]]] * 3


def test_the_answer_names_its_variant(flow, photographs):
    answer = flow.runtime.invoke_endpoint(EndpointName="signs", Body=photographs[0].png(), ContentType="image/png")
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_a_damaged_picture_is_a_model_error_with_the_status_of_its_cause(flow):
    with pytest.raises(flow.runtime.exceptions.ModelError) as raised:
        flow.invoke(b"\x89PNG\r\n\x1a\nnot really", "image/png")
    assert raised.value.response["OriginalStatusCode"] in {400, 424}


def test_an_unknown_endpoint_is_a_validation_error(flow):
    with pytest.raises(ClientError) as raised:
        flow.runtime.invoke_endpoint(EndpointName="nobody", Body=b"")
    assert raised.value.response["Error"]["Code"] == "ValidationError"


def test_a_balanced_window_completes_and_a_window_of_one_sign_is_a_violation(flow, photographs):
    start = next_second()
    for photograph in photographs:
        flow.invoke(photograph.png(), "image/png")
    middle = next_second()
    clean = flow.execution_over(start, middle)
    wait_until(lambda: datetime.now(UTC) > middle + 2 * MARGIN, timeout_seconds=10, what="windows that do not touch")
    start = next_second()
    for number in range(40):
        flow.invoke(photographs[0].jpeg(), "image/jpeg", InferenceId=f"same-{number}")
    executions = [clean, flow.execution_over(start, next_second())]
    statuses = [execution["MonitoringExecutionStatus"] for execution in executions]
    assert statuses == ["Completed", "CompletedWithViolations"], executions
    sentence = f"Class {CLASSES[photographs[0].label]} predicted 100 % of the time (40 of 40), above the 50 % threshold"
    violations = flow.report(executions[1], "constraint_violations.json")["violations"]
    assert [violation["description"] for violation in violations] == [sentence]
    assert flow.report(executions[1], "constraints_violations.json")["violations"] == violations
    worst = flow.report(executions[1], "report.json")["violations"][0]["offending_records"]
    assert len(worst) == 25
    assert {record["inference_id"].partition("-")[0] for record in worst} == {"same"}


def test_captures_are_what_was_sent_in_sagemakers_format(flow, photographs):
    picture, name = photographs[3].png(), f"one-{time.time_ns()}"
    answer = flow.invoke(picture, "image/png", InferenceId=name, CustomAttributes="shop=7")

    def captured() -> list[CaptureRecord]:
        return [record for record in flow.captures() if record.event_metadata.inference_id == name]

    [record] = wait_until(captured, timeout_seconds=30, what="the capture of one request")
    halves = record.capture_data
    assert halves.endpoint_input is not None
    assert halves.endpoint_output is not None
    assert (halves.endpoint_input.encoding, halves.endpoint_input.observed_content_type) == ("BASE64", "image/png")
    assert (halves.endpoint_output.encoding, json.loads(halves.endpoint_output.data)) == ("JSON", answer)
    assert record.event_metadata.custom_attributes == ["shop=7"]


def test_an_empty_window_completes_without_a_verdict_and_without_a_job(flow):
    long_ago = datetime.now(UTC) - timedelta(hours=20)
    execution = flow.execution_over(long_ago, long_ago + timedelta(hours=1))
    assert (execution["MonitoringExecutionStatus"], "ProcessingJobArn" in execution) == ("Completed", False)


def test_a_schedule_that_was_deleted_is_not_found_by_its_class(flow):
    with pytest.raises(flow.sagemaker.exceptions.ResourceNotFound):
        flow.sagemaker.describe_monitoring_schedule(MonitoringScheduleName="never-made")


def test_describe_endpoint_sums_up_its_data_capture(flow):
    capture = flow.sagemaker.describe_endpoint(EndpointName="signs")["DataCaptureConfig"]
    assert capture == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": "s3://sm-local/datacapture",
        "KmsKeyId": "",
    }
