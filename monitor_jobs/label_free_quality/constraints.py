"""The limit that estimated accuracy must keep, and the calibration behind it: a section of constraints.json.

What lives here: reading the section and suggesting it. What does not: files (monitor_jobs.job).
"""

import math
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import CONSTRAINTS_FILE, Constraints
from monitor_jobs.label_free_quality.calibration import Calibration, LabelledScores
from monitor_jobs.label_free_quality.reach import calibrate_with_reach

SECTION: Final = "label_free_quality"
MINIMUM_PREDICTIONS: Final = 100
ROOM: Final = 0.05  # below the baseline's accuracy, which an estimate may lose before it is a violation
CHANCE: Final = 3.0  # standard errors of the smallest window that is judged, which it may lose by chance


class LabelFreeConstraints(BaseModel):
    """accuracy_limit: what the estimate must not fall below. minimum_predictions: smaller windows are not judged."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    calibration: Calibration
    accuracy_limit: float = Field(ge=0, le=1)
    minimum_predictions: int = Field(default=MINIMUM_PREDICTIONS, ge=1)


class Withheld(BaseModel):
    """Why a baseline could not be calibrated: no window of it is estimated, and its verdict repeats the reason."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    withheld: str


Section = LabelFreeConstraints | Withheld


def constraints_from(constraints: Constraints | None) -> Section | None:
    """The section of constraints.json; None where there is none. Raises BadInput naming the field that does not fit."""
    section = (constraints.model_extra or {}).get(SECTION) if constraints else None
    if section is None:
        return None
    kind = Withheld if isinstance(section, dict) and "withheld" in section else LabelFreeConstraints
    try:
        return kind.model_validate(section)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, (SECTION, *first["loc"])))
        sentence = f"{place} in {CONSTRAINTS_FILE}: {first['msg'].lower()}; suggest the baseline again"
        raise BadInput(sentence) from error


def suggest_constraints(baseline: LabelledScores, generator: np.random.Generator) -> LabelFreeConstraints:
    """Calibration and limit from a labelled baseline; raises BadInput where it holds too little to learn from.

    The limit leaves room for what does not matter and for the chance of the smallest window that is judged:
    accuracy - max(0.05, 3 sqrt(accuracy (1 - accuracy) / 100)), rounded down to a thousandth.
    """
    calibration = calibrate_with_reach(baseline, generator)
    p = calibration.accuracy
    room = max(ROOM, CHANCE * math.sqrt(p * (1 - p) / MINIMUM_PREDICTIONS))
    return LabelFreeConstraints(calibration=calibration, accuracy_limit=max(0.0, math.floor((p - room) * 1000) / 1000))
