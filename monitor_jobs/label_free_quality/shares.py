"""The class shares of a window with their intervals.

What lives here: the bootstrap. What does not: the estimator of shares (label_shift).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from monitor_jobs.label_free_quality.calibration import CELL_PRIOR_ROWS, Calibration, cell_counts
from monitor_jobs.label_free_quality.estimate import COVERAGE, cells_of
from monitor_jobs.label_free_quality.label_shift import maximum_likelihood_shares, posteriors_of
from monitor_jobs.label_free_quality.scaling import Floats
from monitor_jobs.label_free_quality.window import ConfidenceCounts

DRAWS: Final = 100
MOST_CLASSES: Final = 200  # the bootstrap of more takes minutes


class Share(NamedTuple):
    """One class's share of a window, 0 to 1, and the interval that it lies in."""

    share: float
    low: float
    high: float


def share_intervals(
    window: ConfidenceCounts, calibration: Calibration, generator: np.random.Generator
) -> Mapping[str, Share]:
    """The estimated share of each class of the baseline in a window.

    None where no prediction is one of these, nor of a baseline of more than MOST_CLASSES classes.

    Percentile bootstrap of both samples, the window's predictions and the baseline's rows (Efron 1979), for COVERAGE of
    each share by itself. It holds where classes kept their looks: label shift.
    """
    cells, counts = cells_of(window, calibration), cell_counts(calibration)
    if not cells.any() or len(calibration.names) > MOST_CLASSES:
        return {}
    shares = _shares(cells, counts)
    draws = np.array([_shares(_redrawn(cells, generator), _redrawn(counts, generator)) for _ in range(DRAWS)])
    low, high = np.quantile(draws, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
    low = np.where(low * cells.sum() < 1, 0.0, low)  # less than one prediction: the steps towards 0 never end there
    ends = np.column_stack([shares, np.minimum(low, shares), np.maximum(high, shares)]).tolist()
    return {name: Share(*row) for name, row in zip(calibration.names, ends, strict=True)}


def _shares(cells: Floats, counts: Floats) -> Floats:
    prior = counts.sum(axis=0) / counts.sum()
    return maximum_likelihood_shares(posteriors_of(counts, CELL_PRIOR_ROWS), cells, prior)


def _redrawn(counts: Floats, generator: np.random.Generator) -> Floats:
    total = counts.sum()
    return generator.multinomial(int(total), counts.ravel() / total).reshape(counts.shape).astype(np.float64)
