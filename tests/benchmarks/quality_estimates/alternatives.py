"""Three other ways to an interval, measured beside ours: what chance alone does, a measured distance, damaged copies.

What lives here: those ways. What does not: windows (windows), the figures (coverage). Each takes what ours takes;
`Copies` may look at baseline images that were damaged by other kinds of damage than the window's.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from monitor_jobs.label_free_quality.calibration import Calibration
from monitor_jobs.label_free_quality.estimate import Estimate, Estimators, standard_error
from monitor_jobs.label_free_quality.reach import NORMAL_REACH
from monitor_jobs.label_free_quality.window import ConfidenceCounts

RIDGE = 1e-3


class Interval(NamedTuple):
    low: float
    high: float

    def covers(self, truth: float) -> bool:
        return self.low <= truth <= self.high

    @property
    def width(self) -> float:
        return self.high - self.low


class Example(NamedTuple):
    """A window of the baseline whose truth is known."""

    kind: str
    predictions: int
    estimators: Estimators
    truth: float


def around(middle: float, half_width: float) -> Interval:
    return Interval(max(0.0, middle - half_width), min(1.0, middle + half_width))


def by_sampling(found: Estimate, window: ConfidenceCounts, calibration: Calibration) -> Interval:
    """The difference of confidences, and what sampling does to it."""
    chance = NORMAL_REACH * standard_error(found.accuracy, window.predictions, calibration.rows)
    return around(found.accuracy, chance)


def by_distance(found: Estimate, window: ConfidenceCounts, calibration: Calibration) -> Interval:
    """The same, widened by the Kolmogorov-Smirnov distance of the confidences from the baseline's."""
    before = np.cumsum(np.add(calibration.right, calibration.wrong)) / calibration.rows
    now = np.cumsum(np.sum(list(window.by_label.values()), axis=0)) / window.predictions
    chance = NORMAL_REACH * standard_error(found.accuracy, window.predictions, calibration.rows)
    return around(found.accuracy, chance + float(np.abs(before - now).max()))


class Copies:
    """A linear performance predictor over the estimators, in the manner of Schelter et al., SIGMOD 2020.

    Its interval is conformal over kinds of damage: as wide, against the estimators' spread, as it must be for nine in
    ten windows of a kind that it was not fitted on.
    """

    def __init__(self, examples: Iterable[Example], calibration: Calibration, *, without: str) -> None:
        self._calibration = calibration
        known = [example for example in examples if example.kind != without]
        self._weights = self._fitted(known)
        strange = [
            abs(example.truth - self._predicted(example.estimators, self._fitted([e for e in known if e.kind != kind])))
            / self._scale(example.estimators, example.predictions)
            for kind in sorted({example.kind for example in known})
            for example in known
            if example.kind == kind
        ]
        self._reach = float(np.quantile(strange, 0.9))

    def interval(self, estimators: Estimators, predictions: int) -> Interval:
        middle = self._predicted(estimators, self._weights)
        return around(middle, self._reach * self._scale(estimators, predictions))

    def _fitted(self, examples: list[Example]) -> np.ndarray:
        x = np.array([example.estimators for example in examples]) - self._calibration.accuracy
        y = np.array([example.truth for example in examples]) - self._calibration.accuracy
        return np.linalg.solve(x.T @ x / len(y) + RIDGE * np.eye(x.shape[1]), x.T @ y / len(y))

    def _predicted(self, estimators: Estimators, weights: np.ndarray) -> float:
        accuracy = self._calibration.accuracy
        return float(np.clip(accuracy + (np.array(estimators) - accuracy) @ weights, 0, 1))

    def _scale(self, estimators: Estimators, predictions: int) -> float:
        chance = standard_error(self._calibration.accuracy, predictions, self._calibration.rows)
        return chance + (max(estimators) - min(estimators)) / 5
