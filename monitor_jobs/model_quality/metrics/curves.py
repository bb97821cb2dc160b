"""Curves of a binary classifier's scores: ROC, precision and recall, and the area under the first.

What lives here: arithmetic on scores. What does not: where scores come from, how many are kept (summary).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

MAX_CURVE_POINTS: Final = 200

Doubles = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Thresholds:
    """For each distinct score, highest first: how many positives, and negatives, score at least that much."""

    true_positives: Counts
    false_positives: Counts

    @property
    def defined(self) -> bool:
        """True where there are both positives and negatives."""
        return self.true_positives.size > 0 and min(self.true_positives[-1], self.false_positives[-1]) > 0


def thresholds_of(scores: Doubles, positive: npt.NDArray[np.bool_]) -> Thresholds:
    """The counts at every distinct score; both [n], scores finite."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True)[: scores.size])
    hits = np.cumsum(positive[order], dtype=np.int64)[last]
    return Thresholds(hits, last + 1 - hits)


def area_under_roc(thresholds: Thresholds) -> float:
    """The chance that a positive scores above a negative, equals counted half; NaN without one of the classes.

    Whole numbers up to the last division. Hanley & McNeil, Radiology 143 (1982).
    """
    if not thresholds.defined:
        return math.nan
    hits, alarms = (np.append(0, counts) for counts in (thresholds.true_positives, thresholds.false_positives))
    doubled = int((np.diff(alarms) * (hits[1:] + hits[:-1])).sum())
    return doubled / (2 * int(hits[-1]) * int(alarms[-1]))


def roc_curve(thresholds: Thresholds) -> dict[str, list[float]]:
    """Rates at no threshold and at most MAX_CURVE_POINTS - 1 others, evenly chosen; empty where they are undefined."""
    if not thresholds.defined:
        return {"false_positive_rates": [], "true_positive_rates": []}
    hits, alarms = thresholds.true_positives, thresholds.false_positives
    chosen = _evenly(hits.size)
    return {
        "false_positive_rates": [0.0, *(alarms[chosen] / alarms[-1]).tolist()],
        "true_positive_rates": [0.0, *(hits[chosen] / hits[-1]).tolist()],
    }


def precision_recall_curve(thresholds: Thresholds) -> dict[str, list[float]]:
    """Precision and recall at the same thresholds, from precision 1 at recall 0 on."""
    if not thresholds.defined:
        return {"precisions": [], "recalls": []}
    hits, alarms = thresholds.true_positives, thresholds.false_positives
    chosen = _evenly(hits.size)
    return {
        "precisions": [1.0, *(hits[chosen] / (hits + alarms)[chosen]).tolist()],
        "recalls": [0.0, *(hits[chosen] / hits[-1]).tolist()],
    }


def _evenly(count: int) -> npt.NDArray[np.intp]:
    return np.unique(np.linspace(0, count - 1, min(count, MAX_CURVE_POINTS - 1)).round().astype(np.intp))
