"""Schedule expressions against times worked out by hand; what is refused is in test_cron_fields.py."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from service.core.cron import (
    LAST_MOMENT,
    Cron,
    RunOnce,
    ScheduleExpression,
    count_fire_times,
    fire_times,
    in_words,
    next_fire_time,
    parse_expression,
    period,
    previous_slot,
)

FRIDAY_NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def parsed(text: str | None) -> ScheduleExpression:
    return parse_expression(text, schedule_name="signs")


def moments(text: str) -> list[datetime]:
    """`2026-11-20T13 2026-11-20T14:30` as UTC times."""
    return [datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in text.split()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Minutes and hours
        ("cron(0 * ? * * *)", "2026-11-20T13:00 2026-11-20T14:00 2026-11-20T15:00"),
        ("cron(* * ? * * *)", "2026-11-20T12:01 2026-11-20T12:02 2026-11-20T12:03"),
        ("cron(*/5 * ? * * *)", "2026-11-20T12:05 2026-11-20T12:10 2026-11-20T12:15"),
        ("cron(7/25 * ? * * *)", "2026-11-20T12:07 2026-11-20T12:32 2026-11-20T12:57 2026-11-20T13:07"),
        ("cron(40/30 13 ? * * *)", "2026-11-20T13:40 2026-11-21T13:40"),
        ("cron(1-20/9 * ? * * *)", "2026-11-20T12:01 2026-11-20T12:10 2026-11-20T12:19 2026-11-20T13:01"),
        ("cron(50-5/5 23 ? * * *)", "2026-11-20T23:00 2026-11-20T23:05 2026-11-20T23:50 2026-11-20T23:55"),
        ("cron(30,15,15 13 ? * * *)", "2026-11-20T13:15 2026-11-20T13:30 2026-11-21T13:15"),
        ("cron(0 0 ? * * *)", "2026-11-21T00:00 2026-11-22T00:00"),
        ("cron(0 12 ? * * *)", "2026-11-21T12:00 2026-11-22T12:00"),
        ("cron(0 0/6 ? * * *)", "2026-11-20T18:00 2026-11-21T00:00 2026-11-21T06:00 2026-11-21T12:00"),
        ("cron(0 */6 ? * * *)", "2026-11-20T18:00 2026-11-21T00:00 2026-11-21T06:00"),
        ("cron(0 22-2 ? * * *)", "2026-11-20T22:00 2026-11-20T23:00 2026-11-21T00:00 2026-11-21T01:00"),
        ("cron(0 8-17/4 ? * * *)", "2026-11-20T16:00 2026-11-21T08:00 2026-11-21T12:00"),
        ("cron(0 5/7 ? * * *)", "2026-11-20T19:00 2026-11-21T05:00 2026-11-21T12:00"),
        ("cron(00 09 ? * * *)", "2026-11-21T09:00"),
        # AWS documents these three for every 12 hours from 5pm, for daily, and for every n hours
        ("cron(0 17/12 ? * * *)", "2026-11-20T17:00 2026-11-21T05:00 2026-11-21T17:00"),
        ("cron(0 [00-23] ? * * *)", "2026-11-21T00:00 2026-11-22T00:00"),
        ("cron(0 [00-23]/[01-24] ? * * *)", "2026-11-20T13:00 2026-11-20T14:00"),
        ("cron(0 [07] ? * * *)", "2026-11-21T07:00 2026-11-22T07:00"),
        ("cron(0 [04]/[08] ? * * *)", "2026-11-20T20:00 2026-11-21T04:00 2026-11-21T12:00"),
        ("cron(0 5/24 ? * * *)", "2026-11-21T05:00 2026-11-22T05:00"),
        # Days of the month
        ("cron(0 6 1 * ? *)", "2026-12-01T06:00 2027-01-01T06:00"),
        ("cron(0 6 L * ? *)", "2026-11-30T06:00 2026-12-31T06:00 2027-01-31T06:00 2027-02-28T06:00"),
        ("cron(0 6 l 2 ? *)", "2027-02-28T06:00 2028-02-29T06:00 2029-02-28T06:00"),
        ("cron(0 6 15,L * ? *)", "2026-11-30T06:00 2026-12-15T06:00 2026-12-31T06:00"),
        ("cron(0 6 30,L 11 ? *)", "2026-11-30T06:00 2027-11-30T06:00"),
        ("cron(0 6 31 * ? *)", "2026-12-31T06:00 2027-01-31T06:00 2027-03-31T06:00"),
        ("cron(0 6 30-2 * ? *)", "2026-11-30T06:00 2026-12-01T06:00 2026-12-02T06:00 2026-12-30T06:00"),
        ("cron(0 6 1/10 12 ? *)", "2026-12-01T06:00 2026-12-11T06:00 2026-12-21T06:00 2026-12-31T06:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29T00:00 2032-02-29T00:00"),
        ("cron(0 0 29 2 ? 2096-2199)", "2096-02-29T00:00 2104-02-29T00:00"),
        ("cron(0 0 * * ? *)", "2026-11-21T00:00 2026-11-22T00:00"),
        # Months
        ("cron(0 0 1 JAN ? *)", "2027-01-01T00:00 2028-01-01T00:00"),
        ("cron(0 0 1 jan,Jul ? *)", "2027-01-01T00:00 2027-07-01T00:00 2028-01-01T00:00"),
        ("cron(0 0 1 */3 ? *)", "2027-01-01T00:00 2027-04-01T00:00 2027-07-01T00:00 2027-10-01T00:00"),
        ("cron(0 0 1 NOV-FEB ? *)", "2026-12-01T00:00 2027-01-01T00:00 2027-02-01T00:00 2027-11-01T00:00"),
        ("cron(59 23 31 12 ? *)", "2026-12-31T23:59 2027-12-31T23:59"),
        # Days of the week: 2026-11-20 is a Friday, 1 is Sunday
        ("cron(0 9 ? * 1 *)", "2026-11-22T09:00 2026-11-29T09:00"),
        ("cron(0 9 ? * 2 *)", "2026-11-23T09:00"),
        ("cron(0 9 ? * 3 *)", "2026-11-24T09:00"),
        ("cron(0 9 ? * 4 *)", "2026-11-25T09:00"),
        ("cron(0 9 ? * 5 *)", "2026-11-26T09:00"),
        ("cron(0 9 ? * 6 *)", "2026-11-27T09:00"),
        ("cron(0 9 ? * 7 *)", "2026-11-21T09:00"),
        ("cron(0 9 ? * SUN *)", "2026-11-22T09:00"),
        ("cron(0 9 ? * sat *)", "2026-11-21T09:00"),
        ("cron(0 9 ? * L *)", "2026-11-21T09:00 2026-11-28T09:00"),
        ("cron(0 9 ? * MON-FRI *)", "2026-11-23T09:00 2026-11-24T09:00 2026-11-25T09:00 2026-11-26T09:00"),
        ("cron(0 9 ? * FRI-MON *)", "2026-11-21T09:00 2026-11-22T09:00 2026-11-23T09:00 2026-11-27T09:00"),
        ("cron(0 9 ? * 7-1 *)", "2026-11-21T09:00 2026-11-22T09:00 2026-11-28T09:00"),
        ("cron(0 9 ? * 2/2 *)", "2026-11-23T09:00 2026-11-25T09:00 2026-11-27T09:00 2026-11-30T09:00"),
        ("cron(0 9 ? * TUE,THU *)", "2026-11-24T09:00 2026-11-26T09:00"),
        ("cron(0 9 ? * SUN-SAT *)", "2026-11-21T09:00 2026-11-22T09:00"),
        ("cron(0 9 ? * 6#3 *)", "2026-12-18T09:00 2027-01-15T09:00"),
        ("cron(0 9 ? * fri#4 *)", "2026-11-27T09:00 2026-12-25T09:00"),
        ("cron(0 9 ? * MON#5 *)", "2026-11-30T09:00 2027-03-29T09:00"),
        ("cron(0 9 ? * 6L *)", "2026-11-27T09:00 2026-12-25T09:00 2027-01-29T09:00"),
        ("cron(0 9 ? * SUNL *)", "2026-11-29T09:00 2026-12-27T09:00"),
        ("cron(0 9 ? * MON#1,FRIL *)", "2026-11-27T09:00 2026-12-07T09:00 2026-12-25T09:00"),
        # Years
        ("cron(0 0 1 1 ? 2028)", "2028-01-01T00:00"),
        ("cron(0 0 1 1 ? 2027,2030)", "2027-01-01T00:00 2030-01-01T00:00"),
        ("cron(0 0 1 1 ? 2026/2)", "2028-01-01T00:00 2030-01-01T00:00"),
        ("cron(0 0 1 1 ? 2199)", "2199-01-01T00:00"),
    ],
)
def test_the_next_slots_are_those_worked_out_by_hand(text, expected):
    slots = moments(expected)
    assert fire_times(parsed(text), after=FRIDAY_NOON, until=LAST_MOMENT, limit=len(slots)) == slots


@pytest.mark.parametrize(
    "text", ["cron(0 0 30 2 ? *)", "cron(0 0 31 4,6,9,11 ? *)", "cron(0 0 1 1 ? 1999)", "cron(0 0 29 2 ? 2100)"]
)
def test_days_that_never_come_have_no_slot(text):
    assert next_fire_time(parsed(text), FRIDAY_NOON) is None


def test_now_runs_once_and_has_no_slots_of_its_own():
    expression = parsed("NOW")
    assert expression == RunOnce()
    assert fire_times(expression, after=FRIDAY_NOON - DAY, until=FRIDAY_NOON + DAY, limit=9) == []
    assert count_fire_times(expression, after=FRIDAY_NOON - DAY, until=FRIDAY_NOON) == 0
    assert (previous_slot(expression, FRIDAY_NOON), period(expression, FRIDAY_NOON)) == (None, None)


def test_no_expression_is_daily_at_an_hour_that_the_name_settles():
    first, again = (parse_expression(None, schedule_name="signs") for _ in range(2))
    assert first == again
    assert period(first, FRIDAY_NOON) == DAY


def test_no_expression_spreads_schedules_over_all_hours():
    expressions = [parse_expression(None, schedule_name=f"schedule-{number}") for number in range(500)]
    hours = {expression.hours for expression in expressions if isinstance(expression, Cron)}
    assert hours == {(hour,) for hour in range(24)}


def test_a_slot_belongs_to_the_span_that_it_ends_and_not_to_the_one_it_begins():
    hourly = parsed("cron(0 * ? * * *)")
    assert fire_times(hourly, after=FRIDAY_NOON - HOUR, until=FRIDAY_NOON, limit=9) == [FRIDAY_NOON]
    assert next_fire_time(hourly, FRIDAY_NOON) == FRIDAY_NOON + HOUR
    assert next_fire_time(hourly, FRIDAY_NOON - timedelta(microseconds=1)) == FRIDAY_NOON


def test_an_empty_or_reversed_span_has_no_slots():
    every_minute = parsed("cron(* * ? * * *)")
    assert fire_times(every_minute, after=FRIDAY_NOON, until=FRIDAY_NOON, limit=9) == []
    assert fire_times(every_minute, after=FRIDAY_NOON, until=FRIDAY_NOON - DAY, limit=9) == []
    assert count_fire_times(every_minute, after=FRIDAY_NOON, until=FRIDAY_NOON - DAY) == 0


def test_the_limit_cuts_the_later_slots():
    slots = fire_times(parsed("cron(* * ? * * *)"), after=FRIDAY_NOON, until=LAST_MOMENT, limit=3)
    assert slots == [FRIDAY_NOON + timedelta(minutes=minute) for minute in (1, 2, 3)]


def test_times_of_other_zones_are_turned_into_utc():
    in_tokyo = datetime.fromisoformat("2026-11-20T21:30:00+09:00")
    assert next_fire_time(parsed("cron(0 * ? * * *)"), in_tokyo) == FRIDAY_NOON + HOUR


@pytest.mark.parametrize("ask", [next_fire_time, previous_slot, period])
def test_a_time_without_a_zone_is_refused(ask):
    with pytest.raises(BadInput, match="no time zone"):
        ask(parsed("cron(0 * ? * * *)"), FRIDAY_NOON.replace(tzinfo=None))


def test_the_end_of_the_year_2199_is_the_end():
    assert next_fire_time(parsed("cron(59 23 ? * * *)"), LAST_MOMENT - HOUR) == LAST_MOMENT
    assert next_fire_time(parsed("cron(* * ? * * *)"), LAST_MOMENT) is None


def test_a_year_of_minutes_is_counted():
    start = datetime(2028, 1, 1, tzinfo=UTC)
    count = count_fire_times(parsed("cron(* * ? * * *)"), after=start, until=start.replace(year=2029))
    assert count == 366 * 24 * 60


EXPRESSIONS = [
    "cron(0 * ? * * *)", "cron(*/7 * ? * * *)", "cron(30 0/6 ? * * *)", "cron(0 0 L * ? *)", "cron(0 12 ? * MON-FRI *)",
    "cron(0,59 23 29-1 * ? *)", "cron(15 10 ? * 6L *)", "cron(0 0 ? * 6#3 *)", "cron(0 3 1 * ? 2026)",
]  # fmt: skip
MOMENTS = st.datetimes(datetime(2025, 12, 1), datetime(2027, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001
SPANS = st.timedeltas(timedelta(0), timedelta(days=45))


@given(text=st.sampled_from(EXPRESSIONS), after=MOMENTS, span=SPANS)
def test_counting_agrees_with_listing(text, after, span):
    slots = fire_times(parsed(text), after=after, until=after + span, limit=100_000)
    assert count_fire_times(parsed(text), after=after, until=after + span) == len(slots)


@given(text=st.sampled_from(EXPRESSIONS), after=MOMENTS, span=SPANS)
def test_slots_ascend_within_their_span(text, after, span):
    slots = fire_times(parsed(text), after=after, until=after + span, limit=100_000)
    assert slots == sorted(set(slots))
    assert all(after < slot <= after + span for slot in slots)


@given(text=st.sampled_from(EXPRESSIONS[:-1]), after=MOMENTS)
def test_the_slot_before_the_next_slot_is_the_one_just_passed(text, after):
    slot = next_fire_time(parsed(text), after)
    assert slot is not None
    previous = previous_slot(parsed(text), slot)
    assert previous is not None
    assert previous <= after
    assert next_fire_time(parsed(text), previous) == slot


@pytest.mark.parametrize(
    ("text", "previous"),
    [
        ("cron(0 * ? * * *)", "2026-11-20T11:00"),
        ("cron(0 0 L * ? *)", "2026-10-31T00:00"),
        ("cron(0 0 29 2 ? *)", "2024-02-29T00:00"),
        ("cron(0 0 ? 2 MON#5 *)", "2016-02-29T00:00"),
        ("cron(30 11 ? * FRI *)", "2026-11-20T11:30"),
        ("cron(30 12 ? * FRI *)", "2026-11-13T12:30"),
        ("cron(0 0 1 1 ? 2027)", "2026-01-01T00:00"),
    ],
)
def test_the_previous_slot_leaves_the_year_aside(text, previous):
    assert previous_slot(parsed(text), FRIDAY_NOON) == moments(previous)[0]


@pytest.mark.parametrize(
    ("text", "distance"),
    [
        ("cron(0 * ? * * *)", HOUR),
        ("cron(* * ? * * *)", timedelta(minutes=1)),
        ("cron(0 0 ? * SUN *)", 7 * DAY),
        ("cron(0 0 1 1 ? 2027)", None),
        ("cron(0 0 30 2 ? *)", None),
    ],
)
def test_the_period_is_the_distance_of_the_next_two_slots(text, distance):
    assert period(parsed(text), FRIDAY_NOON) == distance


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cron(0 * ? * * *)", "every hour at minute 0"),
        ("cron(30 * * * ? *)", "every hour at minute 30"),
        ("cron(5 7 ? * * *)", "every day at 07:05 UTC"),
        ("cron(0 0/6 ? * * *)", "every 6 hours from 00:00 UTC"),
        ("cron(0 17/12 ? * * *)", "every 12 hours from 05:00 UTC"),
        ("cron(* * ? * * *)", "every minute"),
        ("cron(*/5 * ? * * *)", "every 5 minutes"),
        ("cron(1/5 * ? * * *)", "cron(1/5 * ? * * *)"),
        ("cron(*/7 * ? * * *)", "cron(*/7 * ? * * *)"),
        ("cron(0 8,9 ? * * *)", "cron(0 8,9 ? * * *)"),
        ("cron(0 0/5 ? * * *)", "cron(0 0/5 ? * * *)"),
        ("cron(0 0 ? * MON *)", "cron(0 0 ? * MON *)"),
        ("cron(0 * ? * * 2027)", "cron(0 * ? * * 2027)"),
        ("NOW", "once, now"),
    ],
)
def test_words_are_given_where_they_are_plain(text, words):
    assert in_words(parsed(text)) == words
