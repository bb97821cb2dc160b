"""What a run of model quality is told: the kind of problem, where values are, and the limits.

What lives here: `QualitySettings` and parsing it from variables that are handed in. What does not: the environment
(job), limits themselves (constraints).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from monitor_jobs.contract.container import Variable
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import CONSTRAINTS_FILE, Constraints
from monitor_jobs.label_free_quality.constraints import SECTION, Section, Withheld, constraints_from
from monitor_jobs.model_quality.attributes import Attribute, parse_attribute
from monitor_jobs.model_quality.constraints import Limits, judged_from, limits_from
from monitor_jobs.model_quality.problems import BinarySummary, MulticlassSummary, RegressionSummary
from monitor_jobs.model_quality.spelling import AS_NUMBERS, Classes, NoClass, class_name, number

MAKE_ONE: Final = "suggest a baseline of predictions with scores"
DEFAULT_POSITIVE: Final = "1"
DEFAULT_THRESHOLD: Final = 0.5


class ProblemType(StrEnum):
    """AWS's kinds of problem."""

    REGRESSION = "Regression"
    BINARY = "BinaryClassification"
    MULTICLASS = "MulticlassClassification"

    @property
    def section(self) -> str:
        """What its sections of statistics.json and constraints.json begin with."""
        return _SECTIONS[self]


_SECTIONS: Final = {
    ProblemType.REGRESSION: RegressionSummary.section,
    ProblemType.BINARY: BinarySummary.section,
    ProblemType.MULTICLASS: MulticlassSummary.section,
}


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """One run. An attribute that was not named is None: then answers are read as every monitor here reads them.

    label_free: limit and calibration of estimates without labels, or why there are none; None where no constraints were
    given, and where numbers are predicted.
    positive: the positive class of two; threshold: a probability from which that class is predicted, where no
    inference attribute says what is. limits: None where no constraints were given; judged_from: the number of labelled
    predictions from which a window is judged; scheduled: True where a schedule asks.
    """

    problem: ProblemType
    inference: Attribute | None
    probability: Attribute | None
    ground_truth: Attribute | None
    threshold: float
    positive: str
    limits: Limits | None
    judged_from: int
    scheduled: bool
    label_free: Section | None = None

    @property
    def reads_whole_answers(self) -> bool:
        """True where classes are wanted and no attribute says where they are."""
        return self.problem is not ProblemType.REGRESSION and self.inference is None and self.probability is None

    @property
    def negative(self) -> str:
        """What is predicted below the threshold."""
        return "0" if self.positive == DEFAULT_POSITIVE else f"not {self.positive}"

    @property
    def renamed(self) -> tuple[tuple[str, str], ...]:
        """Classes that are the same as others: true and false are 1 and 0 of two, unless one of them was named."""
        by_number = self.problem is ProblemType.BINARY and self.positive not in AS_NUMBERS
        return tuple(AS_NUMBERS.items()) if by_number else ()


def quality_settings(environment: Mapping[str, str], constraints: Constraints | None) -> QualitySettings:
    """The settings of a run; raises BadInput naming the variable, or the field, that does not fit and its value."""
    problem = _problem(environment)
    _require_predictions(problem, environment)
    return QualitySettings(
        problem=problem,
        inference=_attribute(Variable.INFERENCE_ATTRIBUTE, environment),
        probability=_attribute(Variable.PROBABILITY_ATTRIBUTE, environment),
        ground_truth=_attribute(Variable.GROUND_TRUTH_ATTRIBUTE, environment),
        threshold=_threshold(environment),
        positive=_positive(environment),
        limits=None if constraints is None else limits_from(constraints, problem.section),
        judged_from=judged_from(environment),
        scheduled=bool(environment.get(Variable.SCHEDULE_NAME)),
        label_free=_label_free(problem, constraints),
    )


def _label_free(problem: ProblemType, constraints: Constraints | None) -> Section | None:
    if constraints is None or problem is ProblemType.REGRESSION:
        return None
    return constraints_from(constraints) or Withheld(withheld=f"{CONSTRAINTS_FILE} has no {SECTION}: {MAKE_ONE}")


def _problem(environment: Mapping[str, str]) -> ProblemType:
    text = environment.get(Variable.PROBLEM_TYPE, "")
    try:
        return ProblemType(text)
    except ValueError as error:
        raise BadInput(f"{Variable.PROBLEM_TYPE} is {text!r}: set it to one of {', '.join(ProblemType)}") from error


def _require_predictions(problem: ProblemType, environment: Mapping[str, str]) -> None:
    """A probability alone says which of two classes is predicted, and nothing of a number or of many classes."""
    probability = environment.get(Variable.PROBABILITY_ATTRIBUTE)
    if probability and not environment.get(Variable.INFERENCE_ATTRIBUTE) and problem is not ProblemType.BINARY:
        raise BadInput(
            f"{Variable.PROBABILITY_ATTRIBUTE} is {probability!r} and {Variable.INFERENCE_ATTRIBUTE} is not set: set "
            f"it to where the prediction is, or {Variable.PROBLEM_TYPE}, which is {problem}, to {ProblemType.BINARY}"
        )


def _positive(environment: Mapping[str, str]) -> str:
    """The positive class as labels are named where there is no model card."""
    text = environment.get(Variable.POSITIVE_LABEL, "").strip()
    try:
        return class_name(text, Classes()) if text else DEFAULT_POSITIVE
    except NoClass as error:
        raise BadInput(f"{Variable.POSITIVE_LABEL} is {text!r}: give the name of a class") from error


def _attribute(variable: Variable, environment: Mapping[str, str]) -> Attribute | None:
    text = environment.get(variable)
    return parse_attribute(variable, text) if text else None


def _threshold(environment: Mapping[str, str]) -> float:
    text = environment.get(Variable.PROBABILITY_THRESHOLD)
    if text is None:
        return DEFAULT_THRESHOLD
    try:
        return number(text)
    except NoClass as error:
        raise BadInput(f"{Variable.PROBABILITY_THRESHOLD} is {text!r}: give a number such as 0.5") from error
