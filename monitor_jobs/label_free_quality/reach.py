"""How far sampling may carry truth out of the estimators' hull: learned on shifts that are made of the baseline itself.

What lives here: `calibrate_with_reach`, and the made-up windows. What does not: the estimators (estimate).
"""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.label_free_quality.calibration import Calibration, LabelledScores, calibrate, scale, tables_of
from monitor_jobs.label_free_quality.estimate import COVERAGE, estimators_of, standard_error
from monitor_jobs.label_free_quality.scaling import Floats
from monitor_jobs.label_free_quality.window import TopPredictions, count_confidences

WINDOWS: Final = 240
LARGEST_WINDOW: Final = 1000
NORMAL_REACH: Final = 1.645  # of a normal error at COVERAGE; made-up windows may ask for more, never for less
CONCENTRATIONS: Final = (0.1, 0.5, 1.0, 10.0)
TILTS: Final = (-1.0, -0.5, 0.5)


def calibrate_with_reach(baseline: LabelledScores, generator: np.random.Generator) -> Calibration:
    """What a labelled baseline teaches, and the reach that its intervals need; raises BadInput where it is too little.

    One half is calibrated, windows of other class mixes and other confidences are drawn of the other half, and the
    reach is such that their accuracy lies in their intervals COVERAGE of the time: conformalised quantile regression,
    Romano, Patterson & Candes, NeurIPS 2019, with the hull in place of the quantiles and the standard error for scale.
    """
    learned = calibrate(baseline, reach=NORMAL_REACH)
    order = generator.permutation(len(baseline.labels))
    first, second = np.array_split(order, 2)
    try:
        half = calibrate(baseline.at(first), reach=0)
    except BadInput:  # halves are too small to learn from: sampling is taken for normal
        return learned
    scores = sorted(_nonconformities(half, baseline.at(second), generator))
    rank = min(len(scores), math.ceil((len(scores) + 1) * COVERAGE)) - 1
    return learned.model_copy(update={"reach": max(NORMAL_REACH, scores[rank])})


def _nonconformities(half: Calibration, held_out: LabelledScores, generator: np.random.Generator) -> Iterator[float]:
    """For each made-up window, by how many standard errors its accuracy lies outside the hull; negative inside."""
    tables = tables_of(half)
    confidences, right = scale(half.scaling, held_out), held_out.right
    size = min(LARGEST_WINDOW, len(right))
    for weights in _pseudo_shifts(held_out, confidences, generator):
        rows = generator.choice(len(right), size, p=weights)
        window = TopPredictions(half.names, held_out.predicted[rows], confidences[rows])
        _, estimators = estimators_of(count_confidences(window, half.edges), half, tables)
        truth, low, high = float(right[rows].mean()), min(estimators), max(estimators)
        errors = [standard_error(end, size, half.rows) for end in (low, high)]
        yield max((low - truth) / errors[0], (truth - high) / errors[1])


def _pseudo_shifts(held_out: LabelledScores, confidences: Floats, generator: np.random.Generator) -> Iterator[Floats]:
    """Chances of the rows to be drawn into a window: none, three kinds of label shift, and tilted confidences, in turn.

    The label shifts are those of Lipton, Wang & Smola, ICML 2018: Dirichlet, tweak-one, and missing classes.
    """
    of_class = np.bincount(held_out.labels, minlength=len(held_out.names)).astype(np.float64)
    present = np.flatnonzero(of_class)
    ranks = confidences.argsort().argsort() / len(confidences)
    for number in range(WINDOWS):
        ratios = np.ones(len(of_class))
        if number % 5 == 1:
            mix = generator.dirichlet(np.full(present.size, generator.choice(CONCENTRATIONS)))
            ratios[present] = mix / of_class[present]
        elif number % 5 == 2:
            ratios[generator.choice(present)] *= generator.choice([5.0, 20.0, 100.0])
        elif number % 5 == 3:
            ratios[generator.permutation(present)[: present.size // 2]] = 0
        weights = ratios[held_out.labels]
        if number % 5 == 4:
            weights = np.exp(2 * generator.choice(TILTS) * ranks)
        yield weights / weights.sum()
