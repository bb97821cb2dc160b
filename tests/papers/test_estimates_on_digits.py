"""The interval of an estimate on real digits and a network that somebody else trained; all shifts: tests/benchmarks."""

import numpy as np
import pytest

from monitor_jobs.label_free_quality.calibration import LabelledScores, calibrate, scale
from monitor_jobs.label_free_quality.estimate import estimate
from monitor_jobs.label_free_quality.reach import NORMAL_REACH
from monitor_jobs.label_free_quality.window import TopPredictions, count_confidences
from tests.benchmarks.quality_estimates.classifiers import lenet, scores_of
from tests.benchmarks.quality_estimates.corruptions import CORRUPTIONS

DIGITS = tuple("0123456789")
WINDOWS = 12


@pytest.fixture(scope="module")
def digits(reference_data):
    """Images and labels of digits that the network has not seen, in mixed order for early ones are easier; and it."""
    rows = np.random.default_rng(3).permutation(10_000)[:6000]
    with np.load(reference_data / "mnist.npz") as file:
        return file["x_test"][rows], file["y_test"][rows].astype(np.int64), lenet(reference_data / "lenet5_mnist.npz")


@pytest.fixture(scope="module")
def calibration(digits):
    images, labels, network = digits
    return calibrate(labelled(scores_of(network, images[:3000]), labels[:3000]), reach=NORMAL_REACH)


def labelled(scores, labels):
    return LabelledScores(DIGITS, scores.argmax(axis=1), labels, scores=scores.astype(np.float64))


def outcomes(rows, calibration, chances):
    """Estimates and true accuracies of windows that are drawn of these rows."""
    generator = np.random.default_rng(1)
    for _ in range(WINDOWS):
        window = rows.at(generator.choice(len(rows.labels), 500, p=chances / chances.sum()))
        predictions = TopPredictions(DIGITS, window.predicted, scale(calibration.scaling, window))
        yield estimate(count_confidences(predictions, calibration.edges), calibration), float(window.right.mean())


@pytest.mark.parametrize("wanted", [range(10), [1], [3, 5, 8]], ids=str)
def test_digits_of_another_mix_are_as_accurate_as_the_interval_says(digits, calibration, wanted):
    images, labels, network = digits
    rows = labelled(scores_of(network, images[3000:]), labels[3000:])
    found = list(outcomes(rows, calibration, np.isin(rows.labels, list(wanted)).astype(float)))
    assert np.mean([each.covers(truth) for each, truth in found]) >= 0.8
    assert np.mean([each.high - each.low for each, _ in found]) < 0.08


@pytest.mark.parametrize("kind", ["noise", "contrast", "occlusion"])
def test_damaged_digits_are_as_accurate_as_the_interval_says_and_it_is_wide(digits, calibration, kind):
    images, labels, network = digits
    damaged = CORRUPTIONS[kind](images[3000:], 3, np.random.default_rng(2))
    rows = labelled(scores_of(network, damaged), labels[3000:])
    found = list(outcomes(rows, calibration, np.ones(3000)))
    assert np.mean([each.covers(truth) for each, truth in found]) >= 0.8
    assert np.mean([each.high - each.low for each, _ in found]) > 0.08
