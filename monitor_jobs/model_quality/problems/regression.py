"""Predicted numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from monitor_jobs.model_quality.metrics.exact_sums import Doubles
from monitor_jobs.model_quality.metrics.regression import ErrorSums, error_sums, regression_metrics
from monitor_jobs.model_quality.problems.reservoir import Reservoir, drawn_rows
from monitor_jobs.model_quality.problems.samples import Keys, Metric, with_deviations, with_samples

MOST_ROWS: Final = 20_000
NUMBERS: Final = np.dtype([("key", "<u8"), ("truth", "<f8"), ("prediction", "<f8")])


@dataclass(frozen=True, slots=True, eq=False)
class NumberRows:
    """Labelled numbers: truths and predictions [n], finite and at most exact_sums.LARGEST, and keys [n]."""

    truths: Doubles
    predictions: Doubles
    keys: Keys


@dataclass(frozen=True, slots=True, eq=False)
class RegressionSummary:
    """Exact sums of errors in all rows and in the samples, and some rows to draw from."""

    section: ClassVar[str] = "regression"
    sums: tuple[ErrorSums, ...]
    some: Reservoir

    @property
    def rows(self) -> int:
        """Labelled predictions."""
        return self.sums[0].rows

    def merge(self, other: "RegressionSummary") -> "RegressionSummary":
        """Both parts together."""
        sums = tuple(left + right for left, right in zip(self.sums, other.sums, strict=True))
        return RegressionSummary(sums, self.some.merge(other.some))

    def metrics(self) -> dict[str, Metric]:
        """Every metric by AWS's name."""
        return with_deviations([regression_metrics(sums) for sums in self.sums], self.rows)

    def details(self) -> dict[str, Any]:
        """What statistics.json has beside metrics: nothing."""
        return {}

    def untold(self) -> frozenset[str]:
        """The metrics that tell nothing: r2 of a single row."""
        return frozenset() if self.rows > 1 else frozenset({"r2"})

    def draw(self, generator: np.random.Generator, *, rows: int, count: int) -> Sequence[Mapping[str, float]]:
        """The metrics of so many windows of so many rows, drawn from these."""
        windows = drawn_rows(self.some.rows(), generator, rows=rows, count=count)
        return [regression_metrics(error_sums(window["truth"], window["prediction"])) for window in windows]


def summarise_regression(rows: NumberRows) -> RegressionSummary:
    """The summary of some rows."""
    sums = with_samples(lambda chosen: error_sums(rows.truths[chosen], rows.predictions[chosen]), rows.keys)
    records = np.empty(rows.keys.size, dtype=NUMBERS)
    records["key"], records["truth"], records["prediction"] = rows.keys, rows.truths, rows.predictions
    few = Reservoir(MOST_ROWS, (records,), records.size)
    return RegressionSummary(sums, Reservoir(MOST_ROWS, (few.rows(),), records.size))
