"""Statistics: merged in any grouping they are the same, and periods begin at multiples of theirs."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.control.cloudwatch.statistics import Datapoint, Statistic, by_period, of_values

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
VALUES = st.lists(st.tuples(st.integers(-1000, 1000), st.integers(1, 5)), min_size=1, max_size=8)


@given(first=VALUES, second=VALUES)
def test_statistics_of_two_parts_are_those_of_the_whole(first, second):
    assert of_values(first) + of_values(second) == of_values(first + second)


@given(values=VALUES)
def test_the_five_are_those_of_the_values_written_out(values):
    whole = [value for value, count in values for _ in range(count)]
    found = of_values(values)
    assert [found.value(statistic) for statistic in Statistic] == [
        len(whole),
        sum(whole) / len(whole),
        sum(whole),
        min(whole),
        max(whole),
    ]


def point(seconds, value, unit="None"):
    return Datapoint(NOON + timedelta(seconds=seconds), unit, of_values([(value, 1)]))


@pytest.mark.parametrize(("period", "starts"), [(60, [0, 60, 3600]), (3600, [0, 3600]), (86400, [-43200])])
def test_a_period_holds_its_start_and_not_its_end(period, starts):
    found = by_period([point(3600, 1), point(59, 1), point(60, 1), point(0, 1)], seconds=period)
    assert [at - NOON for at, _ in found] == [timedelta(seconds=start) for start in starts]


def test_units_do_not_mix():
    found = by_period([point(0, 1, "Count"), point(1, 2, "Bytes"), point(2, 3, "Count")], seconds=60)
    assert {unit: numbers.total for (_, unit), numbers in found.items()} == {"Count": 4, "Bytes": 2}
