"""Token buckets give what they promise, never more, whatever callers and clocks do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.rate_limit import Rate, TokenBuckets

RATES = st.builds(Rate, st.floats(0.05, 10_000), st.floats(1, 10_000).map(float))
STEPS = st.lists(st.floats(0, 20), min_size=1, max_size=200)


def taken(buckets, moments, name="key"):
    return [moment for moment in moments if buckets.take(name, moment) is None]


@given(RATES, STEPS)
def test_in_no_span_of_time_more_is_taken_than_burst_and_rate_allow(rate, steps):
    moments = [sum(steps[:count]) for count in range(len(steps))]
    times = taken(TokenBuckets(rate), moments)
    for first in range(len(times)):
        span = times[-1] - times[first]
        assert len(times) - first <= rate.burst + rate.per_second * span + 1e-3 * (1 + rate.per_second)


@given(st.floats(1, 1000), st.integers(1, 100))
def test_who_asks_all_the_time_gets_the_rate_within_five_percent(per_second, burst):
    asked = [step / (per_second * 10) for step in range(5000)]
    given_tokens = len(taken(TokenBuckets(Rate(per_second, burst)), asked))
    assert given_tokens == pytest.approx(burst + per_second * asked[-1], rel=0.05, abs=1)


@given(RATES, st.lists(st.floats(-1000, 1000), max_size=100))
def test_a_clock_that_goes_back_gives_nothing_more(rate, moments):
    buckets = TokenBuckets(rate)
    spent = len(taken(buckets, moments))
    span = max(moments, default=0) - (moments[0] if moments else 0)
    assert spent <= rate.burst + rate.per_second * span + 1e-3 * (1 + rate.per_second)


@given(RATES, STEPS)
def test_after_the_wait_that_was_told_there_is_a_token(rate, steps):
    buckets, now = TokenBuckets(rate), 0.0
    for step in steps:
        now += step / 100
        wait = buckets.take("key", now)
        if wait is not None:
            assert buckets.take("key", now + wait + 1e-5) is None
            now += wait + 1e-5


def test_a_look_takes_nothing():
    buckets = TokenBuckets(Rate(1, 2))
    assert [buckets.wait("key", 0.0) for _ in range(5)] == [None] * 5
    assert taken(buckets, [0.0] * 5) == [0.0, 0.0]
    assert buckets.wait("key", 0.0) == pytest.approx(1.0, abs=1e-3)
    assert buckets.wait("key", 1.1) is None


def test_one_name_takes_nothing_from_another():
    buckets = TokenBuckets(Rate(1, 1))
    assert taken(buckets, [0.0, 0.0], "a") == [0.0]
    assert taken(buckets, [0.0, 0.0], "b") == [0.0]


def test_a_million_names_are_not_remembered():
    buckets = TokenBuckets(Rate(1, 5), most_names=100)
    for number in range(10_000):
        buckets.take(f"address {number}", now=number / 10_000)
    assert len(buckets) <= 101


def test_names_for_which_there_is_no_room_share_one_bucket():
    buckets = TokenBuckets(Rate(1, 5), most_names=100)
    spent = sum(buckets.take(f"address {number}", 0.0) is None for number in range(1000))
    assert spent == 100 + 5


def test_who_was_known_before_the_crowd_came_keeps_its_own_bucket():
    buckets = TokenBuckets(Rate(1, 5), most_names=100)
    buckets.take("known", 0.0)
    for number in range(1000):
        buckets.take(f"address {number}", 0.0)
    assert taken(buckets, [0.0] * 10, "known") == [0.0] * 4


def test_names_whose_buckets_are_full_again_make_room():
    buckets = TokenBuckets(Rate(1, 5), most_names=100)
    for number in range(200):
        buckets.take(f"address {number}", 0.0)
    assert taken(buckets, [60.0] * 10, "newcomer") == [60.0] * 5
    assert len(buckets) == 1
