"""What the papers claim of class shares without labels, under label shift that is made by construction.

Lipton, Wang & Smola, ICML 2018; Saerens, Latinne & Decaestecker 2002; Alexandari, Kundaje & Shrikumar, ICML 2020.
"""

import numpy as np
import pytest

from monitor_jobs.label_free_quality.calibration import calibrate
from monitor_jobs.label_free_quality.label_shift import (
    accuracy_under,
    black_box_shares,
    maximum_likelihood_shares,
    posteriors_of,
)
from monitor_jobs.label_free_quality.scaling import TemperatureScaling
from monitor_jobs.label_free_quality.shares import share_intervals
from tests.unit.labelled_scores import CLASSES, NAMES, accuracy, counted, drawn

EVEN = np.full(CLASSES, 1 / CLASSES)
SHIFTED = np.array([0.5, 0.25, 0.15, 0.1, 0.0])
BASELINE = drawn(30_000, seed=1)


def joint_of(labelled):
    table = np.zeros((CLASSES, CLASSES))
    np.add.at(table, (labelled.predicted, labelled.labels), 1 / len(labelled.labels))
    return table


def predicted_shares(labelled):
    return np.bincount(labelled.predicted, minlength=CLASSES) / len(labelled.predicted)


def by_confusion_matrix(window):
    return black_box_shares(joint_of(BASELINE), predicted_shares(window))


def by_scores(window, temperature=1.0):
    posteriors = TemperatureScaling(temperature=temperature).probabilities(window.scores)
    return maximum_likelihood_shares(posteriors, np.ones(len(window.labels)), EVEN)


def by_cells(window):
    table = joint_of(BASELINE) * len(BASELINE.labels)
    return maximum_likelihood_shares(
        posteriors_of(table, 0.5), predicted_shares(window), table.sum(axis=0) / table.sum()
    )


@pytest.mark.parametrize("estimator", [by_confusion_matrix, by_scores, by_cells])
def test_estimated_shares_come_closer_to_the_true_ones_with_every_sample(estimator):
    errors = [np.abs(estimator(drawn(rows, seed=2, shares=SHIFTED)) - SHIFTED).max() for rows in (300, 30_000)]
    assert errors[1] < min(errors[0], 0.015)


def test_shares_of_a_window_like_the_baseline_are_the_baselines():
    assert by_confusion_matrix(BASELINE) == pytest.approx(joint_of(BASELINE).sum(axis=0), abs=1e-9)
    assert by_cells(BASELINE) == pytest.approx(joint_of(BASELINE).sum(axis=0), abs=1e-3)


def test_expectation_maximisation_finds_a_known_mix_of_two_known_distributions_exactly():
    given_class = np.array([[0.7, 0.2], [0.2, 0.3], [0.1, 0.5]])  # of three cells, in each of two classes
    prior, mix = np.array([0.5, 0.5]), np.array([0.83, 0.17])
    posteriors = given_class * prior / (given_class @ prior)[:, None]
    assert maximum_likelihood_shares(posteriors, given_class @ mix, prior) == pytest.approx(mix, abs=1e-4)


def test_expectation_maximisation_needs_calibrated_scores():
    window = drawn(30_000, seed=3, shares=SHIFTED)
    too_sure, calibrated = (np.abs(by_scores(window, temperature) - SHIFTED).sum() for temperature in (0.1, 1.0))
    assert calibrated < too_sure / 2


def test_maximum_likelihood_is_nearer_than_the_confusion_matrix():
    windows = [drawn(300, seed=100 + number, shares=SHIFTED) for number in range(40)]
    likelihood, matrix = (
        np.mean([np.square(estimator(window) - SHIFTED).sum() for window in windows])
        for estimator in (by_scores, by_confusion_matrix)
    )
    assert likelihood < matrix


def test_a_confusion_matrix_that_cannot_be_inverted_gives_no_shares():
    never_predicted = np.array([[0.5, 0.2], [0.0, 0.0]]).repeat(1, axis=0)
    assert black_box_shares(never_predicted, np.array([1.0, 0.0])) is None


def test_an_empty_cell_says_nothing():
    posteriors = posteriors_of(np.array([[8.0, 0.0], [0.0, 2.0], [0.0, 0.0]]), 0.5)
    assert posteriors[2] == pytest.approx([0.8, 0.2])
    assert maximum_likelihood_shares(posteriors, np.array([0.0, 0.0, 9.0]), posteriors[2]) == pytest.approx([0.8, 0.2])


def test_accuracy_under_label_shift_is_the_recalls_weighted_by_the_shares():
    window = drawn(30_000, seed=4, shares=SHIFTED)
    joint = joint_of(BASELINE)
    assert accuracy_under(by_cells(window), joint.diagonal() / joint.sum(axis=0)) == pytest.approx(
        accuracy(window), abs=0.01
    )


def test_intervals_of_shares_hold_the_true_shares_nine_times_in_ten():
    calibration = calibrate(drawn(3000, seed=5), reach=1.645)
    generator, held = np.random.default_rng(6), []
    for seed in range(40):
        found = share_intervals(
            counted(drawn(500, seed=200 + seed, shares=SHIFTED), calibration), calibration, generator
        )
        held += [
            found[name].low - 1e-9 <= share <= found[name].high for name, share in zip(NAMES, SHIFTED, strict=True)
        ]
    assert 0.85 < np.mean(held) <= 1
