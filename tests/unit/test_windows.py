"""Offsets and the window of a slot, against AWS's own examples and at their edges."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import Window
from service.core.cron import RunOnce, fire_times, parse_expression
from service.core.windows import (
    MAX_OFFSET,
    WindowOffsets,
    parse_offset,
    parse_offsets,
    scheduled_window,
    window_of_slot,
)

SLOT = datetime(2020, 1, 9, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HOURLY = parse_expression("cron(0 * ? * * *)", schedule_name="signs")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("-PT1H", -HOUR),
        ("-PT0H", timedelta(0)),
        ("PT0S", timedelta(0)),
        ("-P0D", timedelta(0)),
        ("PT30M", timedelta(minutes=30)),
        ("+PT30M", timedelta(minutes=30)),
        ("-PT5S", timedelta(seconds=-5)),
        ("-P1D", -DAY),
        ("-P8D", -8 * DAY),
        ("-P1W", -7 * DAY),
        ("-P1DT2H3M4S", -timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("-PT90M", timedelta(minutes=-90)),
        ("-PT2D", -2 * DAY),
        ("-P366D", -MAX_OFFSET),
    ],
)
def test_an_offset_is_the_time_it_states(text, length):
    assert parse_offset(text) == length


@pytest.mark.parametrize(
    "text",
    [
        "", "P", "-P", "PT", "-PT", "P1DT", "1H", "-1H", "-P1H", "-P1M", "P1Y", "-pt1h", "--PT1H", "-PT-1H", "-PT1.5H",
        "-PT1H\n", " -PT1H", "-PT1H ", "-PT1M1H", "P1D2H", "-PT1H1H", "-PT\u0661H", "PTNaNH", "-P0000000000001D",
        "-PT000000001H", "-P999999999999D",
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(BadInput, match="-PT1H, -PT30M or -P1D"):
        parse_offset(text)


@pytest.mark.parametrize("text", ["-P367D", "P99999W", "-P366DT1S", "PT99999H"])
def test_an_offset_over_a_year_is_refused(text):
    with pytest.raises(BadInput, match="longer than 366 days"):
        parse_offset(text)


@given(text=st.text(alphabet="+-PTDHMSW0123456789. ", max_size=20))
def test_any_offset_is_parsed_within_a_year_or_refused(text):
    try:
        length = parse_offset(text)
    except BadInput:
        return
    assert abs(length) <= MAX_OFFSET
    assert len(text) <= 15


def test_without_offsets_a_window_reaches_from_slot_to_slot():
    window = window_of_slot(SLOT, previous=SLOT - HOUR, offsets=WindowOffsets())
    assert window == Window(SLOT - HOUR, SLOT)


def test_data_analysis_offsets_count_from_the_slot():
    offsets = parse_offsets(analysis_start="-PT3H", analysis_end="-PT1H")
    assert window_of_slot(SLOT, previous=SLOT - DAY, offsets=offsets) == Window(SLOT - 3 * HOUR, SLOT - HOUR)


def test_input_offsets_give_the_window_of_awss_guide():
    offsets = parse_offsets(input_start="-P8D", input_end="-P1D")
    window = window_of_slot(SLOT, previous=SLOT - HOUR, offsets=offsets)
    assert str(window) == "2020-01-01T13:00:00Z to 2020-01-08T13:00:00Z"


def test_the_offsets_of_awss_samples_are_the_hour_before_the_slot():
    offsets = parse_offsets(input_start="-PT1H", input_end="-PT0H")
    assert window_of_slot(SLOT, previous=SLOT - HOUR, offsets=offsets) == Window(SLOT - HOUR, SLOT)


def test_a_start_offset_alone_ends_at_the_slot():
    window = window_of_slot(SLOT, previous=SLOT - HOUR, offsets=parse_offsets(input_start="-PT6H"))
    assert window == Window(SLOT - 6 * HOUR, SLOT)


def test_an_end_offset_alone_moves_both_bounds():
    window = window_of_slot(SLOT, previous=SLOT - HOUR, offsets=parse_offsets(input_end="-P1D"))
    assert window == Window(SLOT - DAY - HOUR, SLOT - DAY)


def test_data_analysis_offsets_go_before_those_of_the_input():
    offsets = parse_offsets(analysis_start="-PT2H", analysis_end="-PT0H", input_start="-P8D", input_end="-P1D")
    assert window_of_slot(SLOT, previous=SLOT - HOUR, offsets=offsets) == Window(SLOT - 2 * HOUR, SLOT)


@pytest.mark.parametrize("given_one", [{"analysis_start": "-PT1H"}, {"analysis_end": "-PT0H"}])
def test_data_analysis_offsets_come_in_pairs(given_one):
    with pytest.raises(BadInput, match="both or neither"):
        parse_offsets(**given_one)


@pytest.mark.parametrize(("start", "end"), [("-PT1H", "-PT1H"), ("-PT1H", "-PT2H"), ("-PT0H", "-PT0H")])
def test_an_end_that_is_not_after_its_start_is_refused(start, end):
    with pytest.raises(BadInput, match="DataAnalysisStartTime"):
        parse_offsets(analysis_start=start, analysis_end=end)
    with pytest.raises(BadInput, match="StartTimeOffset"):
        parse_offsets(input_start=start, input_end=end)


def test_a_start_after_the_slot_is_refused():
    with pytest.raises(BadInput, match="StartTimeOffset"):
        parse_offsets(input_start="PT1H")


def test_an_analysis_window_is_at_most_a_day_long():
    assert parse_offsets(analysis_start="-PT25H", analysis_end="-PT1H").analysis_start == -25 * HOUR
    with pytest.raises(BadInput, match="at most 24 hours"):
        parse_offsets(analysis_start="-PT24H", analysis_end="PT1S")


def test_the_first_slot_of_a_schedule_has_a_whole_window():
    assert scheduled_window(HOURLY, SLOT, WindowOffsets()) == Window(SLOT - HOUR, SLOT)


def test_windows_of_an_uneven_schedule_follow_its_slots():
    office_hours = parse_expression("cron(0 9,17 ? * MON-FRI *)", schedule_name="signs")
    monday = datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert scheduled_window(office_hours, monday, WindowOffsets()) == Window(monday - 64 * HOUR, monday)


@pytest.mark.parametrize("text", ["cron(*/7 * ? * * *)", "cron(0 0 L * ? *)", "cron(0 9 ? * MON-FRI *)"])
def test_windows_of_neighbouring_slots_leave_no_gap_and_no_overlap(text):
    expression = parse_expression(text, schedule_name="signs")
    slots = fire_times(expression, after=SLOT, until=SLOT + 365 * DAY, limit=20)
    windows = [scheduled_window(expression, slot, WindowOffsets()) for slot in slots]
    assert [window.start for window in windows[1:]] == [window.end for window in windows[:-1]]


def test_now_takes_its_window_from_the_data_analysis_offsets():
    offsets = parse_offsets(analysis_start="-PT2H", analysis_end="-PT0H")
    assert scheduled_window(RunOnce(), SLOT, offsets) == Window(SLOT - 2 * HOUR, SLOT)


@pytest.mark.parametrize("offsets", [WindowOffsets(), WindowOffsets(input_start=-HOUR, input_end=timedelta(0))])
def test_now_without_data_analysis_offsets_is_refused(offsets):
    with pytest.raises(BadInput, match="DataAnalysisStartTime"):
        scheduled_window(RunOnce(), SLOT, offsets)


def test_a_schedule_that_never_fires_has_no_window():
    with pytest.raises(BadInput, match="never fires"):
        scheduled_window(parse_expression("cron(0 0 30 2 ? *)", schedule_name="signs"), SLOT, WindowOffsets())


def test_a_slot_without_a_zone_has_no_window():
    with pytest.raises(BadInput, match="time zone"):
        window_of_slot(SLOT.replace(tzinfo=None), previous=SLOT, offsets=WindowOffsets())
