"""The verdict of model quality: the same however the rows are split, by AWS's constraints, in AWS's files."""

import json
import math
from functools import reduce
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import Constraints, violations_json
from monitor_jobs.model_quality.analysis import judge, suggest_baseline
from monitor_jobs.model_quality.constraints import limits_from
from monitor_jobs.model_quality.problems import (
    ClassRows,
    NumberRows,
    ScoredRows,
    summarise_binary,
    summarise_multiclass,
    summarise_regression,
)
from monitor_jobs.model_quality.problems.multiclass import MAX_CLASSES
from monitor_jobs.model_quality.problems.reservoir import MOST_PARTS, Reservoir
from monitor_jobs.model_quality.problems.samples import FEWEST_ROWS, in_sample, key_of
from monitor_jobs.model_quality.summary import Summary, merge

ROWS = st.lists(st.tuples(st.sampled_from("01"), st.integers(0, 100)), min_size=1, max_size=120)


def keys(count, first=0):
    return np.array([key_of(f"event-{row}") for row in range(first, first + count)], dtype=np.uint64)


def binary(rows, first=0):
    truths = [truth for truth, _ in rows]
    scores = np.array([score / 100 for _, score in rows])
    said = ["1" if score >= 0.5 else "0" for score in scores]
    return Summary(len(rows), {}, summarise_binary(ScoredRows(truths, said, scores, keys(len(rows), first)), "1"))


def multiclass(rows, first=0):
    truths, said = [truth for truth, _ in rows], [str(score % 3) for _, score in rows]
    return Summary(len(rows), {}, summarise_multiclass(ClassRows(truths, said, keys(len(rows), first))))


def regression(rows, first=0):
    truths = np.array([float(truth) for truth, _ in rows])
    said = np.array([score / 7 for _, score in rows])
    return Summary(len(rows), {}, summarise_regression(NumberRows(truths, said, keys(len(rows), first))))


def limits(section, **thresholds):
    given = {name: {"threshold": value, "comparison_operator": side} for name, (value, side) in thresholds.items()}
    constraints = Constraints.model_validate({"version": 0.0, f"{section}_constraints": given})
    return limits_from(constraints, section)


def verdict_on(summary, limits=MappingProxyType({}), judged_from=1):
    return judge(summary, limits, judged_from)


@pytest.mark.parametrize("summarise", [binary, multiclass, regression])
@given(rows=ROWS, cuts=st.lists(st.integers(0, 120), max_size=3), order=st.randoms())
def test_any_sharding_gives_the_same_verdict_to_the_last_bit(summarise, rows, cuts, order):
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    parts = [summarise(rows[start:end], start) for start, end in pairwise(edges)]
    order.shuffle(parts)
    merged, whole = verdict_on(reduce(merge, parts, Summary())), verdict_on(summarise(rows))
    assert merged.statistics.to_json() == whole.statistics.to_json()


@given(st.lists(st.lists(st.integers(0, 2**64 - 1), max_size=20, unique=True), min_size=2, max_size=6))
def test_a_full_reservoir_keeps_the_same_rows_in_any_order(parts):
    kind = np.dtype([("key", "<u8")])
    reservoirs = [Reservoir(5, (np.array(part, dtype=kind),), len(part)) for part in parts]
    forwards, backwards = reduce(Reservoir.merge, reservoirs), reduce(Reservoir.merge, reversed(reservoirs))
    expected = sorted(key for part in parts for key in part)[:5]
    assert forwards.rows()["key"].tolist() == backwards.rows()["key"].tolist() == expected
    assert sum(map(len, forwards.parts)) <= 2 * 5 + 20


def test_many_small_parts_are_held_as_few():
    parts = [binary([("1", 90)], first=row).measured for row in range(500)]
    scores = reduce(lambda left, right: left.merge(right), parts).scores
    assert (len(scores.parts) <= MOST_PARTS, scores.rows().size, scores.seen) == (True, 500, 500)


def test_deviations_begin_at_two_hundred_rows():
    rows = [(str(row % 2), row % 101) for row in range(FEWEST_ROWS)]
    few, enough = binary(rows[:-1]).measured.metrics(), binary(rows).measured.metrics()
    assert math.isnan(few["accuracy"].standard_deviation)
    assert 0 < enough["accuracy"].standard_deviation < 0.1


def test_the_samples_are_of_four_fifths_and_differ():
    members = np.array([in_sample(keys(20_000), sample) for sample in range(5)])
    assert members.mean(axis=1) == pytest.approx(0.8, abs=0.01)
    assert np.corrcoef(members)[~np.eye(5, dtype=bool)] == pytest.approx(0, abs=0.03)


