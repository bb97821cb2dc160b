"""The calls of a team that came from SageMaker with the SDK's second version; runs in that SDK's own environment.

What lives here: the flow of AWS's traffic-sign post, and what a model monitor's notebook does beside it, by the SDK's
own classes. Nothing names an address: the environment block does. What does not: starting anything (sdk_v2).
"""

import time
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.model_monitor import (
    CronExpressionGenerator,
    DataCaptureConfig,
    DefaultModelMonitor,
    EndpointInput,
    ModelMonitor,
    MonitoringOutput,
)
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.pytorch import PyTorchModel
from sagemaker.serializers import NumpySerializer
from sagemaker.session_settings import SessionSettings

from tests.e2e.flow_steps import Steps, steps_and_material

ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sextant/class-skew:latest"
INSTANCE = {"instance_count": 1, "instance_type": "ml.m5.large"}
ENDED = {"Completed", "CompletedWithViolations", "Failed", "Stopped"}
VERDICT_SECONDS = 90


class Flow:
    """What every part of the flow needs."""

    def __init__(self, step: Steps, material: Path) -> None:
        self.step = step
        self.material = material
        # Without this the SDK asks for encryption by a KMS key that only Amazon has: Ceph refuses the repacked package.
        settings = SessionSettings(encrypt_repacked_artifacts=False)
        self.session = step("Session(settings)", lambda: sagemaker.Session(settings=settings))
        self.bucket = step("Session.default_bucket()", self.session.default_bucket, holds="sm-local".__eq__)
        self.client = boto3.client("sagemaker")
        self.captures = f"s3://{self.bucket}/datacapture"
        self.photographs = np.load(material / "photographs.npy")
        self.labels = np.load(material / "labels.npy")

    def wait_in_service(self) -> None:
        waiter = self.client.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 120})

    def wait_for_verdict(self, schedule: str) -> dict[str, Any]:
        """The summary of a schedule's newest execution once it has ended."""
        deadline = time.monotonic() + VERDICT_SECONDS
        while time.monotonic() < deadline:
            rows = self.client.list_monitoring_executions(MonitoringScheduleName=schedule)[
                "MonitoringExecutionSummaries"
            ]
            if rows and rows[0]["MonitoringExecutionStatus"] in ENDED:
                return dict(rows[0])
            time.sleep(0.5)
        raise TimeoutError(f"no verdict of {schedule} within {VERDICT_SECONDS} s: {rows}")


ENDPOINT = "traffic-signs"
HOURLY, AT_ONCE, DEFAULT = "signs-hourly", "signs-at-once", "signs-data-quality"


def deploy(flow: Flow) -> Any:
    """The predictor of a deployed endpoint that captures everything."""
    step = flow.step
    archive = step(
        "Session.upload_data(model.tar.gz)",
        lambda: flow.session.upload_data(str(flow.material / "model.tar.gz"), flow.bucket, key_prefix="models/signs"),
    )
    capture = DataCaptureConfig(
        enable_capture=True,
        sampling_percentage=100,
        destination_s3_uri=flow.captures,
        capture_options=["REQUEST", "RESPONSE"],
        csv_content_types=["text/csv"],
        json_content_types=["application/json"],
        sagemaker_session=flow.session,
    )
    model = PyTorchModel(
        model_data=archive,
        role=ROLE,
        entry_point="inference.py",
        source_dir=str(flow.material / "code"),
        framework_version="2.6.0",
        py_version="py312",
        sagemaker_session=flow.session,
    )
    predictor = step(
        "PyTorchModel.deploy(data_capture_config, wait=False)",
        lambda: model.deploy(
            initial_instance_count=1,
            instance_type="ml.m5.large",
            endpoint_name=ENDPOINT,
            data_capture_config=capture,
            serializer=NumpySerializer(),
            deserializer=JSONDeserializer(),
            wait=False,
        ),
    )
    step("get_waiter('endpoint_in_service').wait", flow.wait_in_service)
    return predictor


def predict(flow: Flow, predictor: Any) -> None:
    """Requests of every class, then enough of one class to be a skewed window."""
    expected = [[int(label)] for label in flow.labels]
    flow.step(
        "Predictor.predict(array of photographs)",
        lambda: predictor.predict(flow.photographs),
        holds=lambda answer: np.mean(np.array(answer) == expected) > 0.9,
    )
    one = flow.photographs[:1]
    flow.step(
        "Predictor.predict(one photograph), 60 times",
        lambda: [predictor.predict(one, inference_id=f"stop-{number}") for number in range(60)],
        holds=lambda answers: answers == [[expected[0]]] * 60,
    )


