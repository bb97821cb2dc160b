"""Class shares of a window that nobody has labelled, where classes kept their looks and only their mix changed.

What lives here: the two published estimators, and what accuracy follows from their shares. What does not: the table of
cells that they are given (calibration). A cell is what can be seen of a prediction: its class, or class and confidence.
"""

from typing import Final

import numpy as np

from monitor_jobs.label_free_quality.scaling import Floats

EM_STEPS: Final = 2000
EM_TOLERANCE: Final = 1e-6
CONDITION_LIMIT: Final = 1e6  # a confusion matrix beyond it cannot be inverted to three digits of any share


def posteriors_of(table: Floats, prior_rows: float) -> Floats:
    """P(class | cell) of each cell [cells, k], from how often classes were seen in cells of a baseline.

    `prior_rows` of the baseline's own mix are added to each cell, so that an empty one says nothing.
    """
    prior = table.sum(axis=0) / table.sum()
    return np.asarray((table + prior_rows * prior) / (table.sum(axis=1, keepdims=True) + prior_rows))


def maximum_likelihood_shares(posteriors: Floats, weights: Floats, prior: Floats) -> Floats:
    """The class shares [k] that make a window likeliest, by expectation maximisation.

    posteriors [n, k]: P(class | x) in the baseline, calibrated, of each prediction or cell; weights [n]: how often each
    occurs in the window; prior [k]: the baseline's shares. A class that the baseline lacks gets none.
    Saerens, Latinne & Decaestecker, Neural Computation 14 (2002); that it needs calibrated posteriors: Alexandari,
    Kundaje & Shrikumar, ICML 2020. Checked in tests/papers/test_label_shift.py.
    """
    weights = weights / weights.sum()
    ratios = np.divide(posteriors, prior, out=np.zeros_like(posteriors), where=prior > 0)
    q = prior.copy()
    for _ in range(EM_STEPS):
        likelihoods = ratios @ q
        known = likelihoods > 0
        share = np.divide(weights, likelihoods, out=np.zeros_like(weights), where=known)
        following = q * (ratios.T @ share)
        following = following / following.sum()
        if np.abs(following - q).max() < EM_TOLERANCE:
            return np.asarray(following)
        q = following
    return q


def black_box_shares(joint: Floats, predicted: Floats) -> Floats | None:
    """The class shares [k] by inverting the baseline's confusion matrix; None where it cannot be inverted.

    joint [k, k]: P(predicted class, class) in the baseline; predicted [k]: shares of predicted classes in the window.
    Shares below 0 are set to 0. Lipton, Wang & Smola, ICML 2018 (BBSE); checked in tests/papers/test_label_shift.py.
    """
    if np.linalg.cond(joint) > CONDITION_LIMIT:
        return None
    ratios = np.maximum(np.linalg.solve(joint, predicted), 0)
    shares = ratios * joint.sum(axis=0)
    return np.asarray(shares / shares.sum()) if shares.sum() > 0 else None


def accuracy_under(shares: Floats, recalls: Floats) -> float:
    """The accuracy that follows where each class [k] is recognised as often as in the baseline."""
    return float(shares @ recalls)
