"""The built-in jobs: image name -> module, what each of them reads or runs, and which stand in for AWS's images.

Strings only; one line each. What does not live here: who runs an image (service.core.images).
"""

import re
from typing import Final

BUILT_IN_MONITORS = {
    "sextant/class-skew": "monitor_jobs.class_skew",
    "sextant/data-quality": "monitor_jobs.data_quality",
    "sextant/model-quality": "monitor_jobs.model_quality",
    "sextant/saliency": "monitor_jobs.saliency_drift",
    "sextant/tensor-rules": "monitor_jobs.tensor_rules",
    "sextant/explain": "monitor_jobs.explain",
}

# AWS's own monitors, by the repository they are pulled from in every account and region: the module that answers to the
# name here, None where there is none yet.
PREBUILT_MONITORS: Final[dict[str, str | None]] = {
    "sagemaker-model-monitor-analyzer": "monitor_jobs.model_monitor_analyzer",
    "sagemaker-clarify-processing": None,
}

# What the built-in monitors read of an environment beside container.Variable; each monitor's own list is tested against
# this one.
MONITOR_VARIABLES: Final = frozenset(
    {
        "THRESHOLD",
        "LOW_CONFIDENCE_BELOW",
        "LOW_CONFIDENCE_LIMIT",
        "MINIMUM_SHIFT",
        "SHIFT_FALSE_ALARM_RATE",
        "MINIMUM_PREDICTIONS",
        "UNREADABLE_LIMIT",
        "SALIENCY_RECORDS",
        "SALIENCY_FALSE_ALARM_RATE",
        "SALIENCY_MINIMUM_DISTANCE",
        "SALIENCY_MINIMUM_UNUSUAL_SHARE",
        "SALIENCY_NOT_ASKED_LIMIT",
        "TENSOR_RULES",
        "categorical_drift_method",
    }
)

# These estimate the quality of what has no label yet; AWS's merge container leaves it out.
READS_UNLABELLED = frozenset({"monitor_jobs.model_quality", "monitor_jobs.model_monitor_analyzer"})
# These run whatever code is in a model's package.
RUNS_MODELS = frozenset({"monitor_jobs.explain", "monitor_jobs.saliency_drift"})
READS_TENSORS = frozenset({"monitor_jobs.tensor_rules"})  # these read what endpoints keep beside captures, not captures
READS_SIDE_INDEX = frozenset({"monitor_jobs.class_skew"})  # these need predictions only, not the whole captures

_ELASTIC_REGISTRY: Final = re.compile(r"[0-9]{12}\.dkr\.ecr(-fips)?\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")


def reads_side_index(image_uri: str) -> bool:
    """True where a monitor can do with the side index in place of capture files."""
    return built_in_module(image_uri) in READS_SIDE_INDEX


def reads_tensors(image_uri: str) -> bool:
    """True where a monitor's dataset is the tensors that an endpoint keeps, in place of its captures."""
    return built_in_module(image_uri) in READS_TENSORS


def reads_unlabelled(image_uri: str) -> bool:
    """True where a monitor of merged ground truth has a use for captures without a label."""
    return built_in_module(image_uri) in READS_UNLABELLED


def runs_models(image_uri: str) -> bool:
    """True where a job loads a model's package, which is running the code in it."""
    return built_in_module(image_uri) in RUNS_MODELS


def built_in_module(image_uri: str) -> str | None:
    """The module of a built-in monitor by its own image name, or by AWS's for what it stands in for.

    Its own name counts whatever registry, tag or digest is put around it; AWS's in any account and region of AWS.
    """
    repository = _repository(image_uri)
    prebuilt = prebuilt_repository(image_uri)
    if prebuilt is not None:
        return PREBUILT_MONITORS[prebuilt]
    matches = (
        module for name, module in BUILT_IN_MONITORS.items() if repository == name or repository.endswith("/" + name)
    )
    return next(matches, None)


def prebuilt_repository(image_uri: str) -> str | None:
    """The repository of one of AWS's prebuilt monitors, None for any other image."""
    registry, _, name = _repository(image_uri).partition("/")
    return name if name in PREBUILT_MONITORS and _ELASTIC_REGISTRY.fullmatch(registry) else None


def prebuilt_without_monitor(image_uri: str) -> bool:
    """True for one of AWS's prebuilt monitors that no built-in monitor stands in for yet."""
    return prebuilt_repository(image_uri) is not None and built_in_module(image_uri) is None


def _repository(image_uri: str) -> str:
    """An image name without its digest and tag; the port of a registry is no tag."""
    head, slash, tail = image_uri.partition("@")[0].rpartition("/")
    return head + slash + tail.partition(":")[0]
