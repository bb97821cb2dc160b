"""One field of a six-field AWS cron expression: its text becomes values, or words that APScheduler understands.

What lives here: the grammar of a single field. What does not: the whole expression and its times (cron.py).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from monitor_jobs.contract.errors import BadInput

EVERY: Final = "*"
UNSPECIFIED: Final = "?"
LAST: Final = "L"


@dataclass(frozen=True, slots=True)
class Field:
    """The numbers a field may hold, both ends included; `names` stand for them in order, from the lowest."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    @property
    def span(self) -> int:
        """How many values there are."""
        return self.highest - self.lowest + 1


MINUTE: Final = Field("minute", 0, 59)
HOUR: Final = Field("hour", 0, 23)
DAY_OF_MONTH: Final = Field("day-of-month", 1, 31)
MONTH: Final = Field(
    "month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
)
DAY_OF_WEEK: Final = Field("day-of-week", 1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
YEAR: Final = Field("year", 1970, 2199)

_POSITIONS: Final = ("1st", "2nd", "3rd", "4th", "5th")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_BRACKET: Final = re.compile(r"\[([0-9]{1,2})(?:-[0-9]{1,2})?\]")


def values_of(field: Field, text: str) -> tuple[int, ...]:
    """The distinct values that a field's text names, ascending.

    Lists, ranges (`FRI-MON` goes round, except in the year), names in any case, and steps: `*/5`, `1-20/3`,
    `0/6`. Raises BadInput with the field, the text and what to write instead. Checked in
    tests/unit/test_cron_fields.py.
    """
    return tuple(sorted({value for item in text.upper().split(",") for value in _values_of_item(field, item)}))


def hours_of_day(text: str) -> tuple[int, ...]:
    """The hours that an hour field names.

    AWS documents `[00-23]` for "one hour of these": `[07]` is 7, and the placeholder itself, sent as it stands, is
    its first number, so that `cron(0 [00-23] ? * * *)` fires daily, as documented, and not every hour.
    """
    return values_of(HOUR, _BRACKET.sub(r"\1", text))


def trigger_list(field: Field, text: str) -> str:
    """A field as CronTrigger reads it: `*`, or its values joined by commas."""
    values = values_of(field, text)
    return EVERY if len(values) == field.span else ",".join(map(str, values))


def trigger_days(day_of_month: str, day_of_week: str) -> tuple[str, str]:
    """CronTrigger's `day` and `day_of_week` for the two day fields, of which exactly one must be `?`.

    Weekdays go by name: AWS counts 1-7 from Sunday, APScheduler 0-6 from Monday.
    """
    if (day_of_month == UNSPECIFIED) == (day_of_week == UNSPECIFIED):
        raise BadInput(
            f"day-of-month {day_of_month!r} and day-of-week {day_of_week!r}: "
            "exactly one of them must be ?, write for example cron(0 * ? * * *)"
        )
    if day_of_week == UNSPECIFIED:
        return _days_of_month(day_of_month), EVERY
    items = day_of_week.upper().split(",")
    if any(map(_is_position, items)):
        return ",".join(_position_in_month(item) for item in items), EVERY
    return EVERY, _weekday_names(items)


def _days_of_month(text: str) -> str:
    items = text.upper().split(",")
    if any("W" in item or item.startswith("L-") for item in items):
        raise _refusal(DAY_OF_MONTH, text, "nearest weekdays (W) and L-n are not supported, write days 1-31, L or ?")
    numbers = ",".join(item for item in items if item != LAST)
    if LAST not in items:
        return trigger_list(DAY_OF_MONTH, numbers)
    return f"{trigger_list(DAY_OF_MONTH, numbers)},last" if numbers else "last"


def _weekday_names(items: Iterable[str]) -> str:
    values = values_of(DAY_OF_WEEK, ",".join("SAT" if item == LAST else item for item in items))
    if len(values) == DAY_OF_WEEK.span:
        return EVERY
    return ",".join(DAY_OF_WEEK.names[value - 1].lower() for value in values)


def _is_position(item: str) -> bool:
    return "#" in item or (item.endswith(LAST) and item != LAST)


def _position_in_month(item: str) -> str:
    """`FRI#3` as `3rd fri`, `6L` as `last fri`."""
    if not _is_position(item):
        raise _refusal(DAY_OF_WEEK, item, "a plain weekday cannot share a list with # or L, write two schedules")
    if "#" not in item:
        return f"last {_one_weekday(item.removesuffix(LAST))}"
    weekday, _, position = item.partition("#")
    if position not in ("1", "2", "3", "4", "5"):
        raise _refusal(DAY_OF_WEEK, item, "# takes a week from 1 to 5, write for example FRI#3")
    return f"{_POSITIONS[int(position) - 1]} {_one_weekday(weekday)}"


def _one_weekday(text: str) -> str:
    return DAY_OF_WEEK.names[_number(DAY_OF_WEEK, text) - 1].lower()


def _values_of_item(field: Field, item: str) -> list[int]:
    head, slash, step_text = item.partition("/")
    step = _step(field, step_text) if slash else 1
    first, last = _bounds(field, head)
    if slash and head.isalnum():
        last = _end_of_steps(field, first, step)
    return [(value - field.lowest) % field.span + field.lowest for value in range(first, last + 1, step)]


def _end_of_steps(field: Field, first: int, step: int) -> int:
    """Where `first/step` ends: with the field, but AWS documents hours 17/12 as "every 12 hours, starting at 5pm"."""
    return first + field.span - 1 if field is HOUR and field.span % step == 0 else field.highest


def _bounds(field: Field, head: str) -> tuple[int, int]:
    if head == EVERY:
        return field.lowest, field.highest
    first_text, dash, last_text = head.partition("-")
    first = _number(field, first_text)
    last = _number(field, last_text) if dash else first
    if last < first and field is YEAR:
        raise _refusal(field, head, "years do not go round, write the earlier one first")
    return first, last if first <= last else last + field.span


def _step(field: Field, text: str) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= field.span:
        raise _refusal(field, f"/{text}", f"write a step from 1 to {field.span}, such as {field.lowest}/2")
    return int(text)


def _number(field: Field, text: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.lowest
    if _NUMBER.fullmatch(text) and field.lowest <= int(text) <= field.highest:
        return int(text)
    names = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
    raise _refusal(field, text, f"write {field.lowest}-{field.highest}{names}, *, a list, a range or a step")


def _refusal(field: Field, text: str, advice: str) -> BadInput:
    return BadInput(f"{field.name} {text!r} in the schedule expression: {advice}")
