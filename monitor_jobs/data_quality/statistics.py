"""statistics.json of a summary, field for field as AWS's monitor writes it.

What lives here: `statistics_of`. What does not: the file's types (contract.report), reading a baseline back (checks).
"""

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from monitor_jobs.contract.report import (
    CategoricalBucket,
    CategoricalDistribution,
    CommonStatistics,
    Dataset,
    FeatureStatistics,
    KllBucket,
    KllDistribution,
    KllParameters,
    KllSketch,
    NumericalDistribution,
    NumericalStatistics,
    Statistics,
    StringDistribution,
    StringStatistics,
)
from monitor_jobs.data_quality.sketches import K
from monitor_jobs.data_quality.summary import Categories, ColumnSummary, DatasetSummary, InferredType, Levels, Moments

BUCKETS = 10
CAPACITY_RATIO = 0.64  # what AWS's files say; the library's own is 2/3, and readers need neither

NUMERIC = frozenset({InferredType.INTEGRAL, InferredType.FRACTIONAL})


def statistics_of(summary: DatasetSummary) -> Statistics:
    """The statistics of every column, in the dataset's order."""
    features = [_feature(column) for column in summary.columns.values()]
    return Statistics(dataset=Dataset(item_count=summary.rows), features=features)


def buckets_of(levels: Levels, moments: Moments) -> list[KllBucket]:
    """Ten buckets of one width over the range of the numbers, and about how many lie in each; none of no number.

    Counts are those of the sketch's items, and add up to all numbers.
    """
    if not moments.count:
        return []
    items = np.concatenate([np.asarray(level) for level in levels])
    weights = np.concatenate([np.full(len(level), 1 << height) for height, level in enumerate(levels)])
    order = np.argsort(items)
    up_to = np.concatenate(([0], np.cumsum(weights[order])))
    edges = _edges(moments.minimum, moments.maximum)
    below = up_to[np.searchsorted(items[order], edges[1:-1], side="left")]
    counts = np.diff(below, prepend=0, append=moments.count)
    return [
        KllBucket(lower_bound=lower, upper_bound=upper, count=count)
        for (lower, upper), count in zip(pairwise(edges.tolist()), counts.tolist(), strict=True)
    ]


def _edges(lowest: float, highest: float) -> npt.NDArray[np.float64]:
    width = highest - lowest
    edges = lowest + width / BUCKETS * np.arange(BUCKETS + 1) if math.isfinite(width) else _wide_edges(lowest, highest)
    edges[-1] = highest
    return np.minimum(edges, highest)


def _wide_edges(lowest: float, highest: float) -> npt.NDArray[np.float64]:
    """The edges of a range that is wider than the largest number."""
    shares = np.linspace(0, 1, BUCKETS + 1)
    edges: npt.NDArray[np.float64] = lowest * (1 - shares) + highest * shares
    return edges


def _feature(column: ColumnSummary) -> FeatureStatistics:
    inferred = column.inferred_type
    common = CommonStatistics(num_present=column.present, num_missing=column.missing)
    if inferred in NUMERIC:
        numbers = _numerical(column, common)
        return FeatureStatistics(name=column.name, inferred_type=inferred, numerical_statistics=numbers)
    texts = _string(column.categories, common)
    return FeatureStatistics(name=column.name, inferred_type=inferred, string_statistics=texts)


def _numerical(column: ColumnSummary, common: CommonStatistics) -> NumericalStatistics:
    moments, levels = column.moments, column.quantiles.levels
    sketch = KllSketch(parameters=KllParameters(c=CAPACITY_RATIO, k=K), data=[list(level) for level in levels])
    distribution = NumericalDistribution(kll=KllDistribution(buckets=buckets_of(levels, moments), sketch=sketch))
    if not moments.count:
        return NumericalStatistics(common=common, distribution=distribution)
    return NumericalStatistics(
        common=common,
        mean=moments.mean,
        sum=moments.mean * moments.count,
        std_dev=math.sqrt(moments.squares / moments.count),  # of the population, as Deequ's
        min=moments.minimum,
        max=moments.maximum,
        distribution=distribution,
    )


def _string(categories: Categories, common: CommonStatistics) -> StringStatistics:
    ordered = sorted(categories.counts.items(), key=lambda item: (-item[1], item[0]))
    buckets = [CategoricalBucket(value=value, count=count) for value, count in ordered]
    distribution = StringDistribution(categorical=CategoricalDistribution(buckets=buckets))
    return StringStatistics(common=common, distinct_count=categories.distinct, distribution=distribution)