def test_the_deviation_is_that_of_metrics_over_the_samples():
    rows = [(str(row % 2), (row * 37) % 101) for row in range(500)]
    truths, scores = np.array([int(truth) for truth, _ in rows]), np.array([score / 100 for _, score in rows])
    chosen = [in_sample(keys(500), sample) for sample in range(5)]
    areas = [roc_auc_score(truths[members], scores[members]) for members in chosen]
    assert binary(rows).measured.metrics()["auc"].standard_deviation == pytest.approx(np.std(areas, ddof=1), rel=1e-9)


def test_statistics_have_awss_sections():
    told = json.loads(verdict_on(binary([("1", 90), ("0", 20), ("0", 80)])).statistics.to_json())
    section = told["binary_classification_metrics"]
    assert told.keys() == {"version", "dataset", "binary_classification_metrics"}
    assert section["confusion_matrix"] == {"0": {"0": 1, "1": 1}, "1": {"0": 0, "1": 1}}
    assert section["precision"] == {"value": 0.5, "standard_deviation": "NaN"}
    assert section["receiver_operating_characteristic_curve"]["true_positive_rates"] == [0.0, 1.0, 1.0, 1.0]


def test_a_metric_below_its_threshold_is_a_violation_in_awss_fields():
    verdict = verdict_on(
        multiclass([("0", 1), ("0", 0)]), limits("multiclass_classification", accuracy=(0.9, "LessThanThreshold"))
    )
    assert json.loads(violations_json(verdict.violations)) == {
        "violations": [
            {
                "metric_name": "accuracy",
                "constraint_check_type": "LessThanThreshold",
                "description": "Metric accuracy with 0.5 was LessThanThreshold 0.9",
            }
        ]
    }


@pytest.mark.parametrize(("threshold", "violated"), [(1.0, True), (2.0, False), (1.9, True)])
def test_an_error_above_its_threshold_is_a_violation_and_one_at_it_is_not(threshold, violated):
    verdict = verdict_on(regression([("0", 14)]), limits("regression", mae=(threshold, "GreaterThanThreshold")))
    assert bool(verdict.violations) is violated


def test_too_few_labelled_predictions_are_measured_and_not_judged():
    verdict = verdict_on(
        multiclass([("0", 1)]), limits("multiclass_classification", accuracy=(0.9, "LessThanThreshold")), 20
    )
    assert (verdict.violations, verdict.measurements[0].limit) == ((), None)
    assert verdict.remark == "No verdict: 1 labelled prediction, fewer than the 20 judged from"


def test_a_window_without_positives_is_no_violation_of_recall():
    own = limits("binary_classification", recall=(0.9, "LessThanThreshold"), accuracy=(0.9, "LessThanThreshold"))
    verdict = verdict_on(binary([("0", 90)] * 30), own)
    assert [violation.metric_name for violation in verdict.violations] == ["accuracy"]
    assert verdict.remark == "No verdict on recall: no ground truth is of the class that they are about"


def test_a_limit_on_the_area_without_scores_says_how_to_get_them():
    rows = ScoredRows(["1"], ["1"], np.array([np.nan]), keys(1))
    summary = Summary(1, {}, summarise_binary(rows, "1"))
    own = limits("binary_classification", auc=(0.9, "LessThanThreshold"))
    assert "ProbabilityAttribute" in verdict_on(summary, own).remark


def test_no_labelled_prediction_is_no_verdict():
    verdict = verdict_on(Summary(records=3))
    assert (verdict.violations, [row.name for row in verdict.measurements]) == ((), ["unreadable_share"])
    assert verdict.remark.startswith("No verdict: 0 labelled predictions")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"acuracy": {"threshold": 1, "comparison_operator": "LessThanThreshold"}}, "limits acuracy, which"),
        ({"accuracy": {"threshold": "high", "comparison_operator": "LessThanThreshold"}}, "accuracy.threshold"),
        ({"accuracy": {"threshold": 1, "comparison_operator": "Less"}}, "accuracy.comparison_operator.* is 'Less'"),
        ({"accuracy": {"threshold": math.inf, "comparison_operator": "LessThanThreshold"}}, "accuracy.threshold"),
        ({"accuracy": 0.9}, "accuracy in constraints.json is 0.9"),
        ([], r"multiclass_classification_constraints in constraints.json is \[\]"),
    ],
)
def test_constraints_that_mean_nothing_are_refused_by_name(given, words):
    constraints = Constraints.model_validate({"multiclass_classification_constraints": given})
    with pytest.raises(BadInput, match=words):
        verdict_on(multiclass([("0", 1)]), limits_from(constraints, "multiclass_classification"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"regression_constraints": {}}, "has no multiclass_classification_constraints, but regression_constraints"),
        ({"features": []}, "but no limits of model quality"),
    ],
)
def test_constraints_of_another_kind_of_problem_are_refused(given, words):
    with pytest.raises(BadInput, match=words):
        limits_from(Constraints.model_validate(given), "multiclass_classification")


