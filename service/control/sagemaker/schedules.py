"""Operations on MonitoringSchedule. They write when what is to run; the scheduler process runs it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from monitor_jobs.contract.errors import Conflict
from monitor_jobs.object_store import S3Address
from service.control.moments import moment
from service.control.sagemaker.context import Context, Json, ResourceInUse, ResourceNotFound, ValidationException
from service.control.sagemaker.endpoints import find_endpoint
from service.control.sagemaker.executions import execution_summary, last_execution, requested_execution
from service.control.sagemaker.listing import Listing, page
from service.control.sagemaker.parsing import parsed
from service.core.cron import RunOnce, next_fire_time, parse_expression
from service.core.job_definitions import referred, require_runnable, with_definition
from service.core.monitoring import MonitoringScheduleConfig, offsets_of
from service.core.names import Resource
from service.core.records import CaptureSource, MonitoringType, Query, ScheduleRecord
from service.core.retrying import begun_anew
from service.core.states import ExecutionStatus, ScheduleStatus, advance
from service.core.windows import scheduled_window

LISTING = Listing(
    ScheduleRecord,
    key="name",
    governed="endpoint_name",
    sort_columns={"Name": "name", "CreationTime": "created_at", "Status": "status"},
    equal={
        "EndpointName": "endpoint_name",
        "StatusEquals": "status",
        "MonitoringTypeEquals": "monitoring_type",
        "MonitoringJobDefinitionName": "job_definition_name",
    },
)
RUNNING: Final = (ExecutionStatus.IN_PROGRESS, ExecutionStatus.STOPPING)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a create or update request asks for, once it is known that it can run."""

    config: MonitoringScheduleConfig
    monitoring_type: MonitoringType
    job_definition_name: str | None

    @property
    def endpoint_name(self) -> str:
        return self.config.monitoring_job_definition.endpoint_input.endpoint_name


def create_monitoring_schedule(request: Json, context: Context) -> Json:
    """Keeps a schedule that is due from now on; NOW runs once, over its explicit window."""
    name = str(request["MonitoringScheduleName"])
    with context.database.transaction():
        wanted = _wanted(request, context)
        record = ScheduleRecord(
            name=name,
            status=ScheduleStatus.SCHEDULED,
            created_at=context.now,
            modified_at=context.now,
            endpoint_name=wanted.endpoint_name,
            request=request,
            covered_until=context.now,
            monitoring_type=wanted.monitoring_type,
            job_definition_name=wanted.job_definition_name,
        )
        _add_schedule(record, context)
        if wanted.config.schedule_config.schedule_expression == RunOnce().text:
            window = scheduled_window(RunOnce(), context.now, offsets_of(wanted.config))
            execution = requested_execution(record, (window.start, window.end), context.now)
            context.database.executions.add(execution)
    return {"MonitoringScheduleArn": _arn(name, context)}


def update_monitoring_schedule(request: Json, context: Context) -> Json:
    """Replaces a schedule's whole configuration; slots before this moment are not run again."""

    def updated(record: ScheduleRecord) -> ScheduleRecord:
        wanted = _wanted(request, context)
        return replace(
            record,
            request=request,
            endpoint_name=wanted.endpoint_name,
            monitoring_type=wanted.monitoring_type,
            job_definition_name=wanted.job_definition_name,
            covered_until=context.now,
            modified_at=context.now,
        )

    record = _change(str(request["MonitoringScheduleName"]), updated, context)
    return {"MonitoringScheduleArn": _arn(record.name, context)}


def describe_monitoring_schedule(request: Json, context: Context) -> Json:
    """A schedule as sent, its state, and its last execution."""
    record = find_schedule(str(request["MonitoringScheduleName"]), context)
    answer: Json = {
        **_summary(record, context),
        "MonitoringScheduleConfig": _described_config(record),
        "MissedSlots": record.missed_slots,
    }
    last = last_execution(record.name, context)
    if last is not None:
        answer["LastMonitoringExecutionSummary"] = execution_summary(last, context)
    return answer


def delete_monitoring_schedule(request: Json, context: Context) -> Json:
    """Forgets a schedule and its alert; executions, reports and the alert's history stay.

    Refused while an execution runs, as AWS does.
    """
    with context.database.transaction():
        record = find_schedule(str(request["MonitoringScheduleName"]), context)
        running = Query(equal={"schedule_name": record.name}, any_of={"status": RUNNING}, limit=1)
        if context.database.executions.find(running):
            raise ResourceInUse(f"{record.name} has an execution in progress: stop it or wait, then delete it")
        context.database.schedules.remove(record.name)
        context.database.alerts.remove(record.name)
    return {}


