"""Confidences that mean what they say: fitted on a labelled baseline, applied to a window.

What lives here: temperature scaling of score vectors, logistic scaling where only the best score is known. What does
not: what is concluded from confidences (confidence).
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from monitor_jobs.capture_io.scores import SUM_TOLERANCE

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Hits = npt.NDArray[np.bool_]

SMALLEST: Final = 1e-12  # a score of zero is taken for this, for its logarithm
TEMPERATURES: Final = (1 / 50, 50.0)
BISECTIONS: Final = 25  # to 7 digits
NEWTON_STEPS: Final = 50
RIDGE: Final = 1e-3  # keeps the slope finite where confidences part right from wrong altogether


class TemperatureScaling(BaseModel):
    """Score vectors are divided by one temperature before softmax: their order, so their class, stays."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    temperature: float = Field(gt=0)

    def probabilities(self, scores: Floats) -> Floats:
        """Calibrated probabilities [n, k] of scores [n, k], which are logits or probabilities (`log_scores`)."""
        return np.exp(_log_softmax(log_scores(scores) / self.temperature))


class TopScoreScaling(BaseModel):
    """The probability that a prediction is right, by a logistic curve over the log odds of its best score."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    slope: float
    intercept: float

    def confidences(self, best_scores: Floats) -> Floats:
        """Calibrated confidences [n] of best scores [n] in [0, 1]."""
        return _sigmoid(self.intercept + self.slope * _log_odds(best_scores))


def log_scores(scores: Floats) -> Floats:
    """Log probabilities, up to a constant a row, of finite scores [n, k]: probabilities row by row, or else logits.

    What counts as probabilities is the same as in monitor_jobs.capture_io.scores.best_of.
    """
    likely = (np.abs(scores.sum(axis=1) - 1) <= SUM_TOLERANCE) & (scores.min(axis=1) >= 0)
    return np.asarray(np.where(likely[:, None], np.log(np.maximum(scores, SMALLEST)), scores))


def fit_temperature(scores: Floats, labels: Indices) -> TemperatureScaling:
    """The temperature that makes labels [n] of scores [n, k] likeliest.

    Guo, Pleiss, Sun & Weinberger, ICML 2017 (section 4.2); checked in tests/papers/test_confidence_estimates.py.
    """
    logits = log_scores(scores)
    said = logits[np.arange(len(labels)), labels].mean()
    low, high = (-math.log(temperature) for temperature in reversed(TEMPERATURES))
    for _ in range(BISECTIONS):  # the log likelihood is concave in 1 / temperature: its slope has one zero
        middle = (low + high) / 2
        expected = (np.exp(_log_softmax(logits * math.exp(middle))) * logits).sum(axis=1).mean()
        low, high = (middle, high) if said > expected else (low, middle)
    return TemperatureScaling(temperature=math.exp(-(low + high) / 2))


def fit_top_score(best_scores: Floats, right: Hits) -> TopScoreScaling:
    """The logistic curve that makes hits and misses [n] of best scores [n] likeliest, by Newton's method.

    Platt 1999; of the predicted class alone: Gupta & Ramdas, ICLR 2022.
    Checked in tests/papers/test_confidence_estimates.py.
    """
    design = np.column_stack([np.ones(len(right)), _log_odds(best_scores)])
    coefficients, ridge = np.zeros(2), RIDGE * np.eye(2)
    for _ in range(NEWTON_STEPS):
        p = _sigmoid(design @ coefficients)
        gradient = design.T @ (right - p) - ridge @ coefficients
        step = np.linalg.solve((design * (p * (1 - p))[:, None]).T @ design + ridge, gradient)
        coefficients = coefficients + np.clip(step, -2, 2)  # a full step from afar may overshoot for ever
        if np.abs(step).max() < 1e-9:
            break
    return TopScoreScaling(intercept=float(coefficients[0]), slope=float(coefficients[1]))


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _log_odds(probabilities: Floats) -> Floats:
    clipped = np.clip(probabilities, 1e-7, 1 - 1e-7)  # best scores arrive in 32 bits: nearer to 1 they are all alike
    return np.log(clipped) - np.log1p(-clipped)


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(x, -500, 500)))
