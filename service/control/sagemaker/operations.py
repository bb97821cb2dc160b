"""The table of operations: AWS's name, and the function that answers. Adding one is a line here and a function."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Final

from monitor_jobs.contract.errors import NotFound, SextantError
from service.control import api
from service.control.api import Api, Table
from service.control.sagemaker import endpoint_updates, endpoints, models, processing_jobs, schedules
from service.control.sagemaker.context import Context, Json
from service.control.shapes import ApiModel, Shape, published_model
from service.core.records import CaptureSource

OPERATIONS: Final[Table[Context]] = {
    "CreateModel": models.create_model,
    "DescribeModel": models.describe_model,
    "DeleteModel": models.delete_model,
    "ListModels": models.list_models,
    "CreateEndpointConfig": endpoints.create_endpoint_config,
    "DescribeEndpointConfig": endpoints.describe_endpoint_config,
    "DeleteEndpointConfig": endpoints.delete_endpoint_config,
    "ListEndpointConfigs": endpoints.list_endpoint_configs,
    "CreateEndpoint": endpoints.create_endpoint,
    "UpdateEndpoint": endpoint_updates.update_endpoint,
    "DescribeEndpoint": endpoints.describe_endpoint,
    "DeleteEndpoint": endpoints.delete_endpoint,
    "ListEndpoints": endpoints.list_endpoints,
    "CreateMonitoringSchedule": schedules.create_monitoring_schedule,
    "UpdateMonitoringSchedule": schedules.update_monitoring_schedule,
    "DescribeMonitoringSchedule": schedules.describe_monitoring_schedule,
    "DeleteMonitoringSchedule": schedules.delete_monitoring_schedule,
    "StartMonitoringSchedule": schedules.start_monitoring_schedule,
    "StopMonitoringSchedule": schedules.stop_monitoring_schedule,
    "ListMonitoringSchedules": schedules.list_monitoring_schedules,
    "ListMonitoringExecutions": schedules.list_monitoring_executions,
    "StartMonitoringExecution": schedules.start_monitoring_execution,
    "DescribeMonitoringExecution": schedules.describe_monitoring_execution,
    "CreateProcessingJob": processing_jobs.create_processing_job,
    "DescribeProcessingJob": processing_jobs.describe_processing_job,
    "DeleteProcessingJob": processing_jobs.delete_processing_job,
    "ListProcessingJobs": processing_jobs.list_processing_jobs,
    "StopProcessingJob": processing_jobs.stop_processing_job,
}

# The two operations that AWS does not have, in the form of its own shapes.
EXTENSION_SHAPES: Final[Mapping[str, Shape]] = {
    "StartMonitoringExecution": {
        "type": "structure",
        "required": ["MonitoringScheduleName", "DataAnalysisStartTime", "DataAnalysisEndTime"],
        "members": {
            "MonitoringScheduleName": {"shape": "MonitoringScheduleName"},
            "DataAnalysisStartTime": {"shape": "Timestamp"},
            "DataAnalysisEndTime": {"shape": "Timestamp"},
            "CaptureSource": {"shape": "CaptureSource"},
        },
    },
    "CaptureSource": {"type": "string", "enum": list(CaptureSource)},
    "DescribeMonitoringExecution": {
        "type": "structure",
        "required": ["MonitoringExecutionId"],
        "members": {"MonitoringExecutionId": {"shape": "String256"}},
    },
}


def call(operation: str, request: Json, context: Context) -> Json:
    """The answer of one operation; raises what `api.call` does."""
    return api.call(operation, request, context, table=OPERATIONS, model=_model())


def sagemaker_api(new_context: Callable[[], Context]) -> Api:
    """SageMaker's control plane; each request gets a context of its own moment."""
    return Api(
        service="sagemaker",
        target_prefix="SageMaker",
        signing_name="sagemaker",
        operations=frozenset(OPERATIONS),
        call=lambda operation, request: call(operation, request, new_context()),
        codes={NotFound: "ResourceNotFound", SextantError: "ValidationException"},
    )


@cache
def _model() -> ApiModel:
    published = published_model("sagemaker")
    extensions = {name: {"input": {"shape": name}} for name in EXTENSION_SHAPES if name in OPERATIONS}
    return replace(
        published,
        operations={**published.operations, **extensions},
        shapes={**published.shapes, **EXTENSION_SHAPES},
    )
