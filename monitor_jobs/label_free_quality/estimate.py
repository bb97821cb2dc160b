"""The estimated accuracy of a window, and the interval that truth should lie in.

What lives here: `estimate`, from counts and a calibration. What does not: the formulas (confidence, label_shift), how
far sampling reaches (reach), limits and sentences (analysis).
"""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from monitor_jobs.label_free_quality.calibration import Calibration, CellTables, tables_of
from monitor_jobs.label_free_quality.confidence import difference_of_confidences
from monitor_jobs.label_free_quality.label_shift import accuracy_under, maximum_likelihood_shares
from monitor_jobs.label_free_quality.scaling import Floats
from monitor_jobs.label_free_quality.window import ConfidenceCounts

COVERAGE: Final = 0.9


class Estimators(NamedTuple):
    """What each estimator says of a window's accuracy."""

    difference_of_confidences: float
    thresholded_confidence: float
    as_wrong_as_they_look: float
    as_right_as_their_class: float


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """Accuracy without labels: the estimate, the interval [low, high], and the class shares that were found [k]."""

    accuracy: float
    low: float
    high: float
    estimators: Estimators
    shares: Floats

    def covers(self, accuracy: float) -> bool:
        """True where an accuracy lies in the interval."""
        return self.low <= accuracy <= self.high


def estimate(window: ConfidenceCounts, calibration: Calibration) -> Estimate:
    """The estimate of a window that holds scored predictions.

    The interval is the hull of four estimators that no labels can decide between, widened by `calibration.reach`
    standard errors of what sampling does to the window and to the baseline: see docs/decisions/0027.
    """
    shares, estimators = estimators_of(window, calibration, tables_of(calibration))
    low, high = min(estimators), max(estimators)
    return Estimate(
        accuracy=estimators.difference_of_confidences,
        low=max(0.0, low - calibration.reach * standard_error(low, window.predictions, calibration.rows)),
        high=min(1.0, high + calibration.reach * standard_error(high, window.predictions, calibration.rows)),
        estimators=estimators,
        shares=shares,
    )


def estimators_of(window: ConfidenceCounts, calibration: Calibration, tables: CellTables) -> tuple[Floats, Estimators]:
    """The class shares [k] of a window, and what each estimator says of its accuracy.

    as_wrong_as_they_look: right and wrong predictions kept their confidences, so whatever confidence was lost is error:
    label shift over {wrong, right}. as_right_as_their_class: classes kept their recall, and only their mix changed.
    """
    by_level, cells = np.sum(list(window.by_label.values()), axis=0), cells_of(window, calibration)
    shares = tables.class_prior
    if cells.any():
        shares = maximum_likelihood_shares(tables.classes, cells, tables.class_prior)
    hits = maximum_likelihood_shares(tables.hits, by_level, tables.hit_prior)
    above = calibration.edges.index(calibration.threshold) + 1
    doc = difference_of_confidences(
        window_mean=window.mean_confidence,
        baseline_mean=calibration.confidence,
        baseline_accuracy=calibration.accuracy,
    )
    return shares, Estimators(
        difference_of_confidences=doc,
        thresholded_confidence=float(by_level[above:].sum() / by_level.sum()),
        as_wrong_as_they_look=float(hits[1]),
        as_right_as_their_class=accuracy_under(shares, tables.recalls),
    )


def cells_of(window: ConfidenceCounts, calibration: Calibration) -> Floats:
    """How many of the window's predictions lie in each cell, ordered as in `calibration.tables_of`.

    A class that the baseline lacks is left out: it says nothing of the mix of those that the baseline knows.
    """
    starts = np.array([-np.inf, *calibration.edges])
    levels = np.searchsorted(np.array(calibration.error_edges), starts, side="right")
    cells = np.zeros((len(calibration.names), len(calibration.error_edges) + 1))
    for index, name in enumerate(calibration.names):
        np.add.at(cells[index], levels, window.by_label.get(name, 0))
    return cells.ravel()


def standard_error(accuracy: float, predictions: int, baseline_rows: int) -> float:
    """The standard error of an accuracy that both samples share in; as of one error where none was expected."""
    p = min(max(accuracy, 1 / (predictions + 2)), 1 - 1 / (predictions + 2))
    return math.sqrt(p * (1 - p) * (1 / predictions + 1 / baseline_rows))
