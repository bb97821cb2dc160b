"""Model quality: are its metrics those of scikit-learn? `python -m tests.benchmarks.model_quality [--quick] [--json]`.

Each function of MEASURES takes `quick` and gives its figures, and why others are missing.
"""

import argparse
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np
from sklearn import metrics as reference

from monitor_jobs.model_quality.metrics.classification import (
    BETAS,
    Confusion,
    binary_metrics,
    multiclass_metrics,
    outcomes_of,
)
from monitor_jobs.model_quality.metrics.curves import area_under_roc, thresholds_of
from monitor_jobs.model_quality.metrics.regression import error_sums, regression_metrics
from tests.benchmarks.figures import SEED, Figure, publish

Measured = tuple[dict[str, Figure], dict[str, str]]
Values = Mapping[str, float]

FULL_ROWS, QUICK_ROWS = 1_000_000, 50_000
CLASSES: Final = 43


class Both(NamedTuple):
    """The same metrics twice, and the seconds that each took."""

    ours: Values
    theirs: Values
    our_seconds: float
    their_seconds: float

    @property
    def largest_difference(self) -> float:
        return max(abs(self.ours[name] - value) for name, value in self.theirs.items())


def against_scikit_learn(quick: bool) -> Measured:
    rows = QUICK_ROWS if quick else FULL_ROWS
    pairs = list(comparisons(rows, np.random.default_rng(SEED)))
    compared = sum(len(pair.theirs) for pair in pairs)
    difference = max(pair.largest_difference for pair in pairs)
    assert math.isfinite(difference), "a metric is not defined on one side"
    seconds = f"{rows:,} rows of each problem type, {compared} metrics in all"
    return {
        "metrics_equal_sklearn_max_diff": Figure(difference, "absolute", "<= 1e-9", seconds),
        "metrics_seconds": Figure(sum(pair.our_seconds for pair in pairs), "s", "none", "ours, arrays to metrics"),
        "metrics_seconds_sklearn": Figure(sum(pair.their_seconds for pair in pairs), "s", "none", "the same metrics"),
    }, {}


def comparisons(rows: int, generator: np.random.Generator) -> Iterator[Both]:
    """One of each problem type, on rows like those of a fair model."""
    truths = generator.normal(20, 5, rows)
    yield both(regression, sklearn_regression, truths, truths + generator.normal(0, 2, rows))
    positive = generator.random(rows) < 0.1
    scores = np.clip(generator.beta(2, 5, rows) + 0.4 * positive, 0, 1).round(6)
    yield both(binary, sklearn_binary, positive, scores)
    classes = generator.integers(0, CLASSES, rows)
    said = np.where(generator.random(rows) < 0.9, classes, generator.integers(0, CLASSES, rows))
    yield both(multiclass, sklearn_multiclass, classes, said)


def both(
    ours: Callable[[np.ndarray, np.ndarray], Values],
    theirs: Callable[[np.ndarray, np.ndarray], Values],
    truths: np.ndarray,
    said: np.ndarray,
) -> Both:
    started = time.perf_counter()
    our_values = ours(truths, said)
    between = time.perf_counter()
    their_values = theirs(truths, said)
    return Both(our_values, their_values, between - started, time.perf_counter() - between)


def regression(truths: np.ndarray, said: np.ndarray) -> Values:
    return regression_metrics(error_sums(truths, said))


def sklearn_regression(truths: np.ndarray, said: np.ndarray) -> Values:
    return {
        "mae": float(reference.mean_absolute_error(truths, said)),
        "mse": float(reference.mean_squared_error(truths, said)),
        "rmse": float(reference.root_mean_squared_error(truths, said)),
        "r2": float(reference.r2_score(truths, said)),
    }


def confusion_of(truths: np.ndarray, said: np.ndarray) -> Confusion:
    pairs, counts = np.unique(np.stack([truths, said]), axis=1, return_counts=True)
    return Counter({(str(truth), str(said)): int(count) for (truth, said), count in zip(pairs.T, counts, strict=True)})


def binary(positive: np.ndarray, scores: np.ndarray) -> Values:
    confusion = confusion_of(positive.astype(int), (scores >= 0.5).astype(int))
    area = area_under_roc(thresholds_of(scores, positive))
    return binary_metrics(outcomes_of(confusion, "1")) | {"auc": area}


def sklearn_binary(positive: np.ndarray, scores: np.ndarray) -> Values:
    said = scores >= 0.5
    return {
        "recall": float(reference.recall_score(positive, said)),
        "precision": float(reference.precision_score(positive, said)),
        "accuracy": float(reference.accuracy_score(positive, said)),
        "auc": float(reference.roc_auc_score(positive, scores)),
        **{name: float(reference.fbeta_score(positive, said, beta=beta)) for name, beta in BETAS.items()},
    }


def multiclass(truths: np.ndarray, said: np.ndarray) -> Values:
    return multiclass_metrics(confusion_of(truths, said))


def sklearn_multiclass(truths: np.ndarray, said: np.ndarray) -> Values:
    weighted = {"average": "weighted", "zero_division": 0}
    return {
        "accuracy": float(reference.accuracy_score(truths, said)),
        "weighted_recall": float(reference.recall_score(truths, said, **weighted)),
        "weighted_precision": float(reference.precision_score(truths, said, **weighted)),
        **{
            f"weighted_{name}": float(reference.fbeta_score(truths, said, beta=beta, **weighted))
            for name, beta in BETAS.items()
        },
    }


MEASURES: tuple[Callable[[bool], Measured], ...] = (against_scikit_learn,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows instead of {FULL_ROWS:,}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures: dict[str, Figure] = {}
    missing: dict[str, str] = {}
    for measure in MEASURES:
        taken, why_not = measure(options.quick)
        figures |= taken
        missing |= why_not
    publish("model_quality", figures, missing, options.json)


if __name__ == "__main__":
    main()
