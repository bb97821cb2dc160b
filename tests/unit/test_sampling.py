import math
import random

from hypothesis import given
from hypothesis import strategies as st

from service.core.sampling import is_sampled

draws = st.floats(0, 1, exclude_max=True)
LAST_DRAW = math.nextafter(1.0, 0.0)


@given(draws)
def test_zero_percent_takes_nothing(draw):
    assert not is_sampled(0, draw)


@given(draws)
def test_a_hundred_percent_takes_everything(draw):
    assert is_sampled(100, draw)


def test_the_last_draw_below_one_is_taken_only_by_a_hundred_percent():
    assert [percentage for percentage in (98, 99, 100) if is_sampled(percentage, LAST_DRAW)] == [100]


def test_the_first_draw_is_taken_by_one_percent_already():
    assert is_sampled(1, 0.0)


@given(draws, st.integers(0, 99))
def test_whatever_is_taken_stays_taken_by_a_higher_percentage(draw, percentage):
    assert is_sampled(percentage, draw) <= is_sampled(percentage + 1, draw)


def test_every_hundredth_of_the_unit_interval_counts_once():
    middles = [(hundredth + 0.5) / 100 for hundredth in range(100)]
    taken = [sum(is_sampled(percentage, draw) for draw in middles) for percentage in range(101)]
    assert taken == list(range(101))


def test_a_third_of_many_draws_is_taken_at_33_percent():
    generator = random.Random(1)
    taken = sum(is_sampled(33, generator.random()) for _ in range(100_000))
    assert abs(taken - 33_000) < 5 * math.sqrt(100_000 * 0.33 * 0.67)  # five standard deviations
