"""The table of operations: AWS's name, and the function that answers. Adding one is a line here and a function."""

from collections.abc import Mapping
from typing import Final

from service.control.sagemaker import (
    alerts,
    endpoint_updates,
    endpoints,
    executions,
    job_definitions,
    models,
    processing_jobs,
    schedules,
    tags,
)
from service.control.sagemaker.admission import addresses, require_allowed, require_shallow
from service.control.sagemaker.context import Context, Handler, Json, UnknownOperationException
from service.control.sagemaker.shapes import Shape, sagemaker_model, validate
from service.control.sagemaker.tags import tagged, untagged
from service.core.job_definitions import RESOURCES
from service.core.names import Resource
from service.core.records import CaptureSource, MonitoringType


def _of_kind(kind: MonitoringType) -> Mapping[str, Handler]:
    delete = job_definitions.delete_job_definition(kind)
    return {
        f"Create{kind}JobDefinition": tagged(job_definitions.create_job_definition(kind)),
        f"Describe{kind}JobDefinition": job_definitions.describe_job_definition(kind),
        f"Delete{kind}JobDefinition": untagged(delete, RESOURCES[kind], "JobDefinitionName"),
        f"List{kind}JobDefinitions": job_definitions.list_job_definitions(kind),
    }


OPERATIONS: Final[Mapping[str, Handler]] = {
    "CreateModel": tagged(models.create_model),
    "DescribeModel": models.describe_model,
    "DeleteModel": untagged(models.delete_model, Resource.MODEL, "ModelName"),
    "ListModels": models.list_models,
    "CreateEndpointConfig": tagged(endpoints.create_endpoint_config),
    "DescribeEndpointConfig": endpoints.describe_endpoint_config,
    "DeleteEndpointConfig": untagged(endpoints.delete_endpoint_config, Resource.ENDPOINT_CONFIG, "EndpointConfigName"),
    "ListEndpointConfigs": endpoints.list_endpoint_configs,
    "CreateEndpoint": tagged(endpoints.create_endpoint),
    "UpdateEndpoint": endpoint_updates.update_endpoint,
    "DescribeEndpoint": endpoints.describe_endpoint,
    "DeleteEndpoint": untagged(endpoints.delete_endpoint, Resource.ENDPOINT, "EndpointName"),
    "ListEndpoints": endpoints.list_endpoints,
    "CreateMonitoringSchedule": tagged(schedules.create_monitoring_schedule),
    "UpdateMonitoringSchedule": schedules.update_monitoring_schedule,
    "DescribeMonitoringSchedule": schedules.describe_monitoring_schedule,
    "DeleteMonitoringSchedule": untagged(
        schedules.delete_monitoring_schedule, Resource.SCHEDULE, "MonitoringScheduleName"
    ),
    "StartMonitoringSchedule": schedules.start_monitoring_schedule,
    "StopMonitoringSchedule": schedules.stop_monitoring_schedule,
    "ListMonitoringSchedules": schedules.list_monitoring_schedules,
    "ListMonitoringExecutions": executions.list_monitoring_executions,
    "StartMonitoringExecution": schedules.start_monitoring_execution,
    "DescribeMonitoringExecution": executions.describe_monitoring_execution,
    "CreateProcessingJob": tagged(processing_jobs.create_processing_job),
    "DescribeProcessingJob": processing_jobs.describe_processing_job,
    "DeleteProcessingJob": untagged(
        processing_jobs.delete_processing_job, Resource.PROCESSING_JOB, "ProcessingJobName"
    ),
    "ListProcessingJobs": processing_jobs.list_processing_jobs,
    "StopProcessingJob": processing_jobs.stop_processing_job,
    **{name: handler for kind in MonitoringType for name, handler in _of_kind(kind).items()},
    "ListMonitoringAlerts": alerts.list_monitoring_alerts,
    "UpdateMonitoringAlert": alerts.update_monitoring_alert,
    "ListMonitoringAlertHistory": alerts.list_monitoring_alert_history,
    "AddTags": tags.add_tags,
    "DeleteTags": tags.delete_tags,
    "ListTags": tags.list_tags,
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
    """The answer of one operation to a request that fits its published shape.

    Raises UnknownOperationException for an operation that is not served, BadInput where the request does not fit, and
    what the operation itself raises.
    """
    handler = OPERATIONS.get(operation)
    if handler is None:
        raise UnknownOperationException(f"{operation} is not served: served are {', '.join(sorted(OPERATIONS))}")
    require_shallow(request)
    model = sagemaker_model()
    shape = model.input_shape(operation) or operation
    shapes = {**model.shapes, **EXTENSION_SHAPES} if shape in EXTENSION_SHAPES else model.shapes
    validate(request, shape, shapes)
    if context.allowed_buckets:
        require_allowed(addresses(request, shape, shapes), context.allowed_buckets)
    return handler(without_nulls(request), context)


def without_nulls(request: Json) -> Json:
    """The request without the members that are null, at any depth: JSON 1.1 takes them for ones that were not sent."""
    return {name: _without_nulls(value) for name, value in request.items() if value is not None}


def _without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return without_nulls(value)
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