def monitor(flow: Flow) -> None:
    """A schedule of every hour with a threshold of one half, and all that a notebook asks of it."""
    step = flow.step
    hourly = new_monitor(flow)
    step(
        "ModelMonitor.create_monitoring_schedule(hourly)",
        lambda: create(hourly, flow, HOURLY, CronExpressionGenerator.hourly()),
    )
    step(
        "ModelMonitor.describe_schedule",
        hourly.describe_schedule,
        holds=lambda answer: answer["MonitoringScheduleStatus"] == "Scheduled",
        note=lambda answer: answer["MonitoringScheduleStatus"],
    )
    step("ModelMonitor.list_executions, before any", hourly.list_executions, holds=lambda answer: answer == [])
    step(
        "ModelMonitor.update_monitoring_schedule(env)",
        lambda: hourly.update_monitoring_schedule(
            env={"THRESHOLD": "0.6"}, schedule_cron_expression="cron(0 * ? * * *)"
        ),
    )
    definition = ("MonitoringScheduleConfig", "MonitoringJobDefinition", "Environment")
    step(
        "ModelMonitor.describe_schedule, once updated",
        hourly.describe_schedule,
        holds=lambda answer: answer[definition[0]][definition[1]][definition[2]] == {"THRESHOLD": "0.6"},
    )
    step("ModelMonitor.stop_monitoring_schedule", hourly.stop_monitoring_schedule)
    step("ModelMonitor.describe_schedule, once stopped", hourly.describe_schedule, holds=has_status("Stopped"))
    step("ModelMonitor.start_monitoring_schedule", hourly.start_monitoring_schedule)
    step("ModelMonitor.describe_schedule, once started", hourly.describe_schedule, holds=has_status("Scheduled"))


def verdict(flow: Flow) -> None:
    """A schedule that runs once, now, over what was captured, and its execution as the SDK reads it."""
    step = flow.step
    at_once = new_monitor(flow)
    step(
        "ModelMonitor.create_monitoring_schedule(NOW over the last hour)",
        lambda: create(at_once, flow, AT_ONCE, CronExpressionGenerator.now(), ("-PT1H", "-PT0H")),
    )
    step(
        "list_monitoring_executions until it has ended",
        lambda: flow.wait_for_verdict(AT_ONCE),
        holds=lambda row: row["MonitoringExecutionStatus"] == "CompletedWithViolations",
        note=lambda row: row["MonitoringExecutionStatus"],
    )
    [execution] = step("ModelMonitor.list_executions", at_once.list_executions, holds=lambda answer: len(answer) == 1)
    step(
        "MonitoringExecution.describe",
        execution.describe,
        holds=lambda job: job["ProcessingJobStatus"] == "Completed",
        note=lambda job: job["ExitMessage"],
    )
    step(
        "MonitoringExecution.statistics",
        lambda: execution.statistics().body_dict,
        holds=lambda statistics: statistics["dataset"]["item_count"] >= 100,
    )
    step(
        "MonitoringExecution.constraint_violations",
        lambda: execution.constraint_violations().body_dict["violations"],
        holds=lambda violations: [row["constraint_check_type"] for row in violations] == ["class_skew_check"],
        note=lambda violations: violations[0]["description"],
    )
    step("ModelMonitor.latest_monitoring_statistics", at_once.latest_monitoring_statistics, holds=is_there)
    step(
        "ModelMonitor.latest_monitoring_constraint_violations",
        at_once.latest_monitoring_constraint_violations,
        holds=is_there,
    )
    step("ModelMonitor.delete_monitoring_schedule", at_once.delete_monitoring_schedule)


def alerts(flow: Flow) -> None:
    """The alert that comes with a schedule."""
    step = flow.step
    attached = step("ModelMonitor.attach", lambda: ModelMonitor.attach(HOURLY, flow.session))
    rows, _ = step(
        "ModelMonitor.list_monitoring_alerts", attached.list_monitoring_alerts, holds=lambda a: len(a[0]) == 1
    )
    step(
        "ModelMonitor.update_monitoring_alert",
        lambda: attached.update_monitoring_alert(rows[0].alert_name, data_points_to_alert=2, evaluation_period=3),
    )
    step(
        "ModelMonitor.list_monitoring_alerts, once updated",
        attached.list_monitoring_alerts,
        holds=lambda a: (a[0][0].data_points_to_alert, a[0][0].evaluation_period) == (2, 3),
    )
    step("ModelMonitor.list_monitoring_alert_history", attached.list_monitoring_alert_history)


def processing_job(flow: Flow) -> None:
    """The monitor's image run by hand over the captures, and its log as the SDK reads logs."""
    step = flow.step
    processor = Processor(
        role=ROLE,
        image_uri=IMAGE,
        env={
            "THRESHOLD": "0.5",
            "output_path": "/opt/ml/processing/outputs",
            "dataset_source": "/opt/ml/processing/in",
        },
        sagemaker_session=flow.session,
        **INSTANCE,
    )
    step(
        "Processor.run(wait=False, logs=False)",
        lambda: processor.run(
            inputs=[ProcessingInput(flow.captures, "/opt/ml/processing/in", "captures")],
            outputs=[
                ProcessingOutput("/opt/ml/processing/outputs", f"s3://{flow.bucket}/by-hand", output_name="report")
            ],
            wait=False,
            logs=False,
        ),
    )
    job = processor.latest_job
    step("ProcessingJob.wait(logs=False)", lambda: job.wait(logs=False))
    step(
        "ProcessingJob.describe",
        job.describe,
        holds=lambda answer: answer["ProcessingJobStatus"] == "Completed",
        note=lambda answer: answer.get("ExitMessage"),
    )
    step(
        "Session.logs_for_processing_job",
        lambda: printed(lambda: flow.session.logs_for_processing_job(job.job_name)),
        holds=lambda text: "class_skew" in text,
    )


