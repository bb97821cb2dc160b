"""The grammar of schedule expressions: what is refused, with the field, the value and the way out."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.core.cron import LAST_MOMENT, ScheduleExpression, next_fire_time, parse_expression

FRIDAY_NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def parsed(text: str) -> ScheduleExpression:
    return parse_expression(text, schedule_name="signs")


def test_every_weekday_number_is_awss_and_not_apschedulers():
    names = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
    numbered = [next_fire_time(parsed(f"cron(0 0 ? * {day} *)"), FRIDAY_NOON) for day in range(1, 8)]
    assert numbered == [next_fire_time(parsed(f"cron(0 0 ? * {name} *)"), FRIDAY_NOON) for name in names]
    assert [slot.isoweekday() % 7 for slot in numbered if slot] == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("text", "field", "value", "advice"),
    [
        ("cron(60 * ? * * *)", "minute", "'60'", "0-59"),
        ("cron(-1 * ? * * *)", "minute", "''", "0-59"),
        ("cron(? * ? * * *)", "minute", "'?'", "0-59"),
        ("cron(1.5 * ? * * *)", "minute", "'1.5'", "0-59"),
        ("cron(*/0 * ? * * *)", "minute", "'/0'", "1 to 60"),
        ("cron(*/ * ? * * *)", "minute", "'/'", "1 to 60"),
        ("cron(0/5/5 * ? * * *)", "minute", "'/5/5'", "1 to 60"),
        ("cron(1-2-3 * ? * * *)", "minute", "'2-3'", "0-59"),
        ("cron(00000 * ? * * *)", "minute", "'00000'", "0-59"),
        ("cron(0 24 ? * * *)", "hour", "'24'", "0-23"),
        ("cron(0 0/25 ? * * *)", "hour", "'/25'", "1 to 24"),
        ("cron(0 1, ? * * *)", "hour", "''", "0-23"),
        ("cron(0 0 0 * ? *)", "day-of-month", "'0'", "1-31"),
        ("cron(0 0 32 * ? *)", "day-of-month", "'32'", "1-31"),
        ("cron(0 0 15W * ? *)", "day-of-month", "'15W'", "1-31, L or ?"),
        ("cron(0 0 LW * ? *)", "day-of-month", "'LW'", "1-31, L or ?"),
        ("cron(0 0 L-3 * ? *)", "day-of-month", "'L-3'", "1-31, L or ?"),
        ("cron(0 0 1 13 ? *)", "month", "'13'", "JAN-DEC"),
        ("cron(0 0 1 JANUARY ? *)", "month", "'JANUARY'", "JAN-DEC"),
        ("cron(0 0 1 MON ? *)", "month", "'MON'", "JAN-DEC"),
        ("cron(0 0 ? * 0 *)", "day-of-week", "'0'", "1-7 or SUN-SAT"),
        ("cron(0 0 ? * 8 *)", "day-of-week", "'8'", "1-7 or SUN-SAT"),
        ("cron(0 0 ? * FRI#6 *)", "day-of-week", "'FRI#6'", "FRI#3"),
        ("cron(0 0 ? * FRI# *)", "day-of-week", "'FRI#'", "FRI#3"),
        ("cron(0 0 ? * #1 *)", "day-of-week", "''", "1-7 or SUN-SAT"),
        ("cron(0 0 ? * MON-FRIL *)", "day-of-week", "'MON-FRI'", "1-7 or SUN-SAT"),
        ("cron(0 0 ? * MON,FRI#1 *)", "day-of-week", "'MON'", "two schedules"),
        ("cron(0 0 1 1 ? 1969)", "year", "'1969'", "1970-2199"),
        ("cron(0 0 1 1 ? 2200)", "year", "'2200'", "1970-2199"),
        ("cron(0 0 1 1 ? 2030-2026)", "year", "'2030-2026'", "earlier one first"),
        ("cron(0 0 ? * ? *)", "day-of-month", "'?'", "exactly one"),
        ("cron(0 0 * * * *)", "day-of-week", "'*'", "exactly one"),
        ("cron(0 0 5 * * *)", "day-of-month", "'5'", "exactly one"),
    ],
)
def test_a_refusal_names_the_field_the_value_and_the_way_out(text, field, value, advice):
    with pytest.raises(BadInput) as refusal:
        parsed(text)
    assert all(part in str(refusal.value) for part in (field, value, advice))


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "now", "NOW ", "NOW\n", "rate(1 hour)", "0 * ? * * *", "cron()", "cron(0 * ? * *)", "cron(0 * * * *)",
        "cron(0 * ? * * * *)", "cron(0 * ? * * *", "cron(0 * ? * * *)\n", "CRON(0 * ? * * *)", "cron((0 * ? * * *))",
        "cron(\u0660 * ? * * *)", "cron(0 * ? * \u017fun *)", "cron(0 * ? * * *)\x00", f"cron(0{' ' * 250}* ? * * *)",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_refused_with_an_example(text):
    with pytest.raises(BadInput, match=r"cron\(0 \* \? \* \* \*\)"):
        parsed(text)


@given(text=st.text(alphabet="0123456789*?,-/LW#[]SUNMOJA cron()", max_size=30))
def test_any_text_is_parsed_or_refused(text):
    for candidate in (text, f"cron(0 {text} ? * * *)", f"cron(0 0 ? * {text} *)", f"cron(0 0 {text} * ? *)"):
        with suppress(BadInput):
            assert next_fire_time(parsed(candidate), LAST_MOMENT) is None
