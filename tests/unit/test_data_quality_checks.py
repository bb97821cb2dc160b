"""Every check of data quality fires where it should, says so in AWS's words, and measures what it judges."""

import numpy as np
import pytest

from monitor_jobs.contract.report import Measurement
from monitor_jobs.data_quality.summary import Categories
from tests.unit.quality_columns import checks_of, column, dataset, judged, numbers, statistics_of, texts

INTEGRAL = {"name": "x", "inferred_type": "Integral"}
FRACTIONAL = {"name": "x", "inferred_type": "Fractional"}
STRING = {"name": "x", "inferred_type": "String"}
NORMAL = np.random.default_rng(1).normal(size=5000)


def measured(verdict, metric) -> Measurement:
    return next(row for row in verdict.measurements if row.name == f"feature_{metric}_x")


def test_values_of_another_type_break_the_type_check_in_awss_words():
    verdict = judged(dataset(column(integral=844, text=3)), INTEGRAL)
    assert checks_of(verdict) == ["data_type_check"]
    assert verdict.violations[0].description.startswith(
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only 99.64580873671783% of data is Integral."
    )


def test_an_integer_is_a_fraction_too():
    assert checks_of(judged(dataset(column(integral=5, fractional=5)), FRACTIONAL)) == []


def test_the_type_threshold_leaves_room():
    window = dataset(column(integral=95, text=5))
    assert checks_of(judged(window, INTEGRAL, datatype_check_threshold=0.95)) == []


def test_a_text_column_that_turned_into_numbers_is_of_another_type():
    before = statistics_of(dataset(texts({"red": 600, "blue": 400})))
    window = dataset(column(fractional=500, categories=Categories(others=500)))
    assert "data_type_check" in checks_of(judged(window, STRING, statistics=before))


def test_a_text_column_that_had_numbers_before_may_have_them_again():
    before = statistics_of(dataset(texts({"A": 600, "100": 400})))
    window = dataset(texts({"100": 200}, text=300, integral=200))
    assert "data_type_check" not in checks_of(judged(window, STRING, statistics=before))


def test_missing_values_break_completeness_with_the_count():
    verdict = judged(dataset(column(integral=90, missing=10)), INTEGRAL | {"completeness": 1.0})
    assert checks_of(verdict) == ["completeness_check"]
    assert (
        "Observed: Only 90.0% of data is complete. 10 of 100 rows have no value." in verdict.violations[0].description
    )


def test_a_column_of_nothing_breaks_completeness_and_nothing_else():
    before = statistics_of(dataset(numbers(NORMAL)))
    verdict = judged(dataset(column(missing=500)), FRACTIONAL | {"completeness": 1.0}, statistics=before)
    assert checks_of(verdict) == ["completeness_check"]
    assert measured(verdict, "completeness").value == 0


def test_rows_that_lack_the_column_count_as_missing():
    verdict = judged(dataset(column(integral=50), rows=100), INTEGRAL | {"completeness": 0.9})
    assert measured(verdict, "completeness").value == 0.5


def test_numbers_below_zero_are_named_after_the_constraint():
    verdict = judged(dataset(numbers([1.0, -2.5, 3.0])), FRACTIONAL | {"num_constraints": {"is_non_negative": True}})
    assert checks_of(verdict) == ["is_non_negative_check"]
    assert "1 of 3 numbers are below zero, the least -2.5." in verdict.violations[0].description


def test_unknown_texts_are_shown_and_clipped():
    window = dataset(texts({"red": 90, "x" * 500: 10}))
    verdict = judged(window, STRING | {"string_constraints": {"domains": ["red"]}})
    assert checks_of(verdict) == ["categorical_values_check"]
    assert f"most often '{'x' * 37}...' (10 times)" in verdict.violations[0].description


def test_domains_of_numbers_are_compared_as_texts():
    window = dataset(column(integral=10, categories=Categories({"0": 5, "1": 5})))
    assert checks_of(judged(window, INTEGRAL | {"string_constraints": {"domains": [0, 1]}})) == []


def test_numeric_drift_says_distance_and_threshold_at_its_end():
    before = statistics_of(dataset(numbers(NORMAL)))
    verdict = judged(dataset(numbers(NORMAL + 1)), FRACTIONAL, statistics=before)
    assert checks_of(verdict) == ["baseline_drift_check"]
    row = measured(verdict, "baseline_drift")
    assert verdict.violations[0].description == f"Baseline drift distance: {row.value} exceeds threshold: 0.1"


@pytest.mark.parametrize("robust", ["Robust", "linf_robust"])
def test_robust_takes_off_what_few_values_add(robust):
    before = statistics_of(dataset(numbers(NORMAL)))
    window = dataset(numbers(NORMAL[:500] + 1))
    simple, corrected = (
        measured(
            judged(window, FRACTIONAL, statistics=before, distribution_constraints={"comparison_method": method}),
            "baseline_drift",
        ).value
        for method in ("Simple", robust)
    )
    assert simple - corrected == pytest.approx(1.8 * np.sqrt(5500 / (500 * 5000)))


def test_infinite_numbers_are_a_drift():
    before = statistics_of(dataset(numbers(NORMAL)))
    window = dataset(numbers(NORMAL, infinite=2500))
    assert measured(judged(window, FRACTIONAL, statistics=before), "baseline_drift").value > 0.25


@pytest.mark.parametrize("method", ["LInfinity", "ChiSquared"])
def test_categorical_drift_is_found_by_either_method(method):
    before = statistics_of(dataset(texts({"red": 5000, "blue": 5000})))
    window = dataset(texts({"red": 800, "blue": 200}))
    config = {"categorical_drift_method": method}
    assert checks_of(judged(window, STRING, statistics=before, distribution_constraints=config)) == [
        "baseline_drift_check"
    ]


