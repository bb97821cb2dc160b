"""Model quality: are its metrics those of scikit-learn, and its estimates true?

`python -m tests.benchmarks.model_quality [--quick] [--json]`.

Each function of MEASURES takes `quick` and gives its figures, and why others are missing.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from sklearn import metrics as reference

from monitor_jobs.model_quality.metrics.classification import BETAS
from monitor_jobs.model_quality.problems import (
    ClassRows,
    NumberRows,
    ProblemSummary,
    ScoredRows,
    summarise_binary,
    summarise_multiclass,
    summarise_regression,
)
from monitor_jobs.model_quality.summary import Summary, merge
from tests.benchmarks.figures import SEED, Figure, publish
from tests.benchmarks.quality_estimates.coverage import estimates_against_truth

Measured = tuple[dict[str, Figure], dict[str, str]]
Values = Mapping[str, float]

FULL_ROWS, QUICK_ROWS = 1_000_000, 50_000
CLASSES: Final = 43
PARTS: Final = 24


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
        "metrics_seconds": Figure(
            sum(pair.our_seconds for pair in pairs),
            "s",
            "none",
            f"ours, {PARTS} parts merged, with the metrics of five samples",
        ),
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


def in_parts(summarise: Callable[[slice], ProblemSummary], rows: int) -> Values:
    """The metrics of a whole that was summarised in parts, and merged last part first."""
    edges = np.linspace(0, rows, PARTS + 1).astype(int)
    parts = (Summary(measured=summarise(slice(*span))) for span in pairwise(edges))
    measured = reduce(merge, reversed(list(parts)), Summary()).measured
    assert measured is not None
    return {name: metric.value for name, metric in measured.metrics().items()}


def keys_of(part: slice) -> np.ndarray:
    return np.random.default_rng(part.start).integers(0, 2**64, part.stop - part.start, dtype=np.uint64)


def regression(truths: np.ndarray, said: np.ndarray) -> Values:
    def summarise(part: slice) -> ProblemSummary:
        return summarise_regression(NumberRows(truths[part], said[part], keys_of(part)))

    return in_parts(summarise, len(truths))


def sklearn_regression(truths: np.ndarray, said: np.ndarray) -> Values:
    return {
        "mae": float(reference.mean_absolute_error(truths, said)),
        "mse": float(reference.mean_squared_error(truths, said)),
        "rmse": float(reference.root_mean_squared_error(truths, said)),
        "r2": float(reference.r2_score(truths, said)),
    }


def binary(positive: np.ndarray, scores: np.ndarray) -> Values:
    def summarise(part: slice) -> ProblemSummary:
        truths, said = (np.where(flags[part], "1", "0").tolist() for flags in (positive, scores >= 0.5))
        return summarise_binary(ScoredRows(truths, said, scores[part], keys_of(part)), "1")

    return in_parts(summarise, len(positive))


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
    names = np.array([str(number) for number in range(CLASSES)], dtype=object)

    def summarise(part: slice) -> ProblemSummary:
        return summarise_multiclass(ClassRows(names[truths[part]].tolist(), names[said[part]].tolist(), keys_of(part)))

    return in_parts(summarise, len(truths))


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


MEASURES: tuple[Callable[[bool], Measured], ...] = (against_scikit_learn, estimates_against_truth)


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
