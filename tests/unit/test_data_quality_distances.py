"""Distances are what SciPy computes of the raw values, whatever the values are, and bounds are Fisher's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor_jobs.data_quality.checks.categorical_distance import Mix, homogeneity, largest_change
from monitor_jobs.data_quality.checks.chance import largest, small_sample_correction, tolerated
from monitor_jobs.data_quality.checks.numeric_distance import Edges, distance, sample_of, sample_of_levels
from monitor_jobs.data_quality.checks.unseen import tolerated_unseen
from monitor_jobs.data_quality.sketches import quantiles_of

numbers = st.lists(st.floats(-9, 9) | st.integers(-3, 3).map(float), min_size=3, max_size=60)
mixes = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 500), min_size=1)
counts = st.integers(0, 60)


def sample(values):
    return sample_of(quantiles_of(np.sort(np.asarray(values, dtype=np.float64))))


@given(numbers, numbers)
def test_a_distance_is_kolmogorovs_and_smirnovs(one, other):
    exact = stats.ks_2samp(one, other, method="asymp").statistic
    assert distance(sample(one), sample(other)) == pytest.approx(exact)


@given(numbers, numbers)
def test_a_distance_at_edges_is_never_larger_than_the_whole(one, other):
    edges = np.linspace(-5, 5, 9)
    below = np.searchsorted(np.sort(other), edges, side="left").astype(np.float64)
    assert distance(sample(one), Edges(edges, below, len(other))) <= distance(sample(one), sample(other)) + 1e-12


def test_items_of_a_higher_level_stand_for_twice_as_many():
    weighted = sample_of_levels([[5.0], [1.0], [2.0]])
    assert weighted.share_at_or_below(np.array([0.0, 1.0, 2.0, 5.0])).tolist() == [0, 2 / 7, 6 / 7, 1]


def test_a_sketch_of_nothing_is_no_distribution():
    assert sample_of_levels([]) is sample_of_levels([[], []]) is None


def test_a_column_that_is_infinite_throughout_is_as_far_as_can_be():
    infinite, finite = sample_of(quantiles_of(np.zeros(0)), infinite=9), sample([1.0, 2.0, 3.0])
    assert distance(infinite, finite) == distance(finite, infinite) == 1.0
    assert distance(infinite, infinite) == 0.0


@given(mixes, mixes)
def test_the_largest_change_is_that_of_one_share(one, other):
    n, m = sum(one.values()), sum(other.values())
    change = max(abs(one.get(name, 0) / n - other.get(name, 0) / m) for name in "abcdef")
    assert largest_change(Mix(one), Mix(other)) == pytest.approx(change)


def test_a_category_that_may_be_among_those_not_told_apart_has_not_surely_gone():
    assert largest_change(Mix({"a": 900}, untold=100), Mix({"a": 900, "b": 100})) == 0


def test_a_frequent_category_cannot_hide_among_those_not_told_apart():
    window = Mix({f"t{i}": 1 for i in range(500)}, untold=9500)
    assert largest_change(window, Mix({"a": 3000, "b": 7000})) == pytest.approx(0.699, abs=0.001)


@given(st.lists(st.integers(50, 900), min_size=2, max_size=6), st.lists(st.integers(50, 900), min_size=6, max_size=6))
def test_the_statistic_of_filled_cells_is_pearsons(one, other):
    x, y = np.array(one), np.array(other[: len(one)])
    names = "abcdef"[: len(one)]
    found = homogeneity(Mix(dict(zip(names, one, strict=True))), Mix(dict(zip(names, y.tolist(), strict=True))))
    exact = stats.chi2_contingency(np.stack([x, y]), correction=False)
    assert (found.statistic, found.freedom) == (pytest.approx(exact.statistic, abs=1e-9), exact.dof)


@given(mixes, mixes)
def test_the_effect_lies_between_nothing_and_one(one, other):
    found = homogeneity(Mix(one), Mix(other))
    assert 0 <= found.corrected_effect <= found.effect <= 1 + 1e-12


def test_the_effect_of_mixes_with_nothing_in_common_is_one():
    assert homogeneity(Mix({"a": 1000}), Mix({"b": 100})).effect == pytest.approx(1)


def test_the_effect_does_not_depend_on_how_large_the_window_is():
    baseline = Mix({"a": 5000, "b": 5000})
    effects = [homogeneity(Mix({"a": 60 * size, "b": 40 * size}), baseline).effect for size in (1, 1000)]
    assert effects[0] == pytest.approx(effects[1])


@given(st.integers(1, 80), counts, st.integers(60, 400), st.sampled_from([0.2, 0.01, 1e-4]))
def test_the_tolerated_count_is_the_last_that_fishers_test_lets_pass(of, broken_before, of_before, level):
    most = tolerated(of=of, broken_before=broken_before, of_before=of_before, level=level)

    def p(k):
        return stats.hypergeom.sf(k - 1, of + of_before, k + broken_before, of)

    assert most == 0 or p(most) > level * (1 - 1e-9)
    assert most == of or p(most + 1) <= level * (1 + 1e-9)


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_largest_count_of_a_condition_is_found(edge, most):
    assert largest(lambda count: count <= edge, most) == min(edge, most)


def test_the_correction_is_deequs():
    assert small_sample_correction(500, 1000) == pytest.approx(1.8 * np.sqrt(1500 / 500_000))


def test_a_baseline_that_saw_everything_often_tolerates_next_to_nothing_new():
    assert tolerated_unseen(Mix({"a": 500_000, "b": 500_000}), of=1000, level=1e-4) <= 2


def test_a_baseline_of_which_half_was_seen_once_tolerates_half():
    once = {f"t{i}": 1 for i in range(5000)}
    assert 0.5 < tolerated_unseen(Mix({"a": 5000, **once}), of=100_000, level=1e-4) / 100_000 < 0.6


def test_values_not_told_apart_may_all_have_been_seen_once():
    assert tolerated_unseen(Mix({"a": 5000}, untold=5000), of=1000, level=1e-4) > 500
