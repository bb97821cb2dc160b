"""Scores to classes and confidences.

What lives here: arithmetic on arrays. What does not: the texts that the scores came in (answers, rows).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

SUM_TOLERANCE: Final = 1e-3

Scores = npt.NDArray[np.float64]


def best_of(scores: Scores) -> tuple[npt.NDArray[np.int64], Scores]:
    """The best class of each row (the first one of equals) and its confidence in [0, 1].

    scores finite [n, k >= 2]. A row without negatives that sums to 1 within 1e-3 is probabilities, any other is logits,
    which softmax turns into probabilities.
    """
    classes = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), classes]
    likely = _are_probabilities(scores)
    with np.errstate(over="ignore"):  # a difference of huge logits may leave the range: exp makes 0 of it
        if not likely.all():
            logits = scores[~likely]
            best[~likely] = 1 / np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1)
    return classes, np.minimum(best, 1)


def probabilities_of(scores: Scores) -> Scores:
    """The probability of every class [n, k], by the same rule: as they came where they are probabilities."""
    likely = _are_probabilities(scores)
    if likely.all():
        return scores
    with np.errstate(over="ignore"):
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.where(likely[:, None], scores, odds / odds.sum(axis=1, keepdims=True))


def binary_of(probabilities: Scores) -> tuple[npt.NDArray[np.int64], Scores]:
    """Class 1 where its probability is at least 0.5, else class 0, and the probability of that class. [n] in [0, 1]."""
    return (probabilities >= 0.5).astype(np.int64), np.maximum(probabilities, 1 - probabilities)


def _are_probabilities(scores: Scores) -> npt.NDArray[np.bool_]:
    with np.errstate(over="ignore"):  # a sum of huge logits may leave the range, and is not 1 then
        likely: npt.NDArray[np.bool_] = (np.abs(scores.sum(axis=1) - 1) <= SUM_TOLERANCE) & (scores.min(axis=1) >= 0)
    return likely
