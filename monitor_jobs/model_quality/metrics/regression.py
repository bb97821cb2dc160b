"""Regression: errors of predicted numbers.

What lives here: the sums that metrics are made of, and the metrics. What does not: rows that are no numbers (reading).
"""

import math
from dataclasses import astuple, dataclass

import numpy as np

from monitor_jobs.model_quality.metrics.exact_sums import Doubles, as_fraction, exact_sum, exact_sum_of_squares


@dataclass(frozen=True, slots=True)
class ErrorSums:
    """What regression metrics need of any number of rows; all but `rows` in units of exact_sums.

    absolute, squared: of the error truth - prediction; truth, truth_squared: of the truth.
    """

    rows: int = 0
    absolute: int = 0
    squared: int = 0
    truth: int = 0
    truth_squared: int = 0

    def __add__(self, other: "ErrorSums") -> "ErrorSums":
        return ErrorSums(*(left + right for left, right in zip(astuple(self), astuple(other), strict=True)))


def error_sums(truths: Doubles, predictions: Doubles) -> ErrorSums:
    """The sums of some rows; both are finite and at most exact_sums.LARGEST."""
    errors = truths - predictions
    return ErrorSums(
        rows=truths.size,
        absolute=exact_sum(np.abs(errors)),
        squared=exact_sum_of_squares(errors),
        truth=exact_sum(truths),
        truth_squared=exact_sum_of_squares(truths),
    )


def regression_metrics(sums: ErrorSums) -> dict[str, float]:
    """mae, mse, rmse and r2 by their names; NaN without rows, r2 NaN of a single one.

    r2 = 1 - sum (y - f)^2 / sum (y - mean y)^2; where all truths are one: 1 without errors, 0 with some, as
    scikit-learn has it; -infinity where it is below all doubles.
    """
    if sums.rows == 0:
        return dict.fromkeys(("mae", "mse", "rmse", "r2"), math.nan)
    mse = float(as_fraction(sums.squared) / sums.rows)
    mae = float(as_fraction(sums.absolute) / sums.rows)
    return {"mae": mae, "mse": mse, "rmse": math.sqrt(mse), "r2": _explained(sums)}


def _explained(sums: ErrorSums) -> float:
    if sums.rows < 2:
        return math.nan
    spread = as_fraction(sums.truth_squared) - as_fraction(sums.truth) ** 2 / sums.rows
    if spread == 0:
        return float(sums.squared == 0)
    try:
        return float(1 - as_fraction(sums.squared) / spread)
    except OverflowError:  # truths so close together that the errors between them are beyond all doubles
        return -math.inf
