"""What a notebook on data quality and model quality asks, by the SageMaker SDK's classes, from baseline to deletion.

What lives here: the calls that both versions of the SDK share word for word, in an order in which each finds what it
needs. Runs inside the SDKs' own environments; nothing names an address. What does not: monitors of one's own image
(monitor_calls), starting anything (sdk_quality).
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3

from tests.e2e.flow_steps import Steps, let_the_second_end, steps_and_material
from tests.e2e.monitor_calls import INSTANCE, LAST_HOUR, ROLE, has_status, is_there, status_once_ended

ENDPOINT = "loans"
WAITING = {"Delay": 1, "MaxAttempts": 120}
INPUT_FOLDER = "/opt/ml/processing/input/endpoint"
PROBLEM = "BinaryClassification"
ANSWER_COLUMNS = {"inference_attribute": "0", "probability_attribute": "1"}


class Flow:
    """What every part of the flow needs."""

    def __init__(self, step: Steps, material: Path, session: Callable[[], Any], classes: ModuleType) -> None:
        self.step = step
        self.material = material
        self.classes = classes
        self.session = step("Session()", session)
        self.bucket = step("Session.default_bucket()", self.session.default_bucket, holds="sm-local".__eq__)
        self.client = boto3.client("sagemaker")

    def monitor(self, kind: str) -> Any:
        """A new monitor of the SDK's class of that name."""
        return getattr(self.classes, kind)(role=ROLE, sagemaker_session=self.session, **INSTANCE)

    def s3(self, *parts: str) -> str:
        """An address in the default bucket."""
        return "/".join((f"s3://{self.bucket}", *parts))

    def csv(self) -> dict[str, Any]:
        """The format of a baseline whose file has a header."""
        return self.classes.DatasetFormat.csv(header=True)


def deploy(flow: Flow) -> None:
    """An endpoint that answers tables, all of whose traffic is captured as CSV."""
    step, client, name = flow.step, flow.client, {"EndpointConfigName": ENDPOINT}
    archive = step(
        "Session.upload_data(model.tar.gz)",
        lambda: flow.session.upload_data(str(flow.material / "model.tar.gz"), flow.bucket, key_prefix="models/loans"),
    )
    container = {"ModelDataUrl": archive, "Image": "pytorch-inference:2.6.0-cpu-py312"}
    step(
        "create_model",
        lambda: client.create_model(ModelName=ENDPOINT, PrimaryContainer=container, ExecutionRoleArn=ROLE),
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": ENDPOINT,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": flow.s3("datacapture"),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
    }
    step(
        "create_endpoint_config",
        lambda: client.create_endpoint_config(**name, ProductionVariants=[variant], DataCaptureConfig=capture),
    )
    step("create_endpoint", lambda: client.create_endpoint(EndpointName=ENDPOINT, **name))
    in_service = client.get_waiter("endpoint_in_service")
    step("get_waiter('endpoint_in_service').wait", lambda: in_service.wait(EndpointName=ENDPOINT, WaiterConfig=WAITING))


def ask(flow: Flow, who: str) -> None:
    """One request a person, each with an id of its own, and a file of what came of them."""
    people = json.loads((flow.material / f"{who}.json").read_text())
    runtime = boto3.client("sagemaker-runtime")

    def answers() -> list[str]:
        asked = ((f"{who}-{number}", line) for number, (line, _) in enumerate(people))
        return [invoked(runtime, inference_id, line) for inference_id, line in asked]

    flow.step(
        f"invoke_endpoint({who}), {len(people)} times", answers, holds=lambda found: all("," in text for text in found)
    )
    truths = [truth(f"{who}-{number}", paid_back) for number, (_, paid_back) in enumerate(people)]
    key = f"ground-truth/{datetime.now(UTC):%Y/%m/%d/%H}/{who}.jsonl"
    body = "".join(json.dumps(row) + "\n" for row in truths)
    flow.step(
        f"put_object(ground truth of {who})",
        lambda: boto3.client("s3").put_object(Bucket=flow.bucket, Key=key, Body=body.encode()),
    )
    let_the_second_end()


def invoked(runtime: Any, inference_id: str, line: str) -> str:
    """The endpoint's answer to a line of CSV."""
    answered = runtime.invoke_endpoint(
        EndpointName=ENDPOINT, Body=line.encode(), ContentType="text/csv", Accept="text/csv", InferenceId=inference_id
    )
    return answered["Body"].read().decode()


