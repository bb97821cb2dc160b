"""Metrics equal scikit-learn's, on whatever rows; where there is nothing to divide by, they say so."""

import math
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from sklearn.dummy import DummyClassifier

from monitor_jobs.model_quality.metrics.classification import (
    BETAS,
    Outcomes,
    binary_metrics,
    classes_of,
    multiclass_metrics,
    outcomes_of,
)
from monitor_jobs.model_quality.metrics.curves import (
    MAX_CURVE_POINTS,
    area_under_roc,
    precision_recall_curve,
    roc_curve,
    thresholds_of,
)
from monitor_jobs.model_quality.metrics.exact_sums import as_fraction, exact_sum, exact_sum_of_squares
from monitor_jobs.model_quality.metrics.regression import ErrorSums, error_sums, regression_metrics

SLOW_PEER = settings(max_examples=40)
CLOSE = {"rel": 1e-9, "abs": 1e-9}
DOUBLES = st.floats(-1e100, 1e100)
MEASURED = st.integers(-10_000, 10_000).map(lambda thousandths: thousandths / 1000)
PAIRS = st.lists(st.tuples(st.sampled_from("0123"), st.sampled_from("0123")), min_size=1, max_size=60)
YES_OR_NO = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)
SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60).filter(
    lambda rows: len({truth for truth, _ in rows}) == 2
)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")


@given(st.lists(DOUBLES))
def test_a_sum_is_exact_to_the_last_bit(values):
    assert float(as_fraction(exact_sum(np.array(values, dtype=np.float64)))) == math.fsum(values)


@given(st.lists(st.floats(-1e-140, 1e-140) | st.just(5e-324)))
def test_the_smallest_doubles_are_summed_too(values):
    assert float(as_fraction(exact_sum(np.array(values, dtype=np.float64)))) == math.fsum(values)


@given(st.lists(MEASURED))
def test_squares_are_summed_without_rounding_them_first(values):
    exact = sum(as_fraction(exact_sum(np.array([value]))) ** 2 for value in values)
    assert as_fraction(exact_sum_of_squares(np.array(values, dtype=np.float64))) == exact


@SLOW_PEER
@given(st.lists(st.tuples(MEASURED, MEASURED), min_size=2))
def test_regression_metrics_equal_scikit_learns(rows):
    # of equal truths its mean may be off by a bit, and r2 is rounding over rounding then
    assume(len({truth for truth, _ in rows}) > 1)
    truths, predictions = np.array(rows).T
    ours = regression_metrics(error_sums(truths, predictions))
    assert ours == pytest.approx(
        {
            "mae": reference.mean_absolute_error(truths, predictions),
            "mse": reference.mean_squared_error(truths, predictions),
            "rmse": reference.root_mean_squared_error(truths, predictions),
            "r2": reference.r2_score(truths, predictions),
        },
        **CLOSE,
    )


def test_r2_survives_truths_that_differ_in_their_ninth_digit_only():
    truths = 1e9 + np.arange(5.0)
    assert regression_metrics(error_sums(truths, truths + 0.5 * (truths == 1e9)))["r2"] == pytest.approx(
        0.975, rel=1e-12
    )


@given(st.lists(st.tuples(DOUBLES, DOUBLES), min_size=1), st.integers(0, 50))
def test_sums_of_parts_are_the_sums_of_all(rows, at):
    truths, predictions = np.array(rows).T
    parts = error_sums(truths[:at], predictions[:at]) + error_sums(truths[at:], predictions[at:])
    assert parts == error_sums(truths, predictions)


@pytest.mark.parametrize(("prediction", "r2"), [(0.667, 1.0), (0.0, 0.0)])
def test_r2_of_equal_truths_is_one_without_errors_and_nought_with_some(prediction, r2):
    assert regression_metrics(error_sums(np.full(3, 0.667), np.full(3, prediction)))["r2"] == r2


def test_regression_of_nothing_is_nan_and_of_one_row_has_no_r2():
    assert all(map(math.isnan, regression_metrics(ErrorSums()).values()))
    one = regression_metrics(error_sums(np.array([1.0]), np.array([3.0])))
    assert (one["mae"], one["rmse"]) == (2.0, 2.0)
    assert math.isnan(one["r2"])


@SLOW_PEER
@given(YES_OR_NO)
def test_binary_metrics_equal_scikit_learns(rows):
    truths, predictions = np.array(rows).T
    ours = binary_metrics(outcomes_of(Counter((str(truth), str(said)) for truth, said in rows), "1"))
    expected = _sklearn_binary(truths, predictions)
    assert {name: ours[name] for name in expected} == pytest.approx(expected, nan_ok=True, **CLOSE)


@SLOW_PEER
@given(YES_OR_NO)
def test_the_constant_of_two_classes_always_says_the_positive_one(rows):
    truths, _ = np.array(rows).T
    ours = binary_metrics(outcomes_of(Counter((str(truth), str(said)) for truth, said in rows), "1"))
    constant = DummyClassifier(strategy="constant", constant=1).fit(np.zeros((4, 1)), [0, 1, 0, 1])
    expected = _sklearn_binary(truths, constant.predict(np.zeros((len(truths), 1))))
    compared = {name: ours[f"{name}_best_constant_classifier"] for name in ("recall", "precision", "accuracy", *BETAS)}
    assert compared == pytest.approx({name: expected[name] for name in compared}, nan_ok=True, **CLOSE)


