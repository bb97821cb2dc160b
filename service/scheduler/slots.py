"""From schedules to executions: each slot that is due becomes one row, once, whoever asks first."""

import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from monitor_jobs.contract.errors import BadInput, Conflict
from service.core.cron import ScheduleExpression, parse_expression
from service.core.job_definitions import with_definition
from service.core.monitoring import MonitoringScheduleConfig, offsets_of
from service.core.ports import Database
from service.core.records import ExecutionRecord, Query, ScheduleRecord
from service.core.schedule import due, pending_execution
from service.core.states import ScheduleStatus
from service.core.windows import scheduled_window
from service.logs import EventLog
from service.scheduler.rows import each

log = EventLog(__name__)


def claim_due_slots(database: Database, now: datetime) -> None:
    """Make an execution for every slot that has come due since the last call, and count those that came too late."""
    schedules = database.schedules.find(Query(equal={"status": ScheduleStatus.SCHEDULED}))
    each(schedules, lambda schedule: _claim(database, schedule, now))


def _claim(database: Database, schedule: ScheduleRecord, now: datetime) -> None:
    config = schedule_config(database, schedule)
    expression = parse_expression(config.schedule_config.schedule_expression, schedule_name=schedule.name)
    found = due(expression, covered_until=schedule.covered_until, now=now)
    if not found.slots and not found.missed:
        return
    with database.transaction():
        # Saved first: of two schedulers, the later one fails here and its slots with it.
        missed = schedule.missed_slots + found.missed
        database.schedules.save(replace(schedule, covered_until=found.covered_until, missed_slots=missed))
        for slot in found.slots:
            with suppress(Conflict):  # judged before, by an earlier schedule of the name or before the clock went back
                database.executions.add(_execution(schedule, config, expression, slot, now))
    if found.missed:
        log.warning("slots_missed", schedule=schedule.name, missed=found.missed)


def _execution(
    schedule: ScheduleRecord,
    config: MonitoringScheduleConfig,
    expression: ScheduleExpression,
    slot: datetime,
    now: datetime,
) -> ExecutionRecord:
    window = scheduled_window(expression, slot, offsets_of(config))
    return pending_execution(uuid.uuid4().hex, schedule, window, slot=slot, now=now)


def schedule_config(database: Database, schedule: ScheduleRecord) -> MonitoringScheduleConfig:
    """The schedule's configuration with its definition, which was checked when it was created.

    Raises BadInput where it no longer fits.
    """
    try:
        given = schedule.request["MonitoringScheduleConfig"]
        return MonitoringScheduleConfig.model_validate(with_definition(given, database.job_definitions.get))
    except ValueError as error:
        raise BadInput(f"schedule {schedule.name} cannot be read: update it ({error})") from error
