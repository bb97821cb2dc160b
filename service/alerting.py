"""Alerts kept up to date: the one source of what ListMonitoringAlerts, its history and Prometheus tell.

What lives here: reading and writing them, for whoever ends executions and whoever changes what an alert looks at. What
does not: when an alert is InAlert (core.alerts).
"""

import uuid
from collections.abc import Callable
from datetime import datetime

from service.core.alerts import datapoints, default_alert, reassessed
from service.core.ports import Database
from service.core.records import AlertChangeRecord, AlertRecord, ScheduleRecord
from service.core.retrying import begun_anew

Change = Callable[[AlertRecord], AlertRecord]


def alert_of(database: Database, schedule: ScheduleRecord) -> AlertRecord:
    """The schedule's alert over the executions that have ended by now, also before its change is a row of history."""
    alert = _kept(database, schedule)
    executions = database.executions.find(datapoints(schedule, alert))
    return reassessed(alert, executions, max((each.modified_at for each in executions), default=alert.modified_at))


def reassess(database: Database, schedule: ScheduleRecord, now: datetime) -> AlertRecord:
    """The alert over the executions that have ended by now, kept where it changed, and the change with it.

    Raises Conflict where others changed it at every attempt. Proven by tests/integration/test_alerting.py.
    """
    return change_alert(database, schedule, now, lambda alert: alert)


def change_alert(database: Database, schedule: ScheduleRecord, now: datetime, change: Change) -> AlertRecord:
    """The alert after a change of what it looks at, reassessed at once. Raises Conflict as reassess does."""
    return begun_anew(lambda: _changed(database, schedule, now, change))


def _changed(database: Database, schedule: ScheduleRecord, now: datetime, change: Change) -> AlertRecord:
    with database.transaction():
        before = _kept(database, schedule)
        wanted = change(before)
        after = reassessed(wanted, database.executions.find(datapoints(schedule, wanted)), now)
        if after is before:
            return before
        if after.status is not before.status:
            judged = schedule.endpoint_name
            row = AlertChangeRecord(uuid.uuid4().hex, schedule.name, after.name, now, after.status, judged)
            database.alert_changes.add(row)
        return _keep(database, after)


def _kept(database: Database, schedule: ScheduleRecord) -> AlertRecord:
    # An alert has no row until something about it changes.
    return database.alerts.get(schedule.name) or default_alert(schedule)


def _keep(database: Database, alert: AlertRecord) -> AlertRecord:
    if database.alerts.get(alert.schedule_name) is None:
        database.alerts.add(alert)
        return alert
    return database.alerts.save(alert)
