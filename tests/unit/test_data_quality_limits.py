"""Limits are read as AWS's reference, its SDK and its samples write them, and refused with a sentence otherwise."""

import pytest
from pydantic import ValidationError

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import Constraints, Statistics
from monitor_jobs.data_quality.checks.baseline_columns import baseline_columns
from monitor_jobs.data_quality.checks.limits import limits_from
from monitor_jobs.data_quality.checks.numeric_distance import Edges

OFF = {"evaluate_constraints": "Disabled"}


def limits(*features, environment=None, **config):
    return limits_from(environment or {}, Constraints(features=list(features), monitoring_config=config))


def numeric_statistics(least=0.0, **kll):
    common = {"num_present": 100, "num_missing": 0}
    numbers = {"common": common, "min": least, "distribution": {"kll": kll}}
    feature = {"name": "x", "inferred_type": "Fractional", "numerical_statistics": numbers}
    return Statistics.model_validate({"dataset": {"item_count": 100}, "features": [feature]})


def test_the_defaults_are_awss():
    config = limits().config
    assert (config.datatype_check_threshold, config.domain_content_threshold) == (1.0, 1.0)
    shapes = config.distribution_constraints
    assert (shapes.comparison_threshold, shapes.comparison_method, shapes.categorical_threshold) == (0.1, "Robust", 0.1)
    assert shapes.categorical_drift_method == "LInfinity"


def test_categories_take_the_threshold_of_numbers_where_they_have_none():
    assert (
        limits(
            distribution_constraints={"comparison_threshold": 0.3}
        ).config.distribution_constraints.categorical_threshold
        == 0.3
    )


@pytest.mark.parametrize("spelling", ["monitoringConfigOverrides", "monitoring_config_overrides"])
def test_a_columns_overrides_are_read_in_both_spellings(spelling):
    read = limits({"name": "x", spelling: OFF}, {"name": "y"})
    assert (read.columns["x"].config.evaluated, read.columns["y"].config.evaluated) == (False, True)


def test_overrides_inside_string_constraints_are_read_too():
    assert (
        not limits({"name": "x", "string_constraints": {"monitoring_config_overrides": OFF}})
        .columns["x"]
        .config.evaluated
    )


def test_a_column_overrides_one_field_of_a_section_and_keeps_the_others():
    own = {"monitoringConfigOverrides": {"distribution_constraints": {"comparison_threshold": 0.4}}}
    read = limits({"name": "x"} | own, distribution_constraints={"comparison_method": "Simple"})
    shapes = read.columns["x"].config.distribution_constraints
    assert (shapes.comparison_threshold, shapes.comparison_method) == (0.4, "Simple")


def test_the_environment_stands_between_the_file_and_a_columns_own():
    own = {"monitoringConfigOverrides": {"distribution_constraints": {"categorical_drift_method": "LInfinity"}}}
    read = limits({"name": "x"} | own, {"name": "y"}, environment={"categorical_drift_method": "ChiSquared"})
    methods = [read.columns[name].config.distribution_constraints.categorical_drift_method for name in "xy"]
    assert methods == ["LInfinity", "ChiSquared"]


@pytest.mark.parametrize(
    ("feature", "sentence"),
    [
        ({"name": "x", "completeness": "lots"}, r"features\[0\].completeness in constraints.json is 'lots'"),
        ({"name": "x", "completeness": float("nan")}, r"features\[0\].completeness in constraints.json is nan"),
        ({"name": "x", "completeness": 1.5}, r"features\[0\].completeness in constraints.json is 1.5"),
        ({"name": "x", "inferred_type": "Int"}, r"features\[0\].inferred_type in constraints.json is 'Int'"),
        ({"inferred_type": "String"}, r"features\[0\].name in constraints.json"),
        (
            {"name": "x", "monitoringConfigOverrides": {"datatype_check_threshold": 7}},
            r"features\[0\].monitoringConfigOverrides.datatype_check_threshold in constraints.json is 7",
        ),
    ],
)
def test_a_feature_that_does_not_fit_is_named(feature, sentence):
    with pytest.raises(BadInput, match=sentence):
        limits(feature)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"evaluate_constraints": True}, "monitoring_config.evaluate_constraints in constraints.json is True"),
        ({"distribution_constraints": 3}, "monitoring_config.distribution_constraints in constraints.json is 3"),
        (
            {"distribution_constraints": {"comparison_method": "KS"}},
            "distribution_constraints.comparison_method in constraints.json is 'KS'",
        ),
        (
            {"distribution_constraints": {"comparison_threshold": -1}},
            "distribution_constraints.comparison_threshold in constraints.json is -1",
        ),
    ],
)
def test_a_configuration_that_does_not_fit_is_named(config, sentence):
    with pytest.raises(BadInput, match=sentence):
        limits(**config)


def test_a_column_listed_twice_is_refused():
    with pytest.raises(BadInput, match="names 'x' twice"):
        limits({"name": "x"}, {"name": "x"})


def test_an_unknown_method_in_the_environment_is_refused():
    with pytest.raises(BadInput, match="categorical_drift_method is 'PSI': make it LInfinity or ChiSquared"):
        limits(environment={"categorical_drift_method": "PSI"})


def test_sections_of_other_monitors_are_passed_over():
    assert limits(class_skew={"threshold": 0.5}).config == limits().config


def test_a_sketch_is_read_as_levels_of_doubling_weight():
    sample = baseline_columns(numeric_statistics(sketch={"data": [[3.0], [1.0, 2.0]]}))["x"].numbers
    assert (sample.values.tolist(), sample.counts.tolist(), sample.total) == ([1, 2, 3], [2, 4, 5], 5)


def test_without_a_sketch_the_ten_buckets_are_what_is_known():
    buckets = [{"lower_bound": i, "upper_bound": i + 1, "count": 10.0} for i in range(10)]
    edges = baseline_columns(numeric_statistics(buckets=buckets))["x"].numbers
    assert isinstance(edges, Edges)
    assert (edges.edges.tolist(), edges.below.tolist(), edges.total) == (
        list(range(1, 10)),
        list(range(10, 100, 10)),
        100,
    )


@pytest.mark.parametrize(
    "kll",
    [
        {"sketch": {"data": [["a"]]}},
        {"sketch": {"data": [[float("nan")]]}},
        {"sketch": {"data": [[]] * 65}},
        {"buckets": [{"lower_bound": 0, "upper_bound": 1, "count": -1}]},
    ],
)
def test_statistics_that_do_not_fit_are_refused_as_they_are_read(kll):
    with pytest.raises(ValidationError, match=r"features.0.numerical_statistics.distribution.kll"):
        numeric_statistics(**kll)


def test_a_least_value_that_is_no_number_says_nothing():
    assert baseline_columns(numeric_statistics(least="NaN"))["x"].minimum is None


def test_an_unknown_type_in_the_statistics_is_named():
    feature = {"name": "x", "inferred_type": "Bool"}
    with pytest.raises(BadInput, match=r"inferred_type of feature 'x' in statistics.json is 'Bool'"):
        baseline_columns(Statistics.model_validate({"dataset": {"item_count": 1}, "features": [feature]}))
