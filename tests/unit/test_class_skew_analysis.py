"""The verdict of class skew, its sentences and its silence."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.class_skew.analysis import judge
from monitor_jobs.class_skew.constraints import ClassSkewConstraints, suggest_baseline
from monitor_jobs.class_skew.summary import Summary, empty, summarise
from monitor_jobs.contract.report import MAX_OFFENDING_RECORDS, Violation, class_counts
from monitor_jobs.monitor import Verdict
from tests.unit.class_skew_columns import columns

DEFAULTS = ClassSkewConstraints()
EVEN_BASELINE = {"4": 500, "7": 500}


def window(confidences: list[float] | None = None, **counts: int) -> Summary:
    labels = [label.removeprefix("c") for label, count in counts.items() for _ in range(count)]
    return summarise(columns(labels, confidences=confidences), low_confidence_below=0.5)


def violated(verdict: Verdict) -> list[str]:
    return [violation.constraint_check_type for violation in verdict.violations]


def the_violation(verdict: Verdict, check: str) -> Violation:
    return next(violation for violation in verdict.violations if violation.constraint_check_type == check)


def value(verdict: Verdict, name: str) -> float:
    return next(measurement.value for measurement in verdict.measurements if measurement.name == name)


def test_a_class_above_the_threshold_is_named_with_its_counts():
    verdict = judge(window(c4=322, c7=78), DEFAULTS, None)
    sentence = the_violation(verdict, "class_skew_check").description
    assert sentence == "Class 4 predicted 80.5 % of the time (322 of 400), above the 50 % threshold"


def test_the_threshold_itself_is_no_skew():
    assert violated(judge(window(c4=200, c7=200), DEFAULTS, None)) == []


def test_one_prediction_more_than_the_threshold_is_skew():
    assert violated(judge(window(c4=201, c7=199), DEFAULTS, None)) == ["class_skew_check"]


def test_of_two_equally_frequent_classes_the_first_name_is_judged():
    verdict = judge(window(c7=30, c4=30), ClassSkewConstraints(threshold=0.4), None)
    assert the_violation(verdict, "class_skew_check").description.startswith("Class 4 ")


def test_a_skew_names_its_newest_records():
    records = the_violation(judge(window(c4=90, c7=10), DEFAULTS, None), "class_skew_check").offending_records
    assert (len(records), records[0].line, records[0].inference_id) == (MAX_OFFENDING_RECORDS, 90, None)
    assert records[1].inference_id == "caller-89"


def test_one_record_of_one_class_is_no_skew():
    verdict = judge(window(c4=1), DEFAULTS, EVEN_BASELINE)
    assert violated(verdict) == []
    assert verdict.remark == "No verdict: 1 prediction, fewer than the 20 that skew is judged from"


@given(st.integers(0, 19), st.integers(0, 3))
def test_no_window_below_the_minimum_alarms(count, others):
    verdict = judge(window([0.1] * (min(count + others, 19)), c4=min(count + others, 19)), DEFAULTS, EVEN_BASELINE)
    assert (violated(verdict), verdict.remark.startswith("No verdict")) == ([], True)


def test_a_window_at_the_minimum_is_judged():
    assert violated(judge(window(c4=20), DEFAULTS, None)) == ["class_skew_check"]


def test_a_minimum_that_was_asked_for_is_a_check_of_its_own():
    verdict = judge(window(c4=30), ClassSkewConstraints(minimum_predictions=100), None)
    assert violated(verdict) == ["minimum_count_check"]
    assert verdict.violations[0].description == "30 predictions in the window, fewer than the minimum of 100"


def test_a_minimum_of_one_judges_a_single_prediction():
    assert violated(judge(window(c4=1), ClassSkewConstraints(minimum_predictions=1), None)) == ["class_skew_check"]


def test_an_empty_window_has_no_verdict():
    verdict = judge(empty(), DEFAULTS, EVEN_BASELINE)
    assert (violated(verdict), verdict.remark) == ([], "No verdict: 0 records")


def test_an_empty_window_breaks_a_minimum_that_was_asked_for():
    assert violated(judge(empty(), ClassSkewConstraints(minimum_predictions=1), None)) == ["minimum_count_check"]


def test_records_without_predictions_are_told_apart_from_none():
    verdict = judge(dataclasses.replace(empty(), records=3), DEFAULTS, None)
    assert verdict.remark == "No verdict: 3 records without a prediction"


def test_many_unsure_predictions_are_named_least_sure_first():
    unsure = [0.4] * 29 + [0.05] + [0.9] * 10
    violation = the_violation(judge(window(unsure, c4=20, c7=20), DEFAULTS, None), "low_confidence_check")
    assert violation.description == "Best score below 50 % for 75 % of predictions (30 of 40), above the 50 % limit"
    assert violation.offending_records[0].line == 30
    assert violation.offending_records[0].detail == "class 7 with best score 0.05 at 2026-11-20T12:00:30Z"


def test_bare_classes_are_not_judged_by_confidence():
    measured = {measurement.name for measurement in judge(window(c4=20, c7=20), DEFAULTS, None).measurements}
    assert "low_confidence_share" not in measured


def test_few_scores_among_many_bare_classes_do_not_alarm():
    mostly_bare = [0.1] * 5 + [float("nan")] * 35
    assert violated(judge(window(mostly_bare, c4=20, c7=20), DEFAULTS, None)) == []


def test_a_shift_says_from_what_to_what():
    violation = the_violation(judge(window(c4=400, c7=600), DEFAULTS, EVEN_BASELINE), "class_shift_check")
    assert violation.description.startswith(
        "Predicted classes moved by 10 % from the baseline, above the 2 % limit (p = "
    )
    assert violation.description.endswith(
        "Class 7 predicted 60 % of the time (600 of 1000), in the baseline 50 % (500 of 1000)"
    )


def test_a_shift_names_the_newest_records_of_the_class_that_gained():
    violation = the_violation(judge(window(c4=400, c7=600), DEFAULTS, EVEN_BASELINE), "class_shift_check")
    assert violation.offending_records[0].detail.startswith("class 7 at")


def test_the_baselines_own_mix_is_no_shift():
    verdict = judge(window(c4=500, c7=500), DEFAULTS, EVEN_BASELINE)
    assert (value(verdict, "class_shift"), violated(verdict)) == (0, [])


def test_a_class_that_the_baseline_never_saw_is_a_shift():
    assert "class_shift_check" in violated(judge(window(c4=50, c9=50), DEFAULTS, {"4": 100}))


@pytest.mark.parametrize("baseline", [None, {}, {"4": 0}])
def test_without_baseline_counts_there_is_no_shift_check(baseline):
    measured = {measurement.name for measurement in judge(window(c4=50, c7=50), DEFAULTS, baseline).measurements}
    assert "class_shift" not in measured


def test_unreadable_lines_alarm_even_where_nothing_else_can_be_judged():
    summary = dataclasses.replace(window(c4=2), unreadable={"truncated": 1, "nul": 1})
    verdict = judge(summary, DEFAULTS, None)
    assert violated(verdict) == ["unreadable_check"]
    assert verdict.violations[0].description == (
        "50 % of captured lines cannot be read (2 of 4: 1 nul, 1 truncated), above the 1 % limit"
    )


def test_one_unreadable_line_in_a_hundred_is_allowed():
    summary = dataclasses.replace(window(c2=33, c4=33, c7=33), unreadable={"nul": 1})
    assert violated(judge(summary, DEFAULTS, None)) == []


def test_millions_of_one_class_are_judged():
    summary = dataclasses.replace(window(c4=20), class_counts={"4": 5_000_000})
    assert violated(judge(summary, DEFAULTS, {"4": 5_000_000})) == ["class_skew_check"]


def test_statistics_count_every_class():
    assert class_counts(judge(window(c4=3, c7=2), DEFAULTS, None).statistics, "predicted_class") == {"4": 3, "7": 2}


@given(st.dictionaries(st.sampled_from(["c1", "c2", "c3"]), st.integers(1, 200), min_size=1))
def test_a_window_keeps_the_limits_that_it_suggests_itself(counts):
    summary = window(**counts)
    statistics, constraints = suggest_baseline(summary)
    limits = ClassSkewConstraints.model_validate(constraints.monitoring_config["class_skew"])
    assert violated(judge(summary, limits, class_counts(statistics, "predicted_class"))) == []
