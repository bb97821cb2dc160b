"""What a monitor concludes, and the files it is written in.

What lives here: measurements, violations, reports, and SageMaker's statistics.json, constraints.json and
constraint_violations.json. What does not: how a value is measured (the monitors' analyses).
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat, PlainSerializer

from monitor_jobs.contract.window import format_timestamp

MAX_OFFENDING_RECORDS = 25
STATISTICS_FILE = "statistics.json"
CONSTRAINTS_FILE = "constraints.json"
VIOLATIONS_FILE = "constraint_violations.json"
VIOLATIONS_FILE_ALIAS = "constraints_violations.json"  # the name AWS's own guide and sample use; clients read both
REPORT_FILE = "report.json"
PAGE_FILE = "report.html"  # the report for people

WireTime = Annotated[AwareDatetime, PlainSerializer(format_timestamp, return_type=str)]


class _File(BaseModel):
    """What we define: unknown fields are refused, NaN and infinity survive a round trip as strings."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class _Foreign(BaseModel):
    """What others write too: unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", ser_json_inf_nan="strings")


class OffendingRecord(_File):
    """Where to find one captured record: its event, the capture file's path below the dataset, its line from 1."""

    event_id: str
    object_key: str
    line: int = Field(ge=1)
    inference_id: str | None = None
    detail: str = ""


class Measurement(_File):
    """One measured value and, where it is judged, the limit that it must keep."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    keeps: Literal["<=", ">="] = "<="

    @property
    def violated(self) -> bool:
        """True where the limit is not kept; NaN keeps no limit."""
        if self.limit is None:
            return False
        return not (self.value <= self.limit if self.keeps == "<=" else self.value >= self.limit)


class Violation(_File):
    """One constraint that a window broke, in SageMaker's three fields, and the records that show it.

    metric_name: of model quality, whose files name a metric where those of data quality name a feature.
    """

    feature_name: str
    metric_name: str | None = None
    constraint_check_type: str
    description: str
    offending_records: tuple[OffendingRecord, ...] = Field(default=(), max_length=MAX_OFFENDING_RECORDS)


class UnreadableLines(_File):
    """How many lines of the window could not be judged, by reason."""

    by_reason: dict[str, int] = Field(default_factory=dict)

    @property
    def total(self) -> int:
        """All unreadable lines."""
        return sum(self.by_reason.values())


class Report(_File):
    """The verdict of one monitor over one window."""

    monitor: str
    endpoint: str
    window_start: WireTime
    window_end: WireTime
    records: int = Field(ge=0)
    predictions: int = Field(ge=0)
    unreadable: UnreadableLines
    measurements: tuple[Measurement, ...]
    violations: tuple[Violation, ...]
    remark: str = ""  # why a verdict was withheld, in one sentence

    def to_json(self) -> str:
        """The report file's text."""
        return self.model_dump_json(indent=2) + "\n"


def violations_json(violations: tuple[Violation, ...]) -> str:
    """constraint_violations.json: AWS's three fields of each violation and nothing else."""
    rows = [
        ConstraintViolation(
            feature_name=violation.feature_name if violation.metric_name is None else None,
            metric_name=violation.metric_name,
            constraint_check_type=violation.constraint_check_type,
            description=violation.description,
        )
        for violation in violations
    ]
    return ConstraintViolations(violations=rows).model_dump_json(indent=2, exclude_none=True) + "\n"


class ConstraintViolation(_Foreign):
    """One row of constraint_violations.json; bias has neither a feature's name nor a metric's alone."""

    feature_name: str | None = None
    metric_name: str | None = None
    constraint_check_type: str
    description: str


class ConstraintViolations(_Foreign):
    """constraint_violations.json."""

    violations: list[ConstraintViolation]


class CommonStatistics(_Foreign):
    """How many values of a feature are there, and how many are not."""

    num_present: int
    num_missing: int


class CategoricalBucket(_Foreign):
    """How often one value occurs."""

    value: str
    count: int = Field(ge=0)


class CategoricalDistribution(_Foreign):
    """All values of a string feature."""

    buckets: list[CategoricalBucket]


class StringDistribution(_Foreign):
    """SageMaker nests the categories one level down."""

    categorical: CategoricalDistribution


class StringStatistics(_Foreign):
    """Statistics of a string feature."""

    common: CommonStatistics
    distinct_count: int
    distribution: StringDistribution


class KllBucket(_Foreign):
    """How many numbers lie in [lower_bound, upper_bound); the last bucket holds its upper bound too."""

    lower_bound: FiniteFloat
    upper_bound: FiniteFloat
    count: FiniteFloat = Field(ge=0)


class KllParameters(_Foreign):
    """The shape of a KLL sketch: each level holds `c` times what the one above it does, the highest up to `k` items."""

    c: float
    k: float


class KllSketch(_Foreign):
    """A sketch's items: those of `data[i]` stand for 2**i numbers each."""

    parameters: KllParameters | None = None
    data: list[list[FiniteFloat]] = Field(default_factory=list, max_length=64)


class KllDistribution(_Foreign):
    """The distribution of a numeric feature, in buckets and as a sketch."""

    buckets: list[KllBucket] = Field(default_factory=list)
    sketch: KllSketch | None = None


class NumericalDistribution(_Foreign):
    """SageMaker nests the sketch one level down."""

    kll: KllDistribution | None = None


class NumericalStatistics(_Foreign):
    """Statistics of a numeric feature; a number is absent, or AWS's NaN, where there is no finite value to have it."""

    common: CommonStatistics
    mean: float | None = None
    sum: float | None = None
    std_dev: float | None = None
    min: float | None = None
    max: float | None = None
    distribution: NumericalDistribution | None = None


class FeatureStatistics(_Foreign):
    """Statistics of one feature; which of the two it has depends on its type."""

    name: str
    inferred_type: str
    string_statistics: StringStatistics | None = None
    numerical_statistics: NumericalStatistics | None = None


class Dataset(_Foreign):
    """The size of what was measured."""

    item_count: int


class Statistics(_Foreign):
    """statistics.json."""

    version: int = 0
    dataset: Dataset
    features: list[FeatureStatistics] = Field(default_factory=list)

    def to_json(self) -> str:
        """The file's text, absent fields left out."""
        return self.model_dump_json(indent=2, exclude_none=True) + "\n"


class Constraints(_Foreign):
    """constraints.json; `monitoring_config` holds one section a monitor."""

    version: int = 0
    features: list[dict[str, Any]] = Field(default_factory=list)
    monitoring_config: dict[str, Any] = Field(default_factory=dict)

    def to_json(self) -> str:
        """The file's text."""
        return self.model_dump_json(indent=2) + "\n"


def class_count_feature(name: str, counts: dict[str, int]) -> FeatureStatistics:
    """A string feature's statistics from how often each of its values occurs, most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    buckets = [CategoricalBucket(value=value, count=count) for value, count in ordered]
    return FeatureStatistics(
        name=name,
        inferred_type="String",
        string_statistics=StringStatistics(
            common=CommonStatistics(num_present=sum(counts.values()), num_missing=0),
            distinct_count=len(counts),
            distribution=StringDistribution(categorical=CategoricalDistribution(buckets=buckets)),
        ),
    )


def class_counts(statistics: Statistics, feature: str) -> dict[str, int] | None:
    """How often each value of a string feature occurs; None where the file does not hold that feature."""
    for candidate in statistics.features:
        if candidate.name == feature and candidate.string_statistics is not None:
            buckets = candidate.string_statistics.distribution.categorical.buckets
            return {bucket.value: bucket.count for bucket in buckets}
    return None