def default_monitor(flow: Flow) -> None:
    """The prebuilt data-quality monitor's schedule, by its job definition."""
    step = flow.step
    monitor = DefaultModelMonitor(role=ROLE, sagemaker_session=flow.session, **INSTANCE)
    step(
        "DefaultModelMonitor.create_monitoring_schedule",
        lambda: monitor.create_monitoring_schedule(
            endpoint_input=ENDPOINT,
            output_s3_uri=f"s3://{flow.bucket}/data-quality",
            monitor_schedule_name=DEFAULT,
            schedule_cron_expression=CronExpressionGenerator.daily(),
        ),
    )
    attached = step("DefaultModelMonitor.attach", lambda: DefaultModelMonitor.attach(DEFAULT, flow.session))
    step("DefaultModelMonitor.delete_monitoring_schedule", attached.delete_monitoring_schedule)


def update(flow: Flow, predictor: Any) -> None:
    """A second configuration of the endpoint, while the first one serves."""
    step = flow.step
    step(
        "Predictor.update_endpoint(wait=False)",
        lambda: predictor.update_endpoint(initial_instance_count=1, instance_type="ml.m5.xlarge", wait=False),
    )
    step("Predictor.predict while updating", lambda: predictor.predict(flow.photographs[:2]))
    step("get_waiter('endpoint_in_service').wait, once more", flow.wait_in_service)
    half = DataCaptureConfig(True, 50, flow.captures, sagemaker_session=flow.session)
    step("Predictor.update_data_capture_config", lambda: predictor.update_data_capture_config(half))
    step(
        "describe_endpoint, capturing half",
        lambda: flow.client.describe_endpoint(EndpointName=ENDPOINT)["DataCaptureConfig"],
        holds=lambda capture: (capture["CurrentSamplingPercentage"], capture["CaptureStatus"]) == (50, "Started"),
    )


def delete_monitors(flow: Flow, predictor: Any) -> None:
    """Every monitor of the endpoint found and deleted."""
    step = flow.step
    monitors = step("Predictor.list_monitors", predictor.list_monitors, holds=lambda answer: len(answer) >= 1)
    for monitor in monitors:
        step("ModelMonitor.delete_monitoring_schedule", monitor.delete_monitoring_schedule)
    step("Predictor.list_monitors, once deleted", predictor.list_monitors, holds=lambda answer: answer == [])


def delete(flow: Flow, predictor: Any) -> None:
    """The model and the endpoint deleted, as a notebook's last cells do."""
    step = flow.step
    step("Predictor.delete_model", predictor.delete_model)
    step("Predictor.delete_endpoint", predictor.delete_endpoint)
    waiter = flow.client.get_waiter("endpoint_deleted")
    waiting = {"Delay": 1, "MaxAttempts": 60}
    step("get_waiter('endpoint_deleted').wait", lambda: waiter.wait(EndpointName=ENDPOINT, WaiterConfig=waiting))


def new_monitor(flow: Flow) -> ModelMonitor:
    """A monitor of one's own: class skew with a threshold of one half."""
    return ModelMonitor(
        role=ROLE, image_uri=IMAGE, env={"THRESHOLD": "0.5"}, sagemaker_session=flow.session, **INSTANCE
    )


def create(
    monitor: ModelMonitor, flow: Flow, name: str, cron: str, window: tuple[str, str] | tuple[None, None] = (None, None)
) -> None:
    """The monitor's schedule over the endpoint's captures."""
    monitor.create_monitoring_schedule(
        monitor_schedule_name=name,
        endpoint_input=EndpointInput(ENDPOINT, "/opt/ml/processing/input/endpoint"),
        output=MonitoringOutput(source="/opt/ml/processing/outputs", destination=f"s3://{flow.bucket}/reports"),
        schedule_cron_expression=cron,
        data_analysis_start_time=window[0],
        data_analysis_end_time=window[1],
    )


def printed(function: Callable[[], object]) -> str:
    """What a function writes to standard output."""
    with redirect_stdout(StringIO()) as text:
        function()
    return text.getvalue()


def has_status(status: str) -> Any:
    """Whether a described schedule has that status."""
    return lambda answer: answer["MonitoringScheduleStatus"] == status


def is_there(value: object) -> bool:
    """Whether there is one."""
    return value is not None


def main() -> None:
    """The whole flow."""
    step, material = steps_and_material()
    with step.part():
        flow = Flow(step, material)
        predictor = deploy(flow)
        predict(flow, predictor)
        for part in (monitor, verdict, alerts, processing_job, default_monitor):
            with step.part():
                part(flow)
        for last in (update, delete_monitors, delete):
            with step.part():
                last(flow, predictor)


if __name__ == "__main__":
    main()
