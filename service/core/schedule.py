"""What a tick of the scheduler has to start.

What lives here: which slots are due since the last tick, and how many were lost. What does not: when slots are
(cron.py), claiming and launching them, retries (the scheduler).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from service.core.cron import DAY, ScheduleExpression, count_fire_times, fire_times

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
