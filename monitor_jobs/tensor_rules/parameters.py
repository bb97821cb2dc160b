"""The rules and their parameters, by the names and with the defaults that SageMaker Debugger has.

What lives here: `Rules` and the way to them. What does not: what a rule counts (rules), the environment (job).
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from monitor_jobs.contract.debug_hook import Names, Patterns
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import CONSTRAINTS_FILE, Constraints

VARIABLE: Final = "TENSOR_RULES"
SECTION: Final = "tensor_rules"

GivenT = TypeVar("GivenT")


def _pair(value: object) -> object:
    """A pair that came as text, as all of Debugger's parameters do."""
    return tuple(value.strip("()[] ").split(",")) if isinstance(value, str) else value


Percent = Annotated[float, Field(ge=0, le=100)]
Limits = Annotated[tuple[float, float], BeforeValidator(_pair)]


class Rule(BaseModel):
    """What every rule has: the tensors that it looks at, where those are not the rule's own.

    tensor_regex: patterns, any of which is anywhere in a name; collection_names: of the endpoint's hook
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    tensor_regex: Patterns = ()
    collection_names: Names = frozenset()

    @property
    def names_tensors(self) -> bool:
        """Whether it was said which tensors the rule looks at."""
        return bool(self.tensor_regex or self.collection_names)


class AllZero(Rule):
    """threshold: percent of a tensor's values that are zero in a step, from which on it is all zero."""

    threshold: float = Field(default=100, gt=0, le=100)


class ExplodingTensor(Rule):
    """Values that are no finite numbers, and magnitudes that no baseline has.

    only_nan: look at NaN alone, not at infinity; times_baseline: how many times the baseline's largest magnitude is too
    much, which Debugger does not have
    """

    only_nan: bool = False
    times_baseline: float = Field(default=10, ge=1)


class DeadRelu(Rule):
    """Units that answer nothing but zero.

    threshold_inactivity: percent of the inputs that a unit has to answer to, or it is dead; threshold_layer: percent of
    a layer's units that may be dead; minimum_inputs: how many inputs it takes to tell, which Debugger does not have
    """

    threshold_inactivity: Percent = 1.0
    threshold_layer: Percent = 50.0
    minimum_inputs: int = Field(default=30, ge=1)


class SaturatedActivation(Rule):
    """What sigmoid and tanh are given where they are flat: beyond these limits their slope is below one in 10 million.

    threshold_inactivity: percent of a unit's values within the limits below which it is saturated; threshold_layer:
    percent of a layer's units that may be
    """

    threshold_tanh: Limits = (-9.4999, 9.4999)
    threshold_sigmoid: Limits = (-23.0, 16.99999)
    threshold_inactivity: Percent = 1.0
    threshold_layer: Percent = 50.0

    @model_validator(mode="after")
    def _rises(self) -> Self:
        """Return where each pair of limits is one."""
        for name in ("threshold_tanh", "threshold_sigmoid"):
            low, high = getattr(self, name)
            if not low < high:
                raise ValueError(f"{name} is ({low:g}, {high:g}): the first has to be the lower one")
        return self


class Rules(BaseModel):
    """The rules that a window is held to; None where one is left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    exploding_tensor: ExplodingTensor | None = Field(default=None, alias="ExplodingTensor")
    all_zero: AllZero | None = Field(default=None, alias="AllZero")
    dead_relu: DeadRelu | None = Field(default=None, alias="DeadRelu")
    saturated_activation: SaturatedActivation | None = Field(default=None, alias="SaturatedActivation")


NAMES: Final = tuple(str(field.alias) for field in Rules.model_fields.values())
EVERY_RULE: Final = Rules.model_validate({name: {} for name in NAMES})


def rules_from(environment: Mapping[str, str], constraints: Constraints | None) -> Rules:
    """The rules that the variable names, else those of constraints.json, else every rule as it is.

    The variable holds names with commas between, or a JSON object of names and parameters. Raises BadInput naming the
    variable or the field, and its value.
    """
    text = environment.get(VARIABLE)
    if text is not None:
        return _from_text(text)
    section = constraints.monitoring_config.get(SECTION) if constraints else None
    place = f"monitoring_config.{SECTION} in {CONSTRAINTS_FILE}"
    return EVERY_RULE if section is None else _checked(place, section, Rules.model_validate)


def _from_text(text: str) -> Rules:
    if text.lstrip().startswith("{"):
        return _checked(VARIABLE, text, Rules.model_validate_json)
    return _checked(VARIABLE, {name.strip(): {} for name in text.split(",") if name.strip()}, Rules.model_validate)


def _checked(place: str, given: GivenT, parse: Callable[[GivenT], Rules]) -> Rules:
    try:
        rules = parse(given)
    except ValidationError as error:
        raise BadInput(_sentence(place, error)) from error
    if rules == Rules():
        raise BadInput(f"{place} names no rule: there are {', '.join(NAMES)}")
    return rules


def _sentence(place: str, error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where, given = ".".join(map(str, first["loc"])), str(first["input"])[:80]
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        return f"{place} names {where!r}, which is no rule: there are {', '.join(NAMES)}"
    if first["type"] == "extra_forbidden":
        return f"{place} has {where}, which is no parameter of that rule: see docs/tensors.md"
    return f"{place} has {where or 'a whole'} {given!r}: {first['msg'].lower()}"
