"""The calls of a team that came from SageMaker with the SDK's second version; runs in that SDK's own environment.

What lives here: the flow of AWS's traffic-sign post by the SDK's own classes. Nothing names an address: the environment
block does. What does not: schedules and executions (monitor_calls), starting anything (sdk_v2).
"""

from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import sagemaker
from botocore.exceptions import ClientError
from sagemaker import model_monitor
from sagemaker.deserializers import JSONDeserializer
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.processing import ProcessingInput, ProcessingOutput, Processor
from sagemaker.pytorch import PyTorchModel
from sagemaker.serializers import NumpySerializer
from sagemaker.session_settings import SessionSettings

from tests.e2e import monitor_calls
from tests.e2e.flow_steps import Steps, steps_and_material
from tests.e2e.monitor_calls import IMAGE, INSTANCE, ROLE, Monitoring

ENDPOINT = "traffic-signs"
WAITING = {"Delay": 1, "MaxAttempts": 120}
JOB_FOLDER = "/opt/ml/processing"


class Flow:
    """What every part of the flow needs."""

    def __init__(self, step: Steps, material: Path) -> None:
        self.step = step
        self.material = material
        self.session = step("Session()", sagemaker.Session)
        self.bucket = step("Session.default_bucket()", self.session.default_bucket, holds="sm-local".__eq__)
        if not takes_kms(self.bucket):
            settings = SessionSettings(encrypt_repacked_artifacts=False)
            name = "Session(encrypt_repacked_artifacts=False), since this S3 server has no KMS"
            self.session = step(name, lambda: sagemaker.Session(settings=settings))
        self.client = boto3.client("sagemaker")
        self.captures = f"s3://{self.bucket}/datacapture"
        self.photographs = np.load(material / "photographs.npy")
        self.labels = np.load(material / "labels.npy")
        self.monitoring = Monitoring(step, self.session, model_monitor, ENDPOINT, self.bucket)

    def wait(self, waiter: str) -> None:
        """boto3's waiter, whose first look comes at once; the SDK's own sleeps 30 s before it looks."""
        self.client.get_waiter(waiter).wait(EndpointName=ENDPOINT, WaiterConfig=WAITING)


def takes_kms(bucket: str) -> bool:
    """Whether the S3 server takes what the SDK asks of it for a package that it repacked: encryption by KMS."""
    try:
        boto3.client("s3").put_object(Bucket=bucket, Key="kms", Body=b"", ServerSideEncryption="aws:kms")
    except ClientError:
        return False
    return True


def deploy(flow: Flow) -> Any:
    """The predictor of a deployed endpoint that captures everything."""
    step = flow.step
    archive = step(
        "Session.upload_data(model.tar.gz)",
        lambda: flow.session.upload_data(str(flow.material / "model.tar.gz"), flow.bucket, key_prefix="models/signs"),
    )
    role = step("Session.expand_role(name)", lambda: flow.session.expand_role("SageMakerRole"), note=str)
    model = step(
        "PyTorchModel(entry_point, source_dir)",
        lambda: PyTorchModel(
            model_data=archive,
            role=role,
            entry_point="inference.py",
            source_dir=str(flow.material / "code"),
            framework_version="2.6.0",
            py_version="py312",
            sagemaker_session=flow.session,
        ),
    )
    predictor = step("PyTorchModel.deploy(data_capture_config, wait=False)", lambda: deployed(model, flow))
    step("get_waiter('endpoint_in_service').wait", lambda: flow.wait("endpoint_in_service"))
    return predictor


def deployed(model: PyTorchModel, flow: Flow) -> Any:
    """The predictor of a model on one instance, all of whose traffic is captured."""
    return model.deploy(
        initial_instance_count=1,
        instance_type="ml.m5.large",
        endpoint_name=ENDPOINT,
        data_capture_config=data_capture(flow, 100),
        serializer=NumpySerializer(),
        deserializer=JSONDeserializer(),
        wait=False,
    )


