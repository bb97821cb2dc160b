"""Whether two samples of class counts come from different mixes of classes, and by how much at least a class moved.

What lives here: the two-sample test on plain counts. What does not: labels and sentences (analysis), limits
(constraints).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from monitor_jobs.contingency import Counts, chi_square, well_filled

TAIL_DEVIATIONS = 50  # log-concave tails: what lies further out is below the smallest double


@dataclass(frozen=True, slots=True)
class Shift:
    """How two samples differ.

    distance: total variation between the two observed mixes, 0..1, what chance adds included
    proven: how far the mixes are apart beyond chance, 0..1; 0 where no test passed
    p_value: of both tests together, 0..1
    gainer: index of the class whose share grew most
    """

    distance: float
    proven: float
    p_value: float
    gainer: int


def shift_between(observed: Counts, baseline: Counts, *, false_alarm_rate: float, floor: float) -> Shift:
    """How far the observed class counts moved from the baseline's; both index the same classes, neither is all zero.

    Two tests share the false-alarm rate in halves, so that both together stay below it:
    one class   Fisher's exact test of the class that moved most, times the number of classes that could have moved by
                more than `floor` (Bonferroni; classes that cannot matter are left out, in the manner of Tarone 1990).
                Finds one class that grows or shrinks among however many. Its effect is that class's change of share.
    all classes Pearson's chi-square of homogeneity, classes that are expected fewer than 5 times pooled into one:
                X2 = sum_k (x_k sqrt(m/n) - y_k sqrt(n/m))^2 / (x_k + y_k) with n, m the totals. Finds many small moves.
                Its effect is the total variation TV = 1/2 sum_k |x_k/n - y_k/m| less what chance alone adds, in
                quadrature: sqrt(TV^2 - C^2), C = 1/2 sum_k sqrt(2/pi p_k (1 - p_k) (1/n + 1/m)).
    Where one class is proven to move, the others may too: the larger of its effect and TV - C is then the proven shift.
    An effect up to `floor` proves nothing, so that huge samples do not alarm for what does not matter.
    Predictions are taken as independent; traffic that comes in bursts has a higher rate of false alarms.
    Pearson, Biometrika 8 (1911); Fisher, Statistical Methods (1934); checked in tests/papers/test_two_sample_shift.py.
    """
    change = observed / observed.sum() - baseline / baseline.sum()
    mover, class_p = _one_class(observed, baseline, floor=floor)
    spread = _all_classes(observed, baseline)
    proven = 0.0
    if class_p <= false_alarm_rate / 2:
        proven = max(abs(float(change[mover])), spread.variation - spread.chance)
    elif spread.p_value <= false_alarm_rate / 2 and spread.beyond_chance > floor:
        proven = spread.beyond_chance
    return Shift(
        distance=float(np.abs(change).sum() / 2),
        proven=proven,
        p_value=min(1.0, 2 * min(class_p, spread.p_value)),
        gainer=int(np.argmax(change)),
    )


class _Spread(NamedTuple):
    variation: float
    chance: float
    p_value: float

    @property
    def beyond_chance(self) -> float:
        return math.sqrt(max(0.0, self.variation**2 - self.chance**2))


def _one_class(x: Counts, y: Counts, *, floor: float) -> tuple[int, float]:
    """The class that moved most for its size and by more than the floor, and the p-value of that; 1 where none did."""
    n, m, t = x.sum(), y.sum(), x + y
    change = x / n - y / m
    scatter = t * (n + m - t)
    signal = np.divide(change**2, scatter, out=np.zeros_like(change), where=(np.abs(change) > floor) & (scatter > 0))
    mover = int(np.argmax(signal))
    if signal[mover] == 0:
        return mover, 1.0
    tested = int(np.count_nonzero((t > 0) & (t >= floor * min(n, m))))
    grew = change[mover] > 0
    tail = _upper_tail(x[mover], t[mover], n, m) if grew else _upper_tail(y[mover], t[mover], m, n)
    return mover, min(1.0, 2 * tested * tail)


def _upper_tail(x: float, t: float, n: float, m: float) -> float:
    """P(X >= x) where t marked ones are dealt at random among n + m places and X of them fall on the n."""
    deviation = np.sqrt(n * m * t * (n + m - t) / (n + m) ** 3)
    last = min(t, n, x + np.ceil(TAIL_DEVIATIONS * (deviation + 1)))
    k = np.arange(x, last + 1)
    log_ways = _log_choose(n, k) + _log_choose(m, t - k) - _log_choose(n + m, t)
    return float(min(1.0, np.exp(log_ways).sum()))


def _log_choose(n: float, k: Counts | float) -> Counts:
    from scipy.special import gammaln  # takes 0.2 s to load, which every worker would pay

    return np.asarray(gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1))


def _all_classes(x: Counts, y: Counts) -> _Spread:
    """The total variation over well filled cells, what chance alone would make of it, and the chi-square p-value."""
    from scipy.special import chdtrc

    x, y = well_filled(x, y)
    if x.size < 2:
        return _Spread(0.0, 0.0, 1.0)
    n, m, t = x.sum(), y.sum(), x + y
    p = t / (n + m)
    return _Spread(
        variation=float(np.abs(x / n - y / m).sum() / 2),
        chance=float(np.sqrt(2 / np.pi * p * (1 - p) * (1 / n + 1 / m)).sum() / 2),
        p_value=float(chdtrc(x.size - 1, chi_square(x, y))),
    )
