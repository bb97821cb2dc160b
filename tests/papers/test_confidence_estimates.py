"""What the papers claim of accuracy from confidences, on classifiers whose calibration is known by construction.

Guo et al., ICML 2017; Guillory et al., ICCV 2021; Garg et al., ICLR 2022; NannyML's CBPE; Platt 1999.
"""

import numpy as np
import pytest

from monitor_jobs.label_free_quality.confidence import (
    average_confidence,
    average_thresholded_confidence,
    difference_of_confidences,
    fit_threshold,
    negative_entropies,
)
from monitor_jobs.label_free_quality.scaling import TemperatureScaling, fit_temperature, fit_top_score
from tests.unit.labelled_scores import accuracy, drawn

ROWS = 40_000
CHANCE = 4 * np.sqrt(0.25 / ROWS)


def softmax(scores):
    return TemperatureScaling(temperature=1).probabilities(scores)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_temperature_scaling_finds_by_what_scores_were_multiplied(temperature):
    labelled = drawn(ROWS, seed=1)
    found = fit_temperature(labelled.scores * temperature, labelled.labels).temperature
    assert found == pytest.approx(temperature, rel=0.03)


def test_temperature_scaling_never_changes_the_predicted_class():
    scores = drawn(1000, seed=2).scores
    assert (TemperatureScaling(temperature=3.3).probabilities(scores).argmax(axis=1) == scores.argmax(axis=1)).all()


def test_scores_that_are_probabilities_are_calibrated_like_the_logits_that_they_came_from():
    labelled = drawn(ROWS, seed=3)
    of_logits = fit_temperature(2 * labelled.scores, labelled.labels)
    assert fit_temperature(softmax(2 * labelled.scores), labelled.labels).temperature == pytest.approx(
        of_logits.temperature, rel=1e-3
    )


def test_a_logistic_curve_makes_the_best_score_of_an_overconfident_model_mean_what_it_says():
    labelled = drawn(ROWS, seed=4)
    sure = softmax(3 * labelled.scores).max(axis=1)
    confidences = fit_top_score(sure, labelled.right).confidences(sure)
    halves = np.array_split(confidences.argsort(), 4)
    assert all(abs(confidences[part].mean() - labelled.right[part].mean()) < 2 * CHANCE for part in halves)


def test_a_logistic_curve_stays_finite_where_scores_part_right_from_wrong():
    best, right = np.array([0.2, 0.3, 0.8, 0.9]), np.array([False, False, True, True])
    confidences = fit_top_score(best, right).confidences(best)
    assert np.isfinite(confidences).all()
    assert confidences[1] < 0.5 < confidences[2]


@pytest.mark.parametrize("distance", [0.5, 1.5, 3.0])
def test_mean_confidence_is_the_accuracy_where_calibration_holds(distance):
    window = drawn(ROWS, seed=5, distance=distance)
    assert average_confidence(softmax(window.scores).max(axis=1)) == pytest.approx(accuracy(window), abs=CHANCE)


def test_the_difference_of_confidences_is_exact_where_a_model_is_sure_by_too_much_everywhere():
    baseline, window = drawn(ROWS, seed=6, distance=2.5), drawn(ROWS, seed=7, distance=2.2)
    too_sure = [np.minimum(softmax(part.scores).max(axis=1) + 0.1, 1.1).mean() for part in (baseline, window)]
    found = difference_of_confidences(
        window_mean=too_sure[1], baseline_mean=too_sure[0], baseline_accuracy=accuracy(baseline)
    )
    assert found == pytest.approx(accuracy(window), abs=2 * CHANCE)


def test_the_difference_of_confidences_stays_within_zero_and_one():
    assert difference_of_confidences(window_mean=1, baseline_mean=0.5, baseline_accuracy=0.9) == 1
    assert difference_of_confidences(window_mean=0.1, baseline_mean=0.9, baseline_accuracy=0.5) == 0


@pytest.mark.parametrize("score", [lambda p: p.max(axis=1), negative_entropies], ids=["ATC-MC", "ATC-NE"])
def test_thresholded_confidence_gives_the_baseline_its_own_accuracy_and_another_draw_of_it_too(score):
    baseline, again = drawn(ROWS, seed=8), drawn(ROWS, seed=9)
    scores = score(softmax(baseline.scores))
    threshold = fit_threshold(scores, baseline.right)
    assert average_thresholded_confidence(scores, threshold) == pytest.approx(accuracy(baseline), abs=1 / ROWS)
    found = average_thresholded_confidence(score(softmax(again.scores)), threshold)
    assert found == pytest.approx(accuracy(again), abs=2 * CHANCE)


def test_thresholded_confidence_is_exact_where_only_the_surest_are_right():
    confidences = np.random.default_rng(10).random(ROWS)
    threshold = fit_threshold(confidences, confidences > 0.3)
    unsure = confidences**3  # a covariate shift that keeps what is right given the confidence
    assert average_thresholded_confidence(unsure, threshold) == pytest.approx((unsure > 0.3).mean(), abs=CHANCE)


def test_the_entropy_of_a_certain_row_is_zero_and_of_an_even_one_the_lowest():
    assert negative_entropies(np.array([[1.0, 0.0], [0.5, 0.5]])) == pytest.approx([0, -np.log(2)])
