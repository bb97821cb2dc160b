"""Classification: metrics of a confusion matrix, of two classes or of many.

What lives here: counts to shares. What does not: scores (curves), how classes are spelt (labels).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Confusion = Mapping[tuple[str, str], int]  # how often (truth, prediction) came, for those that did

BETAS: Final = {"f0_5": 0.5, "f1": 1.0, "f2": 2.0}
BEST_CONSTANT: Final = "_best_constant_classifier"
AREA: Final = "auc"
# What tells nothing where no truth is the positive class, or none the negative: no limit is held against it then.
OF_POSITIVES: Final = frozenset({"recall", "precision", "true_positive_rate", "false_negative_rate", AREA, *BETAS})
OF_NEGATIVES: Final = frozenset({"true_negative_rate", "false_positive_rate", AREA})


class Outcomes(NamedTuple):
    """How often each outcome came in binary classification."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def positives(self) -> int:
        """Rows whose truth is the positive class."""
        return self.true_positives + self.false_negatives

    @property
    def negatives(self) -> int:
        """Rows whose truth is the negative class."""
        return self.false_positives + self.true_negatives


def outcomes_of(confusion: Confusion, positive: str) -> Outcomes:
    """The outcomes of two classes, of which one is the positive one."""
    counts = dict.fromkeys([(True, True), (False, True), (True, False), (False, False)], 0)
    for (truth, prediction), count in confusion.items():
        counts[truth == positive, prediction == positive] += count
    return Outcomes(*counts.values())


def binary_metrics(outcomes: Outcomes) -> dict[str, float]:
    """Metrics of two classes, and those of a classifier that always says the positive one; NaN is 0 / 0.

    Precision is 0 where nothing was predicted positive, F is 0 where there is no positive either way, as in
    scikit-learn. A constant negative classifier would have no precision nor F: AWS's example too has the positive one.
    """
    constant = Outcomes(outcomes.positives, outcomes.negatives, 0, 0)
    told = ("recall", "precision", "accuracy")
    own, base = _shares(outcomes), _shares(constant)
    return {
        **{name: own[name] for name in told},
        **{name + BEST_CONSTANT: base[name] for name in told},
        "true_positive_rate": _ratio(outcomes.true_positives, outcomes.positives),
        "true_negative_rate": _ratio(outcomes.true_negatives, outcomes.negatives),
        "false_positive_rate": _ratio(outcomes.false_positives, outcomes.negatives),
        "false_negative_rate": _ratio(outcomes.false_negatives, outcomes.positives),
        **{name: own[name] for name in BETAS},
        **{name + BEST_CONSTANT: base[name] for name in BETAS},
    }


def multiclass_metrics(confusion: Confusion) -> dict[str, float]:
    """Accuracy and averages over classes weighted by how often each is the truth, with those of the best constant.

    That is the classifier that always says the most frequent truth, the first in order of their names among equals.
    A class that was never predicted has precision 0. All NaN without rows.
    """
    counts = matrix(confusion, classes_of(confusion))
    constant = np.zeros_like(counts)
    if counts.size:
        constant[:, counts.sum(axis=1).argmax()] = counts.sum(axis=1)
    base = weighted_shares(constant)
    return {**weighted_shares(counts), **{name + BEST_CONSTANT: value for name, value in base.items()}}


def classes_of(confusion: Confusion) -> list[str]:
    """Every class that was a truth or a prediction: whole numbers by size, then texts."""
    return sorted({label for pair in confusion for label in pair}, key=_by_number)


def matrix(confusion: Confusion, classes: Iterable[str]) -> Counts:
    """The counts [truth, prediction] in the order of the classes."""
    at = {label: index for index, label in enumerate(classes)}
    counts = np.zeros((len(at), len(at)), dtype=np.int64)
    for (truth, prediction), count in confusion.items():
        counts[at[truth], at[prediction]] = count
    return counts


def weighted_shares(counts: Counts) -> dict[str, float]:
    """Accuracy and weighted averages of a matrix [truth, prediction]."""
    rows = int(counts.sum())
    if rows == 0:
        return dict.fromkeys(("accuracy", "weighted_recall", "weighted_precision", *_weighted_betas()), math.nan)
    hits, truths, predictions = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)

    def average(numerators: npt.NDArray[Any], denominators: npt.NDArray[Any]) -> float:
        shares = np.divide(numerators, denominators, out=np.zeros(truths.size), where=denominators > 0)
        return float((shares * truths).sum() / rows)

    return {
        "accuracy": float(hits.sum() / rows),
        "weighted_recall": average(hits, truths),
        "weighted_precision": average(hits, predictions),
        **{
            name: average((1 + beta**2) * hits, beta**2 * truths + predictions)
            for name, beta in _weighted_betas().items()
        },
    }


def _weighted_betas() -> dict[str, float]:
    return {f"weighted_{name}": beta for name, beta in BETAS.items()}


def _shares(outcomes: Outcomes) -> dict[str, float]:
    hits, misses, alarms = outcomes.true_positives, outcomes.false_negatives, outcomes.false_positives
    return {
        "recall": _ratio(hits, outcomes.positives),
        "precision": hits / (hits + alarms) if hits + alarms else (0.0 if sum(outcomes) else math.nan),
        "accuracy": _ratio(hits + outcomes.true_negatives, sum(outcomes)),
        **{name: _f(beta**2, hits, misses, alarms) for name, beta in BETAS.items()},
    }


def _f(beta_squared: float, hits: int, misses: int, alarms: int) -> float:
    weighed = (1 + beta_squared) * hits
    all_of_them = weighed + beta_squared * misses + alarms
    return weighed / all_of_them if all_of_them else 0.0


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _by_number(label: str) -> tuple[bool, int, str]:
    whole = label.removeprefix("-").isdecimal() and len(label) < 20
    return not whole, int(label) if whole else 0, label
