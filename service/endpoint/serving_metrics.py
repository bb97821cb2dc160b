"""The endpoint's own metrics, made real for one endpoint and variant."""

import threading
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as PrometheusMetric
from prometheus_client.registry import Collector

from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.codecs import Answer
from service.core.deployment import EndpointSpec
from service.endpoint.predictions import read_predictions
from service.metrics import CLASSES_MAX, Metric, counter, gauge, histogram

STATUSES_MAX: Final = 64
LABELS_MAX: Final = CLASSES_MAX + 1  # and `other`
UNREAD_MAX: Final = 64  # answers whose predictions are not counted yet
UNREAD_BYTES_MAX: Final = 2**20


class ServingMetrics(Collector):
    """Counts what one endpoint process answers; safe to call from any thread.

    What was predicted is read of many answers at once, at the latest when somebody looks.
    """

    def __init__(self, registry: CollectorRegistry, spec: EndpointSpec) -> None:
        labels: Mapping[str, str] = {"endpoint": spec.endpoint, "variant": spec.variant}
        self._unread: list[Answer] = []
        self._unread_bytes = 0
        self._card = ModelCard()
        self._reading = threading.Lock()
        registry.register(self)  # before those that it counts with
        self.registry = registry
        invocations, predictions = counter(Metric.INVOCATIONS, registry), counter(Metric.PREDICTIONS, registry)
        # looked up once: finding a labelled child takes longer than counting with it
        self._invocations = lru_cache(STATUSES_MAX)(lambda status: invocations.labels(**labels, code=str(status)))
        self._predictions = lru_cache(LABELS_MAX)(lambda name: predictions.labels(**labels, **{"class": name}))
        self._seconds = histogram(Metric.INVOCATION_SECONDS, registry).labels(**labels)
        self._model_seconds = histogram(Metric.MODEL_SECONDS, registry).labels(**labels)
        self._batch_invocations = histogram(Metric.BATCH_INVOCATIONS, registry).labels(**labels)
        self._confidence = histogram(Metric.CONFIDENCE, registry).labels(**labels)
        self._nan_outputs = counter(Metric.NAN_OUTPUTS, registry).labels(**labels)
        self.inflight = gauge(Metric.INFLIGHT, registry).labels(**labels)

    def answered(self, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._invocations(status).inc()
        self._seconds.observe(seconds)

    def model_ran(self, seconds: float, requests: int) -> None:
        """Note how long the package's functions took for one request, or for several at once."""
        self._model_seconds.observe(seconds)
        self._batch_invocations.observe(requests)

    def predicted(self, answer: Answer, card: ModelCard) -> None:
        """Count the predictions of one answer; the card is that of this process's one model."""
        with self._reading:
            self._card = card
            self._unread.append(answer)
            self._unread_bytes += len(answer.body)
            if len(self._unread) >= UNREAD_MAX or self._unread_bytes >= UNREAD_BYTES_MAX:
                self._read()

    def collect(self) -> Iterable[PrometheusMetric]:
        """Nothing of its own: prometheus_client asks its collectors in the order of their registration."""
        with self._reading:
            self._read()
        return ()

    def _read(self) -> None:
        unread, self._unread, self._unread_bytes = self._unread, [], 0
        predictions = read_predictions(unread, self._card)
        for name, count in predictions.counts.items():
            self._predictions(name).inc(count)
        for confidence in predictions.confidences:
            self._confidence.observe(confidence)

    def held_nan(self) -> None:
        """Count one answer that held NaN or infinity."""
        self._nan_outputs.inc()
