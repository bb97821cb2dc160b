"""Operations on MonitoringSchedule and its executions."""

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any

from monitor_jobs.contract.errors import Conflict
from monitor_jobs.contract.window import Window
from monitor_jobs.object_store import S3Address
from service.control.sagemaker.context import Context, Json, ResourceInUse, ResourceNotFound, ValidationException
from service.control.sagemaker.listing import Listing, moment, page
from service.control.sagemaker.parsing import parsed
from service.core.cron import RunOnce, next_fire_time, parse_expression
from service.core.monitoring import MonitoringScheduleConfig, offsets_of
from service.core.names import Resource
from service.core.records import CaptureSource, ExecutionOrigin, ExecutionRecord, Query, ScheduleRecord, SortOrder
from service.core.states import ExecutionStatus, ScheduleStatus, advance
from service.core.windows import scheduled_window

SCHEDULE_LISTING = Listing(
    ScheduleRecord,
    key="name",
    sort_columns={"Name": "name", "CreationTime": "created_at", "Status": "status"},
    equal={"EndpointName": "endpoint_name", "StatusEquals": "status"},
)
EXECUTION_LISTING = Listing(
    ExecutionRecord,
    key="id",
    sort_columns={"CreationTime": "created_at", "ScheduledTime": "scheduled_at", "Status": "status"},
    equal={
        "MonitoringScheduleName": "schedule_name",
        "EndpointName": "endpoint_name",
        "StatusEquals": "status",
    },
)


def create_monitoring_schedule(request: Json, context: Context) -> Json:
    """Keeps a schedule that is due from now on; NOW runs once, over its explicit window."""
    name = str(request["MonitoringScheduleName"])
    config = schedule_config(request, context.now)
    record = ScheduleRecord(
        name=name,
        status=ScheduleStatus.SCHEDULED,
        created_at=context.now,
        modified_at=context.now,
        endpoint_name=config.monitoring_job_definition.endpoint_input.endpoint_name,
        request=request,
        covered_until=context.now,
    )
    with context.database.transaction():
        _add_schedule(record, context)
        if config.schedule_config.schedule_expression == RunOnce().text:
            context.database.executions.add(_one_time_execution(record, config, context))
    return {"MonitoringScheduleArn": _arn(name, context)}


def update_monitoring_schedule(request: Json, context: Context) -> Json:
    """Replaces a schedule's whole configuration; slots before this moment are not run again."""
    record = find_schedule(str(request["MonitoringScheduleName"]), context)
    config = schedule_config(request, context.now)
    endpoint = config.monitoring_job_definition.endpoint_input.endpoint_name
    changed = replace(
        record, request=request, endpoint_name=endpoint, covered_until=context.now, modified_at=context.now
    )
    context.database.schedules.save(changed)
    return {"MonitoringScheduleArn": _arn(record.name, context)}


def describe_monitoring_schedule(request: Json, context: Context) -> Json:
    """A schedule as sent, its state, and its last execution."""
    record = find_schedule(str(request["MonitoringScheduleName"]), context)
    answer: Json = {
        **_schedule_summary(record, context),
        "MonitoringScheduleConfig": _described_config(record),
        "MissedSlots": record.missed_slots,
    }
    last = last_execution(record.name, context)
    if last is not None:
        answer["LastMonitoringExecutionSummary"] = execution_summary(last, context)
    return answer


def delete_monitoring_schedule(request: Json, context: Context) -> Json:
    """Forgets a schedule; its executions and reports stay. Refused while an execution runs, as AWS does."""
    record = find_schedule(str(request["MonitoringScheduleName"]), context)
    running = Query(equal={"schedule_name": record.name, "status": ExecutionStatus.IN_PROGRESS}, limit=1)
    if context.database.executions.find(running):
        raise ResourceInUse(f"{record.name} has an execution in progress: stop it or wait, then delete the schedule")
    context.database.schedules.remove(record.name)
    return {}


def start_monitoring_schedule(request: Json, context: Context) -> Json:
    """Lets a stopped schedule run again from now on; what fell due while it was stopped is not caught up with."""
    return _set_status(str(request["MonitoringScheduleName"]), ScheduleStatus.SCHEDULED, context)


def stop_monitoring_schedule(request: Json, context: Context) -> Json:
    """Stops a schedule from starting executions; the running one goes on."""
    return _set_status(str(request["MonitoringScheduleName"]), ScheduleStatus.STOPPED, context)


def list_monitoring_schedules(request: Json, context: Context) -> Json:
    """Schedules, newest first."""

    def summary(record: ScheduleRecord) -> Json:
        return _schedule_summary(record, context)

    table = context.database.schedules
    return page(table, SCHEDULE_LISTING, request, summary=summary, rows="MonitoringScheduleSummaries")


def list_monitoring_executions(request: Json, context: Context) -> Json:
    """Executions, newest first."""

    def summary(record: ExecutionRecord) -> Json:
        return execution_summary(record, context)

    table = context.database.executions
    return page(table, EXECUTION_LISTING, request, summary=summary, rows="MonitoringExecutionSummaries")


def start_monitoring_execution(request: Json, context: Context) -> Json:
    """Asks for one execution over an explicit window, beside the schedule's own slots. AWS has no such operation."""
    record = find_schedule(str(request["MonitoringScheduleName"]), context)
    start, end = moment(request["DataAnalysisStartTime"]), moment(request["DataAnalysisEndTime"])
    source = CaptureSource(str(request.get("CaptureSource", CaptureSource.SIDE_INDEX)))
    execution = replace(_requested_execution(record, (start, end), context), capture_source=source)
    try:
        context.database.executions.add(execution)
    except Conflict as error:
        raise ResourceInUse(f"{record.name} was asked for an execution at this very moment: try again") from error
    return {"MonitoringExecutionId": execution.id}


