"""constraints.json that a baseline suggests."""

import pyarrow as pa
import pytest

from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.data_quality.baseline import MAX_DOMAIN, suggested_constraints
from monitor_jobs.data_quality.checks.baseline_columns import baseline_columns
from monitor_jobs.data_quality.checks.judging import judge
from monitor_jobs.data_quality.checks.limits import ComparisonMethod, limits_from
from monitor_jobs.data_quality.statistics import statistics_of
from monitor_jobs.data_quality.summarising import empty, summarise
from monitor_jobs.feature_table import FeatureTable
from tests.unit.feature_tables import table


def suggested(values, kind=None) -> dict:
    (feature,) = suggested_constraints(summarise(table(x=pa.array(values, kind)))).features
    return feature


def domain(texts) -> list[str] | None:
    return suggested(texts).get("string_constraints", {}).get("domains")


def test_a_number_has_its_type_its_completeness_and_its_sign():
    assert suggested([1, 0, 2, None]) == {
        "name": "x",
        "inferred_type": "Integral",
        "completeness": 0.75,
        "num_constraints": {"is_non_negative": True},
    }
    assert suggested([1.5, -0.5])["num_constraints"] == {"is_non_negative": False}


def test_a_text_of_few_values_has_them_as_its_domain():
    assert suggested(["no", "yes"] * 5) == {
        "name": "x",
        "inferred_type": "String",
        "completeness": 1.0,
        "string_constraints": {"domains": ["no", "yes"]},
    }


def test_a_text_whose_values_are_seen_once_has_no_domain():
    assert domain(["a", "a", "b", "b", "once"]) is None
    names = [f"name-{number}" for number in range(10)]
    assert domain(names[:9] * 2 + names[9:]) == names


def test_a_text_of_more_values_than_a_domain_holds_has_none():
    names = [f"{number:03}x" for number in range(MAX_DOMAIN + 1)]
    assert domain(names[:MAX_DOMAIN] * 2) == names[:MAX_DOMAIN]
    assert domain(names * 2) is None


def test_a_column_without_values_is_unknown_and_bare():
    assert suggested([None, None], pa.string()) == {"name": "x", "inferred_type": "Unknown", "completeness": 0.0}


def test_the_configuration_is_the_one_that_aws_suggests():
    config = suggested_constraints(summarise(table(x=[1]))).monitoring_config
    limits = limits_from({}, suggested_constraints(summarise(table(x=[1]))))
    assert set(config) == {
        "evaluate_constraints",
        "emit_metrics",
        "datatype_check_threshold",
        "domain_content_threshold",
        "distribution_constraints",
    }
    assert limits.config.distribution_constraints.comparison_method is ComparisonMethod.ROBUST
    assert (limits.config.emitted, limits.config.evaluated) == (True, True)


def test_a_dataset_keeps_what_it_suggests_itself():
    columns = {
        "number": [*range(-50, 50), None],
        "share": [row / 7 for row in range(101)],
        "text": ["a", "b", None] * 33 + ["a", "b"],
        "nothing": pa.nulls(101, pa.string()),
    }
    summary = summarise(table(**columns))
    limits = limits_from({}, suggested_constraints(summary))
    assert judge(summary, baseline_columns(statistics_of(summary)), limits).violations == ()


def test_no_row_makes_no_baseline():
    with pytest.raises(BadInput, match=r"no row in the dataset \(0 lines cannot be read\): give a baseline"):
        suggested_constraints(empty())
    broken = FeatureTable({}, rows=0, unreadable={UnreadableReason.MALFORMED: 3})
    with pytest.raises(BadInput, match="3 lines cannot be read"):
        suggested_constraints(summarise(broken))
