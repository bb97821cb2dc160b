"""The limits of model quality: constraints.json, and what a baseline suggests.

What lives here: `QualityLimits` and the two ways to it. What does not: measuring (problems), judging (analysis).
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import CONSTRAINTS_FILE, Constraints, Dataset, Statistics
from monitor_jobs.model_quality.metrics.classification import BEST_CONSTANT
from monitor_jobs.model_quality.problems import ProblemSummary

DEFAULT_MINIMUM_PREDICTIONS: Final = 20
MINIMUM_VARIABLE: Final = "MINIMUM_PREDICTIONS"
GROWS_WITH_ERRORS: Final = frozenset({"mae", "mse", "rmse", "false_positive_rate", "false_negative_rate"})

WINDOW_ROWS: Final = 200  # the smallest windows that suggested limits are made for
WINDOWS: Final = 400
DEVIATIONS: Final = 3.5
SEED: Final = 20_261_120


class Comparison(StrEnum):
    """On which side of its threshold a metric is a violation."""

    LESS = "LessThanThreshold"
    GREATER = "GreaterThanThreshold"


class Limit(BaseModel):
    """The limit of one metric, as constraints.json has it."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
    threshold: float
    comparison_operator: Comparison


Limits = Mapping[str, Limit]  # by metric


class QualityStatistics(Statistics):
    """statistics.json of model quality: a section of metrics, and no features."""

    features: list[Any] = Field(default_factory=list, exclude=True)


class QualityConstraints(Constraints):
    """constraints.json of model quality: a section of limits, and nothing of features."""

    features: list[dict[str, Any]] = Field(default_factory=list, exclude=True)
    monitoring_config: dict[str, Any] = Field(default_factory=dict, exclude=True)


def limits_from(constraints: Constraints, section: str) -> Limits:
    """The limits of constraints.json for one kind of problem.

    Raises BadInput naming the metric and its value, or what limits there are where those of this kind are not.
    """
    name, given = f"{section}_constraints", constraints.model_extra or {}
    if name not in given:
        found = ", ".join(given) or "no limits of model quality"
        raise BadInput(f"{CONSTRAINTS_FILE} has no {name}, but {found}: name a baseline of this problem_type")
    limits = given[name]
    if not isinstance(limits, dict):
        raise BadInput(f"{name} in {CONSTRAINTS_FILE} is {limits!r}: make it an object of limits")
    return {
        metric: _parsed(f"{name}.{metric}", limit) for metric, limit in limits.items() if not _is_not_a_number(limit)
    }


def judged_from(environment: Mapping[str, str]) -> int:
    """The number of labelled predictions from which a window is judged. Raises BadInput naming the variable."""
    text = environment.get(MINIMUM_VARIABLE, str(DEFAULT_MINIMUM_PREDICTIONS))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput(f"{MINIMUM_VARIABLE} is {text!r}: give a whole number such as 200")
    return max(1, int(text))


def statistics_of(measured: ProblemSummary) -> Statistics:
    """The metrics of labelled predictions, as statistics.json holds them."""
    metrics = {name: metric._asdict() for name, metric in measured.metrics().items()}
    section = {f"{measured.section}_metrics": {**measured.details(), **metrics}}
    return QualityStatistics(dataset=Dataset(item_count=measured.rows), **section)


def suggested(measured: ProblemSummary) -> Constraints:
    """Limits that other windows of such predictions keep, as constraints.json holds them.

    AWS suggests the metric itself, which every second good window breaks. Here windows of 200 rows are drawn anew from
    a baseline drawn anew from this one, and a limit is 3.5 of their standard deviations worse than their mean and the
    metric: of such windows, and larger ones, less than one in 100 breaks any limit
    (tests/unit/test_model_quality_constraints.py).
    """
    drawn = measured.draw(np.random.default_rng(SEED), rows=WINDOW_ROWS, count=WINDOWS)
    limits = {
        name: _limit(name, metric.value, [window[name] for window in drawn]).model_dump()
        for name, metric in measured.metrics().items()
        if not name.endswith(BEST_CONSTANT) and math.isfinite(metric.value)
    }
    return QualityConstraints(**{f"{measured.section}_constraints": limits})


def _limit(name: str, value: float, drawn: list[float]) -> Limit:
    finite = [each for each in drawn if math.isfinite(each)] or [value]
    usual, room = float(np.mean(finite)), DEVIATIONS * float(np.std(finite))
    if name in GROWS_WITH_ERRORS:
        return Limit(threshold=max(value, usual) + room, comparison_operator=Comparison.GREATER)
    return Limit(threshold=min(value, usual) - room, comparison_operator=Comparison.LESS)


def _is_not_a_number(limit: Any) -> bool:  # noqa: ANN401  any JSON value
    """True where a baseline's metric was undefined, and was written as the limit all the same: then there is none."""
    return isinstance(limit, dict) and str(limit.get("threshold")).lower() == "nan"


def _parsed(place: str, limit: Any) -> Limit:  # noqa: ANN401  any JSON value
    try:
        return Limit.model_validate(limit)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join([place, *map(str, first["loc"])])
        raise BadInput(f"{field} in {CONSTRAINTS_FILE} is {first['input']!r}: {first['msg'].lower()}") from error
