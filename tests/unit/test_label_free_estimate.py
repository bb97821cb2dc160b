import numpy as np
import pytest

from monitor_jobs.label_free_quality.analysis import beside_truth, judge_estimate
from monitor_jobs.label_free_quality.constraints import LabelFreeConstraints, suggest_constraints
from monitor_jobs.label_free_quality.estimate import estimate, standard_error
from monitor_jobs.label_free_quality.shares import share_intervals
from monitor_jobs.label_free_quality.window import ConfidenceCounts, TopPredictions, count_confidences, merge
from tests.unit.labelled_scores import CLASSES, NAMES, accuracy, by_best_score, counted, drawn

LIMITS = suggest_constraints(drawn(4000, seed=1), np.random.default_rng(1))
CALIBRATION = LIMITS.calibration
SKEWED = np.array([0.8, 0.05, 0.05, 0.05, 0.05])


def worse(rows, seed):
    """A window whose classes lie nearer together than in the baseline, so that confidences fall with accuracy."""
    return drawn(rows, seed, distance=1.5)


def of_unknown_class(rows):
    return count_confidences(
        TopPredictions(("new",), np.zeros(rows, dtype=np.int64), np.full(rows, 0.9)), CALIBRATION.edges
    )


def values_of(measurements):
    return {measurement.name: measurement.value for measurement in measurements}


@pytest.mark.parametrize("shares", [None, SKEWED], ids=["as the baseline", "label shift"])
def test_truth_lies_in_the_interval_nine_times_in_ten(shares):
    windows = [drawn(500, seed=10 + number, shares=shares) for number in range(60)]
    held = [estimate(counted(window, CALIBRATION), CALIBRATION).covers(accuracy(window)) for window in windows]
    assert np.mean(held) >= 0.9


def test_the_interval_of_a_large_window_like_the_baseline_is_narrow():
    found = estimate(counted(drawn(20_000, seed=2), CALIBRATION), CALIBRATION)
    assert found.low <= found.accuracy <= found.high
    assert found.high - found.low < 0.06


def test_the_interval_widens_where_the_estimators_part():
    near, far = (estimate(counted(window, CALIBRATION), CALIBRATION) for window in (drawn(5000, 3), worse(5000, 3)))
    assert far.high - far.low > 3 * (near.high - near.low)


def test_an_estimate_falls_with_the_accuracy():
    window = worse(5000, seed=4)
    found = estimate(counted(window, CALIBRATION), CALIBRATION)
    assert found.covers(accuracy(window))
    assert found.accuracy == pytest.approx(accuracy(window), abs=0.03)


def test_best_scores_alone_give_an_estimate_too():
    limits = suggest_constraints(by_best_score(drawn(4000, seed=1)), np.random.default_rng(1))
    window = by_best_score(worse(2000, seed=5))
    assert estimate(counted(window, limits.calibration), limits.calibration).covers(accuracy(window))


def test_the_estimated_shares_are_those_of_the_window():
    shares = estimate(counted(drawn(5000, seed=6, shares=SKEWED), CALIBRATION), CALIBRATION).shares
    assert shares == pytest.approx(SKEWED, abs=0.03)


def test_shares_have_intervals_around_them():
    found = share_intervals(counted(drawn(500, seed=7), CALIBRATION), CALIBRATION, np.random.default_rng(1))
    assert set(found) == set(NAMES)
    assert all(0 <= share.low <= share.share <= share.high <= 1 for share in found.values())


def test_a_class_that_the_baseline_lacks_counts_by_its_confidence_alone():
    found = estimate(of_unknown_class(300), CALIBRATION)
    assert found.shares == pytest.approx(np.full(CLASSES, 1 / CLASSES), abs=0.03)
    assert share_intervals(of_unknown_class(300), CALIBRATION, np.random.default_rng(1)) == {}


@pytest.mark.parametrize("rows", [1, 2, 50])
def test_a_small_window_has_an_interval_within_zero_and_one(rows):
    found = estimate(counted(drawn(rows, seed=8), CALIBRATION), CALIBRATION)
    assert 0 <= found.low <= found.accuracy <= found.high <= 1


def test_the_standard_error_of_a_perfect_window_is_not_zero():
    assert 0 < standard_error(1.0, 100, 4000) < standard_error(0.5, 100, 4000)


def test_an_estimate_below_the_limit_is_a_violation_that_says_by_how_much():
    verdict = judge_estimate(counted(worse(5000, seed=9), CALIBRATION), LIMITS)
    (violation,) = verdict.violations
    assert violation.constraint_check_type == "estimated_accuracy_check"
    assert "of 5000 predictions" in violation.description
    assert f"the limit of {LIMITS.accuracy_limit:.4g}" in violation.description


@pytest.mark.parametrize(("limit", "how_sure"), [(0.89, "but not all of the interval"), (1.0, "all of the interval")])
def test_a_violation_says_whether_all_of_the_interval_is_below_the_limit(limit, how_sure):
    limits = LabelFreeConstraints(calibration=CALIBRATION, accuracy_limit=limit)
    (violation,) = judge_estimate(counted(drawn(5000, seed=11), CALIBRATION), limits).violations
    assert f"the estimate, {how_sure}, is below the limit of {limit:.4g}" in violation.description


@pytest.mark.parametrize("rows", [100, 1000, 50_000])
def test_windows_like_the_baseline_hardly_ever_violate_whatever_their_size(rows):
    windows = 20 if rows > 10_000 else 300
    alarms = [
        judge_estimate(counted(drawn(rows, seed=1000 + number), CALIBRATION), LIMITS).violations
        for number in range(windows)
    ]
    assert sum(map(bool, alarms)) <= 0.01 * windows


def test_a_window_of_few_predictions_is_measured_and_not_judged():
    verdict = judge_estimate(counted(worse(99, seed=12), CALIBRATION), LIMITS)
    assert (verdict.violations, verdict.measurements[0].limit) == ((), None)
    assert verdict.remark == "No verdict on estimated accuracy: 99 predictions, fewer than the 100 it is judged from"


@pytest.mark.parametrize(
    ("window", "remark"),
    [
        (ConfidenceCounts(), "No estimate of accuracy: 0 predictions"),
        (ConfidenceCounts(unscored=7), "No estimate of accuracy: none of 7 predictions came with a score"),
    ],
)
def test_a_window_without_scores_has_no_estimate_and_says_so(window, remark):
    verdict = judge_estimate(window, LIMITS)
    assert (verdict.measurements, verdict.violations, verdict.remark) == ((), (), remark)
    assert beside_truth(window, 0.9, LIMITS) == ()


def test_truth_beside_the_estimate_counts_whether_the_interval_held_it():
    window = drawn(1000, seed=13)
    held = values_of(beside_truth(counted(window, CALIBRATION), accuracy(window), LIMITS))
    missed = values_of(beside_truth(counted(window, CALIBRATION), 0.01, LIMITS))
    assert (held["estimate_covers_truth"], missed["estimate_covers_truth"]) == (1, 0)
    assert missed["estimate_error"] == pytest.approx(missed["estimate_of_labelled"] - 0.01)


def test_the_verdict_is_the_same_whatever_parts_a_window_comes_in():
    window = worse(1000, seed=14)
    parts = [counted(window.at(rows), CALIBRATION) for rows in np.array_split(np.arange(1000), 7)]
    whole = ConfidenceCounts()
    for part in reversed(parts):
        whole = merge(whole, part)
    assert judge_estimate(whole, LIMITS) == judge_estimate(counted(window, CALIBRATION), LIMITS)
