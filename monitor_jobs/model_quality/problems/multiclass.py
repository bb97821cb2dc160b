"""Classification into many classes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_quality.metrics.classification import Confusion, classes_of, matrix, multiclass_metrics
from monitor_jobs.model_quality.problems.samples import Keys, Metric, with_deviations, with_samples

MAX_CLASSES: Final = 1_000
UNSEEN_ERRORS: Final = 3
Confusions = tuple[Confusion, ...]  # of all rows, then of each sample


@dataclass(frozen=True, slots=True, eq=False)
class ClassRows:
    """Labelled classes: truths and predictions [n] by name, keys [n]."""

    truths: Sequence[str]
    predictions: Sequence[str]
    keys: Keys


@dataclass(frozen=True, slots=True)
class MulticlassSummary:
    """How often each pair of truth and prediction came, in all rows and in the samples."""

    section: ClassVar[str] = "multiclass_classification"
    confusions: Confusions

    @property
    def rows(self) -> int:
        """Labelled predictions."""
        return sum(self.confusions[0].values())

    def merge(self, other: "MulticlassSummary") -> "MulticlassSummary":
        """Both parts together. Raises BadInput for more than MAX_CLASSES classes."""
        return MulticlassSummary(merged(self.confusions, other.confusions))

    def metrics(self) -> dict[str, Metric]:
        """Every metric by AWS's name."""
        return with_deviations([multiclass_metrics(confusion) for confusion in self.confusions], self.rows)

    def details(self) -> dict[str, Any]:
        """What statistics.json has beside metrics."""
        return {"confusion_matrix": confusion_matrix(self.confusions[0])}

    def untold(self) -> frozenset[str]:
        """The metrics that tell nothing: none, where there are rows."""
        return frozenset()

    def draw(self, generator: np.random.Generator, *, rows: int, count: int) -> Sequence[Mapping[str, float]]:
        """The metrics of so many windows of so many rows, drawn from these."""
        return [multiclass_metrics(drawn(self.confusions[0], generator, rows, [""])) for _ in range(count)]


def summarise_multiclass(rows: ClassRows) -> MulticlassSummary:
    """The summary of some rows. Raises BadInput for more than MAX_CLASSES classes."""
    return MulticlassSummary(confusions_of(rows.truths, rows.predictions, rows.keys))


def confusions_of(truths: Sequence[str], predictions: Sequence[str], keys: Keys) -> Confusions:
    """Counts of pairs in all rows and in the samples. Raises BadInput for more than MAX_CLASSES classes."""
    numbers: dict[tuple[str, str], int] = {}
    codes = np.array([numbers.setdefault(pair, len(numbers)) for pair in zip(truths, predictions, strict=True)], int)
    pairs = list(numbers)
    _require_few({label for pair in pairs for label in pair})

    def count(chosen: npt.NDArray[np.bool_]) -> Confusion:
        counts = np.bincount(codes[chosen], minlength=len(pairs)).tolist()
        return {pair: count for pair, count in zip(pairs, counts, strict=True) if count}

    return with_samples(count, keys)


def merged(left: Confusions, right: Confusions) -> Confusions:
    """Counts of both parts. Raises BadInput for more than MAX_CLASSES classes."""
    both = tuple(dict(Counter(one) + Counter(other)) for one, other in zip(left, right, strict=True))
    _require_few({label for pair in both[0] for label in pair})
    return both


def confusion_matrix(confusion: Confusion) -> dict[str, dict[str, int]]:
    """The matrix as statistics.json has it: truth, then prediction."""
    classes = classes_of(confusion)
    counts = matrix(confusion, classes).tolist()
    return {truth: dict(zip(classes, row, strict=True)) for truth, row in zip(classes, counts, strict=True)}


def drawn(confusion: Confusion, generator: np.random.Generator, rows: int, others: Sequence[str]) -> Confusion:
    """Counts of so many rows, drawn from a population that itself is drawn from these counts.

    UNSEEN_ERRORS are counted beside the errors that were seen: without a single one in n rows, up to 3 / n of all may
    still be wrong, 95 times in 100. Hanley & Lippman-Hand, JAMA 249 (1983). A class alone is taken for the last of the
    others that is not itself.
    """
    classes, whole = classes_of(confusion), Counter[tuple[str, str]](confusion)
    if len(classes) == 1:
        classes += [other for other in others if other not in classes][-1:]
    unseen = {pair: UNSEEN_ERRORS / len(classes) for pair in zip(classes, classes[1:] + classes[:1], strict=True)}
    pairs = list(dict.fromkeys([*whole, *unseen]))
    counts = np.array([whole[pair] + unseen.get(pair, 0) for pair in pairs], dtype=np.float64)
    population = generator.multinomial(whole.total(), counts / counts.sum())
    window = generator.multinomial(rows, population / population.sum())
    return {pair: count for pair, count in zip(pairs, window.tolist(), strict=True) if count}


def _require_few(classes: set[str]) -> None:
    if len(classes) > MAX_CLASSES:
        some = ", ".join(sorted(classes)[:5])
        raise BadInput(
            f"more than {MAX_CLASSES} classes, such as {some}: name the attribute that holds the class, or set "
            "problem_type to Regression"
        )
