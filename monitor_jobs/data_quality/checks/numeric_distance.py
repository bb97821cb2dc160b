"""Distributions of numbers, and the distance between two of them.

What lives here: what a sketch or ten buckets say of a distribution function. What does not: making sketches
(summarising), limits (drift).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor_jobs.data_quality.summary import Quantiles

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Values in rising order and how many values lie at or below each, of `total` in all.

    What the last count lacks of `total` lies beyond every number: infinite values.
    """

    values: Floats
    counts: Floats
    total: float

    def share_at_or_below(self, points: Floats) -> Floats:
        """F(x), 0..1, at each point."""
        return self._shares(np.searchsorted(self.values, points, side="right"))

    def share_below(self, points: Floats) -> Floats:
        """F(x-), 0..1, at each point."""
        return self._shares(np.searchsorted(self.values, points, side="left"))

    def _shares(self, places: npt.NDArray[np.intp]) -> Floats:
        return np.concatenate((np.zeros(1), self.counts))[places] / self.total


@dataclass(frozen=True, slots=True)
class Edges:
    """What is left of a distribution in a baseline without a sketch: how many of `total` values lie below each edge."""

    edges: Floats
    below: Floats
    total: float


def sample_of(quantiles: Quantiles, infinite: int = 0) -> Sample | None:
    """The distribution that a sketch stands for; None where it holds no number."""
    return sample_of_levels(quantiles.levels, infinite)


def sample_of_levels(levels: Sequence[Sequence[float]], infinite: int = 0) -> Sample | None:
    """As `sample_of`, of compactor levels: an item of level i stands for 2**i values."""
    values = np.concatenate([np.asarray(level, dtype=np.float64) for level in levels]) if levels else np.zeros(0)
    if not values.size and not infinite:
        return None
    weights = np.repeat(2.0 ** np.arange(len(levels)), [len(level) for level in levels])
    order = np.argsort(values, kind="stable")
    counts = np.cumsum(weights[order])
    return Sample(values[order], counts, float(weights.sum()) + infinite)


def distance(window: Sample, baseline: Sample | Edges) -> float:
    """The largest difference between two distribution functions, 0..1: Kolmogorov and Smirnov's statistic.

    Where only buckets are left it is looked for at their edges, and so is never overstated.
    """
    if isinstance(baseline, Edges):
        return float(np.abs(window.share_below(baseline.edges) - baseline.below / baseline.total).max(initial=0.0))
    points = np.union1d(window.values, baseline.values)
    return float(np.abs(window.share_at_or_below(points) - baseline.share_at_or_below(points)).max(initial=0.0))
