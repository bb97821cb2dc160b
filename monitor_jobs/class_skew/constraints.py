"""The limits of class skew: defaults, constraints.json, environment, and what a baseline suggests.

What lives here: `ClassSkewConstraints` and the two ways to it. What does not: reading the environment and files (job).
"""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor_jobs.class_skew.summary import Summary
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import CONSTRAINTS_FILE, Constraints, Dataset, Statistics, class_count_feature

FEATURE = "predicted_class"
SECTION = "class_skew"
DEFAULT_MINIMUM_PREDICTIONS = 20

VARIABLES = {
    "threshold": "THRESHOLD",  # the name that AWS's sample container reads
    "low_confidence_below": "LOW_CONFIDENCE_BELOW",
    "low_confidence_limit": "LOW_CONFIDENCE_LIMIT",
    "minimum_shift": "MINIMUM_SHIFT",
    "shift_false_alarm_rate": "SHIFT_FALSE_ALARM_RATE",
    "minimum_predictions": "MINIMUM_PREDICTIONS",
    "unreadable_limit": "UNREADABLE_LIMIT",
}


class ClassSkewConstraints(BaseModel):
    """The limits that a window must keep; all shares are 0..1.

    threshold: share of the most frequent class
    low_confidence_below, low_confidence_limit: a best score below the first is unsure; the share of unsure predictions
    minimum_shift: distance from the baseline that still does not matter, however sure it is
    shift_false_alarm_rate: how often the shift test may err on independent draws from the baseline's own mix
    minimum_predictions: smaller windows are not judged, and are a violation themselves; where it is not set, windows
        below 20 are not judged and that is all: one record of one class is no skew
    unreadable_limit: share of lines that cannot be read
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    threshold: float = Field(default=0.5, ge=0, le=1)
    low_confidence_below: float = Field(default=0.5, ge=0, le=1)
    low_confidence_limit: float = Field(default=0.5, ge=0, le=1)
    minimum_shift: float = Field(default=0.02, ge=0, le=1)
    shift_false_alarm_rate: float = Field(default=0.005, gt=0, le=0.5)
    minimum_predictions: int | None = Field(default=None, ge=0)
    unreadable_limit: float = Field(default=0.01, ge=0, le=1)

    @property
    def judged_from(self) -> int:
        """The number of predictions from which a window is judged."""
        chosen = DEFAULT_MINIMUM_PREDICTIONS if self.minimum_predictions is None else self.minimum_predictions
        return max(1, chosen)


def constraints_from(environment: Mapping[str, str], constraints: Constraints | None) -> ClassSkewConstraints:
    """The limits: environment over constraints.json over defaults.

    Raises BadInput naming the variable, or the field of constraints.json, and its value.
    """
    section = constraints.monitoring_config.get(SECTION, {}) if constraints else {}
    if not isinstance(section, dict):
        raise BadInput(f"monitoring_config.{SECTION} in {CONSTRAINTS_FILE} is {section!r}: make it an object of limits")
    variables = {field: environment[name] for field, name in VARIABLES.items() if name in environment}
    try:
        return ClassSkewConstraints.model_validate(section | variables)
    except ValidationError as error:
        raise BadInput(_sentence(error, variables)) from error


def suggest_baseline(summary: Summary) -> tuple[Statistics, Constraints]:
    """statistics.json and constraints.json: class counts, and limits that the baseline itself keeps with room to spare.

    threshold: half way between the most frequent class's share and all; low_confidence_limit: twice the share seen
    and 5 points more. Both rounded up to a thousandth. Raises BadInput where there is no prediction.
    """
    if summary.predictions == 0:
        raise BadInput(f"none of {summary.records} records holds a prediction: give a baseline of known good traffic")
    limits = {"threshold": _rounded_up((1 + max(summary.class_counts.values()) / summary.predictions) / 2)}
    if summary.scored:
        limits["low_confidence_limit"] = _rounded_up(2 * summary.low_confidence / summary.scored + 0.05)
    feature = {
        "name": FEATURE,
        "inferred_type": "String",
        "completeness": 1.0,
        "string_constraints": {"domains": sorted(summary.class_counts)},
    }
    section = ClassSkewConstraints().model_dump(exclude_none=True) | limits
    return statistics_of(summary), Constraints(features=[feature], monitoring_config={SECTION: section})


def statistics_of(summary: Summary) -> Statistics:
    """A window's class counts, as statistics.json holds them."""
    feature = class_count_feature(FEATURE, dict(summary.class_counts))
    return Statistics(dataset=Dataset(item_count=summary.predictions), features=[feature])


def _rounded_up(share: float) -> float:
    return min(1.0, math.ceil(share * 1000) / 1000)


def _sentence(error: ValidationError, variables: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0])
    place = VARIABLES[field] if field in variables else f"monitoring_config.{SECTION}.{field} in {CONSTRAINTS_FILE}"
    return f"{place} is {first['input']!r}: {first['msg'].lower()}"