def data_capture(flow: Flow, percentage: int) -> DataCaptureConfig:
    """Requests and answers, this many of a hundred."""
    return DataCaptureConfig(
        enable_capture=True,
        sampling_percentage=percentage,
        destination_s3_uri=flow.captures,
        capture_options=["REQUEST", "RESPONSE"],
        csv_content_types=["text/csv"],
        json_content_types=["application/json"],
        sagemaker_session=flow.session,
    )


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
        "Predictor.predict(one photograph, inference_id), 60 times",
        lambda: [predictor.predict(one, inference_id=f"stop-{number}") for number in range(60)],
        holds=lambda answers: answers == [[expected[0]]] * 60,
    )


def processing_job(flow: Flow) -> None:
    """The monitor's image run by hand over the captures, and its log as the SDK reads logs."""
    step, output = flow.step, f"{JOB_FOLDER}/out"
    variables = {"THRESHOLD": "0.5", "output_path": output, "dataset_source": f"{JOB_FOLDER}/in"}
    processor = Processor(role=ROLE, image_uri=IMAGE, env=variables, sagemaker_session=flow.session, **INSTANCE)
    step(
        "Processor.run(wait=False, logs=False)",
        lambda: processor.run(
            inputs=[ProcessingInput(flow.captures, f"{JOB_FOLDER}/in", "captures")],
            outputs=[ProcessingOutput(output, f"s3://{flow.bucket}/by-hand", output_name="report")],
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
        note=lambda answer: answer["ExitMessage"],
    )
    step(
        "Session.logs_for_processing_job",
        lambda: printed(lambda: flow.session.logs_for_processing_job(job.job_name)),
        holds=lambda text: text.strip(),
        note=str,
    )


def update(flow: Flow, predictor: Any) -> None:
    """Another instance type, then another sampling percentage, while the endpoint serves."""
    step = flow.step
    step(
        "Predictor.update_endpoint(instance_type, wait=False)",
        lambda: predictor.update_endpoint(initial_instance_count=1, instance_type="ml.m5.xlarge", wait=False),
    )
    step("Predictor.predict while updating", lambda: predictor.predict(flow.photographs[:2]), holds=bool)
    step("get_waiter('endpoint_in_service').wait, once more", lambda: flow.wait("endpoint_in_service"))
    half = data_capture(flow, 50)
    step("Predictor.update_data_capture_config", lambda: predictor.update_data_capture_config(half))
    step(
        "describe_endpoint, capturing half",
        lambda: flow.client.describe_endpoint(EndpointName=ENDPOINT)["DataCaptureConfig"],
        holds=lambda capture: (capture["CurrentSamplingPercentage"], capture["CaptureStatus"]) == (50, "Started"),
    )


def delete_monitors(flow: Flow, predictor: Any) -> None:
    """Every monitor of the endpoint found and deleted."""
    step = flow.step
    monitors = step("Predictor.list_monitors", predictor.list_monitors, holds=lambda found: len(found) == 1)
    for monitor in monitors:
        step("ModelMonitor.delete_monitoring_schedule", monitor.delete_monitoring_schedule)
    step("Predictor.list_monitors, once deleted", predictor.list_monitors, holds=lambda found: found == [])


def delete(flow: Flow, predictor: Any) -> None:
    """The model and the endpoint deleted, as a notebook's last cells do."""
    flow.step("Predictor.delete_model", predictor.delete_model)
    flow.step("Predictor.delete_endpoint", predictor.delete_endpoint)
    flow.step("get_waiter('endpoint_deleted').wait", lambda: flow.wait("endpoint_deleted"))


def printed(function: Callable[[], object]) -> str:
    """What a function writes to standard output."""
    with redirect_stdout(StringIO()) as text:
        function()
    return text.getvalue()


def main() -> None:
    """The whole flow."""
    step, material = steps_and_material()
    with step.part():
        flow = Flow(step, material)
        predictor = deploy(flow)
        predict(flow, predictor)
        parts = (monitor_calls.hourly_schedule, monitor_calls.verdict_at_once, monitor_calls.alerts)
        for part in (*parts, monitor_calls.data_quality):
            with step.part():
                part(flow.monitoring)
        with step.part():
            processing_job(flow)
        for last in (update, delete_monitors, delete):
            with step.part():
                last(flow, predictor)


if __name__ == "__main__":
    main()
