"""Suggested limits: AWS's shape, kept by good windows of any size from 200 rows on, broken by bad ones."""

import json

import numpy as np
import pytest

from monitor_jobs.contract.report import Constraints
from monitor_jobs.model_quality.analysis import judge, suggest_baseline
from monitor_jobs.model_quality.constraints import WINDOW_ROWS, limits_from
from monitor_jobs.model_quality.problems import (
    ClassRows,
    NumberRows,
    ScoredRows,
    summarise_binary,
    summarise_multiclass,
    summarise_regression,
)
from monitor_jobs.model_quality.summary import Summary

BASELINE_ROWS = 2_000
TRIALS = 300
ALLOWED = 8  # of 300: a rate of 0.01 has 9 or more once in 250 times


def keys(generator, rows):
    return generator.integers(0, 2**64, rows, dtype=np.uint64)


def binary(generator, rows, skill=2.0):
    positive = generator.random(rows) < 0.2
    scores = 1 / (1 + np.exp(-generator.normal(skill * (positive - 0.5), 1)))
    truths, said = (np.where(flags, "1", "0").tolist() for flags in (positive, scores >= 0.5))
    return Summary(rows, {}, summarise_binary(ScoredRows(truths, said, scores, keys(generator, rows)), "1"))


def multiclass(generator, rows, skill=0.9):
    truths = generator.choice(10, rows, p=np.arange(1, 11) / 55)
    said = np.where(generator.random(rows) < skill, truths, generator.integers(0, 10, rows))
    pairs = ([str(label) for label in labels.tolist()] for labels in (truths, said))
    return Summary(rows, {}, summarise_multiclass(ClassRows(*pairs, keys(generator, rows))))


def regression(generator, rows, skill=1.0):
    truths = generator.normal(20, 5, rows)
    said = truths + generator.standard_t(5, rows) / skill
    return Summary(rows, {}, summarise_regression(NumberRows(truths, said, keys(generator, rows))))


def limits_of(summary):
    _, constraints = suggest_baseline(summary)
    return limits_from(Constraints.model_validate_json(constraints.to_json()), summary.measured.section)


def false_alarms(draw, rows, trials):
    generator = np.random.default_rng(rows)
    violated = 0
    for trial in range(trials):
        if trial % 30 == 0:
            limits = limits_of(draw(generator, BASELINE_ROWS))
        violated += bool(judge(draw(generator, rows), limits, 1).violations)
    return violated


@pytest.mark.parametrize("draw", [binary, multiclass, regression])
def test_good_windows_break_no_limit_but_once_in_a_hundred_times(draw):
    assert false_alarms(draw, WINDOW_ROWS, TRIALS) <= ALLOWED


@pytest.mark.parametrize("draw", [binary, multiclass, regression])
@pytest.mark.parametrize("rows", [500, 50_000])
def test_a_window_never_breaks_a_limit_for_being_large(draw, rows):
    assert false_alarms(draw, rows, 10) == 0


@pytest.mark.parametrize(("draw", "skill"), [(binary, 0.3), (multiclass, 0.5), (regression, 0.3)])
def test_a_bad_window_breaks_them(draw, skill):
    generator = np.random.default_rng(7)
    limits = limits_of(draw(generator, BASELINE_ROWS))
    assert all(judge(draw(generator, WINDOW_ROWS, skill), limits, 1).violations for _ in range(20))


@pytest.mark.parametrize(
    ("draw", "section", "metric", "operator"),
    [
        (binary, "binary_classification", "recall", "LessThanThreshold"),
        (binary, "binary_classification", "false_positive_rate", "GreaterThanThreshold"),
        (binary, "binary_classification", "auc", "LessThanThreshold"),
        (multiclass, "multiclass_classification", "weighted_f2", "LessThanThreshold"),
        (regression, "regression", "rmse", "GreaterThanThreshold"),
        (regression, "regression", "r2", "LessThanThreshold"),
    ],
)
def test_limits_have_awss_shape_and_lie_on_the_worse_side(draw, section, metric, operator):
    statistics, constraints = suggest_baseline(draw(np.random.default_rng(3), BASELINE_ROWS))
    told, limits = json.loads(statistics.to_json()), json.loads(constraints.to_json())
    assert limits.keys() == {"version", f"{section}_constraints"}
    limit = limits[f"{section}_constraints"][metric]
    value = told[f"{section}_metrics"][metric]["value"]
    assert limit["comparison_operator"] == operator
    assert (limit["threshold"] < value) is (operator == "LessThanThreshold")


@pytest.mark.parametrize(("draw", "perfect"), [(multiclass, 1.0), (binary, 30)])
def test_a_perfect_baseline_leaves_room_for_an_error(draw, perfect):
    generator = np.random.default_rng(11)
    limits = limits_of(draw(generator, 300, perfect))
    assert all(limit.threshold < 0.99 for limit in limits.values() if limit.comparison_operator == "LessThanThreshold")
    assert not judge(draw(generator, 500, 0.999 * perfect), limits, 1).violations


@pytest.mark.parametrize("label", ["0", "1"])
@pytest.mark.parametrize("problem", ["binary", "multiclass"])
def test_a_baseline_of_one_class_leaves_room_for_an_error(problem, label):
    def summary(said):
        drawn, truths = keys(np.random.default_rng(3), len(said)), [label] * len(said)
        if problem == "multiclass":
            return Summary(len(said), {}, summarise_multiclass(ClassRows(truths, said, drawn)))
        return Summary(
            len(said), {}, summarise_binary(ScoredRows(truths, said, np.full(len(said), np.nan), drawn), "1")
        )

    limits = limits_of(summary([label] * 5_000))
    assert not judge(summary([label] * 4_999 + ["1" if label == "0" else "0"]), limits, 1).violations


def test_the_same_baseline_suggests_the_same_limits():
    summaries = [multiclass(np.random.default_rng(5), 500) for _ in range(2)]
    first, second = (suggest_baseline(summary)[1].to_json() for summary in summaries)
    assert first == second
