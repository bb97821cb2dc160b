"""How far a window may be from its baseline by chance alone.

What lives here: bounds on counts and distances at a stated level. What does not: limits, and which of the two counts.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

FALSE_ALARM_RATE: Final = 0.005  # of all checks on all columns of a window together
CHECKS_PER_COLUMN: Final = 4  # type, completeness, values (sign or domain), drift
SMALL_SAMPLE_FACTOR: Final = 1.8  # Deequ's c(alpha) for alpha of 0.003
TAIL_DEVIATIONS: Final = 20  # log-concave tails: what lies further out is nothing beside any level

Counts = npt.NDArray[np.float64]


def level_of_check(columns: int) -> float:
    """The level of one check where as many columns are judged, by Bonferroni."""
    return FALSE_ALARM_RATE / (CHECKS_PER_COLUMN * max(1, columns))


@lru_cache  # columns of one window are of one length, more often than not
def tolerated(*, of: int, broken_before: int, of_before: int, level: float) -> int:
    """How many of a window's `of` values may break a rule that `broken_before` of the baseline's `of_before` broke.

    One more is less likely than `level` where window and baseline come from one source: Fisher's exact test, one-sided.
    Fisher, Statistical Methods (1934); checked in tests/papers/test_data_quality_chance.py.
    """
    return largest(lambda broken: _exact_tail(broken, of, broken_before, of_before) > level, of)


def small_sample_correction(n: float, m: float, factor: float = SMALL_SAMPLE_FACTOR) -> float:
    """What AWS's `Robust` takes off a distance between n and m values: c sqrt((n + m) / (n m))."""
    return factor * math.sqrt((n + m) / (n * m))


def chance_distance(n: float, m: float, *, comparisons: int, level: float) -> float:
    """The largest distance between the shares of n and m values of one source, but for a part of `level` of all cases.

    `comparisons` are the shares compared; all shares of a distribution function count as one. Follows from
    P(D > t) <= e exp(-2 t^2 n m / (n + m)), which Wei & Dudley (Statistics & Probability Letters 82, 2012) prove for
    n = m; checked in tests/papers/test_data_quality_chance.py.
    """
    return small_sample_correction(n, m, math.sqrt(math.log(math.e * comparisons / level) / 2))


def largest(holds: Callable[[int], bool], most: int) -> int:
    """The largest count up to `most` for which a condition holds that holds for 0, and for none above one it fails."""
    low, high = 0, 1
    while high < most and holds(high):
        low, high = high, 2 * high  # the answer is small more often than not, and large counts take longer to judge
    high = min(high, most)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def _exact_tail(x: int, n: int, y: int, m: int) -> float:
    """P(X >= x) where x + y marked ones are dealt at random among n + m places and X of them fall on the n."""
    marked, places = x + y, n + m
    if x <= marked / places * n - 1:
        return 1.0  # below the mean, and so below the median: at least a half, and no level is
    deviation = math.sqrt(n / places * m / places * marked / places * (places - marked))
    last = min(marked, n, x + math.ceil(TAIL_DEVIATIONS * (deviation + 1)))
    k = np.arange(x, last + 1, dtype=np.float64)
    log_ways = _log_choose(n, k) + _log_choose(m, marked - k) - _log_choose(places, np.float64(marked))
    return float(min(1.0, np.exp(log_ways).sum()))


def _log_choose(n: int, k: Counts | np.float64) -> Counts:
    from scipy.special import gammaln  # takes 0.2 s to load, which every worker would pay

    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