def test_a_window_of_labels_that_cannot_be_read_says_so():
    verdict = verdict_on(Summary(refused={"wrong_label": 60}))
    assert verdict.remark == "No verdict: 0 labelled predictions (60 wrong_label), fewer than the 1 judged from"
    assert verdict.measurements[0].value == 1.0


def test_three_classes_are_not_two():
    rows = ScoredRows(["0", "1", "7"], ["0", "1", "1"], np.full(3, np.nan), keys(3))
    with pytest.raises(BadInput, match=r"positive class '1', and classes are '0' \(1 rows\), '1' \(2 rows\), '7'"):
        verdict_on(Summary(3, {}, summarise_binary(rows, "1")))


def test_a_few_labels_of_a_third_class_are_counted_and_fail_no_window():
    good = binary([("01"[row % 2], 10 + 80 * (row % 2)) for row in range(1_000)])
    stray = Summary(1, {}, summarise_binary(ScoredRows(["n/a"], ["1"], np.array([0.95]), keys(1, 1_000)), "1"))
    both = merge(good, stray)
    assert (both.predictions, both.unreadable) == (1_000, {"wrong_label": 1})
    assert verdict_on(both).measurements[:-1] == verdict_on(good).measurements[:-1]
    assert both.measured.details() == good.measured.details()
    assert suggest_baseline(both) == suggest_baseline(good)


def test_more_than_one_in_a_hundred_labels_of_a_third_class_are_not_two_classes():
    rows = ScoredRows(["n/a"] * 11 + ["1", "0"] * 494, ["1"] * 999, np.full(999, np.nan), keys(999))
    with pytest.raises(BadInput, match=r"'n/a' \(11 rows\)"):
        verdict_on(Summary(999, {}, summarise_binary(rows, "1")))


def test_an_area_of_which_one_class_alone_has_scores_is_not_judged():
    scores = np.array([0.9] * 20 + [np.nan] * 20)
    rows = ScoredRows(["1"] * 20 + ["0"] * 20, ["1"] * 20 + ["0"] * 20, scores, keys(40))
    own = limits("binary_classification", auc=(0.5, "LessThanThreshold"))
    verdict = verdict_on(Summary(40, {}, summarise_binary(rows, "1")), own)
    assert not verdict.violations
    assert verdict.remark == "No verdict on auc: the predictions with scores are of one class"


@pytest.mark.parametrize("threshold", ["NaN", math.nan])
def test_a_threshold_that_is_no_number_is_no_limit(threshold):
    given = limits("multiclass_classification", accuracy=(threshold, "LessThanThreshold"))
    assert not given


def test_the_r2_of_a_single_row_is_not_judged():
    verdict = verdict_on(regression([("1", 7)]), limits("regression", r2=(0.9, "LessThanThreshold")))
    assert (verdict.violations, verdict.remark) == ((), "No verdict on r2: a single prediction has none")


def test_an_r2_below_all_doubles_is_reported_and_suggests_no_limit():
    truths = np.array([0.0, 1e-200] * 3)
    summary = Summary(6, {}, summarise_regression(NumberRows(truths, np.full(6, 0.5), keys(6))))
    assert summary.measured.metrics()["r2"].value == -math.inf
    statistics, constraints = suggest_baseline(summary)
    assert json.loads(statistics.to_json())["regression_metrics"]["r2"]["value"] == "-Infinity"
    assert "r2" not in json.loads(constraints.to_json())["regression_constraints"]


def test_more_classes_than_any_model_tells_apart_are_refused():
    names = [str(number) for number in range(MAX_CLASSES + 1)]
    with pytest.raises(BadInput, match="more than 1000 classes"):
        summarise_multiclass(ClassRows(names, names, keys(len(names))))


def test_a_baseline_of_nothing_says_what_was_wrong_with_its_rows():
    with pytest.raises(BadInput, match=r"ground truth \(4 wrong_label\)"):
        suggest_baseline(Summary(refused={"wrong_label": 4}))
