"""The table of metrics: what a name, a help text and labels must be, and that nothing else is exported.

A counter's name ends in _total and says what is counted. Any other ends in its unit (seconds, bytes, ratio), in the
plural of what it counts, in _state where it is 0 or 1, or in _value where its unit is that of another metric.
"""

import re

import pytest
from prometheus_client import CollectorRegistry

from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.codecs import Answer
from service import metrics
from service.control.monitoring_metrics import MonitoringCollector
from service.core.deployment import EndpointSpec
from service.endpoint.accounting import Ledger
from service.endpoint.capture_metrics import CaptureCollector
from service.endpoint.redaction.counts import withheld_counts
from service.endpoint.serving_metrics import ServingMetrics
from service.endpoint.tensor_hook.counts import tensor_steps
from service.metrics import METRICS, Kind, Metric, spec_of
from tests import sagemaker_requests as requests
from tests.sagemaker_requests import NOON, Installation

UNITS = ("seconds", "bytes", "ratio", "invocations", "records", "violations", "state", "value")
# Each takes few values: registered names, enumerations, classes of the model card, HTTP status codes.
BOUNDED_LABELS = {
    *("endpoint", "variant", "schedule"),
    *("class", "code", "source", "reason", "half", "operation", "outcome", "status", "metric"),
}


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_a_name_says_whose_it_is_and_its_unit(spec):
    assert re.fullmatch(r"sextant_[a-z]+(_[a-z]+)*", spec.name)
    assert spec.name.rpartition("_")[2] == "total" if spec.kind is Kind.COUNTER else spec.name.endswith(UNITS)


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_a_help_is_a_sentence(spec):
    assert spec.help[0].isupper() or spec.help[0].isdigit()
    assert spec.help.endswith(".")
    assert "  " not in spec.help


@pytest.mark.parametrize("spec", METRICS, ids=lambda spec: spec.name)
def test_labels_are_bounded_and_begin_with_whose_the_value_is(spec):
    assert set(spec.labels) <= BOUNDED_LABELS
    assert spec.labels[:2] in (metrics.SERVING, metrics.MONITORING) or spec.labels in (("endpoint",), ())
    assert len(set(spec.labels)) == len(spec.labels)


def test_every_metric_is_declared_once():
    assert sorted(spec.name for spec in METRICS) == sorted(Metric)


def test_only_histograms_have_buckets_and_they_rise():
    for spec in METRICS:
        assert bool(spec.buckets) is (spec.kind is Kind.HISTOGRAM)
        assert list(spec.buckets) == sorted(set(spec.buckets))


@pytest.mark.parametrize("kind", [metrics.counter, metrics.gauge, metrics.histogram])
def test_a_metric_is_made_as_the_kind_it_is_declared_as(kind):
    registry = CollectorRegistry()
    for metric in Metric:
        if spec_of(metric).kind == kind.__name__:
            assert kind(metric, registry)._labelnames == spec_of(metric).labels
        else:
            with pytest.raises(
                TypeError, match=f"{metric} is declared as a {spec_of(metric).kind}, not a {kind.__name__}"
            ):
                kind(metric, registry)


def endpoint_spec(folder):
    names = {"endpoint": "signs", "variant": "AllTraffic", "model_name": "signs", "model_data_url": "s3://models/x"}
    return EndpointSpec(**names, spool_folder=folder, spool_budget_bytes=1, flush_interval_seconds=1)


def families(*collectors, registry=None):
    registry = registry or CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return {family.name: family for family in registry.collect()}


@pytest.fixture
def exported(tmp_path):
    """What a control process and an endpoint process export, by scraped name."""
    here = Installation(tmp_path).with_endpoint()
    here.call("CreateMonitoringSchedule", **requests.schedule())
    here.database.processing_jobs.add(requests.ended_job("job-1", metrics={"skew": 0.5}))
    here.database.executions.add(requests.execution(1, processing_job_name="job-1", violations=0, window_records=5))
    serving = ("signs", "AllTraffic")
    capture = CaptureCollector(
        Ledger(budget_bytes=1, queue_bytes=1).snapshot, serving=serving, budget_bytes=1, clock=lambda: NOON
    )
    registry = CollectorRegistry()
    ServingMetrics(registry, endpoint_spec(tmp_path))
    withheld_counts(registry, endpoint="signs", variant="AllTraffic")
    tensor_steps(registry, endpoint="signs", variant="AllTraffic")
    yield families(capture, MonitoringCollector(here.database, lambda: NOON), registry=registry)
    here.database.engine.dispose()


def scraped_name(family):
    return f"{family.name}_total" if family.type == "counter" else family.name


def test_everything_that_is_exported_is_declared_and_the_other_way_round(exported):
    assert sorted(map(scraped_name, exported.values())) == sorted(Metric)


def test_everything_is_exported_with_its_declared_kind_help_and_labels(exported):
    for family in exported.values():
        spec = spec_of(Metric(scraped_name(family)))
        assert (family.type, family.documentation) == (spec.kind, spec.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(spec.labels)


def test_a_model_that_answers_a_class_of_its_own_each_time_grows_nothing(tmp_path):
    registry = CollectorRegistry()
    serving = ServingMetrics(registry, endpoint_spec(tmp_path))
    card = ModelCard(classes=tuple(f"class {number}" for number in range(10_000)))
    for number in range(2000):
        serving.predicted(Answer(b"", "", [f"class {number}", f"made up {number}"]), card)
    assert series_of(registry) <= 1000


def test_ten_thousand_schedules_are_told_of_within_the_most_series(tmp_path):
    here = Installation(tmp_path).with_endpoint()
    for number in range(40):
        here.call("CreateMonitoringSchedule", **requests.schedule(f"hourly-{number}"))
    everything, few = (series_in(here, most) for most in (10_000, 600))
    assert everything["sextant_metrics_left_out_state"] == [0]
    assert len(everything["sextant_last_report_age_seconds"]) == 40
    assert few["sextant_metrics_left_out_state"] == [1]
    assert 0 < len(few["sextant_last_report_age_seconds"]) < 40
    assert sum(map(len, few.values())) <= 600
    here.database.engine.dispose()


def series_in(here, most):
    """Values by name of one scrape of the control process's metrics."""
    families = MonitoringCollector(here.database, lambda: NOON, most_series=most).collect()
    return {family.samples[0].name: [sample.value for sample in family.samples] for family in families}


def series_of(registry):
    return sum(len(family.samples) for family in registry.collect())
