"""Distributions as pages compare them: against their definitions, and what there is to draw of odd ones."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.report_page.distribution import (
    BINS,
    Histogram,
    buckets_of,
    distance_between,
    histogram_of,
    points_of,
    whole_histogram_of,
)

NUMBERS = st.floats(-1e6, 1e6)
SAMPLES = st.lists(NUMBERS, min_size=1, max_size=50)
GENERATOR = np.random.default_rng(7)


def drawn(window, baseline=None, *, draw=histogram_of) -> Histogram:
    histogram = draw(points_of([window]), points_of([baseline]) if baseline else None)
    assert histogram is not None
    return histogram


@given(SAMPLES, SAMPLES)
def test_the_distance_is_the_largest_difference_of_the_shares_up_to_any_value(left, right):
    expected = max(abs(np.mean(np.array(left) <= value) - np.mean(np.array(right) <= value)) for value in left + right)
    assert distance_between(points_of([left]), points_of([right])) == pytest.approx(expected, abs=1e-12)


def test_an_item_of_a_higher_level_counts_twice_as_much():
    sketch = points_of([[1.0, 2.0], [3.0]])
    assert sketch.share_below(np.array([1.0, 1.5, 2.5, 3.5])).tolist() == [0.0, 0.25, 0.5, 1.0]


@pytest.mark.parametrize("levels", [[], [[]], [[float("nan"), float("inf")]]])
def test_a_sketch_without_a_finite_number_is_no_distribution(levels):
    assert points_of(levels) is None


@given(SAMPLES, st.floats(0.01, 1.0))
def test_a_quantile_has_its_share_at_or_below_it_and_no_value_before_it_has(values, share):
    quantile = points_of([values]).quantile(share)
    assert np.mean(np.array(values) <= quantile) >= share - 1e-9
    assert np.mean(np.array(values) < quantile) <= share + 1e-9


def test_buckets_are_spread_evenly_between_their_edges():
    buckets = buckets_of([0.0, 10.0, 20.0], [3, 1])
    assert buckets.share_below(np.array([-1.0, 5.0, 10.0, 15.0, 21.0])).tolist() == [0.0, 0.375, 0.75, 0.875, 1.0]
    assert buckets.quantile(0.75) == 10.0


def test_one_value_alone_has_buckets_without_width():
    buckets = buckets_of([5.0] * 11, [9] + [0] * 9)
    assert buckets.share_below(np.array([5.0, 5.1])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("edges", "counts"),
    [([0.0, 1.0], [0]), ([0.0, 1.0], [1, 2]), ([0.0, 2.0, 1.0], [1, 1]), ([0.0, float("inf")], [1]), ([0, 1], [-1])],
    ids=["empty", "a count too many", "not ascending", "endless", "negative"],
)
def test_buckets_that_are_none_are_no_distribution(edges, counts):
    assert buckets_of(edges, counts) is None


def test_buckets_and_a_sketch_of_the_same_values_are_near_each_other():
    values = GENERATOR.normal(size=5000)
    counts, edges = np.histogram(values, 10)
    assert distance_between(points_of([values.tolist()]), buckets_of(edges.tolist(), counts.tolist())) < 0.05


@given(SAMPLES, SAMPLES, st.sampled_from([histogram_of, whole_histogram_of]))
def test_every_value_is_in_a_bin_of_its_side(window, baseline, draw):
    window, baseline = ([float(round(each)) for each in side] for side in (window, baseline))
    histogram = draw(points_of([window]), points_of([baseline]))
    if histogram is not None:
        assert sum(histogram.window) == pytest.approx(1)
        assert sum(histogram.baseline) == pytest.approx(1)
        assert list(histogram.edges) == sorted(set(histogram.edges))


def test_bins_count_what_numpy_counts_between_the_ends_that_are_drawn():
    values = GENERATOR.uniform(0, 1, 1000)
    histogram = drawn(values.tolist())
    expected, _ = np.histogram(values, histogram.edges)
    assert np.multiply(histogram.window, 1000)[1:-1] == pytest.approx(expected[1:-1])


def test_an_outlier_does_not_leave_all_others_in_one_bin():
    histogram = drawn([*GENERATOR.normal(size=999).tolist(), 1e9])
    assert histogram.edges[-1] < 10
    assert max(histogram.window) < 0.2
    assert histogram.above


def test_ends_that_hold_everything_hold_nothing_beyond():
    histogram = drawn([1.0, 2.0, 3.0])
    assert (histogram.below, histogram.above) == (False, False)


def test_whole_numbers_have_bins_of_equally_many():
    histogram = drawn([float(number) for number in range(100)], draw=whole_histogram_of)
    widths = {high - low for low, high in pairwise(histogram.edges)}
    assert len(widths) == 1
    assert widths.pop().is_integer()
    assert len(histogram.ends) <= BINS


def test_few_whole_numbers_have_a_bin_each():
    histogram = drawn([0.0, 1.0, 1.0, 2.0], draw=whole_histogram_of)
    assert histogram.ends == [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]
    assert histogram.window == pytest.approx((0.25, 0.5, 0.25))


def test_a_baseline_elsewhere_is_on_the_same_picture():
    histogram = drawn([0.0, 1.0], [100.0, 101.0])
    assert (histogram.edges[0], histogram.edges[-1]) == (0.0, 101.0)
    assert (histogram.window[0], histogram.baseline[0]) == (1.0, 0.0)


@pytest.mark.parametrize("value", [0.0, 3.0, -1e300, 1e-300])
def test_one_value_is_one_bar_with_room_around_it(value):
    histogram = drawn([value] * 5)
    assert max(histogram.window) == 1.0
    assert histogram.edges[0] < value < histogram.edges[-1]


@pytest.mark.parametrize("draw", [histogram_of, whole_histogram_of])
def test_ends_too_far_apart_for_a_number_are_not_drawn(draw):
    assert draw(points_of([[-1.7e308, 1.7e308]]), None) is None


def test_nothing_is_no_picture():
    assert histogram_of(None, None) is None
