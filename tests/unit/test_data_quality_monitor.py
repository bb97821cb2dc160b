"""Data quality as a monitor: settings, what it publishes, and what it says where there is nothing to compare with."""

import pytest

from monitor_jobs.contract.container import StatisticValues
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.data_quality.monitor import DataQuality
from monitor_jobs.data_quality.summarising import empty, summarise
from monitor_jobs.model_monitor_analyzer.choice import chosen_monitor
from monitor_jobs.model_quality.monitor import ModelQuality
from monitor_jobs.monitor import Baseline, Verdict
from tests.unit.feature_tables import table

MONITOR = DataQuality()
GOOD = summarise(table(x=[*range(1, 101)], t=["a", "b"] * 50))
WINDOW = summarise(table(x=[5, 7, None, 6], t=["a", None, "a", "b"]))
SCHEDULE = {"sagemaker_monitoring_schedule_name": "hourly"}


def baseline(**config: object) -> Baseline:
    suggested = MONITOR.suggest_baseline(GOOD)
    merged = {**suggested.constraints.monitoring_config, **config}
    return Baseline(suggested.statistics, suggested.constraints.model_copy(update={"monitoring_config": merged}))


def verdict(summary=WINDOW, given: Baseline | None = None, **environment: str) -> Verdict:
    settings = MONITOR.settings(environment, given or Baseline())
    return MONITOR.judge(summary, settings)


def test_metrics_have_awss_names_and_statistics():
    metrics = verdict(given=baseline()).metrics
    assert metrics["feature_data_x"] == StatisticValues(sample_count=3, sum=18, minimum=5, maximum=7)
    assert metrics["feature_non_null_x"] == StatisticValues(sample_count=4, sum=3, minimum=0, maximum=1)
    assert metrics["feature_non_null_t"] == StatisticValues(sample_count=4, sum=3, minimum=0, maximum=1)
    assert metrics["feature_baseline_drift_x"] >= 0
    assert set(metrics) == {
        *("feature_data_x", "feature_non_null_x", "feature_non_null_t"),
        *("feature_baseline_drift_x", "feature_baseline_drift_t"),
    }


def test_the_largest_drift_is_published_first():
    moved = summarise(table(x=[*range(1, 101)], t=["a"] * 100))
    first, second, *_ = verdict(moved, baseline()).metrics.items()
    assert first == ("feature_baseline_drift_t", pytest.approx(0.5, abs=0.3))
    assert second == ("feature_baseline_drift_x", 0.0)


def test_no_metrics_are_published_where_they_are_disabled():
    assert verdict(given=baseline(emit_metrics="Disabled")).metrics == {}


def test_a_column_may_publish_none_of_its_own():
    given = baseline()
    given.constraints.features[0]["monitoringConfigOverrides"] = {"emit_metrics": "Disabled"}
    assert {name.rpartition("_")[2] for name in verdict(given=given).metrics} == {"t"}


def test_a_column_of_nothing_has_no_data_to_publish():
    nothing = summarise(table(x=[None, None]))
    assert verdict(nothing).metrics == {
        "feature_non_null_x": StatisticValues(sample_count=2, sum=0, minimum=0, maximum=0)
    }


def test_a_window_that_fits_its_baseline_has_no_violation():
    clean = verdict(GOOD, baseline())
    assert (clean.violations, clean.remark) == ((), "")
    assert clean.constraints == baseline().constraints


def test_a_window_that_does_not_fit_is_told_by_column():
    strange = summarise(table(x=["high"] * 200, t=["a"] * 200))
    rows = {(row.feature_name, row.constraint_check_type) for row in verdict(strange, baseline()).violations}
    assert ("x", "data_type_check") in rows
    assert ("t", "baseline_drift_check") in rows


def test_without_a_baseline_nothing_is_compared_and_one_is_suggested():
    found = verdict(**SCHEDULE)
    assert found.remark.startswith("No comparison: no baseline was given")
    assert (found.measurements, found.violations) == ((), ())
    assert [feature["name"] for feature in found.constraints.features] == ["x", "t"]
    assert found.statistics.dataset.item_count == 4


def test_one_half_of_a_baseline_is_a_baseline():
    given = baseline()
    assert verdict(given=Baseline(statistics=given.statistics)).remark == ""
    assert verdict(given=Baseline(constraints=given.constraints)).remark == ""


def test_a_scheduled_window_without_rows_is_no_verdict():
    for given in (Baseline(), baseline()):
        found = verdict(empty(), given, **SCHEDULE)
        assert found.remark.startswith("No ")
        assert (found.constraints, found.violations) == (None, ())


def test_a_baseline_job_without_rows_fails():
    with pytest.raises(BadInput, match="no row in the dataset"):
        verdict(empty())


def test_a_setting_that_does_not_fit_is_named():
    with pytest.raises(BadInput, match="categorical_drift_method is 'Best'"):
        MONITOR.settings({"categorical_drift_method": "Best"}, Baseline())


def test_columns_without_names_get_those_of_the_baseline():
    card = ModelCard()
    given = baseline()
    assert MONITOR.settings({}, given).row_rules(card).names == ("x", "t")
    assert MONITOR.settings({}, Baseline(constraints=given.constraints)).row_rules(card).names == ("x", "t")
    assert MONITOR.settings({}, Baseline()).row_rules(card).names == ()


def test_awss_image_is_data_quality_unless_another_analysis_is_asked_for():
    assert chosen_monitor({}) == MONITOR
    assert chosen_monitor({"analysis_type": "MODEL_QUALITY"}) == ModelQuality()
    with pytest.raises(BadInput, match="analysis_type is 'MODEL_BIAS'"):
        chosen_monitor({"analysis_type": "MODEL_BIAS"})
