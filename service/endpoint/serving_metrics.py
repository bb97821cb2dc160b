"""The endpoint's own metrics, made real for one endpoint and variant."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry

from service.core.deployment import EndpointSpec
from service.endpoint.predictions import Predictions
from service.metrics import Metric, counter, gauge, histogram


class ServingMetrics:
    """Counts what one endpoint process answers; safe to call from any thread."""

    def __init__(self, registry: CollectorRegistry, spec: EndpointSpec) -> None:
        labels: Mapping[str, str] = {"endpoint": spec.endpoint, "variant": spec.variant}
        self.registry = registry
        self._labels = labels
        self._invocations = counter(Metric.INVOCATIONS, registry)
        self._predictions = counter(Metric.PREDICTIONS, registry)
        self._seconds = histogram(Metric.INVOCATION_SECONDS, registry).labels(**labels)
        self._model_seconds = histogram(Metric.MODEL_SECONDS, registry).labels(**labels)
        self._batch_invocations = histogram(Metric.BATCH_INVOCATIONS, registry).labels(**labels)
        self._confidence = histogram(Metric.CONFIDENCE, registry).labels(**labels)
        self._nan_outputs = counter(Metric.NAN_OUTPUTS, registry).labels(**labels)
        self.inflight = gauge(Metric.INFLIGHT, registry).labels(**labels)

    def answered(self, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._invocations.labels(**self._labels, code=str(status)).inc()
        self._seconds.observe(seconds)

    def model_ran(self, seconds: float, requests: int) -> None:
        """Note how long the package's functions took for one request, or for several at once."""
        self._model_seconds.observe(seconds)
        self._batch_invocations.observe(requests)

    def predicted(self, predictions: Predictions) -> None:
        """Count the predictions of one answer."""
        for name, count in predictions.counts.items():
            self._predictions.labels(**self._labels, **{"class": name}).inc(count)
        for confidence in predictions.confidences:
            self._confidence.observe(confidence)

    def held_nan(self) -> None:
        """Count one answer that held NaN or infinity."""
        self._nan_outputs.inc()
