"""How many bodies were withheld, as a metric of the endpoint."""

from prometheus_client import CollectorRegistry

from service.endpoint.redaction.redactor import HALVES, Count, Half
from service.endpoint.redaction.withheld import WithheldReason
from service.metrics import Metric, counter


def withheld_counts(registry: CollectorRegistry, *, endpoint: str, variant: str) -> Count:
    """What a Redactor tells of every body that it withholds; each reason is exported before it ever happened."""
    bodies = counter(Metric.WITHHELD, registry)
    children = {
        (half, reason): bodies.labels(endpoint, variant, half, reason) for half in HALVES for reason in WithheldReason
    }

    def count(half: Half, reason: WithheldReason) -> None:
        children[half, reason].inc()

    return count