def truth(inference_id: str, paid_back: int) -> dict[str, Any]:
    """A line of ground truth, as AWS's guide has it."""
    return {
        "groundTruthData": {"data": str(paid_back), "encoding": "CSV"},
        "eventMetadata": {"eventId": inference_id},
        "eventVersion": "0",
    }


def data_quality_baseline(flow: Flow) -> Any:
    """A monitor with a baseline of a local CSV file."""
    step, monitor = flow.step, flow.monitor("DefaultModelMonitor")
    step(
        "DefaultModelMonitor.suggest_baseline(local CSV)",
        lambda: monitor.suggest_baseline(
            baseline_dataset=str(flow.material / "answers.csv"),
            dataset_format=flow.csv(),
            output_s3_uri=flow.s3("data-quality", "baseline"),
            wait=True,
            logs=False,
        ),
    )
    step(
        "DefaultModelMonitor.baseline_statistics",
        lambda: monitor.baseline_statistics().body_dict,
        holds=lambda body: (body["dataset"]["item_count"], types(body)) == (2000, TYPES),
        note=types,
    )
    step(
        "DefaultModelMonitor.suggested_constraints",
        lambda: monitor.suggested_constraints().body_dict,
        holds=lambda body: (body["monitoring_config"]["evaluate_constraints"], types(body)) == ("Enabled", TYPES),
        note=lambda body: body["monitoring_config"],
    )
    return monitor


TYPES = {
    "granted": "Integral",
    "probability": "Fractional",
    "age": "Integral",
    "income": "Fractional",
    "region": "String",
}


def types(body: dict[str, Any]) -> dict[str, str]:
    """The inferred type of each feature of statistics or constraints."""
    return {feature["name"]: feature["inferred_type"] for feature in body["features"]}


def judged_once(flow: Flow, monitor: Any, name: str, *, status: str, **options: Any) -> Any:
    """The execution of a schedule that judges the last hour once, and is deleted when that has ended so."""
    kind, step = type(monitor).__name__, flow.step
    step(
        f"{kind}.create_monitoring_schedule({name}, NOW)",
        lambda: monitor.create_monitoring_schedule(
            output_s3_uri=flow.s3(name),
            monitor_schedule_name=name,
            schedule_cron_expression=flow.classes.CronExpressionGenerator.now(),
            **LAST_HOUR,
            **options,
        ),
    )
    step(
        f"list_monitoring_executions until {name} has ended",
        lambda: status_once_ended(name),
        holds=status.__eq__,
        note=lambda _: reason_of(flow, name),
    )
    [execution] = step(f"{kind}.list_executions({name})", monitor.list_executions, holds=lambda found: len(found) == 1)
    return execution


def reason_of(flow: Flow, schedule: str) -> str:
    """What the job of a schedule's newest execution said at its end."""
    listed = flow.client.list_monitoring_executions(MonitoringScheduleName=schedule)
    newest = listed["MonitoringExecutionSummaries"][0]
    if "ProcessingJobArn" not in newest:
        return str(newest.get("FailureReason", "no job"))
    name = newest["ProcessingJobArn"].rpartition("/")[2]
    job = flow.client.describe_processing_job(ProcessingJobName=name)
    return str(job.get("FailureReason") or job.get("ExitMessage"))


def baseline_of(monitor: Any) -> dict[str, Any]:
    """What a schedule of data quality compares with."""
    return {"statistics": monitor.baseline_statistics(), "constraints": monitor.suggested_constraints()}


def violations_of(execution: Any) -> set[tuple[str, str]]:
    """Feature and check of each violation that an execution found."""
    rows = execution.constraint_violations().body_dict["violations"]
    return {(row.get("feature_name") or row.get("metric_name"), row["constraint_check_type"]) for row in rows}


def people_as_usual(flow: Flow, monitor: Any) -> None:
    """Traffic like the baseline: no violation, and statistics of every column."""
    step = flow.step
    execution = judged_once(
        flow, monitor, "usual-people", status="Completed", endpoint_input=ENDPOINT, **baseline_of(monitor)
    )
    step(
        "MonitoringExecution.statistics (usual)",
        lambda: execution.statistics().body_dict,
        holds=lambda body: (body["dataset"]["item_count"], types(body)) == (120, TYPES),
    )
    step(
        "MonitoringExecution.constraint_violations (usual)",
        lambda: violations_of(execution),
        holds=lambda found: found == set(),
    )
    step("DefaultModelMonitor.latest_monitoring_statistics", monitor.latest_monitoring_statistics, holds=is_there)
    step("DefaultModelMonitor.delete_monitoring_schedule (usual)", monitor.delete_monitoring_schedule)