def start_monitoring_schedule(request: Json, context: Context) -> Json:
    """Lets a stopped schedule run again from now on; what fell due while it was stopped is not caught up with."""

    def started(record: ScheduleRecord) -> ScheduleRecord:
        return _reached(replace(record, covered_until=context.now), ScheduleStatus.SCHEDULED, context.now)

    return _set_status(request, ScheduleStatus.SCHEDULED, started, context)


def stop_monitoring_schedule(request: Json, context: Context) -> Json:
    """Stops a schedule from starting executions; the running one goes on."""

    def stopped(record: ScheduleRecord) -> ScheduleRecord:
        return _reached(record, ScheduleStatus.STOPPED, context.now)

    return _set_status(request, ScheduleStatus.STOPPED, stopped, context)


def list_monitoring_schedules(request: Json, context: Context) -> Json:
    """Schedules, newest first."""

    def summary(record: ScheduleRecord) -> Json:
        return _summary(record, context)

    table = context.database.schedules
    return page(table, LISTING, request, context, summary=summary, rows="MonitoringScheduleSummaries")


def start_monitoring_execution(request: Json, context: Context) -> Json:
    """Asks for one execution over an explicit window, beside the schedule's own slots. AWS has no such operation."""
    record = find_schedule(str(request["MonitoringScheduleName"]), context)
    start, end = moment(request["DataAnalysisStartTime"]), moment(request["DataAnalysisEndTime"])
    source = CaptureSource(str(request.get("CaptureSource", CaptureSource.SIDE_INDEX)))
    execution = replace(requested_execution(record, (start, end), context.now), capture_source=source)
    try:
        context.database.executions.add(execution)
    except Conflict as error:
        raise ResourceInUse(f"{record.name} was asked for an execution at this very moment: try again") from error
    return {"MonitoringExecutionId": execution.id}


def find_schedule(name: str, context: Context) -> ScheduleRecord:
    """The schedule of that name. Raises ResourceNotFound, which the SageMaker SDK catches by class."""
    record = context.database.schedules.get(name)
    if record is None:
        raise ResourceNotFound(f"Monitoring Schedule with name {name} does not exist")
    return record


def _wanted(request: Json, context: Context) -> _Wanted:
    given: Any = request["MonitoringScheduleConfig"]
    complete = with_definition(given, context.database.job_definitions.get)
    require_runnable(complete["MonitoringJobDefinition"])
    config = parsed(MonitoringScheduleConfig, complete, member="MonitoringScheduleConfig")
    _check_times(config, name=str(request["MonitoringScheduleName"]), now=context.now)
    for output in config.monitoring_job_definition.monitoring_output_config.monitoring_outputs:
        S3Address.parse(output.s3_output.s3_uri)
    find_endpoint(config.monitoring_job_definition.endpoint_input.endpoint_name, context)
    inline = MonitoringType(given.get("MonitoringType", MonitoringType.DATA_QUALITY)), None
    return _Wanted(config, *(referred(given) or inline))


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


def _set_status(
    request: Json, status: ScheduleStatus, change: Callable[[ScheduleRecord], ScheduleRecord], context: Context
) -> Json:
    name = str(request["MonitoringScheduleName"])
    if find_schedule(name, context).status is not status:
        _change(name, change, context)
    return {}


def _reached(record: ScheduleRecord, status: ScheduleStatus, now: datetime) -> ScheduleRecord:
    return replace(record, status=advance(record.status, status), modified_at=now)


def _change(name: str, change: Callable[[ScheduleRecord], ScheduleRecord], context: Context) -> ScheduleRecord:
    def changed() -> ScheduleRecord:
        with context.database.transaction():
            return context.database.schedules.save(change(find_schedule(name, context)))

    return begun_anew(changed)


def _summary(record: ScheduleRecord, context: Context) -> Json:
    named = record.job_definition_name
    return {
        "MonitoringScheduleName": record.name,
        "MonitoringScheduleArn": _arn(record.name, context),
        "MonitoringScheduleStatus": record.status,
        "MonitoringType": record.monitoring_type,
        "CreationTime": record.created_at,
        "LastModifiedTime": record.modified_at,
        "EndpointName": record.endpoint_name,
        **({} if named is None else {"MonitoringJobDefinitionName": named}),
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
