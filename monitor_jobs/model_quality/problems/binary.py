"""Classification into two classes, of which one is the positive one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_quality.metrics.classification import (
    AREA,
    OF_NEGATIVES,
    OF_POSITIVES,
    Confusion,
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

MOST_SCORES: Final = 4_000_000  # 20 bytes each
DRAWN_SCORES: Final = 20_000
SCORED: Final = np.dtype([("key", "<u8"), ("score", "<f8"), ("truth", "<u4")])  # a checksum of its name
STRAY_SHARE: Final = 0.01  # of rows, up to which labels of a third class are slips, and no third class


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
        """Labelled predictions of the two classes."""
        return sum(self._of_two[0].values())

    @property
    def strays(self) -> int:
        """Rows whose label is of a third class, where they are few; more of them are not two classes."""
        return sum(self.confusions[0].values()) - self.rows

    @property
    def stray_names(self) -> frozenset[str]:
        """The third classes that these labels are of."""
        confusion, counts = self.confusions[0], self._counts(self.confusions[0])
        others = sorted(counts.keys() - {self.positive}, key=lambda label: (-counts[label], label))
        strays = frozenset(others[1:])
        rows = sum(count for (truth, _), count in confusion.items() if truth in strays)
        return strays if rows <= STRAY_SHARE * sum(confusion.values()) else frozenset()

    def merge(self, other: "BinarySummary") -> "BinarySummary":
        """Both parts together."""
        return BinarySummary(self.positive, merged(self.confusions, other.confusions), self.scores.merge(other.scores))

    def metrics(self) -> dict[str, Metric]:
        """Every metric by AWS's name; `auc` where there are scores. Raises BadInput where there are more classes."""
        self._require_two()
        parts = [binary_metrics(outcomes_of(confusion, self.positive)) for confusion in self._of_two]
        if self.scores.seen:
            for part, area in zip(parts, self._areas(), strict=True):
                part[AREA] = area
        return with_deviations(parts, self.rows)

    def details(self) -> dict[str, Any]:
        """What statistics.json has beside metrics: the matrix, and curves where there are scores."""
        curves = {}
        if self.scores.seen:
            thresholds = self._thresholds(self._scored())
            curves = {
                "receiver_operating_characteristic_curve": roc_curve(thresholds),
                "precision_recall_curve": precision_recall_curve(thresholds),
            }
        return {"confusion_matrix": confusion_matrix(self._of_two[0]), **curves}

    def draw(self, generator: np.random.Generator, *, rows: int, count: int) -> Sequence[Mapping[str, float]]:
        """The metrics of so many windows of so many rows, drawn from these."""
        confusions = (drawn(self._of_two[0], generator, rows, ["", self.positive]) for _ in range(count))
        made = [binary_metrics(outcomes_of(confusion, self.positive)) for confusion in confusions]
        kept = self._scored()[:DRAWN_SCORES] if self.scores.seen else self._scored()
        if kept.size:
            wrong = kept[generator.choice(kept.size, UNSEEN_ERRORS)]
            positive = _checksum(self.positive)
            wrong["truth"] = np.where(wrong["truth"] == positive, ~positive, positive)
            windows = drawn_rows(np.concatenate([kept, wrong]), generator, rows=rows, count=count)
            for metrics, window in zip(made, windows, strict=True):
                metrics[AREA] = area_under_roc(self._thresholds(window))
        return made

    def untold(self) -> frozenset[str]:
        """The metrics that tell nothing, because no truth is of their class, or none that has a score."""
        found = outcomes_of(self._of_two[0], self.positive)
        counted = (frozenset() if found.positives else OF_POSITIVES) | (
            frozenset() if found.negatives else OF_NEGATIVES
        )
        return counted if self._thresholds(self._scored()).defined else counted | {AREA}

    @property
    def _of_two(self) -> Confusions:
        """The counts without those of strays."""
        strays = self.stray_names
        return tuple(
            {pair: count for pair, count in confusion.items() if pair[0] not in strays} for confusion in self.confusions
        )

    def _scored(self) -> Records:
        """The rows with scores, without strays."""
        if not self.scores.parts:
            return np.empty(0, dtype=SCORED)
        rows = self.scores.rows()
        strays = [_checksum(name) for name in self.stray_names]
        return rows[~np.isin(rows["truth"], strays)] if strays else rows

    def _areas(self) -> list[float]:
        rows = self._scored()
        samples = (rows[in_sample(rows["key"], sample)] for sample in range(SAMPLES))
        return [area_under_roc(self._thresholds(part)) for part in (rows, *samples)]

    def _thresholds(self, rows: Records) -> Thresholds:
        return thresholds_of(rows["score"], rows["truth"] == _checksum(self.positive))

    def _counts(self, confusion: Confusion) -> dict[str, int]:
        """How many rows each class is in."""
        counts: dict[str, int] = {}
        for (truth, prediction), count in confusion.items():
            for label in {truth, prediction}:
                counts[label] = counts.get(label, 0) + count
        return counts

    def _require_two(self) -> None:
        counts = self._counts(self._of_two[0])
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
    checksums = {name: _checksum(name) for name in set(rows.truths)}
    records["truth"] = np.array([checksums[truth] for truth in rows.truths], dtype=np.uint32)[scored]
    parts = (records,) if records.size else ()
    return BinarySummary(positive, confusions, Reservoir(MOST_SCORES, parts, records.size))


def _checksum(name: str) -> np.uint32:
    return np.uint32(crc32(name.encode(errors="surrogatepass")))
