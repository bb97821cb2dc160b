"""When a schedule's monitoring alert is InAlert.

What lives here: the alert that every schedule has from its creation, which executions are its datapoints, and what they
make of it. What does not: keeping it (service.alerting).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from service.core.records import AlertRecord, ExecutionRecord, Query, ScheduleRecord, SortOrder
from service.core.states import VERDICTS, AlertStatus, ExecutionStatus

DEFAULT_ALERT: Final = "default"


def default_alert(schedule: ScheduleRecord) -> AlertRecord:
    """The alert that a schedule is created with: the last execution alone decides."""
    return AlertRecord(schedule.name, DEFAULT_ALERT, AlertStatus.OK, schedule.created_at, schedule.created_at)


def datapoints(schedule: ScheduleRecord, alert: AlertRecord) -> Query:
    """The executions that an alert looks at: the last EvaluationPeriod that ended with a verdict.

    What failed or was stopped says nothing of the endpoint, and what an earlier schedule of the name left is not its.
    """
    return Query(
        equal={"schedule_name": schedule.name},
        any_of={"status": VERDICTS},
        at_least={"created_at": schedule.created_at},
        order_by="scheduled_at",
        order=SortOrder.DESCENDING,
        limit=alert.evaluation_period,
    )


def alert_status(verdicts: Sequence[ExecutionStatus], *, datapoints_to_alert: int) -> AlertStatus:
    """InAlert where at least so many of these verdicts found violations, even while there are fewer than the period.

    Follows the developer guide, "View and edit alerts"; its example is tests/unit/test_alerts.py.
    """
    violating = sum(verdict is ExecutionStatus.COMPLETED_WITH_VIOLATIONS for verdict in verdicts)
    return AlertStatus.IN_ALERT if violating >= datapoints_to_alert else AlertStatus.OK


def reassessed(alert: AlertRecord, executions: Sequence[ExecutionRecord], now: datetime) -> AlertRecord:
    """The alert after these datapoints; itself where its status stays."""
    verdicts = [execution.status for execution in executions]
    status = alert_status(verdicts, datapoints_to_alert=alert.datapoints_to_alert)
    return alert if status is alert.status else replace(alert, status=status, modified_at=now)
