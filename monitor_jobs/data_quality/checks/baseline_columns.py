"""What the checks know of a baseline: its statistics.json, as AWS or we wrote it, a column at a time.

What lives here: reading the file's nested numbers and texts into plain values. What does not: writing it (statistics).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AllowInfNan, BaseModel, ConfigDict, Field, ValidationError

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import STATISTICS_FILE, CommonStatistics, FeatureStatistics, Statistics
from monitor_jobs.data_quality.checks.categorical_distance import Mix
from monitor_jobs.data_quality.checks.numeric_distance import Edges, Sample, sample_of_levels
from monitor_jobs.data_quality.summary import InferredType


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class _Bucket(_Kept):
    lower_bound: float
    upper_bound: float
    count: float = Field(ge=0)


class _Sketch(_Kept):
    data: list[list[float]] = Field(default=[], max_length=64)


class _Kll(_Kept):
    buckets: list[_Bucket] = []
    sketch: _Sketch = _Sketch()


class _Distribution(_Kept):
    kll: _Kll = _Kll()


class _Numbers(_Kept):
    common: CommonStatistics
    min: Annotated[float, AllowInfNan()] | None = None  # AWS writes NaN for a column of nothing
    distribution: _Distribution | None = None


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
        if feature.numerical_statistics is not None:
            return _of_numbers(inferred, _Numbers.model_validate(feature.numerical_statistics))
    except ValueError as error:  # pydantic's errors are some too
        raise BadInput(_sentence(feature, error)) from error
    return _of_texts(inferred, feature)


def _of_numbers(inferred: InferredType, numbers: _Numbers) -> BaselineColumn:
    kll = numbers.distribution.kll if numbers.distribution else _Kll()
    return BaselineColumn(
        inferred_type=inferred,
        present=numbers.common.num_present,
        missing=numbers.common.num_missing,
        numbers=sample_of_levels(kll.sketch.data) or _edges(kll.buckets),
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


def _edges(buckets: list[_Bucket]) -> Edges | None:
    """AWS's buckets are half open: what lies below an upper edge is what they count so far."""
    below = np.cumsum([bucket.count for bucket in buckets])
    if not buckets or not below[-1] > 0:
        return None
    return Edges(np.array([bucket.upper_bound for bucket in buckets[:-1]]), below[:-1], float(below[-1]))


def _sentence(feature: FeatureStatistics, error: ValueError) -> str:
    place = f"feature {feature.name!r} in {STATISTICS_FILE}"
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        field = ".".join(["numerical_statistics", *map(str, first["loc"])])
        return f"{field} of {place} is {first['input']!r}: {first['msg'].lower()}"
    return f"inferred_type of {place} is {feature.inferred_type!r}: make it one of {', '.join(InferredType)}"
