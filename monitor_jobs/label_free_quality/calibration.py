"""What a labelled baseline teaches: a compact section of constraints.json, and the arrays that estimators make of it.

What lives here: `Baseline` in arrays, `Calibration` as it is stored, and `calibrate` from one to the other. What does
not: the estimators (confidence, label_shift), the reach of an interval (reach), limits (constraints).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.label_free_quality.confidence import fit_threshold
from monitor_jobs.label_free_quality.label_shift import posteriors_of
from monitor_jobs.label_free_quality.scaling import (
    Floats,
    Hits,
    Indices,
    TemperatureScaling,
    TopScoreScaling,
    fit_temperature,
    fit_top_score,
)

LEVELS: Final = 20  # equally filled levels of confidence that tell right from wrong
ERROR_LEVELS: Final = 3  # levels by which the errors of each class are told apart
LEAST_ROWS: Final = 200
LEAST_OF_EACH: Final = 10  # right and wrong predictions: fewer do not say how either looks
CELL_PRIOR_ROWS: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class LabelledScores:
    """A labelled baseline: what was predicted, how surely, and what was true, all by index into `names`.

    predicted, labels int64 [n]. `scores` float64 [n, k] are score vectors whose columns are the first k names; where
    only the best score is known, `best_scores` [n] in [0, 1]. The other one is None.
    """

    names: tuple[str, ...]
    predicted: Indices
    labels: Indices
    scores: Floats | None = None
    best_scores: Floats | None = None

    @property
    def right(self) -> Hits:
        """Where the prediction was true."""
        return np.asarray(self.predicted == self.labels)

    def at(self, rows: npt.NDArray[np.integer]) -> "LabelledScores":
        """These rows alone."""
        scores = None if self.scores is None else self.scores[rows]
        best_scores = None if self.best_scores is None else self.best_scores[rows]
        return LabelledScores(self.names, self.predicted[rows], self.labels[rows], scores, best_scores)


class Cell(NamedTuple):
    """How many rows of the baseline had this prediction, error level and label, by index into `names`."""

    predicted: int
    level: int
    label: int
    rows: int


class Calibration(BaseModel):
    """The compact form: it grows with the classes that are mistaken for one another, not with the rows.

    names: classes by index. scaling: how confidences are made to mean what they say. edges: of confidence, ascending:
    those of LEVELS, of ERROR_LEVELS, and the threshold, in one list. right, wrong: rows between each two edges.
    error_edges, threshold: which of the edges those are. cells: see Cell. confidence: the mean. reach: standard errors
    of sampling by which an interval is widened (reach).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    names: tuple[str, ...] = Field(min_length=2)
    scaling: TemperatureScaling | TopScoreScaling
    edges: tuple[float, ...]
    right: tuple[int, ...]
    wrong: tuple[int, ...]
    error_edges: tuple[float, ...]
    threshold: float
    cells: tuple[Cell, ...]
    confidence: float = Field(ge=0, le=1)
    reach: float = Field(ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not len(self.right) == len(self.wrong) == len(self.edges) + 1:
            raise ValueError("right and wrong have one entry more than edges")
        if not {*self.error_edges, self.threshold} <= set(self.edges):
            raise ValueError("error_edges and threshold are among the edges")
        sizes = (len(self.names), len(self.error_edges) + 1, len(self.names))
        if any(not 0 <= value < size for cell in self.cells for value, size in zip(cell, sizes, strict=False)):
            raise ValueError("a cell lies outside names and error_edges")
        if sum(cell.rows for cell in self.cells) != self.rows or not 0 < sum(self.right) < self.rows:
            raise ValueError("right, wrong and cells count different rows, or only right or wrong ones")
        return self

    @property
    def rows(self) -> int:
        """Rows of the baseline."""
        return sum(self.right) + sum(self.wrong)

    @property
    def accuracy(self) -> float:
        """The share of the baseline's rows that were right."""
        return sum(self.right) / self.rows


def calibrate(baseline: LabelledScores, *, reach: float) -> Calibration:
    """What a labelled baseline teaches; raises BadInput where it holds too little to learn from."""
    _check(baseline)
    scaling, right = _fit(baseline), baseline.right
    confidences = scale(scaling, baseline)
    threshold = fit_threshold(confidences, right)
    error_edges = _quantile_edges(confidences[~right], ERROR_LEVELS)
    edges = sorted({*_quantile_edges(confidences, LEVELS), *error_edges, threshold})
    levels = np.digitize(confidences, edges)
    return Calibration(
        names=baseline.names,
        scaling=scaling,
        edges=tuple(edges),
        right=tuple(np.bincount(levels[right], minlength=len(edges) + 1).tolist()),
        wrong=tuple(np.bincount(levels[~right], minlength=len(edges) + 1).tolist()),
        error_edges=tuple(error_edges),
        threshold=threshold,
        cells=_cells(baseline, np.digitize(confidences, error_edges)),
        confidence=float(confidences.mean()),
        reach=reach,
    )


def scale(scaling: TemperatureScaling | TopScoreScaling, rows: LabelledScores) -> Floats:
    """Calibrated confidences [n]; raises BadInput where scores are not of the kind that the scaling was fitted on."""
    if isinstance(scaling, TemperatureScaling) and rows.scores is not None:
        return np.asarray(scaling.probabilities(rows.scores).max(axis=1))
    if isinstance(scaling, TopScoreScaling) and rows.best_scores is not None:
        return scaling.confidences(rows.best_scores)
    raise BadInput(
        "the calibration was made of another kind of scores than these: make both of score vectors, or of best scores"
    )


class CellTables(NamedTuple):
    """A calibration as estimators take it: P(class | cell) [cells, k], P(wrong, right | level) [levels, 2], priors."""

    classes: Floats
    class_prior: Floats
    recalls: Floats
    hits: Floats
    hit_prior: Floats


def tables_of(calibration: Calibration) -> CellTables:
    """The arrays; cells are ordered by predicted class, then error level, and hits by level as (wrong, right)."""
    hits = np.column_stack([calibration.wrong, calibration.right]).astype(np.float64)
    counts = cell_counts(calibration)
    k, of_class = len(calibration.names), counts.sum(axis=0)
    recognised = counts.reshape(k, -1, k).sum(axis=1).diagonal()
    return CellTables(
        classes=posteriors_of(counts, CELL_PRIOR_ROWS),
        class_prior=of_class / of_class.sum(),
        recalls=(recognised + calibration.accuracy) / (of_class + 1),  # a class unseen is taken for an average one
        hits=posteriors_of(hits, CELL_PRIOR_ROWS),
        hit_prior=np.array([1 - calibration.accuracy, calibration.accuracy]),
    )


def cell_counts(calibration: Calibration) -> Floats:
    """Rows of the baseline [cells, k] by predicted class and error level, and by true class."""
    k, levels = len(calibration.names), len(calibration.error_edges) + 1
    counts = np.zeros((k * levels, k))
    for cell in calibration.cells:
        counts[cell.predicted * levels + cell.level, cell.label] += cell.rows
    return counts


def _check(baseline: LabelledScores) -> None:
    rows, right = len(baseline.labels), int(baseline.right.sum())
    if rows < LEAST_ROWS:
        raise BadInput(f"the labelled baseline has {rows} scored rows: give {LEAST_ROWS} or more")
    if min(right, rows - right) < LEAST_OF_EACH:
        raise BadInput(
            f"the labelled baseline has {right} right and {rows - right} wrong predictions: accuracy can be estimated "
            f"without labels only where {LEAST_OF_EACH} of each show how they look; give a larger baseline"
        )


def _fit(baseline: LabelledScores) -> TemperatureScaling | TopScoreScaling:
    if baseline.scores is not None:
        return fit_temperature(baseline.scores, baseline.labels)
    if baseline.best_scores is not None:
        return fit_top_score(baseline.best_scores, baseline.right)
    raise BadInput("the labelled baseline has classes without scores: accuracy is estimated from scores")


def _quantile_edges(values: Floats, levels: int) -> list[float]:
    return sorted(set(np.quantile(values, np.arange(1, levels) / levels).tolist()))


def _cells(baseline: LabelledScores, levels: npt.NDArray[np.integer]) -> tuple[Cell, ...]:
    counts = Counter(zip(baseline.predicted.tolist(), levels.tolist(), baseline.labels.tolist(), strict=True))
    return tuple(Cell(*place, rows) for place, rows in sorted(counts.items()))
