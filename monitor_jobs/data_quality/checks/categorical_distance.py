"""Mixes of categories, and the distances between two of them.

What lives here: the largest change of a share (`LInfinity`), and the effect size behind `ChiSquared`. What does not:
limits, and what a distance means (drift).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from monitor_jobs.contingency import Counts, chi_square, well_filled

KEPT_FROM: Final = 0.001  # a summary keeps every category of a larger share


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each category occurs, and how many values are of categories that are not told apart."""

    counts: Mapping[str, int]
    untold: int = 0

    @property
    def total(self) -> int:
        """All values."""
        return sum(self.counts.values()) + self.untold

    @property
    def untold_at_most(self) -> float:
        """How many values a category that is not told apart can have: what is kept is the most frequent ones."""
        least = min(self.counts.values(), default=self.untold)
        return min(self.untold, max(least, KEPT_FROM * self.total))


class Homogeneity(NamedTuple):
    """The chi-square statistic of two mixes, its degrees of freedom, and the effect: Cramer's V, 0..1.

    V is that of both samples taken as equally large, so that it does not depend on their sizes: sqrt(1/2 sum (p - q)^2
    / (p + q)). `chance` is the V^2 that is expected of two samples of one source.
    """

    statistic: float
    freedom: int
    effect: float
    chance: float

    @property
    def corrected_effect(self) -> float:
        """The effect less what chance adds to it, as Bergsma (2013) corrects V."""
        return math.sqrt(max(0.0, self.effect**2 - self.chance))


def largest_change(window: Mix, baseline: Mix) -> float:
    """The largest difference between the shares of one category, 0..1; neither mix is empty.

    A category that one of them does not tell apart has there any share that it may have: the nearest one counts.
    """
    of_window, of_baseline = _Shares(window), _Shares(baseline)
    gaps = (_gap(of_window(name), of_baseline(name)) for name in window.counts.keys() | baseline.counts)
    return max(gaps, default=0.0)


def common_categories(window: Mix, baseline: Mix, least_share: float) -> int:
    """How many categories are frequent enough in one of the mixes to have moved by `least_share`."""
    of_window, of_baseline = _Shares(window), _Shares(baseline)
    names = window.counts.keys() | baseline.counts
    return sum(max(of_window(name)[1], of_baseline(name)[1]) >= least_share for name in names)


def homogeneity(window: Mix, baseline: Mix) -> Homogeneity:
    """Pearson's test of whether two mixes are of one source; categories not told apart, and rare ones, are pooled.

    X2 = sum_k (x_k sqrt(m/n) - y_k sqrt(n/m))^2 / (x_k + y_k) with n, m the totals. Pearson, Biometrika 8 (1911).
    """
    x, y = well_filled(*_side_by_side(window, baseline))
    if x.size < 2:
        return Homogeneity(0.0, 0, 0.0, 0.0)
    n, m = x.sum(), y.sum()
    p, q = x / n, y / m
    return Homogeneity(
        statistic=chi_square(x, y),
        freedom=x.size - 1,
        effect=float(np.sqrt(((p - q) ** 2 / (p + q)).sum() / 2)),
        chance=float((x.size - 1) * (1 / n + 1 / m) / 4),
    )


class _Shares:
    """The least and the largest share that a category can have in a mix."""

    def __init__(self, mix: Mix) -> None:
        self.counts, self.total = mix.counts, mix.total
        self.untold = (0.0, mix.untold_at_most / self.total)

    def __call__(self, name: str) -> tuple[float, float]:
        told = self.counts.get(name)
        return self.untold if told is None else (told / self.total, told / self.total)


def _gap(one: tuple[float, float], other: tuple[float, float]) -> float:
    return max(one[0] - other[1], other[0] - one[1], 0.0)


def _side_by_side(window: Mix, baseline: Mix) -> tuple[Counts, Counts]:
    told_apart = window.counts.keys() | baseline.counts
    if window.untold or baseline.untold:
        told_apart = window.counts.keys() & baseline.counts.keys()
    names = sorted(told_apart)
    return _column(window, names), _column(baseline, names)


def _column(mix: Mix, names: list[str]) -> Counts:
    counts = [mix.counts.get(name, 0) for name in names]
    return np.array([*counts, mix.total - sum(counts)], dtype=np.float64)
