"""How often truth lies in the interval that was stated, how wide that was, and how far each method is from truth.

What lives here: the figures. What does not: data and windows (scored, windows), the estimate itself.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from monitor_jobs.label_free_quality.calibration import Calibration, LabelledScores, cell_counts, scale
from monitor_jobs.label_free_quality.confidence import (
    average_confidence,
    average_thresholded_confidence,
    fit_threshold,
    negative_entropies,
)
from monitor_jobs.label_free_quality.estimate import Estimate, estimate
from monitor_jobs.label_free_quality.label_shift import accuracy_under, black_box_shares, maximum_likelihood_shares
from monitor_jobs.label_free_quality.reach import calibrate_with_reach
from monitor_jobs.label_free_quality.window import ConfidenceCounts, TopPredictions, count_confidences
from tests.benchmarks.figures import SEED, Figure
from tests.benchmarks.quality_estimates.alternatives import Copies, Example, by_distance, by_sampling
from tests.benchmarks.quality_estimates.corruptions import CORRUPTIONS
from tests.benchmarks.quality_estimates.scored import Scored, digits, is_cached, signs
from tests.benchmarks.quality_estimates.windows import LABEL_SHIFTS, SIZES, baseline_of, damaged, split, windows

SPLITS, QUICK_SPLITS = 5, 1
OF_EACH_LABEL_SHIFT = 10
SHARE = "estimate_covers_truth_share"
DATA_SETS: Mapping[str, Callable[[Path], Scored]] = {"digits": digits, "signs": signs}

Measured = tuple[dict[str, Figure], dict[str, str]]


class Outcome(NamedTuple):
    """One window: whether truth was in the interval, its width, and the error of each method, the default first.

    `others`: whether truth was in the intervals that were made in other ways, and their widths.
    """

    data_set: str
    kind: str
    covered: bool
    width: float
    errors: Mapping[str, float]
    others: Mapping[str, tuple[bool, float]]

    @property
    def error(self) -> float:
        return next(iter(self.errors.values()))


def estimates_against_truth(quick: bool) -> Measured:
    """The figures; missing where there is no data, or where --quick would have to train the classifier of signs."""
    folder = os.environ.get("SEXTANT_TEST_DATA")
    if folder is None:
        return {}, {SHARE: "no reference data here: set SEXTANT_TEST_DATA to its folder"}
    if quick and not all(map(is_cached, DATA_SETS)):
        return {}, {SHARE: "the images are not scored yet, which takes minutes: run it once without --quick"}
    torch.set_num_threads(1)
    outcomes = [
        outcome
        for load in DATA_SETS.values()
        for outcome in outcomes_of(load(Path(folder)), QUICK_SPLITS if quick else SPLITS)
    ]
    return figures_of(outcomes), {}


def outcomes_of(scored: Scored, splits: int) -> Iterator[Outcome]:
    for number in range(splits):
        generator = np.random.default_rng((SEED, number))
        baseline_rows, traffic = split(scored, generator)
        baseline = baseline_of(scored, baseline_rows)
        calibration = calibrate_with_reach(baseline, generator)
        peers, copies = Peers(baseline, calibration), _copies(scored, baseline_rows, calibration, generator)
        for kind, rows in windows(scored, traffic, generator, of_each_label_shift=OF_EACH_LABEL_SHIFT):
            truth, window = float(rows.right.mean()), _counted(rows, calibration)
            found = estimate(window, calibration)
            errors = {name: abs(value - truth) for name, value in (_methods_of(found) | peers.of(rows)).items()}
            others = {
                "sampling alone": by_sampling(found, window, calibration),
                "distance of confidences": by_distance(found, window, calibration),
                "damaged copies": copies[kind].interval(found.estimators, window.predictions),
            }
            yield Outcome(
                scored.name,
                kind,
                found.covers(truth),
                found.high - found.low,
                errors,
                {name: (interval.covers(truth), interval.width) for name, interval in others.items()},
            )


def _copies(
    scored: Scored, rows: np.ndarray, calibration: Calibration, generator: np.random.Generator
) -> Mapping[str, Copies]:
    """For each kind of shift, what was fitted on damage of all other kinds."""
    examples = []
    for kind, window in damaged(scored, rows, generator):
        found = estimate(_counted(window, calibration), calibration)
        examples.append(Example(kind, len(window.labels), found.estimators, float(window.right.mean())))
    return {kind: Copies(examples, calibration, without=kind) for kind in (*LABEL_SHIFTS, *CORRUPTIONS)}


def _methods_of(found: Estimate) -> dict[str, float]:
    return {
        "DoC": found.accuracy,
        "ATC-MC": found.estimators.thresholded_confidence,
        "EM over wrong and right": found.estimators.as_wrong_as_they_look,
        "EM over cells": found.estimators.as_right_as_their_class,
    }


class Peers:
    """The published estimators that an estimate is not made of."""

    def __init__(self, baseline: LabelledScores, calibration: Calibration) -> None:
        self._scaling, k = calibration.scaling, len(calibration.names)
        assert baseline.scores is not None
        self._threshold = fit_threshold(self._negative_entropies(baseline), baseline.right)
        self._joint = cell_counts(calibration).reshape(k, -1, k).sum(axis=1) / calibration.rows
        self._prior = self._joint.sum(axis=0)
        self._recalls = self._joint.diagonal() / np.maximum(self._prior, 1e-12)

    def of(self, rows: LabelledScores) -> dict[str, float]:
        assert rows.scores is not None
        probabilities = self._scaling.probabilities(rows.scores)
        predicted = np.bincount(rows.predicted, minlength=len(self._prior)) / len(rows.predicted)
        by_matrix = black_box_shares(self._joint, predicted)
        by_scores = maximum_likelihood_shares(probabilities, np.ones(len(probabilities)), self._prior)
        return {
            "CBPE": average_confidence(scale(self._scaling, rows)),
            "ATC-NE": average_thresholded_confidence(negative_entropies(probabilities), self._threshold),
            "BBSE": accuracy_under(self._prior if by_matrix is None else by_matrix, self._recalls),
            "EM over scores": accuracy_under(by_scores, self._recalls),
        }

    def _negative_entropies(self, rows: LabelledScores) -> np.ndarray:
        return negative_entropies(self._scaling.probabilities(rows.scores))


def figures_of(outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    kinds = [*LABEL_SHIFTS, *CORRUPTIONS]
    by_kind = {kind: [outcome for outcome in outcomes if outcome.kind == kind] for kind in kinds}
    shares = {kind: np.mean([outcome.covered for outcome in rows]) for kind, rows in by_kind.items()}
    worst = min(shares, key=shares.__getitem__)
    sizes = " and ".join(map(str, SIZES))
    note = f"{len(outcomes)} windows of {sizes}, digits and signs, mean of {len(kinds)} kinds of shift; stated: 0.9"
    figures = {SHARE: Figure(float(np.mean(list(shares.values()))), "share", ">= 0.9", note)}
    figures[f"{SHARE}_worst_kind"] = Figure(
        float(shares[worst]), "share", "none", f"{worst}; {_others(by_kind[worst])}"
    )
    for group, members in {"label_shift": LABEL_SHIFTS, "corruption": CORRUPTIONS}.items():
        rows = [outcome for kind in members for outcome in by_kind[kind]]
        figures[f"estimate_interval_width_{group}"] = Figure(
            _width(rows), "accuracy", "none", _each(by_kind, members, _width)
        )
        figures[f"estimate_error_{group}"] = Figure(_error(rows), "accuracy", "none", _each(by_kind, members, _error))
        figures[f"{SHARE}_{group}"] = Figure(_share(rows), "share", "none", _each(by_kind, members, _share))
    figures["estimate_interval_width"] = Figure(_width(outcomes), "accuracy", "none", _others(outcomes))
    figures["estimate_error"] = Figure(_error(outcomes), "accuracy", "none", _methods(outcomes))
    return figures


def _each(
    by_kind: Mapping[str, Sequence[Outcome]], kinds: Iterable[str], figure: Callable[[Sequence[Outcome]], float]
) -> str:
    def of(kind: str, data_set: str) -> str:
        return f"{figure([outcome for outcome in by_kind[kind] if outcome.data_set == data_set]):.3f}"

    return "digits / signs: " + ", ".join(
        f"{kind} {' / '.join(of(kind, each) for each in DATA_SETS)}" for kind in kinds
    )


def _methods(outcomes: Sequence[Outcome]) -> str:
    means = {name: np.mean([outcome.errors[name] for outcome in outcomes]) for name in outcomes[0].errors}
    return "mean absolute error; all methods: " + ", ".join(f"{name} {error:.3f}" for name, error in means.items())


def _share(rows: Sequence[Outcome]) -> float:
    return float(np.mean([row.covered for row in rows]))


def _width(rows: Sequence[Outcome]) -> float:
    return float(np.mean([row.width for row in rows]))


def _error(rows: Sequence[Outcome]) -> float:
    return float(np.mean([row.error for row in rows]))


def _others(outcomes: Sequence[Outcome]) -> str:
    def of(name: str) -> str:
        covered, width = np.mean([outcome.others[name] for outcome in outcomes], axis=0)
        return f"{name} {covered:.3f} of width {width:.3f}"

    return "share covered by other ways: " + ", ".join(map(of, outcomes[0].others))


def _counted(rows: LabelledScores, calibration: Calibration) -> ConfidenceCounts:
    predictions = TopPredictions(rows.names, rows.predicted, scale(calibration.scaling, rows))
    return count_confidences(predictions, calibration.edges)
