"""Scores with labels, drawn by a fixed seed from classifiers that are right as often as they say, or not quite."""

import numpy as np

from monitor_jobs.label_free_quality.calibration import Calibration, LabelledScores, scale
from monitor_jobs.label_free_quality.window import ConfidenceCounts, TopPredictions, count_confidences

CLASSES = 5
NAMES = tuple("abcde")


def drawn(rows: int, seed: int, *, shares: np.ndarray | None = None, distance: float = 2.5) -> LabelledScores:
    """Labels by their shares, scores by Bayes' rule for unit normal clouds around them: calibrated for equal shares."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(CLASSES, rows, p=shares)
    points = distance * np.eye(CLASSES)[labels] + generator.normal(size=(rows, CLASSES))
    scores = distance * points
    return LabelledScores(NAMES, scores.argmax(axis=1), labels, scores=scores)


def by_best_score(labelled: LabelledScores) -> LabelledScores:
    """The same where only the best score is known."""
    assert labelled.scores is not None
    shifted = np.exp(labelled.scores - labelled.scores.max(axis=1, keepdims=True))
    return LabelledScores(NAMES, labelled.predicted, labelled.labels, best_scores=1 / shifted.sum(axis=1))


def counted(labelled: LabelledScores, calibration: Calibration) -> ConfidenceCounts:
    """What a window of these rows leaves, their labels unseen."""
    confidences = scale(calibration.scaling, labelled)
    return count_confidences(TopPredictions(labelled.names, labelled.predicted, confidences), calibration.edges)


def accuracy(labelled: LabelledScores) -> float:
    return float(labelled.right.mean())