def describe_monitoring_execution(request: Json, context: Context) -> Json:
    """One execution. AWS has no such operation: its clients list, and describe the processing job."""
    record = context.database.executions.get(str(request["MonitoringExecutionId"]))
    if record is None:
        raise ResourceNotFound(f"Monitoring execution {request['MonitoringExecutionId']!r} does not exist")
    return execution_summary(record, context)


def find_schedule(name: str, context: Context) -> ScheduleRecord:
    """The schedule of that name. Raises ResourceNotFound, which the SageMaker SDK catches by class."""
    record = context.database.schedules.get(name)
    if record is None:
        raise ResourceNotFound(f"Monitoring Schedule with name {name} does not exist")
    return record


def last_execution(schedule: str, context: Context) -> ExecutionRecord | None:
    """The schedule's execution of the latest slot."""
    query = Query(equal={"schedule_name": schedule}, order_by="scheduled_at", order=SortOrder.DESCENDING, limit=1)
    return next(iter(context.database.executions.find(query)), None)


def execution_summary(record: ExecutionRecord, context: Context) -> Json:
    """MonitoringExecutionSummary, and members of our own: id, window, capture source, records, violations."""
    optional = {
        "ProcessingJobArn": record.processing_job_name
        and context.arn(Resource.PROCESSING_JOB, record.processing_job_name),
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
        "EndpointName": record.endpoint_name,
        "MonitoringExecutionId": record.id,
        "WindowStart": record.window_start,
        "WindowEnd": record.window_end,
        "CaptureSource": record.capture_source,
        **{name: value for name, value in optional.items() if value is not None},
    }


def schedule_config(request: Json, now: datetime) -> MonitoringScheduleConfig:
    """The configuration of a create or update request. Raises ValidationException for what cannot run."""
    given = request["MonitoringScheduleConfig"]
    config = parsed(MonitoringScheduleConfig, given, member="MonitoringScheduleConfig")
    _check_times(config, name=str(request["MonitoringScheduleName"]), now=now)
    for output in config.monitoring_job_definition.monitoring_output_config.monitoring_outputs:
        S3Address.parse(output.s3_output.s3_uri)
    return config


def _check_times(config: MonitoringScheduleConfig, *, name: str, now: datetime) -> None:
    expression = parse_expression(config.schedule_config.schedule_expression, schedule_name=name)
    slot = next_fire_time(expression, now)
    if slot is None and not isinstance(expression, RunOnce):
        raise ValidationException(f"ScheduleExpression {expression.text} never fires again: write days to come")
    scheduled_window(expression, slot or now, offsets_of(config))


def _add_schedule(record: ScheduleRecord, context: Context) -> None:
    try:
        context.database.schedules.add(record)
    except Conflict as error:
        raise ResourceInUse(f"Monitoring Schedule with name {record.name} already exists") from error


def _one_time_execution(
    schedule: ScheduleRecord, config: MonitoringScheduleConfig, context: Context
) -> ExecutionRecord:
    window = scheduled_window(RunOnce(), context.now, offsets_of(config))
    return _requested_execution(schedule, (window.start, window.end), context)


def _requested_execution(
    schedule: ScheduleRecord, span: tuple[datetime, datetime], context: Context
) -> ExecutionRecord:
    # Captures carry whole seconds, so a window's bounds do too.
    window = Window(*(bound.replace(microsecond=0) for bound in span))
    return ExecutionRecord(
        id=uuid.uuid4().hex,
        schedule_name=schedule.name,
        scheduled_at=context.now,
        origin=ExecutionOrigin.RUN_NOW,
        window_start=window.start,
        window_end=window.end,
        status=ExecutionStatus.PENDING,
        created_at=context.now,
        modified_at=context.now,
        endpoint_name=schedule.endpoint_name,
    )


def _set_status(name: str, status: ScheduleStatus, context: Context) -> Json:
    record = find_schedule(name, context)
    if record.status is not status:
        changed = replace(record, status=advance(record.status, status), modified_at=context.now)
        resumed = replace(changed, covered_until=context.now) if status is ScheduleStatus.SCHEDULED else changed
        context.database.schedules.save(resumed)
    return {}


def _schedule_summary(record: ScheduleRecord, context: Context) -> Json:
    return {
        "MonitoringScheduleName": record.name,
        "MonitoringScheduleArn": _arn(record.name, context),
        "MonitoringScheduleStatus": record.status,
        "CreationTime": record.created_at,
        "LastModifiedTime": record.modified_at,
        "EndpointName": record.endpoint_name,
    }


def _described_config(record: ScheduleRecord) -> Any:  # noqa: ANN401 -- the client's own JSON
    config: dict[str, Any] = dict(record.request["MonitoringScheduleConfig"])
    definition = config.get("MonitoringJobDefinition")
    if isinstance(definition, dict):
        # The SageMaker SDK's attach() reads Environment with [...], even where none was sent.
        config["MonitoringJobDefinition"] = {"Environment": {}, **definition}
    return config


def _arn(name: str, context: Context) -> str:
    return context.arn(Resource.SCHEDULE, name)
