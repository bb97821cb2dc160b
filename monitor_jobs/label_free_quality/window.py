"""What is kept of a window: how often each class was predicted at each level of confidence, whatever its size.

What lives here: `TopPredictions`, counting and merging them. What does not: where the levels are (calibration), what
is concluded from the counts (estimate).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from monitor_jobs.label_free_quality.scaling import Floats

CONFIDENCE_UNIT: Final = 1e9  # sums of whole billionths are the same in any order of merging


@dataclass(frozen=True, slots=True, eq=False)
class TopPredictions:
    """Predictions as far as estimates need them: labels by index [n] into `names`, calibrated confidences [n]."""

    names: Sequence[str]
    labels: npt.NDArray[np.integer]
    confidences: Floats

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class ConfidenceCounts:
    """By predicted label: how many predictions lie between each two edges of confidence; and the sum of confidences.

    A confidence at an edge counts above it. `unscored` predictions came without a score, and are in neither.
    """

    by_label: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    confidence_billionths: int = 0
    unscored: int = 0

    @property
    def predictions(self) -> int:
        """All scored predictions."""
        return sum(map(sum, self.by_label.values()))

    @property
    def mean_confidence(self) -> float:
        """The mean calibrated confidence; NaN where there is none."""
        return self.confidence_billionths / CONFIDENCE_UNIT / self.predictions if self.predictions else float("nan")


def count_confidences(predictions: TopPredictions, edges: Sequence[float]) -> ConfidenceCounts:
    """The counts of some predictions; a NaN confidence is none."""
    scored = ~np.isnan(predictions.confidences)
    labels, confidences = predictions.labels[scored], predictions.confidences[scored]
    bins = len(edges) + 1
    cells = labels.astype(np.int64) * bins + np.digitize(confidences, np.asarray(edges))
    table = np.bincount(cells, minlength=len(predictions.names) * bins).reshape(-1, bins)
    by_label: dict[str, tuple[int, ...]] = {}
    for index in np.flatnonzero(table.any(axis=1)).tolist():
        name = predictions.names[index]  # a model card may name two classes alike
        by_label[name] = _added(by_label.get(name), tuple(table[index].tolist()))
    return ConfidenceCounts(
        by_label=by_label,
        confidence_billionths=int(np.rint(confidences * CONFIDENCE_UNIT).astype(np.int64).sum()),
        unscored=len(predictions) - int(scored.sum()),
    )


def merge(left: ConfidenceCounts, right: ConfidenceCounts) -> ConfidenceCounts:
    """The counts of two disjoint parts together; associative and commutative."""
    both = {name: _added(left.by_label.get(name), counts) for name, counts in right.by_label.items()}
    return ConfidenceCounts(
        by_label={**left.by_label, **both},
        confidence_billionths=left.confidence_billionths + right.confidence_billionths,
        unscored=left.unscored + right.unscored,
    )


def _added(left: tuple[int, ...] | None, right: tuple[int, ...]) -> tuple[int, ...]:
    return right if left is None else tuple(a + b for a, b in zip(left, right, strict=True))
