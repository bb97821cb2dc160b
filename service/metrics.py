"""Every metric that Sextant exports, declared once: name with unit, kind, help, bounded labels.

What lives here: the table, and the function that makes one row real in a registry. What does not: measuring (the
roles do). Label values are bounded: endpoints, variants and schedules are registered names, classes are the model
card's first or `other`, reasons, outcomes and statuses from enumerations. Checked in tests/unit/test_metrics.py.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

OTHER_CLASS: Final = "other"
CLASSES_MAX: Final = 200  # of a model card, in its order, that have a label of their own
PUBLISHED_MAX: Final = 200  # of what one job publishes, that have a gauge
SERIES_MAX: Final = 10_000  # of a process: Prometheus must be able to scrape it within a second
SERVING: Final = ("endpoint", "variant")
MONITORING: Final = ("schedule", "endpoint")
LATENCY_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BATCH_BUCKETS: Final = tuple(float(2**power) for power in range(8))
RATIO_BUCKETS: Final = tuple(step / 20 for step in range(1, 21))


class Kind(StrEnum):
    """Prometheus metric types that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Across(StrEnum):
    """What the values of an endpoint's workers make together."""

    SUM = "sum"
    LARGEST = "largest"  # each tells of what they have in common


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One exported metric; `name` as it is scraped, without the _bucket, _sum and _count of histograms."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    across: Across = Across.SUM


class Metric(StrEnum):
    """Names of all metrics."""

    INVOCATIONS = "sextant_invocations_total"
    INVOCATION_SECONDS = "sextant_invocation_duration_seconds"
    MODEL_SECONDS = "sextant_model_duration_seconds"
    BATCH_INVOCATIONS = "sextant_model_batch_invocations"
    INFLIGHT = "sextant_inflight_invocations"
    PREDICTIONS = "sextant_predictions_total"
    CONFIDENCE = "sextant_prediction_confidence_ratio"
    NAN_OUTPUTS = "sextant_nan_outputs_total"
    CAPTURED = "sextant_capture_captured_records_total"
    STORED = "sextant_capture_stored_records_total"
    DROPPED = "sextant_capture_dropped_records_total"
    QUARANTINED = "sextant_capture_quarantined_records_total"
    LEFT = "sextant_capture_left_records_total"
    WITHHELD = "sextant_capture_withheld_bodies_total"
    TENSOR_STEPS = "sextant_tensor_steps_total"
    BACKLOG_RECORDS = "sextant_capture_backlog_records"
    BACKLOG_BYTES = "sextant_capture_backlog_bytes"
    BACKLOG_AGE = "sextant_capture_oldest_backlog_age_seconds"
    SPOOL_CAPACITY = "sextant_capture_spool_capacity_bytes"
    STORE_REQUESTS = "sextant_store_requests_total"
    STORE_REFUSED = "sextant_capture_store_refused_state"
    ENDPOINT_IN_SERVICE = "sextant_endpoint_in_service_state"
    EXECUTION_STATE = "sextant_last_execution_state"
    EXECUTIONS = "sextant_executions_total"
    LAST_VIOLATIONS = "sextant_last_execution_violations"
    WINDOW_RECORDS = "sextant_last_window_records"
    REPORT_AGE = "sextant_last_report_age_seconds"
    SCHEDULE_PERIOD = "sextant_schedule_period_seconds"
    MISSED_SLOTS = "sextant_missed_slots_total"
    IN_ALERT = "sextant_monitoring_alert_state"
    MONITOR_VALUE = "sextant_monitor_metric_value"
    LEFT_OUT = "sextant_metrics_left_out_state"


