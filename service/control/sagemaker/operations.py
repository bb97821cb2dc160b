"""The table of operations: AWS's name, and the function that answers. Adding one is a line here and a function."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Final

from monitor_jobs.contract.errors import NotFound, SextantError
from service.control import api
from service.control.admission import addresses, mentioned, require_addresses, require_allowed
from service.control.api import Api, Table
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
from service.control.sagemaker.context import Context, Handler, Json
from service.control.sagemaker.tags import tagged, untagged
from service.control.shapes import ApiModel, Shape, published_model
from service.core.access import Principal
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


OPERATIONS: Final[Table[Context]] = {
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
    "UpdateEndpointWeightsAndCapacities": endpoint_updates.update_endpoint_weights_and_capacities,
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
    """The answer of one operation to a request that fits its published shape and stays within the allowed buckets.

    Raises what `api.fitting` does, BadInput for an address elsewhere than in the store or in another bucket, and what
    the operation itself raises.
    """
    handler, fitting = api.fitting(operation, request, context, table=OPERATIONS, model=_model())
    _require_contained(fitting, operation, context.allowed_buckets)
    return handler(fitting, context)


def sagemaker_api(new_context: Callable[[Principal], Context]) -> Api:
    """SageMaker's control plane; each request gets a context of its caller and moment."""
    return Api(
        service="sagemaker",
        target_prefix="SageMaker",
        signing_name="sagemaker",
        operations=frozenset(OPERATIONS),
        call=lambda operation, request, caller: call(operation, request, new_context(caller)),
        codes={NotFound: "ResourceNotFound", SextantError: "ValidationException"},
    )


def _require_contained(request: Json, operation: str, allowed: frozenset[str]) -> None:
    shape, shapes = _model().input_shape(operation), _model().shapes
    if shape is None:
        return
    require_addresses(request, shape, shapes)
    if allowed:
        require_allowed(chain(addresses(request, shape, shapes), mentioned(request, shape, shapes)), allowed)


@cache
def _model() -> ApiModel:
    published = published_model("sagemaker")
    extensions = {name: {"input": {"shape": name}} for name in EXTENSION_SHAPES if name in OPERATIONS}
    return replace(
        published,
        operations={**published.operations, **extensions},
        shapes={**published.shapes, **EXTENSION_SHAPES},
    )
