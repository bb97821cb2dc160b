"""Columns and datasets for the checks of data quality, made by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from monitor_jobs.contract.report import Constraints, Statistics
from monitor_jobs.data_quality.checks.baseline_columns import baseline_columns
from monitor_jobs.data_quality.checks.judging import Judgement, judge
from monitor_jobs.data_quality.checks.limits import limits_from
from monitor_jobs.data_quality.sketches import quantiles_of
from monitor_jobs.data_quality.statistics import statistics_of
from monitor_jobs.data_quality.summary import Categories, ColumnSummary, DatasetSummary, Moments, Quantiles

__all__ = ["checks_of", "column", "dataset", "judged", "numbers", "statistics_of", "texts"]


def column(name: str = "x", **fields: Any) -> ColumnSummary:
    """A column of nothing but what is named."""
    zero = {"missing": 0, "integral": 0, "fractional": 0, "text": 0, "negative": 0, "infinite": 0}
    rest = {"moments": Moments(), "quantiles": Quantiles(), "categories": Categories()}
    return ColumnSummary(name=name, **(zero | rest | fields))


def numbers(values: Sequence[float] | np.ndarray, name: str = "x", **fields: Any) -> ColumnSummary:
    """A column of fractions."""
    finite = np.sort(np.asarray(values, dtype=np.float64))
    moments = Moments(finite.size, float(finite.mean()), 0.0, float(finite[0]), float(finite[-1]))
    made = column(name, fractional=finite.size, negative=int((finite < 0).sum()))
    return replace(made, moments=moments, quantiles=quantiles_of(finite), **fields)


def texts(counts: Mapping[str, int], name: str = "x", **fields: Any) -> ColumnSummary:
    """A column of texts, all of them kept."""
    kept = Categories(counts, distinct=len(counts))
    return column(name, **({"text": sum(counts.values())} | fields), categories=kept)


def dataset(*columns: ColumnSummary, rows: int | None = None) -> DatasetSummary:
    longest = max((made.present + made.missing for made in columns), default=0)
    return DatasetSummary({made.name: made for made in columns}, longest if rows is None else rows)


def judged(
    window: DatasetSummary,
    *features: Mapping[str, Any],
    statistics: Statistics | None = None,
    environment: Mapping[str, str] | None = None,
    **config: Any,
) -> Judgement:
    """The verdict by constraints of these features and this monitoring_config."""
    constraints = Constraints(features=[dict(feature) for feature in features], monitoring_config=config)
    return judge(window, baseline_columns(statistics), limits_from(environment or {}, constraints))


def checks_of(verdict: Judgement) -> list[str]:
    return [violation.constraint_check_type for violation in verdict.violations]
