"""Classification into two classes, of which one is the positive one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_quality.metrics.classification import (
    OF_NEGATIVES,
    OF_POSITIVES,
    binary_metrics,
    outcomes_of,
)
from monitor_jobs.model_quality.metrics.curves import (
    Thresholds,
    area_under_roc,
    precision_recall_curve,
    roc_curve,
    thresholds_of,
)
from monitor_jobs.model_quality.problems.multiclass import (
    UNSEEN_ERRORS,
    Confusions,
    confusion_matrix,
    confusions_of,
    drawn,
    merged,
)
from monitor_jobs.model_quality.problems.reservoir import Records, Reservoir, drawn_rows
from monitor_jobs.model_quality.problems.samples import SAMPLES, Keys, Metric, in_sample, with_deviations

MOST_SCORES: Final = 4_000_000  # 17 bytes each
DRAWN_SCORES: Final = 20_000
SCORED: Final = np.dtype([("key", "<u8"), ("score", "<f8"), ("positive", "?")])


@dataclass(frozen=True, slots=True, eq=False)
class ScoredRows:
    """Labelled classes: truths and predictions [n] by name; scores float64 [n], the probability of the positive class.

    A score is NaN where there is none. keys [n].
    """

    truths: Sequence[str]
    predictions: Sequence[str]
    scores: npt.NDArray[np.float64]
    keys: Keys


@dataclass(frozen=True, slots=True, eq=False)
class BinarySummary:
    """Counts of truths and predictions, and scores: all up to MOST_SCORES, beyond that so many of them at random.

    The area under ROC of a sample of four million is off by less than 0.001, 99 times in 100.
    """

    section: ClassVar[str] = "binary_classification"
    positive: str
    confusions: Confusions
    scores: Reservoir

    @property
    def rows(self) -> int:
        """Labelled predictions."""
        return sum(self.confusions[0].values())

    def merge(self, other: "BinarySummary") -> "BinarySummary":
        """Both parts together."""
        return BinarySummary(self.positive, merged(self.confusions, other.confusions), self.scores.merge(other.scores))

    def metrics(self) -> dict[str, Metric]:
        """Every metric by AWS's name; `auc` where there are scores. Raises BadInput where there are more classes."""
        self._require_two()
        parts = [binary_metrics(outcomes_of(confusion, self.positive)) for confusion in self.confusions]
        if self.scores.seen:
            for part, area in zip(parts, self._areas(), strict=True):
                part["auc"] = area
        return with_deviations(parts, self.rows)

    def details(self) -> dict[str, Any]:
        """What statistics.json has beside metrics: the matrix, and curves where there are scores."""
        curves = {}
        if self.scores.seen:
            thresholds = _thresholds(self.scores.rows())
            curves = {
                "receiver_operating_characteristic_curve": roc_curve(thresholds),
                "precision_recall_curve": precision_recall_curve(thresholds),
            }
        return {"confusion_matrix": confusion_matrix(self.confusions[0]), **curves}

    def draw(self, generator: np.random.Generator, *, rows: int, count: int) -> Sequence[Mapping[str, float]]:
        """The metrics of so many windows of so many rows, drawn from these."""
        confusions = (drawn(self.confusions[0], generator, rows) for _ in range(count))
        made = [binary_metrics(outcomes_of(confusion, self.positive)) for confusion in confusions]
        if self.scores.seen:
            kept = self.scores.rows()[:DRAWN_SCORES]
            wrong = kept[generator.choice(kept.size, UNSEEN_ERRORS)]
            wrong["positive"] = ~wrong["positive"]
            windows = drawn_rows(np.concatenate([kept, wrong]), generator, rows=rows, count=count)
            for metrics, window in zip(made, windows, strict=True):
                metrics["auc"] = area_under_roc(_thresholds(window))
        return made

    def untold(self) -> frozenset[str]:
        """The metrics that tell nothing, because no truth is of their class."""
        found = outcomes_of(self.confusions[0], self.positive)
        return (frozenset() if found.positives else OF_POSITIVES) | (frozenset() if found.negatives else OF_NEGATIVES)

    def _areas(self) -> list[float]:
        rows = self.scores.rows()
        samples = (rows[in_sample(rows["key"], sample)] for sample in range(SAMPLES))
        return [area_under_roc(_thresholds(part)) for part in (rows, *samples)]

    def _require_two(self) -> None:
        counts: dict[str, int] = {}
        for (truth, prediction), count in self.confusions[0].items():
            for label in {truth, prediction}:
                counts[label] = counts.get(label, 0) + count
        if len(counts) > 2 or (len(counts) == 2 and self.positive not in counts):
            found = ", ".join(f"{label!r} ({count} rows)" for label, count in sorted(counts.items())[:5])
            raise BadInput(
                f"BinaryClassification with the positive class {self.positive!r}, and classes are {found}: name the "
                "positive one as positive_label, mend the labels, or set problem_type to MulticlassClassification"
            )


def summarise_binary(rows: ScoredRows, positive: str) -> BinarySummary:
    """The summary of some rows, `positive` being the name of the positive class."""
    confusions = confusions_of(rows.truths, rows.predictions, rows.keys)
    scored = np.isfinite(rows.scores)
    records = np.empty(int(np.count_nonzero(scored)), dtype=SCORED)
    records["key"], records["score"] = rows.keys[scored], rows.scores[scored]
    records["positive"] = np.array([truth == positive for truth in rows.truths], dtype=bool)[scored]
    parts = (records,) if records.size else ()
    return BinarySummary(positive, confusions, Reservoir(MOST_SCORES, parts, records.size))


def _thresholds(rows: Records) -> Thresholds:
    return thresholds_of(rows["score"], rows["positive"])
