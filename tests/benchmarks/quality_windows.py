"""Windows of twenty columns from one source, of any size: what the checks see of them, drawn without drawing the rows.

Counts are drawn as what they are, binomial and multinomial; sketches are real ones, of real numbers, and taken from a
pool. What does not live here: the share of windows that alarm (tests/papers, quality_false_alarms).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from monitor_jobs.contract.report import Statistics
from monitor_jobs.data_quality.baseline import suggested_constraints
from monitor_jobs.data_quality.checks.baseline_columns import BaselineColumn, baseline_columns
from monitor_jobs.data_quality.checks.limits import Limits, limits_from
from monitor_jobs.data_quality.sketches import merged_quantiles, quantiles_of
from monitor_jobs.data_quality.statistics import statistics_of
from monitor_jobs.data_quality.summary import (
    Categories,
    ColumnSummary,
    DatasetSummary,
    Moments,
    Quantiles,
)

Shares = np.ndarray
BLOCK = 100_000
POOLED_NUMBERS = 2_000_000

MISSING = (0.0, 1e-6, 1e-4, 0.002, 0.02, 0.5)
ODD = (0.0, 1e-7, 1e-6, 1e-5, 1e-4, 0.002)


def zipf(kinds: int, exponent: float) -> Shares:
    shares = 1 / np.arange(1, kinds + 1) ** exponent
    return np.asarray(shares / shares.sum())


MIXES = (
    np.array([0.5, 0.5]),
    np.array([0.9, 0.0999, 0.0001]),
    np.full(10, 0.1),
    zipf(45, 1.0),
    zipf(100, 2.0),
    zipf(110, 1.2),
    np.full(100, 0.01),
    zipf(800, 1.1),
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a column comes from: how often it is missing and odd, and the mix of its texts; numbers have none."""

    name: str
    missing: float
    odd: float
    mix: Shares | None = None


def twenty_sources() -> tuple[Source, ...]:
    """Twelve columns of numbers and eight of texts; what goes wrong in them goes wrong at every rate."""
    numeric = [Source(f"n{i}", MISSING[i % len(MISSING)], ODD[(i // 2) % len(ODD)]) for i in range(12)]
    return (*numeric, *(Source(f"t{i}", MISSING[i % len(MISSING)], 0.0, mix) for i, mix in enumerate(MIXES)))


def sketch_pool(size: int, generator: np.random.Generator) -> list[Quantiles]:
    """Sketches of `size` uniform numbers each; fewer of larger ones."""
    return [_sketch(size, generator) for _ in range(max(2, min(60, POOLED_NUMBERS // size)))]


def window(
    sources: Sequence[Source], rows: int, pool: Sequence[Quantiles], generator: np.random.Generator
) -> DatasetSummary:
    """The summary of as many rows."""
    return DatasetSummary({source.name: _column(source, rows, pool, generator) for source in sources}, rows)


def settings_of(good: DatasetSummary) -> tuple[Mapping[str, BaselineColumn], Limits]:
    """What the checks know after a baseline job over a dataset, by its two files."""
    statistics = Statistics.model_validate_json(statistics_of(good).to_json())
    return baseline_columns(statistics), limits_from({}, suggested_constraints(good))


def _sketch(size: int, generator: np.random.Generator) -> Quantiles:
    sizes = [BLOCK] * (size // BLOCK) + [size % BLOCK]
    parts = (quantiles_of(np.sort(generator.random(part))) for part in sizes if part)
    return reduce(merged_quantiles, parts, Quantiles())


def _column(source: Source, rows: int, pool: Sequence[Quantiles], generator: np.random.Generator) -> ColumnSummary:
    present = rows - generator.binomial(rows, source.missing)
    odd, negative = generator.binomial(present, source.odd, 2).tolist()
    texts = source.mix is not None
    return ColumnSummary(
        name=source.name,
        missing=int(rows - present),
        integral=0,
        fractional=0 if texts else int(present - odd),
        text=int(present) if texts else odd,
        negative=min(negative, present - odd),
        infinite=0,
        moments=Moments(rows, 0.5, 0.0, -1.0 if negative else 0.0, 1.0),
        quantiles=Quantiles() if texts else pool[generator.integers(len(pool))],
        categories=_categories(source.mix, int(present), generator),
    )


def _categories(mix: Shares | None, present: int, generator: np.random.Generator) -> Categories:
    if mix is None:
        return Categories()
    counts = generator.multinomial(present, mix)
    told = {f"kind {i}": int(counts[i]) for i in np.flatnonzero(counts)}
    return Categories(told, distinct=len(told))
