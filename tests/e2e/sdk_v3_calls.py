"""The calls of a team that came from SageMaker with the SDK's third version; runs in that SDK's own environment.

What lives here: its resource API, and the monitoring classes that survive in `sagemaker.core`. Nothing names an
address: the environment block does. What does not: schedules and executions (monitor_calls), starting anything
(sdk_v3).
"""

import json
from pathlib import Path
from typing import Any

from sagemaker.core import model_monitor
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import (
    Endpoint,
    EndpointConfig,
    Model,
    MonitoringAlert,
    MonitoringExecution,
    MonitoringSchedule,
    ProcessingJob,
)
from sagemaker.core.shapes import (
    CaptureContentTypeHeader,
    CaptureOption,
    ContainerDefinition,
    DataCaptureConfig,
    ProductionVariant,
)

from tests.e2e import monitor_calls
from tests.e2e.flow_steps import Steps, steps_and_material
from tests.e2e.monitor_calls import ROLE, Monitoring

ENDPOINT = "signs-v3"
SERVICE_SECONDS = 120


class Flow:
    """What every part of the flow needs."""

    def __init__(self, step: Steps, material: Path) -> None:
        self.step = step
        self.material = material
        self.session = step("Session()", Session)
        self.bucket = step("Session.default_bucket()", self.session.default_bucket, holds="sm-local".__eq__)
        self.monitoring = Monitoring(step, self.session, model_monitor, ENDPOINT, self.bucket)


def deploy(flow: Flow) -> Endpoint:
    """The endpoint of a package, made by the resource API, that captures everything."""
    step = flow.step
    archive = step(
        "Session.upload_data(model.tar.gz)",
        lambda: flow.session.upload_data(str(flow.material / "model.tar.gz"), flow.bucket, key_prefix="models/v3"),
    )
    container = ContainerDefinition(model_data_url=archive, image="pytorch-inference:2.6.0-cpu-py312")
    step(
        "Model.create",
        lambda: Model.create(model_name=ENDPOINT, primary_container=container, execution_role_arn=ROLE),
        holds=lambda model: model.model_arn,
    )
    variant = ProductionVariant(
        variant_name="AllTraffic", model_name=ENDPOINT, initial_instance_count=1, instance_type="ml.m5.large"
    )
    step(
        "EndpointConfig.create(data_capture_config)",
        lambda: EndpointConfig.create(
            endpoint_config_name=ENDPOINT, production_variants=[variant], data_capture_config=data_capture(flow.bucket)
        ),
    )
    endpoint = step("Endpoint.create", lambda: Endpoint.create(endpoint_name=ENDPOINT, endpoint_config_name=ENDPOINT))
    step(
        "Endpoint.wait_for_status('InService')",
        lambda: endpoint.wait_for_status("InService", poll=1, timeout=SERVICE_SECONDS),
    )
    step("Endpoint.get_all", lambda: [found.endpoint_name for found in Endpoint.get_all()], holds=[ENDPOINT].__eq__)
    return endpoint


def data_capture(bucket: str) -> DataCaptureConfig:
    """Requests and answers of everything; EnableCapture is left out, as this version does, and means yes."""
    return DataCaptureConfig(
        initial_sampling_percentage=100,
        destination_s3_uri=f"s3://{bucket}/datacapture",
        capture_options=[CaptureOption(capture_mode="Input"), CaptureOption(capture_mode="Output")],
        capture_content_type_header=CaptureContentTypeHeader(json_content_types=["application/json"]),
    )


def invoke(flow: Flow, endpoint: Endpoint) -> None:
    """All signs in turn, then one sign many times: a skewed window."""
    flow.step(
        "Endpoint.invoke(all signs)", lambda: answer(flow, endpoint, "all.npy"), holds=lambda rows: len(rows) == 40
    )
    flow.step(
        "Endpoint.invoke(one sign)", lambda: answer(flow, endpoint, "one.npy"), holds=lambda rows: len(rows) == 60
    )


def answer(flow: Flow, endpoint: Endpoint, file: str) -> Any:
    """The model's answer to a body, parsed."""
    body = (flow.material / file).read_bytes()
    answered = endpoint.invoke(body=body, content_type="application/x-npy", accept="application/json")
    return json.loads(answered.body.read())


def resources(flow: Flow) -> None:
    """What the monitoring classes made, read by the resource API."""
    step, hourly = flow.step, flow.monitoring.hourly
    step(
        "MonitoringSchedule.get",
        lambda: MonitoringSchedule.get(hourly),
        holds=lambda found: found.endpoint_name == ENDPOINT,
        note=lambda found: found.monitoring_schedule_status,
    )
    step("MonitoringSchedule.get_all", lambda: list(MonitoringSchedule.get_all(endpoint_name=ENDPOINT)), holds=len)
    step(
        "MonitoringExecution.get_all",
        lambda: list(MonitoringExecution.get_all(endpoint_name=ENDPOINT)),
        holds=lambda found: found[0].monitoring_execution_status == "CompletedWithViolations",
    )
    step(
        "ProcessingJob.get_all",
        lambda: list(ProcessingJob.get_all()),
        holds=lambda found: found[0].processing_job_status == "Completed",
    )
    step("MonitoringAlert.get_all", lambda: list(MonitoringAlert.get_all(monitoring_schedule_name=hourly)), holds=len)


def delete(flow: Flow, endpoint: Endpoint) -> None:
    """Everything deleted by the resource API."""
    step = flow.step
    step("MonitoringSchedule.delete", lambda: MonitoringSchedule.get(flow.monitoring.hourly).delete())
    step("Endpoint.delete", endpoint.delete)
    step("Endpoint.wait_for_delete", lambda: endpoint.wait_for_delete(poll=1, timeout=SERVICE_SECONDS))
    step("EndpointConfig.delete", lambda: EndpointConfig.get(ENDPOINT).delete())
    step("Model.delete", lambda: Model.get(ENDPOINT).delete())


def main() -> None:
    """The whole flow."""
    step, material = steps_and_material()
    with step.part():
        flow = Flow(step, material)
        endpoint = deploy(flow)
        invoke(flow, endpoint)
        parts = (monitor_calls.hourly_schedule, monitor_calls.verdict_at_once, monitor_calls.alerts)
        for part in (*parts, monitor_calls.data_quality):
            with step.part():
                part(flow.monitoring)
        with step.part():
            resources(flow)
        with step.part():
            delete(flow, endpoint)


if __name__ == "__main__":
    main()
