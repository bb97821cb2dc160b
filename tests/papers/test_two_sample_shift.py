"""What the shift test claims of its error rates, by simulation with fixed seeds.

False alarms: Pearson, Biometrika 8 (1911), and Fisher, Statistical Methods (1934), each at half the stated rate. Power:
a class that gains five points at 10,000 predictions is found 99 times in 100. The full simulation is
tests/benchmarks/skew_test.py.
"""

import numpy as np
import pytest

from monitor_jobs.class_skew.constraints import ClassSkewConstraints
from monitor_jobs.class_skew.shift_test import shift_between

Shares = np.ndarray
CLASSES = [10, 45, 1000]


def skewed_shares(classes: int, generator: np.random.Generator) -> Shares:
    return generator.dirichlet(np.full(classes, 0.3))


def alarm_rate(
    now: Shares, before: Shares, *, size: int, baseline: int, draws: int, rate: float = 0.005, floor: float = 0.02
) -> float:
    generator = np.random.default_rng(20261120)
    alarms = 0
    for _ in range(draws):
        x, y = (generator.multinomial(n, p).astype(np.float64) for n, p in ((size, now), (baseline, before)))
        alarms += shift_between(x, y, false_alarm_rate=rate, floor=floor).proven > 0
    return alarms / draws


def with_five_points_more(shares: Shares, gainer: int) -> Shares:
    shifted = shares * (1 - 0.05 / (1 - shares[gainer]))
    shifted[gainer] = shares[gainer] + 0.05
    return shifted


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("size", [20, 500, 50_000, 5_000_000])
def test_without_drift_at_most_one_window_in_a_hundred_alarms(classes, size):
    shares = skewed_shares(classes, np.random.default_rng(classes))
    assert alarm_rate(shares, shares, size=size, baseline=10_000, draws=600) <= 0.01


@pytest.mark.parametrize("size", [500, 5_000, 500_000])
def test_the_stated_rate_holds_where_no_floor_helps(size):
    shares = np.full(45, 1 / 45)
    measured = alarm_rate(shares, shares, size=size, baseline=size, draws=2000, rate=0.1, floor=0)
    assert (
        0.02 < measured < 0.1 + 3 * np.sqrt(0.1 * 0.9 / 2000)
    )  # not above, nor so far below that it would see nothing


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("gainer", ["most frequent", "rarest"])
def test_one_class_that_gains_five_points_is_found(classes, gainer):
    shares = skewed_shares(classes, np.random.default_rng(classes))
    index = int(shares.argmax() if gainer == "most frequent" else shares.argmin())
    shifted = with_five_points_more(shares, index)
    assert alarm_rate(shifted, shares, size=10_000, baseline=10_000, draws=300) >= 0.99


@pytest.mark.parametrize("classes", CLASSES)
def test_a_shift_below_the_floor_never_alarms_however_large_the_window(classes):
    shares = np.full(classes, 1 / classes)
    shifted = with_five_points_more(shares, 0) * 0.2 + shares * 0.8  # one point
    assert alarm_rate(shifted, shares, size=5_000_000, baseline=5_000_000, draws=200) == 0


def test_the_defaults_are_those_that_the_claims_are_made_for():
    defaults = ClassSkewConstraints()
    assert (defaults.shift_false_alarm_rate, defaults.minimum_shift) == (0.005, 0.02)
