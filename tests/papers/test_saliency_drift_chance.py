"""Smirnov 1939 and Epstein 1954: how often chance alone looks like drift, and what the verdict makes of it."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest, ks_2samp

from monitor_jobs.contract.report import OffendingRecord
from monitor_jobs.saliency.adversarial import SCORED
from monitor_jobs.saliency.signals import SIGNALS
from monitor_jobs.saliency_drift.analysis import judge, suggest_baseline
from monitor_jobs.saliency_drift.baseline import clean_signals
from monitor_jobs.saliency_drift.constraints import Limits
from monitor_jobs.saliency_drift.observed import Observed
from monitor_jobs.saliency_drift.sample import empty
from monitor_jobs.saliency_drift.two_sample import drift_between, exceedance_p_value

WINDOWS = 400
MIXING = np.random.default_rng(3).normal(size=(len(SIGNALS), len(SIGNALS)))
REFERENCES = tuple(
    OffendingRecord(event_id=str(number), object_key="a.jsonl", line=number + 1) for number in range(500)
)


def draw(chance: np.random.Generator, records: int) -> np.ndarray:
    """Signals that go together and have a heavy tail."""
    return np.exp(chance.normal(size=(records, len(SIGNALS)))) @ MIXING


def observed(signals: np.ndarray) -> Observed:
    return Observed(signals, REFERENCES[: len(signals)])


def checks_of(signals: np.ndarray, baseline: np.ndarray, **limits: float) -> set[str]:
    known = clean_signals(suggest_baseline(observed_many(baseline)))
    verdict = judge(empty(), observed(signals), Limits(minimum_distance=0, minimum_unusual_share=0, **limits), known)
    return {violation.feature_name for violation in verdict.violations}


def observed_many(signals: np.ndarray) -> Observed:
    return Observed(signals, (REFERENCES[0],) * len(signals))


@pytest.mark.parametrize("records", [30, 200])
def test_windows_like_the_baseline_alarm_at_most_as_often_as_stated(records):
    rate, alarms = 0.1, 0
    for seed in range(WINDOWS):
        chance = np.random.default_rng(seed)
        alarms += bool(checks_of(draw(chance, records), draw(chance, 400), false_alarm_rate=rate))
    assert binomtest(alarms, WINDOWS, rate, alternative="greater").pvalue > 0.001


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("index", range(len(SIGNALS)))
def test_a_signal_that_moves_either_way_is_found_by_its_name(index, direction):
    chance = np.random.default_rng(index)
    baseline, window = draw(chance, 600), draw(chance, 200)
    window[:, index] += direction * baseline[:, index].std()
    assert SIGNALS[index] in checks_of(window, baseline)


def test_a_tenth_of_records_far_out_in_no_single_signal_is_found():
    chance = np.random.default_rng(5)
    baseline, window = chance.normal(size=(600, len(SIGNALS))), chance.normal(size=(200, len(SIGNALS)))
    first, second = (SIGNALS.index(name) for name in SCORED[:2])
    baseline[:, second] = baseline[:, first] + 0.01 * baseline[:, second]
    window[:, second] = window[:, first] + 0.01 * window[:, second]
    window[:20, second] += 0.2  # within the usual range of that signal, and not of the two together
    assert checks_of(window, baseline) == {"adversarial_score"}


def test_the_distance_and_its_p_value_are_smirnovs():
    chance = np.random.default_rng(0)
    window, baseline = chance.normal(0.3, 1, 90), chance.normal(0, 1, 140)
    found, expected = drift_between(window, baseline), ks_2samp(window, baseline)
    assert (found.distance, found.p_value) == (expected.statistic, expected.pvalue)
    assert found.rise > 0 > drift_between(-window, -baseline).rise


@pytest.mark.parametrize(("window", "baseline", "rank"), [(3, 4, 1), (4, 3, 2), (5, 5, 3)])
def test_exceedances_are_counted_over_all_orders(window, baseline, rank):
    orders = list(combinations(range(window + baseline), baseline))
    for above in range(window + 1):
        places = [sorted(order)[-rank] for order in orders]
        hits = [
            sum(place > bar and place not in order for place in range(window + baseline)) >= above
            for order, bar in zip(orders, places, strict=True)
        ]
        assert exceedance_p_value(above, window, rank=rank, baseline=baseline) == pytest.approx(np.mean(hits))


def test_a_threshold_of_few_values_proves_less_than_one_of_many():
    few = exceedance_p_value(8, 200, rank=1, baseline=100)
    many = exceedance_p_value(8, 200, rank=100, baseline=10_000)
    known = binomtest(8, 200, 0.01, alternative="greater").pvalue
    assert few > 5 * many
    assert many == pytest.approx(known, rel=0.2)
