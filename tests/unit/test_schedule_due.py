"""Ticks of a scheduler: whatever their times, every slot is started or counted as missed exactly once."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.cron import count_fire_times, fire_times, parse_expression
from service.core.schedule import Due, due

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HOURLY = parse_expression("cron(0 * ? * * *)", schedule_name="signs")
EVERY_MINUTE = parse_expression("cron(* * ? * * *)", schedule_name="signs")
EXPRESSIONS = [
    parse_expression(text, schedule_name="signs")
    for text in ("cron(0 * ? * * *)", "cron(*/10 8-17 ? * MON-FRI *)", "cron(0 0/6 ? * * *)", "cron(59 23 L * ? *)")
]
TICKS = st.lists(st.timedeltas(-3 * HOUR, 40 * HOUR), max_size=12)


def run_ticks(expression, steps, *, catch_up, limit=10_000):
    """Every answer of `due`, tick after tick, the first at NOON; `steps` may lead back in time."""
    covered_until, now, answers = NOON, NOON, []
    for step in steps:
        now += step
        answers.append(due(expression, covered_until=covered_until, now=now, catch_up=catch_up, limit=limit))
        covered_until = answers[-1].covered_until
    return answers


def test_a_slot_is_due_at_its_own_moment():
    assert due(HOURLY, covered_until=NOON - MINUTE, now=NOON) == Due((NOON,), 0, NOON)


def test_a_slot_is_not_due_a_moment_earlier():
    now = NOON - timedelta(microseconds=1)
    assert due(HOURLY, covered_until=NOON - MINUTE, now=now) == Due((), 0, now)


def test_a_slot_is_not_due_twice():
    first = due(HOURLY, covered_until=NOON - MINUTE, now=NOON)
    assert due(HOURLY, covered_until=first.covered_until, now=NOON + MINUTE).slots == ()


@pytest.mark.parametrize("back", [timedelta(0), timedelta(microseconds=1), HOUR, 400 * DAY])
def test_a_clock_that_goes_back_returns_nothing_and_forgets_nothing(back):
    assert due(HOURLY, covered_until=NOON, now=NOON - back) == Due((), 0, NOON)


def test_slots_of_a_short_absence_are_caught_up_with():
    answer = due(HOURLY, covered_until=NOON - 3 * HOUR, now=NOON + MINUTE)
    assert answer == Due((NOON - 2 * HOUR, NOON - HOUR, NOON), 0, NOON + MINUTE)


def test_slots_of_a_long_absence_are_missed_but_for_the_last_day():
    answer = due(HOURLY, covered_until=NOON - 10 * DAY, now=NOON)
    assert (len(answer.slots), answer.missed) == (24, 9 * 24)
    assert answer.slots[0] == NOON - 23 * HOUR


def test_a_year_of_minutes_is_counted_exactly():
    answer = due(EVERY_MINUTE, covered_until=NOON - 365 * DAY, now=NOON, limit=10)
    assert answer.missed == 364 * 24 * 60
    assert answer.slots == tuple(NOON - DAY + minute * MINUTE for minute in range(1, 11))


def test_the_limit_leaves_the_rest_to_the_next_tick():
    first = due(EVERY_MINUTE, covered_until=NOON, now=NOON + 5 * MINUTE, limit=3)
    second = due(EVERY_MINUTE, covered_until=first.covered_until, now=NOON + 5 * MINUTE, limit=3)
    assert (*first.slots, *second.slots) == tuple(NOON + minute * MINUTE for minute in range(1, 6))
    assert second.covered_until == NOON + 5 * MINUTE


def test_without_catching_up_every_slot_is_missed():
    assert due(HOURLY, covered_until=NOON - 3 * HOUR, now=NOON, catch_up=timedelta(0)) == Due((), 3, NOON)


@pytest.mark.parametrize("text", ["NOW", "cron(0 0 30 2 ? *)", "cron(0 0 1 1 ? 1999)"])
def test_a_schedule_without_slots_is_never_due(text):
    expression = parse_expression(text, schedule_name="signs")
    assert due(expression, covered_until=NOON - 30 * DAY, now=NOON) == Due((), 0, NOON)


@given(expression=st.sampled_from(EXPRESSIONS), steps=TICKS)
def test_any_ticks_start_every_slot_exactly_once(expression, steps):
    answers = run_ticks(expression, steps, catch_up=timedelta(days=400))
    reached = max([NOON, *(answer.covered_until for answer in answers)])
    expected = fire_times(expression, after=NOON, until=reached, limit=100_000)
    assert [slot for answer in answers for slot in answer.slots] == expected
    assert sum(answer.missed for answer in answers) == 0


@given(expression=st.sampled_from(EXPRESSIONS), steps=TICKS, limit=st.integers(1, 7))
def test_started_and_missed_slots_add_up_to_all(expression, steps, limit):
    answers = run_ticks(expression, steps, catch_up=DAY, limit=limit)
    covered = max([NOON, *(answer.covered_until for answer in answers)])
    started = [slot for answer in answers for slot in answer.slots]
    assert started == sorted(set(started))
    assert len(started) + sum(answer.missed for answer in answers) == count_fire_times(
        expression, after=NOON, until=covered
    )


@given(steps=TICKS, limit=st.integers(1, 7))
def test_the_covered_time_never_goes_back(steps, limit):
    covered = [NOON, *(answer.covered_until for answer in run_ticks(HOURLY, steps, catch_up=DAY, limit=limit))]
    assert covered == sorted(covered)


@given(absence=st.timedeltas(timedelta(0), 60 * DAY))
def test_no_started_slot_is_as_old_as_the_catch_up_time(absence):
    answer = due(HOURLY, covered_until=NOON, now=NOON + absence)
    assert all(NOON + absence - slot < DAY for slot in answer.slots)
