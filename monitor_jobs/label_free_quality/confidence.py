"""Accuracy from confidences: three published estimators, as functions of arrays.

What lives here: their formulas. What does not: making confidences mean what they say (scaling), intervals (estimate).
Which of them an estimate is made of was chosen by tests/benchmarks/model_quality.py, where all of them compete.
All confidences are calibrated, and in [0, 1]; none of these functions takes an empty array.
"""

import numpy as np

from monitor_jobs.label_free_quality.scaling import Floats, Hits


def average_confidence(window: Floats) -> float:
    """The mean confidence [n]: exact in expectation where a confidence is the probability of being right.

    NannyML's confidence-based performance estimation (CBPE), for accuracy; Guillory et al., ICCV 2021, call it AC.
    """
    return float(window.mean())


def difference_of_confidences(*, window_mean: float, baseline_mean: float, baseline_accuracy: float) -> float:
    """The baseline's accuracy, less by as much as mean confidence fell; in [0, 1].

    Guillory et al., ICCV 2021 (DoC): what is wrong with the baseline's confidences on average cancels out.
    """
    return float(np.clip(baseline_accuracy + window_mean - baseline_mean, 0, 1))


def fit_threshold(scores: Floats, right: Hits) -> float:
    """The score that as large a share of a baseline lies above as is right there.

    Garg et al., ICLR 2022 (equation 1), for any score that is higher where a prediction is surer.
    """
    return float(np.quantile(scores, 1 - right.mean()))


def average_thresholded_confidence(window: Floats, threshold: float) -> float:
    """The share of scores [n] above a threshold that was fitted on the baseline (ATC).

    Garg et al., ICLR 2022 (equation 2). With the best score it is ATC-MC, with `negative_entropies` ATC-NE.
    """
    return float((window > threshold).mean())


def negative_entropies(probabilities: Floats) -> Floats:
    """Sum of p log p of each row [n, k]: 0 where one class has it all. The score of ATC-NE."""
    logs = np.log(np.where(probabilities > 0, probabilities, 1.0))
    return np.asarray((probabilities * logs).sum(axis=1))