def own_features(flow: Flow) -> None:
    """A preprocessing script, of whose features the statistics are."""
    monitor = flow.monitor("DefaultModelMonitor")
    script = {"record_preprocessor_script": str(flow.material / "preprocessor.py")}
    execution = judged_once(flow, monitor, "own-features", status="Completed", endpoint_input=ENDPOINT, **script)
    flow.step(
        "MonitoringExecution.statistics (preprocessed)",
        lambda: types(execution.statistics().body_dict),
        holds=lambda found: found == {"age": "Integral", "income_thousands": "Fractional"},
    )
    flow.step("DefaultModelMonitor.delete_monitoring_schedule (preprocessed)", monitor.delete_monitoring_schedule)


def older_people(flow: Flow, monitor: Any) -> None:
    """Traffic of others: the drift of their age is a violation."""
    execution = judged_once(
        flow, monitor, "older-people", status="CompletedWithViolations", endpoint_input=ENDPOINT, **baseline_of(monitor)
    )
    flow.step(
        "MonitoringExecution.constraint_violations (older)",
        lambda: violations_of(execution),
        holds=lambda found: ("age", "baseline_drift_check") in found and not any(name == "region" for name, _ in found),
        note=str,
    )
    latest = monitor.latest_monitoring_constraint_violations
    flow.step("DefaultModelMonitor.latest_monitoring_constraint_violations", latest, holds=is_there)
    flow.step("DefaultModelMonitor.delete_monitoring_schedule (older)", monitor.delete_monitoring_schedule)


def hourly_schedule(flow: Flow, monitor: Any) -> None:
    """A schedule of every hour: made, changed to another definition, found again, stopped, started, deleted."""
    step, name, crons = flow.step, f"{ENDPOINT}-hourly", flow.classes.CronExpressionGenerator
    step(
        "DefaultModelMonitor.create_monitoring_schedule(hourly)",
        lambda: monitor.create_monitoring_schedule(
            endpoint_input=ENDPOINT,
            output_s3_uri=flow.s3("hourly"),
            monitor_schedule_name=name,
            schedule_cron_expression=crons.hourly(),
            **baseline_of(monitor),
        ),
    )
    step("DefaultModelMonitor.list_executions, before any", monitor.list_executions, holds=lambda found: found == [])
    step(
        "DefaultModelMonitor.update_monitoring_schedule(daily, max_runtime_in_seconds)",
        lambda: monitor.update_monitoring_schedule(schedule_cron_expression=crons.daily(), max_runtime_in_seconds=1800),
    )
    step(
        "DefaultModelMonitor.describe_schedule, once updated", monitor.describe_schedule, holds=has_status("Scheduled")
    )
    attach = flow.classes.DefaultModelMonitor.attach
    attached = step("DefaultModelMonitor.attach", lambda: attach(name, flow.session))
    step("DefaultModelMonitor.stop_monitoring_schedule", attached.stop_monitoring_schedule)
    step("DefaultModelMonitor.start_monitoring_schedule", attached.start_monitoring_schedule)
    step("DefaultModelMonitor.delete_monitoring_schedule (hourly)", attached.delete_monitoring_schedule)


def model_quality_baseline(flow: Flow) -> Any:
    """A monitor with a baseline of a local CSV file that says what came of the answers."""
    step, monitor = flow.step, flow.monitor("ModelQualityMonitor")
    columns = {
        "inference_attribute": "granted",
        "probability_attribute": "probability",
        "ground_truth_attribute": "paid_back",
    }
    step(
        "ModelQualityMonitor.suggest_baseline(local CSV)",
        lambda: monitor.suggest_baseline(
            baseline_dataset=str(flow.material / "truths.csv"),
            dataset_format=flow.csv(),
            problem_type=PROBLEM,
            output_s3_uri=flow.s3("model-quality", "baseline"),
            wait=True,
            logs=False,
            **columns,
        ),
    )
    job = monitor.latest_baselining_job
    step(
        "BaseliningJob.baseline_statistics",
        lambda: job.baseline_statistics().body_dict["binary_classification_metrics"],
        holds=lambda metrics: 0.6 < metrics["accuracy"]["value"] < 1 and "confusion_matrix" in metrics,
        note=lambda metrics: metrics["accuracy"],
    )
    step(
        "BaseliningJob.suggested_constraints",
        lambda: job.suggested_constraints().body_dict["binary_classification_constraints"],
        holds=lambda limits: limits["accuracy"]["comparison_operator"] == "LessThanThreshold",
        note=lambda limits: limits["accuracy"],
    )
    return monitor


