"""The limits of saliency drift: defaults, constraints.json, environment.

What lives here: `Limits` and the way to them. What does not: the baseline's signals (baseline), the environment and
files (job).
"""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor_jobs.contract.container import Variable
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import CONSTRAINTS_FILE, Constraints

SECTION = "saliency_drift"
RECORDS_VARIABLE = "SALIENCY_RECORDS"
WINDOW_RECORDS, BASELINE_RECORDS, MOST_RECORDS = 200, 1000, 100_000
VARIABLES = {
    "false_alarm_rate": "SALIENCY_FALSE_ALARM_RATE",
    "minimum_distance": "SALIENCY_MINIMUM_DISTANCE",
    "minimum_unusual_share": "SALIENCY_MINIMUM_UNUSUAL_SHARE",
    "not_asked_limit": "SALIENCY_NOT_ASKED_LIMIT",
    "unreadable_limit": "UNREADABLE_LIMIT",
}


class Limits(BaseModel):
    """The limits that a window must keep; all shares are 0..1.

    false_alarm_rate: how often a window may alarm whose records are drawn as those of the baseline; all tests together
    minimum_distance: distance between distributions of a signal that still does not matter, however sure it is
    minimum_unusual_share: share of unusual records that still does not matter; one in a hundred is unusual by itself
    not_asked_limit: share of the sampled records that could not be asked again
    unreadable_limit: share of lines that cannot be read
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)
    false_alarm_rate: float = Field(default=0.01, gt=0, le=0.5)
    minimum_distance: float = Field(default=0.1, ge=0, le=1)
    minimum_unusual_share: float = Field(default=0.02, ge=0, le=1)
    not_asked_limit: float = Field(default=0.1, ge=0, le=1)
    unreadable_limit: float = Field(default=0.01, ge=0, le=1)


def records_from(environment: Mapping[str, str]) -> int:
    """How many records are asked again at most: the variable's, else WINDOW_RECORDS, of a baseline BASELINE_RECORDS.

    Raises BadInput where that is no whole number from 1 to MOST_RECORDS.
    """
    text = environment.get(RECORDS_VARIABLE)
    if text is None:
        return BASELINE_RECORDS if environment.get(Variable.ANALYSIS) else WINDOW_RECORDS
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST_RECORDS):
        raise BadInput(f"{RECORDS_VARIABLE} is {text[:50]!r}: give a whole number from 1 to {MOST_RECORDS}")
    return int(text)


def limits_from(environment: Mapping[str, str], constraints: Constraints | None) -> Limits:
    """The limits: environment over constraints.json over defaults.

    Raises BadInput naming the variable, or the field of constraints.json, and its value.
    """
    section = section_of(constraints)
    variables = {field: environment[name] for field, name in VARIABLES.items() if name in environment}
    try:
        return Limits.model_validate(section | variables)
    except ValidationError as error:
        raise BadInput(_sentence(error, variables)) from error


def section_of(constraints: Constraints | None) -> dict[str, object]:
    """This monitor's part of constraints.json; empty where there is none. Raises BadInput where it is no object."""
    section = constraints.monitoring_config.get(SECTION, {}) if constraints else {}
    if not isinstance(section, dict):
        raise BadInput(f"monitoring_config.{SECTION} in {CONSTRAINTS_FILE} is {section!r}: make it an object of limits")
    return section


def _sentence(error: ValidationError, variables: Mapping[str, str]) -> str:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0])
    place = VARIABLES[field] if field in variables else f"monitoring_config.{SECTION}.{field} in {CONSTRAINTS_FILE}"
    return f"{place} is {first['input']!r}: {first['msg'].lower()}"
