"""The table of operations: AWS's name, and the function that answers. Adding one is a line here and a function."""

from collections.abc import Callable, Mapping
from typing import Final

from service.control.sagemaker import endpoint_updates, endpoints, models, processing_jobs, schedules
from service.control.sagemaker.context import Context, Json, UnknownOperationException
from service.control.sagemaker.shapes import Shape, sagemaker_model, validate
from service.core.records import CaptureSource

Handler = Callable[[Json, Context], Json]

OPERATIONS: Final[Mapping[str, Handler]] = {
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
    "UpdateEndpointWeightsAndCapacities": endpoint_updates.update_endpoint_weights_and_capacities,
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
    """The answer of one operation to a request that fits its published shape.

    Raises UnknownOperationException for an operation that is not served, BadInput where the request does not fit, and
    what the operation itself raises.
    """
    handler = OPERATIONS.get(operation)
    if handler is None:
        raise UnknownOperationException(f"{operation} is not served: served are {', '.join(sorted(OPERATIONS))}")
    model = sagemaker_model()
    shape = model.input_shape(operation) or operation
    validate(request, shape, {**model.shapes, **EXTENSION_SHAPES} if shape in EXTENSION_SHAPES else model.shapes)
    # JSON 1.1 takes null for a member that was not sent.
    return handler({member: value for member, value in request.items() if value is not None}, context)
