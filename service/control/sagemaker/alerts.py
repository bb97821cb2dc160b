"""Operations on monitoring alerts: one a schedule, and the history of its changes."""

from dataclasses import replace

from service.alerting import alert_of, change_alert
from service.control.sagemaker.context import Context, Json, ResourceNotFound, ValidationException
from service.control.sagemaker.listing import Listing, page
from service.control.sagemaker.schedules import find_schedule
from service.core.names import Resource
from service.core.pagination import LARGEST_MAX_RESULTS
from service.core.records import AlertChangeRecord, AlertRecord, ScheduleRecord

HISTORY = Listing(
    AlertChangeRecord,
    key="id",
    governed="endpoint_name",
    sort_columns={"CreationTime": "created_at", "Status": "status"},
    equal={
        "MonitoringScheduleName": "schedule_name",
        "MonitoringAlertName": "alert_name",
        "StatusEquals": "status",
    },
    page_size=LARGEST_MAX_RESULTS,
)


def list_monitoring_alerts(request: Json, context: Context) -> Json:
    """The schedule's alert, the only one it has."""
    if "NextToken" in request:
        raise ValidationException("NextToken is not one that this listing gave: a schedule has one alert")
    schedule = find_schedule(str(request["MonitoringScheduleName"]), context)
    return {"MonitoringAlertSummaries": [_summary(alert_of(context.database, schedule))]}


def update_monitoring_alert(request: Json, context: Context) -> Json:
    """Sets how many of how many executions raise the alert; those that have ended are looked at anew, at once."""
    schedule = find_schedule(str(request["MonitoringScheduleName"]), context)
    _require_alert(schedule, str(request["MonitoringAlertName"]), context)
    datapoints, period = _whole(request, "DatapointsToAlert"), _whole(request, "EvaluationPeriod")
    if datapoints > period:
        raise ValidationException(
            f"DatapointsToAlert {datapoints} is more than EvaluationPeriod {period}: it would never be raised"
        )

    def changed(alert: AlertRecord) -> AlertRecord:
        return replace(alert, datapoints_to_alert=datapoints, evaluation_period=period, modified_at=context.now)

    alert = change_alert(context.database, schedule, context.now, changed)
    return {
        "MonitoringScheduleArn": context.arn(Resource.SCHEDULE, schedule.name),
        "MonitoringAlertName": alert.name,
    }


def list_monitoring_alert_history(request: Json, context: Context) -> Json:
    """Changes of alerts, newest first; also those of schedules that were deleted."""

    def summary(record: AlertChangeRecord) -> Json:
        return {
            "MonitoringScheduleName": record.schedule_name,
            "MonitoringAlertName": record.alert_name,
            "CreationTime": record.created_at,
            "AlertStatus": record.status,
        }

    table = context.database.alert_changes
    return page(table, HISTORY, request, context, summary=summary, rows="MonitoringAlertHistory")


def _require_alert(schedule: ScheduleRecord, name: str, context: Context) -> None:
    there = alert_of(context.database, schedule).name
    if name != there:
        raise ResourceNotFound(f"Monitoring alert {name} of {schedule.name} does not exist: its alert is {there!r}")


def _whole(request: Json, member: str) -> int:
    return int(str(request[member]))


def _summary(alert: AlertRecord) -> Json:
    return {
        "MonitoringAlertName": alert.name,
        "CreationTime": alert.created_at,
        "LastModifiedTime": alert.modified_at,
        "AlertStatus": alert.status,
        "DatapointsToAlert": alert.datapoints_to_alert,
        "EvaluationPeriod": alert.evaluation_period,
        "Actions": {"ModelDashboardIndicator": {"Enabled": True}},
    }
