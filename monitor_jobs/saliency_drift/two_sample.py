"""Two tests of a window against a baseline that know nothing of how signals are distributed.

What lives here: p-values. What does not: how many tests share a false-alarm rate, and which effect matters (analysis).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far two samples' distributions are apart.

    distance: the largest distance between the two distribution functions, 0..1; rise: by how much the window's lies
    above at its best, less by how much below: > 0 where values grew; p_value: of the distance, 0..1
    """

    distance: float
    rise: float
    p_value: float


def drift_between(window: Values, baseline: Values) -> Drift:
    """The two-sided Kolmogorov-Smirnov test of n against m finite values, both > 0.

    Exact up to 10,000 values where there are no ties, conservative with them, as scipy.stats.ks_2samp.
    Smirnov, Bull. Math. Univ. Moscou 2 (1939); checked in tests/papers/test_saliency_drift_chance.py.
    """
    from scipy.stats import ks_2samp  # takes a second to load, which every worker would pay

    places = np.concatenate((window, baseline))
    below = np.searchsorted(np.sort(window), places, side="right") / len(window)
    before = np.searchsorted(np.sort(baseline), places, side="right") / len(baseline)
    rise = float((before - below).max() + (before - below).min())
    found = ks_2samp(window, baseline)
    return Drift(distance=float(found.statistic), rise=rise, p_value=float(found.pvalue))


def exceedance_p_value(above: int, window: int, *, rank: int, baseline: int) -> float:
    """How likely at least `above` of a window's values exceed the baseline's `rank`-th largest, were both alike.

    Of the n + m values in order each arrangement is as likely: P(A >= a) is the sum over k >= a of
    C(k + r - 1, k) C(n - k + m - r, n - k) / C(n + m, n), n in the window and m in the baseline. That counts in by how
    much a threshold that was taken from m values alone may be off, where a binomial test would take it for known.
    Epstein, J. Am. Stat. Assoc. 49 (1954), exceedances; checked in tests/papers/test_saliency_drift_chance.py.
    """
    n, m, r = window, baseline, rank
    ways = (math.comb(k + r - 1, k) * math.comb(n - k + m - r, n - k) for k in range(above))
    fewer = sum(ways)
    total = math.comb(n + m, n)
    return (total - fewer) / total
