"""Predictions with or without labels, as estimates of accuracy need them.

What lives here: what is kept of them, and where estimates join the verdict and the baseline. What does not: the
estimates (monitor_jobs.label_free_quality), reading (reading).
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import numpy as np

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import Constraints, Measurement, Statistics
from monitor_jobs.label_free_quality.analysis import beside_truth, judge_estimate
from monitor_jobs.label_free_quality.calibration import LabelledScores
from monitor_jobs.label_free_quality.constraints import (
    SECTION,
    LabelFreeConstraints,
    Section,
    Withheld,
    suggest_constraints,
)
from monitor_jobs.label_free_quality.scaling import TemperatureScaling
from monitor_jobs.label_free_quality.shares import share_intervals
from monitor_jobs.label_free_quality.window import ConfidenceCounts, TopPredictions, count_confidences, merge
from monitor_jobs.model_quality.problems import ProblemSummary
from monitor_jobs.model_quality.record_values import ScoredPrediction
from monitor_jobs.model_quality.spelling import Classes, column_name
from monitor_jobs.monitor import Verdict

MOST_SAMPLED: Final = 20_000  # rows of a baseline that are calibrated on: more would not narrow an interval by 0.01
SEED: Final = 20_261_120


class SampledRow(NamedTuple):
    """A labelled prediction of a baseline, ordered by a key that does not depend on what it says."""

    key: int
    truth: str
    prediction: ScoredPrediction


@dataclass(frozen=True, slots=True)
class SeenPredictions:
    """What is kept of predictions: where there is a calibration, counts of all and of those with a label.

    Otherwise labelled ones, of which the MOST_SAMPLED with the smallest keys make a calibration; `columns` names their
    scores.
    """

    window: ConfidenceCounts = field(default_factory=ConfidenceCounts)
    labelled: ConfidenceCounts = field(default_factory=ConfidenceCounts)
    sample: tuple[SampledRow, ...] = ()
    columns: tuple[str, ...] = ()

    def merge(self, other: "SeenPredictions") -> "SeenPredictions":
        """Both parts together."""
        return SeenPredictions(
            merge(self.window, other.window),
            merge(self.labelled, other.labelled),
            _few((*self.sample, *other.sample)),
            max(self.columns, other.columns, key=len),
        )


class Seeing:
    """Takes predictions, and the labels of those that have one; what is kept of them depends on the limits."""

    def __init__(self, limits: Section | None, classes: Classes) -> None:
        self._limits, self._classes = limits, classes
        self._seen: list[ScoredPrediction] = []
        self._labelled: list[ScoredPrediction] = []
        self._sample: list[SampledRow] = []

    @property
    def wanted(self) -> bool:
        """False where scores are read for nothing."""
        return not isinstance(self._limits, Withheld)

    @property
    def predictions(self) -> int:
        """How many are held."""
        return len(self._seen)

    def see(self, predictions: Sequence[ScoredPrediction]) -> None:
        """Take predictions, be they labelled or not."""
        self._seen += predictions

    def label(self, predictions: Sequence[ScoredPrediction], truths: Sequence[str], keys: Sequence[int]) -> None:
        """Take the labels of some predictions that were seen; none are where no score could be read."""
        if len(predictions) != len(truths):
            return
        self._labelled += predictions
        if self._limits is None:
            rows = zip(keys, truths, predictions, strict=True)
            self._sample += (SampledRow(*row) for row in rows if not math.isnan(row[2].best_score))

    def kept(self) -> SeenPredictions:
        """What is kept of all of them."""
        if isinstance(self._limits, LabelFreeConstraints):
            return SeenPredictions(_counts(self._seen, self._limits), _counts(self._labelled, self._limits))
        length = max((len(row.prediction.scores or ()) for row in self._sample), default=0)
        columns = tuple(column_name(position, self._classes) for position in range(length))
        return SeenPredictions(sample=_few(tuple(self._sample)), columns=columns)


def with_estimate(
    verdict: Verdict, seen: SeenPredictions, limits: Section | None, measured: ProblemSummary | None
) -> Verdict:
    """The verdict on labelled predictions, and the estimate of all of them beside it.

    Truth stands beside it where every labelled prediction came with a score, so that both are of the same ones. Where
    labels are too few for a verdict, the estimate stands in for it: the remark tells it, or why there is none.
    """
    if limits is None:
        return verdict
    if isinstance(limits, Withheld):
        why = f"No estimate of accuracy: {limits.withheld}"
        return replace(verdict, remark=f"{verdict.remark}; {why}" if verdict.remark else "")
    estimated = judge_estimate(seen.window, limits)
    truth = _truth(verdict, seen, limits) if measured is not None and measured.rows == seen.labelled.predictions else ()
    shares = share_intervals(seen.window, limits.calibration, np.random.default_rng(SEED))
    section = {SECTION: {"estimated_class_shares": {name: share._asdict() for name, share in shares.items()}}}
    return Verdict(
        measurements=(*verdict.measurements, *estimated.measurements, *truth),
        violations=(*verdict.violations, *estimated.violations),
        statistics=verdict.statistics.model_copy(update=section) if shares else verdict.statistics,
        remark=f"{verdict.remark}; {estimated.remark}" if verdict.remark else "",
    )


def with_calibration(
    baseline: tuple[Statistics, Constraints], seen: SeenPredictions, strays: frozenset[str]
) -> tuple[Statistics, Constraints]:
    """A suggested baseline, and what estimates need of it without stray labels; or why they cannot have it."""
    statistics, constraints = baseline
    seen = replace(seen, sample=tuple(row for row in seen.sample if row.truth not in strays))
    if not seen.sample:
        return baseline
    section: Section
    try:
        section = suggest_constraints(_labelled_scores(seen), np.random.default_rng(SEED))
    except BadInput as error:
        section = Withheld(withheld=str(error))
    return statistics, constraints.model_copy(update={SECTION: section.model_dump(mode="json")})


def _truth(verdict: Verdict, seen: SeenPredictions, limits: LabelFreeConstraints) -> tuple[Measurement, ...]:
    accuracies = [row.value for row in verdict.measurements if row.name == "accuracy"]
    return beside_truth(seen.labelled, accuracies[0], limits) if accuracies else ()


def _counts(predictions: Sequence[ScoredPrediction], limits: LabelFreeConstraints) -> ConfidenceCounts:
    calibration = limits.calibration
    index: dict[str, int] = {}
    labels = np.array([index.setdefault(each.name, len(index)) for each in predictions], dtype=np.int64)
    if isinstance(calibration.scaling, TemperatureScaling):
        confidences = _by_vectors(predictions, calibration.scaling)
    else:
        confidences = calibration.scaling.confidences(np.array([each.best_score for each in predictions]))
    return count_confidences(TopPredictions(tuple(index), labels, confidences), calibration.edges)


def _by_vectors(predictions: Sequence[ScoredPrediction], scaling: TemperatureScaling) -> "np.ndarray":
    """Calibrated confidences [n]; NaN where an answer has another shape than most."""
    confidences = np.full(len(predictions), np.nan)
    by_length: dict[int, list[int]] = {}
    for row, prediction in enumerate(predictions):
        if prediction.scores is not None:
            by_length.setdefault(len(prediction.scores), []).append(row)
    for rows in by_length.values():
        scores = np.array([predictions[row].scores for row in rows], dtype=np.float64)
        confidences[rows] = scaling.probabilities(scores).max(axis=1)
    return confidences


def _labelled_scores(seen: SeenPredictions) -> LabelledScores:
    """The sample in arrays: score vectors where every row has one that names all truths, best scores otherwise."""
    rows, columns = heapq.nsmallest(MOST_SAMPLED, seen.sample, key=_by_key), seen.columns
    truths = [row.truth for row in rows]
    by_vector = {len(row.prediction.scores or ()) for row in rows} == {len({*columns})} and {*truths} <= {*columns}
    names = columns if by_vector else tuple(sorted({*truths, *(row.prediction.name for row in rows)}))
    index = {name: position for position, name in enumerate(names)}
    return LabelledScores(
        names=names,
        predicted=np.array([index[row.prediction.name] for row in rows], dtype=np.int64),
        labels=np.array([index[truth] for truth in truths], dtype=np.int64),
        scores=np.array([row.prediction.scores for row in rows], dtype=np.float64) if by_vector else None,
        best_scores=None if by_vector else np.array([row.prediction.best_score for row in rows]),
    )


def _few(sample: tuple[SampledRow, ...]) -> tuple[SampledRow, ...]:
    """At most twice what is needed, so that sorting out is done once for many parts, not once for each."""
    if len(sample) <= 2 * MOST_SAMPLED:
        return sample
    return tuple(heapq.nsmallest(MOST_SAMPLED, sample, key=_by_key))


def _by_key(row: SampledRow) -> tuple[int, str, str]:
    return row.key, row.truth, row.prediction.name
