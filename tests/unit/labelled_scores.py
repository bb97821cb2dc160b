"""Scores with labels, drawn by a fixed seed from classifiers that are right as often as they say, or not quite."""

import json

import numpy as np

from monitor_jobs.label_free_quality.calibration import Calibration, LabelledScores, scale
from monitor_jobs.label_free_quality.window import ConfidenceCounts, TopPredictions, count_confidences

CLASSES = 5
NAMES = tuple("abcde")
TIME = "2026-11-20T12:00:00Z"


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


def captures(*, rows: int, seed: int, distance: float, labelled: bool) -> bytes:
    """Captures of a model that answers logits, with their ground truth where it is known."""
    drawn_rows = drawn(rows, seed, distance=distance)
    assert drawn_rows.scores is not None
    lines = []
    for number, (scores, truth) in enumerate(
        zip(drawn_rows.scores.round(4).tolist(), drawn_rows.labels.tolist(), strict=True)
    ):
        output = {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "data": json.dumps([scores]),
            "encoding": "JSON",
        }
        line = {
            "captureData": {"endpointOutput": output},
            "eventMetadata": {"eventId": f"{seed}-{number}", "inferenceTime": TIME},
            "eventVersion": "0",
        }
        lines.append(
            json.dumps(line | ({"groundTruthData": {"data": str(truth), "encoding": "CSV"}} if labelled else {}))
        )
    return "\n".join(lines).encode()
