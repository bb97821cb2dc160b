"""Distributions of numbers: as statistics.json holds them, and as bins that two of them are compared in.

What lives here: pure arithmetic on sketches and buckets. What does not: reading them from statistics (column), drawing
them (drawing.histogram), judging whether they differ (the monitors).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BINS = 24
TAIL = 0.005  # of the values, beyond each end of the picture: one outlier would leave all others in one bin


class Distribution(Protocol):
    """A cumulative distribution."""

    @property
    def places(self) -> Floats:
        """Where it changes, ascending; at least one."""

    def share_below(self, values: Floats) -> Floats:
        """The share of all that lies below each value, 0..1."""

    def quantile(self, share: float) -> float:
        """The least place that this share lies at or below."""


@dataclass(frozen=True, slots=True)
class Points:
    """Values with weights, as a sketch keeps them; ascending, and `below[i]` the share of all before places[i]."""

    places: Floats
    below: Floats

    def share_below(self, values: Floats) -> Floats:
        """The share of all that lies below each value."""
        return np.append(self.below, 1.0)[np.searchsorted(self.places, values, side="left")]

    def quantile(self, share: float) -> float:
        """The least place that this share lies at or below."""
        following = np.append(self.below[1:], 1.0)
        return float(self.places[min(int(np.searchsorted(following, share)), len(self.places) - 1)])


@dataclass(frozen=True, slots=True)
class Buckets:
    """Counts between edges, spread evenly inside each; `below[i]` is the share of all below places[i]."""

    places: Floats
    below: Floats

    def share_below(self, values: Floats) -> Floats:
        """The share of all that lies below each value."""
        return np.interp(values, self.places, self.below, left=0.0, right=1.0)

    def quantile(self, share: float) -> float:
        """The place that this share lies below."""
        return float(np.interp(share, self.below, self.places))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Shares of all values in bins between edges, ascending; without shares where there is no such side.

    The first and the last bin hold all that lies beyond as well: `below` and `above` say whether there is some. Values
    stay `inset` away from edges: half, where all are whole numbers.
    """

    edges: tuple[float, ...]
    window: tuple[float, ...]
    baseline: tuple[float, ...]
    below: bool
    above: bool
    inset: float

    @property
    def ends(self) -> list[tuple[float, float]]:
        """The least and the greatest value of each bin."""
        return [(low + self.inset, high - self.inset) for low, high in pairwise(self.edges)]


def points_of(levels: Sequence[Sequence[float]]) -> Points | None:
    """The distribution of a KLL sketch, items of `levels[i]` weighing 2**i; None where it holds no finite number."""
    values = np.array([value for level in levels for value in level], dtype=np.float64)
    weights = np.repeat(2.0 ** np.arange(len(levels)), [len(level) for level in levels])
    finite = np.isfinite(values)
    places, group = np.unique(values[finite], return_inverse=True)
    if not len(places):
        return None
    shares = np.bincount(group, weights[finite]) / weights[finite].sum()
    return Points(places, np.concatenate([[0.0], np.cumsum(shares)[:-1]]))


def buckets_of(edges: Sequence[float], counts: Sequence[float]) -> Distribution | None:
    """The distribution of counts between edges; None where there is nothing, or edges that do not ascend.

    One value alone has buckets without any width, as AWS writes them.
    """
    places, total = np.array(edges, dtype=np.float64), float(sum(counts))
    if len(places) != len(counts) + 1 or not np.isfinite(places).all() or total <= 0 or min(counts) < 0:
        return None
    if places[0] == places[-1]:
        return Points(places[:1], np.zeros(1))
    if (np.diff(places) <= 0).any():
        return None
    return Buckets(places, np.concatenate([[0.0], np.cumsum(counts) / total]))


def distance_between(left: Distribution, right: Distribution) -> float:
    """The largest difference of the two cumulative distributions, 0..1."""
    places = np.unique(np.concatenate([left.places, right.places]))
    just_above = np.nextafter(places, np.inf)
    probes = np.concatenate([places, just_above])
    return float(np.abs(left.share_below(probes) - right.share_below(probes)).max())


def histogram_of(window: Distribution | None, baseline: Distribution | None) -> Histogram | None:
    """Both distributions in the same bins.

    None where there is no distribution, or its ends lie too far apart for a number.
    """
    ends = _ends(window, baseline)
    return _histogram(window, baseline, _edges(*ends), inset=0.0) if ends else None


def whole_histogram_of(window: Distribution | None, baseline: Distribution | None) -> Histogram | None:
    """Both distributions of whole numbers in the same bins, whose edges lie between such; None as `histogram_of`."""
    ends = _ends(window, baseline)
    return _histogram(window, baseline, _whole_edges(*ends), inset=0.5) if ends else None


def _ends(*sides: Distribution | None) -> tuple[float, float] | None:
    """Where a picture begins and ends: beyond lies half a per cent at most of each side."""
    there = [side for side in sides if side is not None]
    if not there:
        return None
    return min(side.quantile(TAIL) for side in there), max(side.quantile(1 - TAIL) for side in there)


def _histogram(
    window: Distribution | None, baseline: Distribution | None, edges: Floats, *, inset: float
) -> Histogram | None:
    if not _ascend(edges):
        return None
    there = [each for each in (window, baseline) if each is not None]
    return Histogram(
        edges=tuple(edges.tolist()),
        window=_shares(window, edges),
        baseline=_shares(baseline, edges),
        below=bool(min(each.places[0] for each in there) < edges[0]),
        above=bool(max(each.places[-1] for each in there) > edges[-1]),
        inset=inset,
    )


def _ascend(edges: Floats) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        widths = np.diff(edges)
    return bool(np.isfinite(widths).all() and (widths > 0).all())


def _edges(low: float, high: float) -> Floats:
    around = max(0.5, abs(low) * 1e-3) if low == high else 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        return np.linspace(low - around, high + around, BINS + 1)


def _whole_edges(low: float, high: float) -> Floats:
    """Edges between whole numbers, each bin as many of them as the next: else some bins would hold one more."""
    count = high - low + 1
    step = max(1.0, math.ceil(count / BINS)) if math.isfinite(count) else math.inf
    bins = math.ceil(count / step) if math.isfinite(step) else 1
    with np.errstate(over="ignore", invalid="ignore"):
        return math.floor(low) - 0.5 + step * np.arange(bins + 1, dtype=np.float64)


def _shares(distribution: Distribution | None, edges: Floats) -> tuple[float, ...]:
    if distribution is None:
        return ()
    below = np.concatenate([[0.0], distribution.share_below(edges[1:-1]), [1.0]])
    return tuple(np.clip(np.diff(below), 0.0, 1.0).tolist())