def test_chi_squared_holds_an_effect_and_not_a_sample_size():
    before = statistics_of(dataset(texts({"red": 5_000_000, "blue": 5_000_000})))
    window = dataset(texts({"red": 5_050_000, "blue": 4_950_000}))  # p < 1e-100, and half a point
    config = {"categorical_drift_method": "ChiSquared"}
    verdict = judged(window, STRING, statistics=before, distribution_constraints=config)
    assert checks_of(verdict) == []
    assert measured(verdict, "baseline_drift").value == pytest.approx(0.005, abs=1e-4)


def test_the_environment_chooses_the_method_of_categories():
    before = statistics_of(dataset(texts({"red": 500, "blue": 500})))
    window = dataset(texts({"red": 800, "blue": 200}))
    plain, chosen = (
        measured(judged(window, STRING, statistics=before, environment=environment), "baseline_drift").value
        for environment in ({}, {"categorical_drift_method": "ChiSquared"})
    )
    assert plain != chosen


def test_a_renamed_column_is_missing_and_extra():
    verdict = judged(dataset(column("renamed", integral=5)), INTEGRAL)
    assert checks_of(verdict) == ["missing_column_check", "extra_column_check"]
    assert verdict.violations[0].description == (
        "There are missing columns in current dataset. Number of columns in current dataset: 1, "
        "Number of columns in baseline constraints: 1. Missing: 'x'"
    )


def test_very_many_extra_columns_make_one_short_violation():
    verdict = judged(dataset(*(column(f"c{i}", integral=1) for i in range(2000)), column(integral=1)), INTEGRAL)
    assert [row.value for row in verdict.measurements if row.name == "extra_columns"] == [2000]
    assert verdict.violations[0].description.endswith("'c24' and 1975 more")


def test_a_column_not_evaluated_is_measured_without_a_limit_and_may_be_missing():
    off = {"monitoringConfigOverrides": {"evaluate_constraints": "Disabled"}}
    verdict = judged(dataset(column(text=5)), INTEGRAL | off, {"name": "y", "inferred_type": "String"} | off)
    assert checks_of(verdict) == []
    assert measured(verdict, "data_type_match").limit is None


def test_nothing_is_a_violation_where_constraints_are_not_evaluated():
    assert checks_of(judged(dataset(column("y", text=5)), INTEGRAL, evaluate_constraints="Disabled")) == []


def test_distributions_are_not_compared_where_comparison_is_disabled():
    before = statistics_of(dataset(numbers(NORMAL)))
    config = {"perform_comparison": "Disabled"}
    verdict = judged(dataset(numbers(NORMAL + 9)), FRACTIONAL, statistics=before, distribution_constraints=config)
    assert not any("drift" in row.name for row in verdict.measurements)


def test_an_empty_window_has_no_verdict():
    verdict = judged(dataset(), INTEGRAL)
    assert (verdict.violations, verdict.measurements, verdict.remark) == ((), (), "No verdict: 0 rows")


def test_a_baseline_of_no_values_compares_with_nothing():
    before = statistics_of(dataset(column(missing=10)))
    verdict = judged(dataset(numbers(NORMAL)), {"name": "x", "inferred_type": "Unknown"}, statistics=before)
    assert checks_of(verdict) == []


def test_without_constraints_the_baseline_says_what_is_expected():
    before = statistics_of(dataset(numbers(NORMAL)))
    assert checks_of(judged(dataset(numbers(NORMAL + 1)), statistics=before)) == ["baseline_drift_check"]


def test_a_name_too_long_for_cloudwatch_is_cut_and_stays_one_of_its_kind():
    names = ["n" * 300 + end for end in "ab"]
    window = dataset(*(column(name, integral=1) for name in names))
    verdict = judged(window, *({"name": name, "inferred_type": "Integral"} for name in names))
    metrics = {row.name for row in verdict.measurements if row.name.startswith("feature")}
    assert len(metrics) == 2
    assert max(map(len, metrics)) <= 255


def test_one_odd_value_in_five_million_is_what_chance_explains():
    before = statistics_of(dataset(column(integral=1_000_000)))
    window = dataset(column(integral=4_999_999, text=1))
    assert checks_of(judged(window, INTEGRAL, statistics=before)) == []
    assert checks_of(judged(window, INTEGRAL)) == ["data_type_check"]  # no baseline to excuse it: AWS's plain rule


def test_a_limit_that_the_baseline_itself_breaks_is_held_as_it_is_written():
    before = statistics_of(dataset(column(integral=980, missing=20)))
    window = dataset(column(integral=985, missing=15))
    assert checks_of(judged(window, INTEGRAL | {"completeness": 0.98}, statistics=before)) == []
    assert checks_of(judged(window, INTEGRAL | {"completeness": 0.99}, statistics=before)) == ["completeness_check"]


def test_one_row_is_no_drift_however_far_out_it_is():
    before = statistics_of(dataset(numbers(NORMAL)))
    verdict = judged(dataset(numbers([99.0])), FRACTIONAL | {"completeness": 1.0}, statistics=before)
    assert checks_of(verdict) == []


def test_a_type_that_the_baseline_was_not_of_is_asked_for_as_it_is_written():
    before = statistics_of(dataset(column(integral=10, fractional=500_000)))
    window = dataset(column(integral=1999, fractional=1))
    assert checks_of(judged(window, INTEGRAL, statistics=before)) == ["data_type_check"]


def test_a_baseline_of_integers_vouches_for_fractions():
    before = statistics_of(dataset(column(integral=1000)))
    window = dataset(column(fractional=1999, text=1))
    assert checks_of(judged(window, FRACTIONAL, statistics=before)) == []
