"""Requests that fit, and what they are sent to, for the tests of the control process."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor_jobs.object_store.folder import FolderStore
from service.adapters.database import SqlDatabase, connect
from service.adapters.database.schema import metadata
from service.control.access.enforcement import Access
from service.control.access.resources import Installation as AccessedInstallation
from service.control.sagemaker.context import Context
from service.control.sagemaker.operations import call
from service.core.access import Grant, Principal, Role
from service.core.records import ExecutionOrigin, ExecutionRecord, ProcessingJobRecord, Query
from service.core.states import ExecutionStatus, ProcessingJobStatus
from service.settings import Settings

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ROLE = "arn:aws:iam::000000000000:role/sextant"
EVERY_HOUR = {"ScheduleExpression": "cron(0 * ? * * *)"}
NOW_ONCE = {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H"}
CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://captures/signs",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
}
EVERYTHING = Query()
KEPT = ("users", "access_keys", "api_keys", "sessions")
ADMIN = Principal("admin", "SXTTESTS", (Grant(Role.ADMIN),))
RESOURCES = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 20}}


class Installation:
    """A database and a store in one folder, at noon; `call` is an operation of its table."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.settings = Settings.model_validate({"data": folder, **settings})
        self.database: SqlDatabase = connect(self.settings.database)
        self.store = FolderStore(folder)
        self.now = NOON

    def call(self, operation: str, **request: object) -> dict:
        """The operation's answer."""
        return call(operation, request, self.context(ADMIN))

    def context(self, caller: Principal) -> Context:
        """What an operation is handed for a caller."""
        here = AccessedInstallation(self.database, self.settings.region, self.settings.account)
        return Context(Access(caller, here), self.store, self.now, self.settings.allowed_buckets)

    def forget_everything(self) -> None:
        """Empty every table but those of users, keys and sessions."""
        with self.database.engine.begin() as connection:
            for table in metadata.sorted_tables:
                if table.name not in KEPT:
                    connection.execute(table.delete())

    def later(self, **duration: float) -> "Installation":
        """The same installation after so much time."""
        self.now += timedelta(**duration)
        return self

    def with_endpoint(self, name: str = "signs") -> "Installation":
        """The same installation with a model, a config and an endpoint of that name."""
        self.call("CreateModel", **model(name))
        self.call("CreateEndpointConfig", **endpoint_config(name))
        self.call("CreateEndpoint", EndpointName=name, EndpointConfigName=name)
        return self


def sent(members: dict) -> bytes:
    """A request as its client sends it, in JSON."""
    return json.dumps(members).encode()


def model(name: str = "signs", url: str = "s3://models/signs/model.tar.gz") -> dict:
    """CreateModel."""
    return {"ModelName": name, "PrimaryContainer": {"ModelDataUrl": url}, "ExecutionRoleArn": ROLE}


def endpoint_config(name: str = "signs", model_name: str | None = None, **members: object) -> dict:
    """CreateEndpointConfig of one variant that captures everything."""
    variant = {"VariantName": "AllTraffic", "ModelName": model_name or name}
    return {"EndpointConfigName": name, "ProductionVariants": [variant], "DataCaptureConfig": CAPTURE, **members}


def schedule(name: str = "hourly", times: dict | None = None, *, endpoint: str = "signs", **definition: object) -> dict:
    """CreateMonitoringSchedule of an endpoint."""
    job = {
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/ml/processing/input"}}],
        "MonitoringOutputConfig": {
            "MonitoringOutputs": [
                {"S3Output": {"S3Uri": "s3://reports/signs", "LocalPath": "/opt/ml/processing/output"}},
            ]
        },
        "MonitoringResources": RESOURCES,
        "MonitoringAppSpecification": {"ImageUri": "sextant/class-skew"},
        "RoleArn": ROLE,
        **definition,
    }
    config = {"ScheduleConfig": EVERY_HOUR if times is None else times, "MonitoringJobDefinition": job}
    return {"MonitoringScheduleName": name, "MonitoringScheduleConfig": config}


def scheduled_by_name(name: str = "hourly", *, kind: str = "DataQuality", definition: str = "quality") -> dict:
    """CreateMonitoringSchedule that names a job definition."""
    config = {"ScheduleConfig": EVERY_HOUR, "MonitoringJobDefinitionName": definition, "MonitoringType": kind}
    return {"MonitoringScheduleName": name, "MonitoringScheduleConfig": config}


def job_definition(kind: str = "DataQuality", name: str = "quality", **members: object) -> dict:
    """Create...JobDefinition of a kind, over an endpoint `signs`; bias and explainability have a configuration."""
    source = {"EndpointInput": {"EndpointName": "signs", "LocalPath": "/opt/ml/processing/input"}}
    labels = {"GroundTruthS3Input": {"S3Uri": "s3://labels/signs"}} if kind in ("ModelQuality", "ModelBias") else {}
    rules = {"ConfigUri": "s3://rules/analysis.json"} if kind in ("ModelBias", "ModelExplainability") else {}
    output = {"S3Uri": "s3://reports/signs", "LocalPath": "/opt/ml/processing/output"}
    return {
        "JobDefinitionName": name,
        f"{kind}AppSpecification": {"ImageUri": "sextant/class-skew", **rules},
        f"{kind}JobInput": {**source, **labels},
        f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
        "JobResources": RESOURCES,
        "RoleArn": ROLE,
        **members,
    }


def processing_job(name: str = "baseline", **members: object) -> dict:
    """CreateProcessingJob with one input and one output."""
    source = {"S3Uri": "s3://captures/signs", "LocalPath": "/opt/ml/processing/input", "S3DataType": "S3Prefix"}
    target = {"S3Uri": "s3://reports/base", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": [{"InputName": "captures", "S3Input": source}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "report", "S3Output": target}]},
        "ProcessingResources": RESOURCES,
        "AppSpecification": {"ImageUri": "sextant/class-skew"},
        "RoleArn": ROLE,
        **members,
    }


def execution(slot: int, status: ExecutionStatus = ExecutionStatus.COMPLETED, **members: object) -> ExecutionRecord:
    """The execution of the schedule `hourly` that comes so many hours after noon and ended five minutes later."""
    at = NOON + timedelta(hours=slot)
    record = {
        "id": f"execution-{slot}",
        "schedule_name": "hourly",
        "scheduled_at": at,
        "origin": ExecutionOrigin.SLOT,
        "window_start": at - timedelta(hours=1),
        "window_end": at,
        "status": status,
        "created_at": at,
        "modified_at": at + timedelta(minutes=5),
        "endpoint_name": "signs",
    }
    return ExecutionRecord(**record | members)


def ended_job(name: str, **members: object) -> ProcessingJobRecord:
    """A processing job of the schedule `hourly` that has completed."""
    return ProcessingJobRecord(name, ProcessingJobStatus.COMPLETED, NOON, NOON, {}, "hourly", **members)