METRICS: Final = (
    MetricSpec(Metric.INVOCATIONS, Kind.COUNTER, "Requests answered, by HTTP status code.", (*SERVING, "code")),
    MetricSpec(
        Metric.INVOCATION_SECONDS,
        Kind.HISTOGRAM,
        "Time from a request's first byte to its answer.",
        SERVING,
        LATENCY_BUCKETS,
    ),
    MetricSpec(
        Metric.MODEL_SECONDS,
        Kind.HISTOGRAM,
        "Time spent in the model package's own functions, a turn for one request or a batch of them.",
        SERVING,
        LATENCY_BUCKETS,
    ),
    MetricSpec(
        Metric.BATCH_INVOCATIONS, Kind.HISTOGRAM, "Invocations answered in one such turn.", SERVING, BATCH_BUCKETS
    ),
    MetricSpec(Metric.INFLIGHT, Kind.GAUGE, "Requests being answered now.", SERVING),
    MetricSpec(
        Metric.PREDICTIONS,
        Kind.COUNTER,
        "Predictions answered, by class; other than the first 200 of the model card count as other.",
        (*SERVING, "class"),
    ),
    MetricSpec(Metric.CONFIDENCE, Kind.HISTOGRAM, "Best score of each prediction.", SERVING, RATIO_BUCKETS),
    MetricSpec(Metric.NAN_OUTPUTS, Kind.COUNTER, "Answers that hold a NaN or infinite score.", SERVING),
    MetricSpec(
        Metric.CAPTURED,
        Kind.COUNTER,
        "Records taken for capture, from a request or adopted from a process that died."
        " captured = stored + backlog + dropped + quarantined + left.",
        (*SERVING, "source"),
    ),
    MetricSpec(Metric.STORED, Kind.COUNTER, "Captured records that reached the object store.", SERVING),
    MetricSpec(Metric.DROPPED, Kind.COUNTER, "Captured records that were given up, by reason.", (*SERVING, "reason")),
    MetricSpec(
        Metric.QUARANTINED, Kind.COUNTER, "Captured records set aside in segments that cannot be read.", SERVING
    ),
    MetricSpec(
        Metric.LEFT,
        Kind.COUNTER,
        "Captured records that a worker left when it died; another one of the endpoint adopts them.",
        SERVING,
    ),
    MetricSpec(
        Metric.WITHHELD,
        Kind.COUNTER,
        "Bodies that were not captured because rules of redaction could not be applied, by half and reason.",
        (*SERVING, "half", "reason"),
    ),
    MetricSpec(
        Metric.TENSOR_STEPS,
        Kind.COUNTER,
        "Requests whose tensors were to be kept, by outcome: kept, dropped (no room, time or store), or failed.",
        (*SERVING, "outcome"),
    ),
    MetricSpec(Metric.BACKLOG_RECORDS, Kind.GAUGE, "Captured records that wait for the object store.", SERVING),
    MetricSpec(Metric.BACKLOG_BYTES, Kind.GAUGE, "Bytes of captured records that wait for the object store.", SERVING),
    MetricSpec(
        Metric.BACKLOG_AGE,
        Kind.GAUGE,
        "Age of the oldest record that waits for the object store.",
        SERVING,
        across=Across.LARGEST,
    ),
    MetricSpec(Metric.SPOOL_CAPACITY, Kind.GAUGE, "Byte budget of the spool.", SERVING, across=Across.LARGEST),
    MetricSpec(
        Metric.STORE_REQUESTS,
        Kind.COUNTER,
        "Requests to the object store, by operation and outcome.",
        (*SERVING, "operation", "outcome"),
    ),
    MetricSpec(
        Metric.STORE_REFUSED,
        Kind.GAUGE,
        "1 where the object store denies access or knows no such bucket, else 0.",
        SERVING,
        across=Across.LARGEST,
    ),
    MetricSpec(Metric.ENDPOINT_IN_SERVICE, Kind.GAUGE, "1 where the endpoint is InService, else 0.", ("endpoint",)),
    MetricSpec(
        Metric.EXECUTION_STATE,
        Kind.GAUGE,
        "1 for the status of the schedule's last execution, 0 for all others.",
        (*MONITORING, "status"),
    ),
    MetricSpec(Metric.EXECUTIONS, Kind.COUNTER, "Executions that have ended, by status.", (*MONITORING, "status")),
    MetricSpec(Metric.LAST_VIOLATIONS, Kind.GAUGE, "Violations found by the last finished execution.", MONITORING),
    MetricSpec(Metric.WINDOW_RECORDS, Kind.GAUGE, "Captured records in the last finished window.", MONITORING),
    MetricSpec(
        Metric.REPORT_AGE,
        Kind.GAUGE,
        "Time since the last finished execution, or since the schedule was created, updated or started where later.",
        MONITORING,
    ),
    MetricSpec(
        Metric.SCHEDULE_PERIOD,
        Kind.GAUGE,
        "Time between the next two slots; absent while the schedule is stopped, and where none are left.",
        MONITORING,
    ),
    MetricSpec(Metric.MISSED_SLOTS, Kind.COUNTER, "Slots too old to be caught up with.", MONITORING),
    MetricSpec(
        Metric.IN_ALERT,
        Kind.GAUGE,
        "1 while the schedule's monitoring alert is InAlert; absent until an execution has ended with a verdict.",
        MONITORING,
    ),
    MetricSpec(
        Metric.MONITOR_VALUE,
        Kind.GAUGE,
        "Last value of a metric that the monitor's container published.",
        (*MONITORING, "metric"),
    ),
    MetricSpec(
        Metric.LEFT_OUT,
        Kind.GAUGE,
        f"1 where there are more schedules or endpoints than {SERIES_MAX} series have room for, else 0.",
    ),
)

# A `_created` sample beside each counter would double what is scraped, and say nothing that a restart does not.
disable_created_metrics()  # type: ignore[no-untyped-call]

_BY_NAME: Final = {spec.name: spec for spec in METRICS}


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """The counter of that name, registered."""
    spec = _spec(metric, Kind.COUNTER)
    return Counter(spec.name, spec.help, spec.labels, registry=registry)


def gauge(metric: Metric, registry: CollectorRegistry) -> Gauge:
    """The gauge of that name, registered."""
    spec = _spec(metric, Kind.GAUGE)
    return Gauge(spec.name, spec.help, spec.labels, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """The histogram of that name, registered."""
    spec = _spec(metric, Kind.HISTOGRAM)
    return Histogram(spec.name, spec.help, spec.labels, buckets=spec.buckets, registry=registry)


def spec_of(metric: Metric) -> MetricSpec:
    """The declaration of a metric."""
    return _BY_NAME[metric]


def _spec(metric: Metric, kind: Kind) -> MetricSpec:
    spec = spec_of(metric)
    if spec.kind is not kind:
        raise TypeError(f"{metric} is declared as a {spec.kind}, not a {kind}")
    return spec
