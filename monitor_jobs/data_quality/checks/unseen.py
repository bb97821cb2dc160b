"""How many values of a window may be ones that its baseline never had, by chance alone.

What lives here: the bound. What does not: the domain of a column, and the verdict (known_values).
"""

import math
from typing import Final

from monitor_jobs.data_quality.checks.categorical_distance import Mix
from monitor_jobs.data_quality.checks.chance import largest

SLACK: Final = 2.0  # of the bound's linear term; found sufficient by simulation, see tests/papers


def tolerated_unseen(baseline: Mix, *, of: int, level: float) -> int:
    """How many of a window's `of` values may be of a category that the baseline lacks.

    A baseline that lists every category it saw broke no domain made of it, however many it did not see. What it did
    not see shows in what it saw once: of m values with f1 categories seen once and f2 twice, the next one is new with
    a probability of f1 / m or so, of variance (f1 + 2 f2) / m^2 (Good, Biometrika 40, 1953, who thanks Turing).
    Values not told apart count as seen once. One more than what is returned is less likely than `level`;
    checked in tests/papers/test_data_quality_chance.py.
    """
    from scipy.special import bdtrc  # takes 0.2 s to load, which every worker would pay

    once = sum(count == 1 for count in baseline.counts.values()) + baseline.untold
    twice = sum(count == 2 for count in baseline.counts.values())
    surprise = math.log(2 / level)
    bound = (once + math.sqrt(2 * surprise * (once + 2 * twice)) + SLACK * surprise) / max(1, baseline.total)
    if bound >= 1:
        return of
    return largest(lambda unseen: unseen == 0 or bdtrc(unseen - 1, of, bound) > level / 2, of)
