"""What data quality claims of its false alarms and of what it finds, by simulation with fixed seeds.

Kolmogorov-Smirnov, with Deequ's factor of 1.8; Fisher's exact test; Good's estimate of what was never seen; Pearson's
chi-square behind an effect size. The whole default set of twenty columns alarms in at most one window of a hundred.
"""

import math

import numpy as np
import pytest
from scipy import stats

from monitor_jobs.data_quality.checks.categorical_distance import Mix, common_categories, homogeneity, largest_change
from monitor_jobs.data_quality.checks.chance import chance_distance, small_sample_correction, tolerated
from monitor_jobs.data_quality.checks.judging import judge
from monitor_jobs.data_quality.checks.unseen import tolerated_unseen
from tests.benchmarks.quality_windows import settings_of, sketch_pool, twenty_sources, window, zipf
from tests.unit.quality_columns import checks_of, column, dataset, judged, numbers, statistics_of, texts

SEED = 20261127
SIZES = [500, 50_000, 5_000_000]


def distances_by_chance(n: int, m: int, draws: int) -> np.ndarray:
    """Kolmogorov and Smirnov's statistic of n and m values of one source: where a random walk goes furthest."""
    steps = np.repeat([1 / n, -1 / m], [n, m])
    generator = np.random.default_rng(SEED)
    return np.array([np.abs(np.cumsum(generator.permutation(steps))).max() for _ in range(draws)])


@pytest.mark.parametrize(("n", "m"), [(500, 500), (200, 2000), (50, 3000)])
def test_a_distance_beyond_the_factor_of_1_8_is_as_rare_as_kolmogorov_and_smirnov_say(n, m):
    rate = (distances_by_chance(n, m, 4000) > small_sample_correction(n, m)).mean()
    law = 2 * math.exp(-2 * 1.8**2)
    assert law == pytest.approx(0.003, abs=1e-4)  # the alpha that Deequ names
    assert rate <= law + 3 * math.sqrt(law / 4000)


@pytest.mark.parametrize(("n", "m"), [(500, 500), (200, 2000), (50, 3000)])
def test_chance_stays_within_its_distance_and_comes_near_it(n, m):
    found = distances_by_chance(n, m, 2000)
    assert (found > chance_distance(n, m, comparisons=1, level=0.05)).mean() <= 0.05
    assert (found > chance_distance(n, m, comparisons=1, level=0.2)).mean() > 0.05


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("baseline", [500, 1_000_000])
@pytest.mark.parametrize("rate", [0.0, 1e-6, 1e-4, 0.02])
def test_a_share_is_broken_by_chance_no_more_often_than_stated(size, baseline, rate):
    generator = np.random.default_rng(SEED)
    draws = np.stack([generator.binomial(size, rate, 300), generator.binomial(baseline, rate, 300)], axis=1).tolist()
    alarms = sum(
        now > tolerated(of=size, broken_before=before, of_before=baseline, level=0.02) for now, before in draws
    )
    assert alarms <= stats.binom.isf(0.001, 300, 0.02)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("baseline", [500, 20_000])
@pytest.mark.parametrize(
    "mix", [zipf(1000, 1.0), zipf(1000, 2.0), np.full(500, 1 / 500), np.array([0.5, 0.498, 0.002])]
)
def test_unseen_texts_are_beyond_good_and_turing_no_more_often_than_stated(size, baseline, mix):
    generator = np.random.default_rng(SEED)
    alarms = 0
    for seen in generator.multinomial(baseline, mix, 150):
        unseen = generator.binomial(size, min(1.0, mix[seen == 0].sum()))
        known = Mix({str(kind): int(seen[kind]) for kind in np.flatnonzero(seen)})
        alarms += unseen > tolerated_unseen(known, of=size, level=0.02)
    assert alarms <= stats.binom.isf(0.001, 150, 0.02)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mix", [np.array([0.5, 0.5]), zipf(45, 1.0), zipf(300, 1.0)])
def test_mixes_of_one_source_differ_by_either_method_no_more_often_than_stated(size, mix):
    generator = np.random.default_rng(SEED)
    changed = rejected = 0
    for _ in range(100):
        now, before = (_mix_of(generator.multinomial(total, mix)) for total in (size, 2000))
        movers = max(1, common_categories(now, before, 0.1))
        changed += largest_change(now, before) > chance_distance(size, 2000, comparisons=movers, level=0.02)
        test = homogeneity(now, before)
        rejected += stats.chi2.sf(test.statistic, test.freedom) < 0.02
    assert max(changed, rejected) <= stats.binom.isf(0.001, 100, 0.02)


@pytest.mark.parametrize("baseline", [500, 1_000_000])
@pytest.mark.parametrize("size", SIZES)
def test_twenty_columns_of_one_source_alarm_in_at_most_one_window_of_a_hundred(size, baseline):
    generator = np.random.default_rng(SEED + size + baseline)
    sources = twenty_sources()
    pools = sketch_pool(size, generator), sketch_pool(baseline, generator)
    alarmed = 0
    for _ in range(2):
        good = window(sources, baseline, pools[1], generator)
        before, limits = settings_of(good)
        alarmed += sum(
            bool(judge(window(sources, size, pools[0], generator), before, limits).violations) for _ in range(5)
        )
    assert alarmed == 0  # of 10; the benchmark data_quality draws many more


@pytest.mark.parametrize(("size", "shift"), [(500, 1.0), (5000, 0.5), (1_000_000, 0.3)])
def test_numbers_that_moved_by_a_part_of_their_deviation_are_found(size, shift):
    generator = np.random.default_rng(SEED)
    before = statistics_of(dataset(numbers(generator.normal(size=5000))))
    moved = dataset(numbers(shift + generator.normal(size=size)))
    assert checks_of(judged(moved, {"name": "x", "inferred_type": "Fractional"}, statistics=before)) == [
        "baseline_drift_check"
    ]


@pytest.mark.parametrize(
    ("size", "baseline", "share"), [(500, 10_000, 0.01), (5000, 500, 0.03), (5_000_000, 1_000_000, 2e-5)]
)
def test_values_of_another_type_are_found_from_a_small_share_on(size, baseline, share):
    before = statistics_of(dataset(column(integral=baseline)))
    odd = round(size * share)
    moved = dataset(column(integral=size - odd, text=odd))
    assert checks_of(judged(moved, {"name": "x", "inferred_type": "Integral"}, statistics=before)) == [
        "data_type_check"
    ]


def test_a_new_text_is_found_from_one_in_fifty_on():
    before = statistics_of(dataset(texts({"red": 5000, "blue": 5000})))
    moved = dataset(texts({"red": 250, "blue": 240, "green": 10}))
    feature = {"name": "x", "inferred_type": "String", "string_constraints": {"domains": ["red", "blue"]}}
    assert checks_of(judged(moved, feature, statistics=before)) == ["categorical_values_check"]


def _mix_of(counts: np.ndarray) -> Mix:
    return Mix({str(kind): int(counts[kind]) for kind in np.flatnonzero(counts)})