def _sklearn_binary(truths, predictions):
    table = reference.confusion_matrix(truths, predictions, labels=[0, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_truth = reference.confusion_matrix(truths, predictions, labels=[0, 1], normalize="true")
    recall = reference.recall_score(truths, predictions, zero_division=np.nan)
    specificity = float(by_truth[0, 0]) if table[0].sum() else math.nan
    return {
        "recall": recall,
        "true_positive_rate": recall,
        "false_negative_rate": 1 - recall,
        "true_negative_rate": specificity,
        "false_positive_rate": 1 - specificity,
        "precision": reference.precision_score(truths, predictions, zero_division=0),
        "accuracy": reference.accuracy_score(truths, predictions),
        **{
            name: reference.fbeta_score(truths, predictions, beta=beta, zero_division=0) for name, beta in BETAS.items()
        },
    }


@SLOW_PEER
@given(PAIRS)
def test_multiclass_metrics_equal_scikit_learns(rows):
    truths, predictions = map(list, zip(*rows, strict=True))
    expected = _sklearn_weighted(truths, predictions)
    ours = multiclass_metrics(Counter(rows))
    assert {name: ours[name] for name in expected} == pytest.approx(expected, **CLOSE)


@SLOW_PEER
@given(PAIRS)
def test_the_best_constant_of_many_classes_says_the_most_frequent_truth(rows):
    truths = [truth for truth, _ in rows]
    constant = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(truths), 1)), truths)
    expected = _sklearn_weighted(truths, constant.predict(np.zeros((len(truths), 1))))
    ours = multiclass_metrics(Counter(rows))
    assert {name: ours[f"{name}_best_constant_classifier"] for name in expected} == pytest.approx(expected, **CLOSE)


def _sklearn_weighted(truths, predictions):
    options = {"average": "weighted", "zero_division": 0}
    return {
        "accuracy": reference.accuracy_score(truths, predictions),
        "weighted_recall": reference.recall_score(truths, predictions, **options),
        "weighted_precision": reference.precision_score(truths, predictions, **options),
        **{
            f"weighted_{name}": reference.fbeta_score(truths, predictions, beta=beta, **options)
            for name, beta in BETAS.items()
        },
    }


def test_awss_own_binary_example_comes_out():
    ours = binary_metrics(Outcomes(true_positives=1, false_positives=2, false_negatives=0, true_negatives=1))
    assert ours["f0_5"] == pytest.approx(0.3846153846153846)
    assert ours["f2_best_constant_classifier"] == pytest.approx(0.625)


def test_awss_own_multiclass_example_comes_out():
    ours = multiclass_metrics({("0", "0"): 1180, ("0", "1"): 510, ("1", "0"): 268, ("1", "1"): 138})
    assert ours["weighted_precision"] == pytest.approx(0.6983172269629505)
    assert ours["weighted_f0_5"] == pytest.approx(0.6803947317178771)


def test_classes_stand_in_order_of_their_numbers_and_then_of_their_names():
    assert classes_of({("10", "9"): 1, ("cat", "-1"): 2}) == ["-1", "9", "10", "cat"]


def test_no_rows_make_no_metric():
    assert all(map(math.isnan, multiclass_metrics({}).values()))
    assert math.isnan(binary_metrics(Outcomes(0, 0, 0, 0))["precision"])


@SLOW_PEER
@given(SCORED)
def test_the_area_under_roc_equals_scikit_learns(rows):
    positive, scores = np.array([row[0] for row in rows]), np.array([row[1] / 20 for row in rows])
    area = area_under_roc(thresholds_of(scores, positive))
    assert area == pytest.approx(reference.roc_auc_score(positive, scores), **CLOSE)


@SLOW_PEER
@given(SCORED)
def test_curves_are_scikit_learns(rows):
    positive, scores = np.array([row[0] for row in rows]), np.array([row[1] / 20 for row in rows])
    thresholds = thresholds_of(scores, positive)
    false_rates, true_rates, _ = reference.roc_curve(positive, scores, drop_intermediate=False)
    precisions, recalls, _ = reference.precision_recall_curve(positive, scores)
    ours = roc_curve(thresholds) | precision_recall_curve(thresholds)
    assert ours["false_positive_rates"] == pytest.approx(false_rates.tolist(), **CLOSE)
    assert ours["true_positive_rates"] == pytest.approx(true_rates.tolist(), **CLOSE)
    assert ours["precisions"] == pytest.approx(precisions[::-1].tolist(), **CLOSE)
    assert ours["recalls"] == pytest.approx(recalls[::-1].tolist(), **CLOSE)


def test_long_curves_are_thinned_and_keep_their_ends():
    scores = np.linspace(0, 1, 10_000)
    curve = roc_curve(thresholds_of(scores, scores > 0.4))
    assert len(curve["true_positive_rates"]) == MAX_CURVE_POINTS
    assert (curve["true_positive_rates"][-1], curve["false_positive_rates"][-1]) == (1.0, 1.0)


@pytest.mark.parametrize("positive", [[True, True], [False, False], []])
def test_one_class_alone_has_no_curve_and_no_area(positive):
    thresholds = thresholds_of(np.linspace(0, 1, len(positive)), np.array(positive, dtype=bool))
    assert math.isnan(area_under_roc(thresholds))
    assert not any((roc_curve(thresholds) | precision_recall_curve(thresholds)).values())
