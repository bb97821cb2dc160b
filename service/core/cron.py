"""When a schedule fires: AWS's schedule expressions, and the moments they name.

What lives here: parsing a whole expression, its fire times, its words for people. What does not: the grammar of one
field (cron_fields.py), what a tick of the scheduler has to start (schedule.py), which data a slot covers (windows.py).

APScheduler's CronTrigger finds the days; hours and minutes are plain products within a day, so that years of slots can
be counted without visiting each. All times are UTC, so no day is longer than another.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from typing import Final

from apscheduler.triggers.cron import CronTrigger

from monitor_jobs.contract.errors import BadInput
from service.core.cron_fields import (
    EVERY,
    HOUR,
    MINUTE,
    MONTH,
    YEAR,
    hours_of_day,
    trigger_days,
    trigger_list,
    values_of,
)

MAX_EXPRESSION_CHARACTERS: Final = 256
FIRST_MOMENT: Final = datetime(YEAR.lowest, 1, 1, tzinfo=UTC)
LAST_MOMENT: Final = datetime(YEAR.highest, 12, 31, 23, 59, tzinfo=UTC)
DAY: Final = timedelta(days=1)
# Each look back is tried only where the shorter ones hold no day, so none of them has many to list. Leap days are up to
# eight years apart, and those on one weekday up to forty.
_LOOKS_BACK: Final = (DAY, 31 * DAY, 366 * DAY, 3_000 * DAY, 15_000 * DAY)
_CRON: Final = re.compile(r"cron\((?P<fields>[^()]*)\)")


@dataclass(frozen=True, slots=True)
class Cron:
    """A recurring schedule: UTC minutes and hours as numbers, the calendar's fields as CronTrigger reads them."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    day: str
    month: str
    day_of_week: str
    year: str


@dataclass(frozen=True, slots=True)
class RunOnce:
    """`NOW`: one execution, whose slot is the moment the schedule is made; it has no slots of its own."""

    text: str = "NOW"


ScheduleExpression = Cron | RunOnce


def parse_expression(text: str | None, *, schedule_name: str) -> ScheduleExpression:
    """The schedule that a ScheduleExpression states: `cron(minute hour day-of-month month day-of-week year)` or `NOW`.

    No expression at all means daily, at an hour that follows from the schedule's name. Minute-level slots are allowed;
    AWS's rule that one of the day fields is `?` holds. Raises BadInput with the field, its value and what to write
    instead. Contract: ScheduleConfig; checked in tests/unit/test_cron.py.
    """
    if text is None:
        return _parse_cron(f"cron(0 {_hour_of_name(schedule_name)} ? * * *)")
    return RunOnce() if text == RunOnce().text else _parse_cron(text)


