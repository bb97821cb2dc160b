"""What a tick of the scheduler has to start.

What lives here: which slots are due since the last tick, how many were lost, and the row that an execution begins as.
What does not: when slots are (cron.py), claiming and launching them, retries (the scheduler).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from monitor_jobs.contract.window import Window
from service.core.cron import DAY, ScheduleExpression, count_fire_times, fire_times
from service.core.records import ExecutionOrigin, ExecutionRecord, ScheduleRecord
from service.core.states import ExecutionStatus

CATCH_UP: Final = DAY
SLOTS_A_TICK: Final = 100


@dataclass(frozen=True, slots=True)
class Due:
    """Slots to start now, ascending; how many were too old; and the moment up to which every slot is accounted for."""

    slots: tuple[datetime, ...]
    missed: int
    covered_until: datetime


def due(
    expression: ScheduleExpression,
    *,
    covered_until: datetime,
    now: datetime,
    catch_up: timedelta = CATCH_UP,
    limit: int = SLOTS_A_TICK,
) -> Due:
    """The slots in (covered_until, now], of which those that are `catch_up` old or older only count as missed.

    Feed the returned covered_until to the next call, and every slot is returned or counted exactly once; it stops at
    the last slot where `limit` (at least 1) cuts the list. A clock that goes back returns nothing and forgets nothing.
    `NOW` has no slots: its one execution is made with the schedule. Checked in tests/unit/test_schedule_due.py.
    """
    if now <= covered_until:
        return Due((), 0, covered_until)
    oldest = max(covered_until, now - catch_up)
    missed = count_fire_times(expression, after=covered_until, until=oldest)
    slots = tuple(fire_times(expression, after=oldest, until=now, limit=limit))
    return Due(slots, missed, slots[-1] if len(slots) == limit else now)


def pending_execution(
    execution_id: str, schedule: ScheduleRecord, window: Window, *, slot: datetime | None, now: datetime
) -> ExecutionRecord:
    """An execution of the schedule over a window, for a scheduler to claim: of a slot, or asked for now."""
    return ExecutionRecord(
        id=execution_id,
        schedule_name=schedule.name,
        scheduled_at=now if slot is None else slot,
        origin=ExecutionOrigin.RUN_NOW if slot is None else ExecutionOrigin.SLOT,
        window_start=window.start,
        window_end=window.end,
        status=ExecutionStatus.PENDING,
        created_at=now,
        modified_at=now,
        endpoint_name=schedule.endpoint_name,
        monitoring_type=schedule.monitoring_type,
        job_definition_name=schedule.job_definition_name,
    )
