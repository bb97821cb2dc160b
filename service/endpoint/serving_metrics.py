"""The endpoint's own metrics, made real for one endpoint and variant."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry

from service.core.deployment import EndpointSpec
from service.endpoint.predictions import Predictions
from service.metrics import CLASSES_MAX, Metric, counter, gauge, histogram

STATUSES_MAX: Final = 64
LABELS_MAX: Final = CLASSES_MAX + 1  # and `other`


class ServingMetrics:
    """Counts what one endpoint process answers; safe to call from any thread."""

    def __init__(self, registry: CollectorRegistry, spec: EndpointSpec) -> None:
        labels: Mapping[str, str] = {"endpoint": spec.endpoint, "variant": spec.variant}
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

    def predicted(self, predictions: Predictions) -> None:
        """Count the predictions of one answer."""
        for name, count in predictions.counts.items():
            self._predictions(name).inc(count)
        for confidence in predictions.confidences:
            self._confidence.observe(confidence)

    def held_nan(self) -> None:
        """Count one answer that held NaN or infinity."""
        self._nan_outputs.inc()
