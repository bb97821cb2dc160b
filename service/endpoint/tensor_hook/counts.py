"""What became of steps that were to be kept, as a metric of the endpoint."""

from prometheus_client import CollectorRegistry

from service.endpoint.tensor_hook.keeper import OUTCOMES, Count, Outcome
from service.metrics import Metric, counter


def tensor_steps(registry: CollectorRegistry, *, endpoint: str, variant: str) -> Count:
    """What a TensorHook tells of each step; each outcome is exported before it ever happened."""
    steps = counter(Metric.TENSOR_STEPS, registry)
    children = {outcome: steps.labels(endpoint, variant, outcome) for outcome in OUTCOMES}

    def count(outcome: Outcome) -> None:
        children[outcome].inc()

    return count