def model_quality_verdict(flow: Flow, monitor: Any) -> None:
    """Captures with ground truth by inference id: the model is wrong about the older ones."""
    classes = flow.classes
    execution = judged_once(
        flow,
        monitor,
        "truths",
        status="CompletedWithViolations",
        endpoint_input=classes.EndpointInput(ENDPOINT, INPUT_FOLDER, **ANSWER_COLUMNS),
        ground_truth_input=flow.s3("ground-truth"),
        problem_type=PROBLEM,
        constraints=monitor.suggested_constraints(),
    )
    flow.step(
        "MonitoringExecution.statistics (model quality)",
        lambda: execution.statistics().body_dict,
        holds=lambda body: body["dataset"]["item_count"] == 360 and "auc" in body["binary_classification_metrics"],
        note=lambda body: body["binary_classification_metrics"]["accuracy"],
    )
    flow.step(
        "MonitoringExecution.constraint_violations (model quality)",
        lambda: violations_of(execution),
        holds=lambda found: ("accuracy", "LessThanThreshold") in found,
        note=str,
    )
    update_and_delete(flow, monitor)


def update_and_delete(flow: Flow, monitor: Any) -> None:
    """A schedule of model quality changed to every day, found again, and deleted."""
    step, daily = flow.step, flow.classes.CronExpressionGenerator.daily()
    step(
        "ModelQualityMonitor.update_monitoring_schedule(daily)",
        lambda: monitor.update_monitoring_schedule(schedule_cron_expression=daily),
    )
    attach = flow.classes.ModelQualityMonitor.attach
    attached = step("ModelQualityMonitor.attach", lambda: attach(monitor.monitoring_schedule_name, flow.session))
    step("ModelQualityMonitor.describe_schedule", attached.describe_schedule, holds=has_status("Scheduled"))
    step("ModelQualityMonitor.delete_monitoring_schedule", attached.delete_monitoring_schedule)


def delete(flow: Flow) -> None:
    """The endpoint and what it was made of deleted."""
    step, client = flow.step, flow.client
    step("delete_endpoint", lambda: client.delete_endpoint(EndpointName=ENDPOINT))
    deleted = client.get_waiter("endpoint_deleted")
    step("get_waiter('endpoint_deleted').wait", lambda: deleted.wait(EndpointName=ENDPOINT, WaiterConfig=WAITING))
    step("delete_endpoint_config", lambda: client.delete_endpoint_config(EndpointConfigName=ENDPOINT))
    step("delete_model", lambda: client.delete_model(ModelName=ENDPOINT))


def data_quality(flow: Flow) -> None:
    """Data quality from its baseline to its deletion; asks for the older people on its way."""
    monitor = data_quality_baseline(flow)
    with flow.step.part():
        people_as_usual(flow, monitor)
    with flow.step.part():
        own_features(flow)
    ask(flow, "older")
    # a schedule that was not deleted in a part that failed is no reason for the next one to fail
    for part in (older_people, hourly_schedule):
        with flow.step.part():
            part(flow, again(flow, monitor))


def again(flow: Flow, monitor: Any) -> Any:
    """A new monitor with the baseline of another."""
    new = flow.monitor(type(monitor).__name__)
    new.latest_baselining_job = monitor.latest_baselining_job
    new.latest_baselining_job_name = monitor.latest_baselining_job_name
    return new


def main(session: Callable[[], Any], classes: ModuleType) -> None:
    """The whole flow."""
    step, material = steps_and_material()
    with step.part():
        flow = Flow(step, material, session, classes)
        deploy(flow)
        ask(flow, "usual")
        with step.part():
            data_quality(flow)
        with step.part():
            model_quality_verdict(flow, model_quality_baseline(flow))
        with step.part():
            delete(flow)
