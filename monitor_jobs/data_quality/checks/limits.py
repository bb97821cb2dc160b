"""The limits that a window is held to: constraints.json in AWS's words, what a column overrides, and the environment.

What lives here: the values, their defaults, and reading them. What does not: judging by them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.report import CONSTRAINTS_FILE, Constraints
from monitor_jobs.data_quality.summary import InferredType

CATEGORICAL_DRIFT_METHOD: Final = "categorical_drift_method"
VARIABLES: Final = frozenset({CATEGORICAL_DRIFT_METHOD})  # the SDK sends it in lower case

Share = Annotated[float, Field(ge=0, le=1)]


class Switch(StrEnum):
    """AWS's way to write a flag."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"


class ComparisonMethod(StrEnum):
    """Whether a distance is reduced by what few values add to it; AWS's reference spells both in a second way."""

    SIMPLE = "Simple"
    ROBUST = "Robust"
    LINF_SIMPLE = "linf_simple"
    LINF_ROBUST = "linf_robust"

    @property
    def corrected(self) -> bool:
        """True where what chance adds is taken off."""
        return self in {ComparisonMethod.ROBUST, ComparisonMethod.LINF_ROBUST}


class CategoricalDriftMethod(StrEnum):
    """How two mixes of categories are compared."""

    L_INFINITY = "LInfinity"
    CHI_SQUARED = "ChiSquared"


class _Section(BaseModel):
    """AWS adds fields at times, and other monitors write theirs into the same file: what is unknown is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


SectionT = TypeVar("SectionT", bound=_Section)


class DistributionConstraints(_Section):
    """How far a distribution may be from the baseline's; the threshold of categories defaults to that of numbers."""

    perform_comparison: Switch = Switch.ENABLED
    comparison_threshold: float = Field(default=0.1, ge=0)
    comparison_method: ComparisonMethod = ComparisonMethod.ROBUST
    categorical_comparison_threshold: float | None = Field(default=None, ge=0)
    categorical_drift_method: CategoricalDriftMethod = CategoricalDriftMethod.L_INFINITY

    @property
    def compared(self) -> bool:
        """True where distributions are compared at all."""
        return self.perform_comparison is Switch.ENABLED

    @property
    def categorical_threshold(self) -> float:
        """The largest distance between two mixes of categories."""
        chosen = self.categorical_comparison_threshold
        return self.comparison_threshold if chosen is None else chosen


class MonitoringConfig(_Section):
    """What holds for every column that does not override it. Shares are 0..1."""

    evaluate_constraints: Switch = Switch.ENABLED
    emit_metrics: Switch = Switch.ENABLED
    datatype_check_threshold: Share = 1.0
    domain_content_threshold: Share = 1.0
    distribution_constraints: DistributionConstraints = DistributionConstraints()

    @property
    def evaluated(self) -> bool:
        """True where breaking a limit is a violation."""
        return self.evaluate_constraints is Switch.ENABLED

    @property
    def emitted(self) -> bool:
        """True where metrics are published."""
        return self.emit_metrics is Switch.ENABLED


class NumericConstraints(_Section):
    """Limits of numbers."""

    is_non_negative: bool = False


class StringConstraints(_Section):
    """The values that a text may have, where they are few."""

    domains: list[Annotated[str, Field(coerce_numbers_to_str=True)]] | None = None
    monitoring_config_overrides: dict[str, Any] | None = None  # where early clients put them


class FeatureConstraints(_Section):
    """One column of constraints.json. AWS's reference and its SDK spell the overrides differently."""

    name: str
    inferred_type: InferredType = InferredType.UNKNOWN
    completeness: Share | None = None
    num_constraints: NumericConstraints | None = None
    string_constraints: StringConstraints | None = None
    overrides: dict[str, Any] | None = Field(
        default=None, validation_alias=AliasChoices("monitoringConfigOverrides", "monitoring_config_overrides")
    )


@dataclass(frozen=True, slots=True)
class ColumnLimits:
    """What one column must keep. `domain` is None where any value may occur."""

    name: str
    expected: InferredType = InferredType.UNKNOWN
    completeness: float | None = None
    non_negative: bool = False
    domain: frozenset[str] | None = None
    config: MonitoringConfig = field(default_factory=MonitoringConfig)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of all columns that constraints.json lists, and those of all others."""

    columns: Mapping[str, ColumnLimits] = field(default_factory=dict)
    config: MonitoringConfig = field(default_factory=MonitoringConfig)


def limits_from(environment: Mapping[str, str], constraints: Constraints | None) -> Limits:
    """The limits: a column's own over the environment over constraints.json over AWS's defaults.

    Raises BadInput naming the variable, or the field of constraints.json, and its value.
    """
    wire = constraints or Constraints()
    shared = dict(wire.monitoring_config)
    _config(shared, "monitoring_config")  # so that what is wrong in the file is not blamed on the environment
    if CATEGORICAL_DRIFT_METHOD in environment:
        shared = _overridden(shared, {"distribution_constraints": dict(_chosen_method(environment))})
    columns = [
        _column(_parsed(FeatureConstraints, feature, f"features[{place}]"), shared, f"features[{place}]")
        for place, feature in enumerate(wire.features)
    ]
    repeated = [name for name, times in Counter(column.name for column in columns).items() if times > 1]
    if repeated:
        raise BadInput(f"features in {CONSTRAINTS_FILE} names {repeated[0]!r} twice: keep one of them")
    return Limits({column.name: column for column in columns}, _config(shared, "monitoring_config"))


def _column(feature: FeatureConstraints, shared: Mapping[str, Any], place: str) -> ColumnLimits:
    texts = feature.string_constraints or StringConstraints()
    own = feature.overrides or texts.monitoring_config_overrides or {}
    return ColumnLimits(
        name=feature.name,
        expected=feature.inferred_type,
        completeness=feature.completeness,
        non_negative=feature.num_constraints is not None and feature.num_constraints.is_non_negative,
        domain=None if texts.domains is None else frozenset(texts.domains),
        config=_config(_overridden(shared, own), f"{place}.monitoringConfigOverrides"),
    )


def _overridden(config: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with another one's fields over it; the distribution's section field by field."""
    section = "distribution_constraints"
    merged = {**config, **own}
    if isinstance(config.get(section), Mapping) and isinstance(own.get(section), Mapping):
        merged[section] = {**config[section], **own[section]}
    return merged


def _chosen_method(environment: Mapping[str, str]) -> Mapping[str, str]:
    chosen = environment[CATEGORICAL_DRIFT_METHOD]
    if chosen not in set(CategoricalDriftMethod):
        raise BadInput(f"{CATEGORICAL_DRIFT_METHOD} is {chosen!r}: make it LInfinity or ChiSquared")
    return {CATEGORICAL_DRIFT_METHOD: chosen}


def _config(fields: Mapping[str, Any], place: str) -> MonitoringConfig:
    return _parsed(MonitoringConfig, fields, place)


def _parsed(kind: type[SectionT], fields: object, place: str) -> SectionT:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join([place, *map(str, first["loc"])])
        raise BadInput(f"{where} in {CONSTRAINTS_FILE} is {first['input']!r}: {first['msg'].lower()}") from error
