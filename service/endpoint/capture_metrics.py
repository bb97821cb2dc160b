"""The capture's counts as Prometheus metrics; one scrape is one snapshot, so that its numbers add up.

What lives here: the collector. What does not: counting (accounting), the names and help texts (service.metrics).
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from service.endpoint.snapshot import Snapshot
from service.endpoint.spool import Clock
from service.metrics import Metric, spec_of

Values = Mapping[tuple[str, ...], float]


class CaptureCollector(Collector):
    """All capture metrics of one variant. Register it: `registry.register(CaptureCollector(...))`."""

    def __init__(
        self, snapshot: Callable[[], Snapshot], *, serving: tuple[str, str], budget_bytes: int, clock: Clock
    ) -> None:
        self._snapshot = snapshot
        self._serving = serving
        self._budget_bytes = budget_bytes
        self._clock = clock

    def collect(self) -> Iterator[Family]:
        """Every family, of the same instant. Called by prometheus_client at each scrape."""
        now = self._snapshot()
        yield self._counter(Metric.CAPTURED, {(source,): count for source, count in now.captured.items()})
        yield self._counter(Metric.STORED, {(): now.stored})
        yield self._counter(Metric.DROPPED, {(reason,): count for reason, count in now.dropped.items()})
        yield self._counter(Metric.QUARANTINED, {(): now.quarantined})
        yield self._counter(Metric.LEFT, {(): 0})  # of a process that lives; see workers.pages
        yield self._counter(Metric.STORE_REQUESTS, now.store_requests)
        yield self._gauge(Metric.STORE_REFUSED, float(now.store_refuses))
        yield self._gauge(Metric.BACKLOG_RECORDS, now.backlog_records)
        yield self._gauge(Metric.BACKLOG_BYTES, now.backlog_bytes)
        yield self._gauge(Metric.BACKLOG_AGE, self._age_seconds(now.oldest_backlog))
        yield self._gauge(Metric.SPOOL_CAPACITY, self._budget_bytes)

    def _age_seconds(self, oldest: datetime | None) -> float:
        return 0.0 if oldest is None else max(0.0, (self._clock() - oldest).total_seconds())

    def _counter(self, metric: Metric, values: Values) -> CounterMetricFamily:
        spec = spec_of(metric)
        family = CounterMetricFamily(spec.name, spec.help, labels=spec.labels)
        for labels, value in values.items():
            family.add_metric((*self._serving, *labels), value)
        return family

    def _gauge(self, metric: Metric, value: float) -> GaugeMetricFamily:
        spec = spec_of(metric)
        family = GaugeMetricFamily(spec.name, spec.help, labels=spec.labels)
        family.add_metric(self._serving, value)
        return family
