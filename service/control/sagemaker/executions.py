"""Operations on a schedule's executions, and how they are told of."""

import uuid
from dataclasses import replace
from datetime import datetime

from monitor_jobs.contract.window import Window
from service.control.sagemaker.context import Context, Json, ResourceNotFound
from service.control.sagemaker.listing import Listing, page
from service.core.names import Resource
from service.core.records import ExecutionRecord, Query, ScheduleRecord, SortOrder
from service.core.schedule import pending_execution

LISTING = Listing(
    ExecutionRecord,
    key="id",
    governed="endpoint_name",
    sort_columns={"CreationTime": "created_at", "ScheduledTime": "scheduled_at", "Status": "status"},
    equal={
        "MonitoringScheduleName": "schedule_name",
        "EndpointName": "endpoint_name",
        "StatusEquals": "status",
        "MonitoringTypeEquals": "monitoring_type",
        "MonitoringJobDefinitionName": "job_definition_name",
    },
)


def list_monitoring_executions(request: Json, context: Context) -> Json:
    """Executions, newest first."""

    def summary(record: ExecutionRecord) -> Json:
        return execution_summary(record, context)

    table = context.database.executions
    return page(table, LISTING, request, context, summary=summary, rows="MonitoringExecutionSummaries")


def describe_monitoring_execution(request: Json, context: Context) -> Json:
    """One execution. AWS has no such operation: its clients list, and describe the processing job."""
    record = context.database.executions.get(str(request["MonitoringExecutionId"]))
    if record is None:
        raise ResourceNotFound(f"Monitoring execution {request['MonitoringExecutionId']!r} does not exist")
    return execution_summary(record, context)


def last_execution(schedule: str, context: Context) -> ExecutionRecord | None:
    """The schedule's execution of the latest slot, of those that the caller may read: it may have judged another."""
    newest = Query(equal={"schedule_name": schedule}, order_by="scheduled_at", order=SortOrder.DESCENDING, limit=1)
    query = replace(newest, fits={"endpoint_name": context.access.readable})
    return next(iter(context.database.executions.find(query)), None)


def execution_summary(record: ExecutionRecord, context: Context) -> Json:
    """MonitoringExecutionSummary, and members of our own: id, window, capture source, records, violations."""
    optional = {
        "ProcessingJobArn": record.processing_job_name
        and context.arn(Resource.PROCESSING_JOB, record.processing_job_name),
        "MonitoringJobDefinitionName": record.job_definition_name,
        "FailureReason": record.failure_reason,
        "ExitMessage": record.exit_message,
        "WindowRecords": record.window_records,
        "Violations": record.violations,
    }
    return {
        "MonitoringScheduleName": record.schedule_name,
        "ScheduledTime": record.scheduled_at,
        "CreationTime": record.created_at,
        "LastModifiedTime": record.modified_at,
        "MonitoringExecutionStatus": record.status,
        "MonitoringType": record.monitoring_type,
        "EndpointName": record.endpoint_name,
        "MonitoringExecutionId": record.id,
        "WindowStart": record.window_start,
        "WindowEnd": record.window_end,
        "CaptureSource": record.capture_source,
        **{name: value for name, value in optional.items() if value is not None},
    }


def requested_execution(schedule: ScheduleRecord, span: tuple[datetime, datetime], now: datetime) -> ExecutionRecord:
    """An execution over an explicit window, asked for now, beside the schedule's own slots."""
    # Captures carry whole seconds, so a window's bounds do too.
    window = Window(*(bound.replace(microsecond=0) for bound in span))
    return pending_execution(uuid.uuid4().hex, schedule, window, slot=None, now=now)