def fire_times(expression: ScheduleExpression, *, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """The first `limit` slots in (after, until], ascending, UTC; none for `NOW`."""
    return list(islice(_slots(expression, after, until), limit))


def next_fire_time(expression: ScheduleExpression, after: datetime) -> datetime | None:
    """The first slot later than `after`, or None where there is none until the end of 2199."""
    return next(_slots(expression, after, LAST_MOMENT), None)


def count_fire_times(expression: ScheduleExpression, *, after: datetime, until: datetime) -> int:
    """How many slots lie in (after, until]; the work grows with the days between, not with the slots."""
    if isinstance(expression, RunOnce):
        return 0
    after, until = _in_utc(after), _in_utc(until)
    per_day = len(expression.hours) * len(expression.minutes)
    return sum(
        per_day if after < day and day + DAY <= until else _count_on_day(expression, day, after=after, until=until)
        for day in _days(expression, after, until)
    )


def previous_slot(expression: ScheduleExpression, before: datetime) -> datetime | None:
    """The last slot earlier than `before`, where the window of the slot at `before` begins.

    The year field limits how long a schedule lives, not its rhythm, so it is left aside: the first slot of a schedule
    for 2027 has the predecessor that it would have had in 2026. None for `NOW`, and for days that never come, such as
    30 February.
    """
    if isinstance(expression, RunOnce):
        return None
    before = _in_utc(before)
    for look_back in _LOOKS_BACK:
        days = list(_days(expression, before - look_back, before, year=EVERY))
        earlier = (slot for day in reversed(days) for slot in reversed(_on_day(expression, day)) if slot < before)
        if (slot := next(earlier, None)) is not None:
            return slot
    return None


def period(expression: ScheduleExpression, after: datetime) -> timedelta | None:
    """The distance between the next two slots after a moment, or None where fewer than two are left."""
    slots = fire_times(expression, after=after, until=LAST_MOMENT, limit=2)
    return next((later - earlier for earlier, later in pairwise(slots)), None)


def in_words(expression: ScheduleExpression) -> str:
    """The schedule for people, such as "every hour at minute 0"; the expression itself where words would be longer."""
    if isinstance(expression, RunOnce):
        return "once, now"
    every_day = (expression.day, expression.month, expression.day_of_week, expression.year) == (EVERY,) * 4
    words = _hourly_words(expression) if len(expression.minutes) == 1 else _minutely_words(expression)
    return words if every_day and words else expression.text


def _parse_cron(text: str) -> Cron:
    match = _CRON.fullmatch(text) if text.isascii() and len(text) <= MAX_EXPRESSION_CHARACTERS else None
    fields = match["fields"].split() if match else []
    if len(fields) != 6:
        raise BadInput(
            f"{text[:MAX_EXPRESSION_CHARACTERS]!r} is no schedule expression: write NOW, or "
            "cron(minute hour day-of-month month day-of-week year) in UTC, such as cron(0 * ? * * *)"
        )
    minute, hour, day_of_month, month, day_of_week, year = fields
    day, weekday = trigger_days(day_of_month, day_of_week)
    return Cron(
        text=text,
        minutes=values_of(MINUTE, minute),
        hours=hours_of_day(hour),
        day=day,
        month=trigger_list(MONTH, month),
        day_of_week=weekday,
        year=trigger_list(YEAR, year),
    )


def _hour_of_name(schedule_name: str) -> int:
    """An hour that stays the same wherever and whenever it is asked for, and spreads schedules over the day."""
    return hashlib.sha256(schedule_name.encode()).digest()[0] % HOUR.span


def _slots(expression: ScheduleExpression, after: datetime, until: datetime) -> Iterator[datetime]:
    if isinstance(expression, RunOnce):
        return
    after, until = _in_utc(after), _in_utc(until)
    for day in _days(expression, after, until):
        yield from (slot for slot in _on_day(expression, day) if after < slot <= until)


def _days(cron: Cron, first: datetime, last: datetime, *, year: str | None = None) -> Iterator[datetime]:
    """The midnights of the schedule's days, from the day of `first` to that of `last`."""
    trigger = _day_trigger(cron.day, cron.month, cron.day_of_week, year or cron.year)
    midnight = max(first, FIRST_MOMENT).replace(hour=0, minute=0, second=0, microsecond=0)
    while midnight <= last:
        day: datetime | None = trigger.get_next_fire_time(None, midnight)
        if day is None or day > last:
            return
        yield day
        midnight = day + DAY


@lru_cache(maxsize=256)
def _day_trigger(day: str, month: str, day_of_week: str, year: str) -> CronTrigger:
    # The end date bounds the search for a day that never comes.
    return CronTrigger(
        year=year, month=month, day=day, day_of_week=day_of_week, hour=0, timezone=UTC, end_date=LAST_MOMENT
    )


def _on_day(cron: Cron, midnight: datetime) -> list[datetime]:
    return [midnight.replace(hour=hour, minute=minute) for hour in cron.hours for minute in cron.minutes]


def _count_on_day(cron: Cron, midnight: datetime, *, after: datetime, until: datetime) -> int:
    return sum(after < slot <= until for slot in _on_day(cron, midnight))


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise BadInput(f"{moment} has no time zone: give a UTC time")
    return moment.astimezone(UTC)


def _hourly_words(cron: Cron) -> str | None:
    minute, first = cron.minutes[0], f"{cron.hours[0]:02}:{cron.minutes[0]:02} UTC"
    gap = _even_gap(cron.hours, HOUR.span)
    if gap == 1:
        return f"every hour at minute {minute}"
    if gap == HOUR.span:
        return f"every day at {first}"
    return f"every {gap} hours from {first}" if gap else None


def _minutely_words(cron: Cron) -> str | None:
    gap = _even_gap(cron.minutes, MINUTE.span)
    if len(cron.hours) < HOUR.span or cron.minutes[0] or not gap:
        return None
    return "every minute" if gap == 1 else f"every {gap} minutes"


def _even_gap(values: tuple[int, ...], span: int) -> int | None:
    """The distance of values that divide a span evenly, round its end too."""
    gaps = {(later - earlier) % span or span for earlier, later in pairwise((*values, values[0]))}
    return gaps.pop() if len(gaps) == 1 else None
