"""What the checks know of a baseline: its statistics.json, as AWS or we wrote it, a column at a time.

What lives here: reading the file's nested numbers and texts into plain values. What does not: writing it (statistics).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import (
    STATISTICS_FILE,
    FeatureStatistics,
    KllBucket,
    KllDistribution,
    NumericalStatistics,
    Statistics,
)
from monitor_jobs.data_quality.checks.categorical_distance import Mix
from monitor_jobs.data_quality.checks.numeric_distance import Edges, Sample, sample_of_levels
from monitor_jobs.data_quality.summary import InferredType


@dataclass(frozen=True, slots=True)
class BaselineColumn:
    """One column of the baseline: values there and not there, and their distribution as far as the file tells it."""

    inferred_type: InferredType
    present: int
    missing: int
    numbers: Sample | Edges | None = None
    minimum: float | None = None
    mix: Mix | None = None


def baseline_columns(statistics: Statistics | None) -> Mapping[str, BaselineColumn]:
    """The columns of statistics.json by name; none where there is no file. Raises BadInput naming what does not fit."""
    return {feature.name: _column(feature) for feature in statistics.features} if statistics else {}


def _column(feature: FeatureStatistics) -> BaselineColumn:
    try:
        inferred = InferredType(feature.inferred_type)
    except ValueError as error:
        raise BadInput(
            f"inferred_type of feature {feature.name!r} in {STATISTICS_FILE} is {feature.inferred_type!r}: "
            f"make it one of {', '.join(InferredType)}"
        ) from error
    if feature.numerical_statistics is not None:
        return _of_numbers(inferred, feature.numerical_statistics)
    return _of_texts(inferred, feature)


def _of_numbers(inferred: InferredType, numbers: NumericalStatistics) -> BaselineColumn:
    kll = (numbers.distribution and numbers.distribution.kll) or KllDistribution()
    return BaselineColumn(
        inferred_type=inferred,
        present=numbers.common.num_present,
        missing=numbers.common.num_missing,
        numbers=sample_of_levels(kll.sketch.data if kll.sketch else []) or _edges(kll.buckets),
        minimum=numbers.min if numbers.min is not None and math.isfinite(numbers.min) else None,
    )


def _of_texts(inferred: InferredType, feature: FeatureStatistics) -> BaselineColumn:
    texts = feature.string_statistics
    if texts is None:
        return BaselineColumn(inferred, present=0, missing=0)
    counts = {bucket.value: bucket.count for bucket in texts.distribution.categorical.buckets}
    untold = max(0, texts.common.num_present - sum(counts.values()))
    mix = Mix(counts, untold) if counts or untold else None
    return BaselineColumn(inferred, texts.common.num_present, texts.common.num_missing, mix=mix)


def _edges(buckets: list[KllBucket]) -> Edges | None:
    """AWS's buckets are half open: what lies below an upper edge is what they count so far."""
    below = np.cumsum([bucket.count for bucket in buckets])
    if not buckets or not below[-1] > 0:
        return None
    return Edges(np.array([bucket.upper_bound for bucket in buckets[:-1]]), below[:-1], float(below[-1]))
