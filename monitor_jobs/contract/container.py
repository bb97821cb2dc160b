"""What a processing container finds and leaves: paths, environment names, the message, CloudWatch metric lines.

Follows the AWS developer guide, "Container contract inputs" and "Container contract outputs" of Model Monitor, and
"Build your own processing container". No I/O here: `job` does it inside the container, the scheduler's staging outside.
"""

import json
import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_pascal

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.window import format_timestamp

MESSAGE_MAX_BYTES = 1024
CAPTURE_DATASET_FORMAT = json.dumps(
    {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
)
MAX_METRIC_NAME_CHARACTERS = 255
MAX_DIMENSION_CHARACTERS = 1024
MAX_DIMENSIONS = 30
# How AWS's pages and samples call the endpoint and the schedule of a metric line.
ENDPOINT_DIMENSIONS = ("Endpoint", "EndpointName")
PLACE_DIMENSIONS = (*ENDPOINT_DIMENSIONS, "MonitoringSchedule", "ScheduleName")
NO_VIOLATIONS_MESSAGE = "Completed: Job completed successfully with no violations."


class Variable(StrEnum):
    """Environment variables that a monitoring container is given."""

    DATASET_FORMAT = "dataset_format"
    DATASET_SOURCE = "dataset_source"
    START_TIME = "start_time"
    END_TIME = "end_time"
    OUTPUT_PATH = "output_path"
    PUBLISH_CLOUDWATCH_METRICS = "publish_cloudwatch_metrics"
    ENDPOINT_NAME = "sagemaker_endpoint_name"
    SCHEDULE_NAME = "sagemaker_monitoring_schedule_name"
    CAPTURE_PREFIX = "sagemaker_endpoint_datacapture_prefix"
    BASELINE_CONSTRAINTS = "baseline_constraints"
    BASELINE_STATISTICS = "baseline_statistics"
    RECORD_PREPROCESSOR = "record_preprocessor_script"
    POST_ANALYTICS_PROCESSOR = "post_analytics_processor_script"
    ANALYSIS_TYPE = "analysis_type"  # these and the next ones: of model quality only
    PROBLEM_TYPE = "problem_type"
    INFERENCE_ATTRIBUTE = "inference_attribute"
    PROBABILITY_ATTRIBUTE = "probability_attribute"
    PROBABILITY_THRESHOLD = "probability_threshold_attribute"
    GROUND_TRUTH_ATTRIBUTE = "ground_truth_attribute"
    POSITIVE_LABEL = "positive_label"
    # Ours:
    MODEL_CARD = "SEXTANT_MODEL_CARD"  # local path of the model card, where the endpoint's model has one
    ANALYSIS = "SEXTANT_ANALYSIS"  # suggest_baseline in place of a verdict
    CAPTURE_COMPLETENESS = "SEXTANT_CAPTURE_COMPLETENESS"  # local path of what is known to be missing of the captures
    GROUND_TRUTH = "SEXTANT_GROUND_TRUTH"  # local path of what came of merging ground truth into the captures
    SIDE_INDEX = "SEXTANT_SIDE_INDEX"  # local folder of what stands for captures that are not in the dataset
    WORKERS = "SEXTANT_JOB_WORKERS"  # processes that share the work


@dataclass(frozen=True, slots=True)
class ContainerPaths:
    """The places below `/opt/ml`; another root where the platform cannot mount them there."""

    root: Path = Path("/")

    def below_root(self, container_path: str | PurePosixPath) -> Path:
        """Where an absolute container path lies on this file system; BadInput for one that could leave the root."""
        path = PurePosixPath(container_path)
        if not path.is_absolute() or ".." in path.parts:
            raise BadInput(f"{container_path} is no absolute container path: write one such as /opt/ml/output")
        return self.root / path.relative_to("/")

    @property
    def job_config(self) -> Path:
        """The whole job description, processingjobconfig.json."""
        return self.below_root("/opt/ml/config/processingjobconfig.json")

    @property
    def resource_config(self) -> Path:
        """The hosts of the job, resourceconfig.json."""
        return self.below_root("/opt/ml/config/resourceconfig.json")

    @property
    def message(self) -> Path:
        """The exit message: UTF-8, of which the first 1,024 bytes are kept."""
        return self.below_root("/opt/ml/output/message")

    @property
    def cloudwatch_metrics(self) -> Path:
        """CloudWatch metrics, one JSON object a line."""
        return self.below_root("/opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl")


class MetricDimension(BaseModel):
    """One name and value that a CloudWatch metric is kept under."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, frozen=True)
    name: str = Field(min_length=1, max_length=MAX_METRIC_NAME_CHARACTERS)
    value: str = Field(min_length=1, max_length=MAX_DIMENSION_CHARACTERS)


class StatisticValues(BaseModel):
    """What a metric line says of many values at once."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, frozen=True)
    sample_count: float = Field(gt=0)
    sum: float
    minimum: float
    maximum: float

    @property
    def finite(self) -> bool:
        """True where all of them are: CloudWatch takes no other."""
        return all(map(math.isfinite, (self.sample_count, self.sum, self.minimum, self.maximum)))


class CloudWatchMetric(BaseModel):
    """One line of cloudwatch_metrics.jsonl: either a value, or the statistics of several."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, frozen=True)
    metric_name: str = Field(min_length=1, max_length=MAX_METRIC_NAME_CHARACTERS)
    timestamp: str
    dimensions: tuple[MetricDimension, ...] = Field((), max_length=MAX_DIMENSIONS)
    value: float | None = None
    statistic_values: StatisticValues | None = None
    unit: str = "None"

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.value is None) is (self.statistic_values is None):
            raise ValueError("a metric line has either Value or StatisticValues")
        return self

    @property
    def statistics(self) -> StatisticValues:
        """The line as statistics; a value is those of one."""
        if self.statistic_values is not None:
            return self.statistic_values
        value = float(self.value or 0.0)
        return StatisticValues(sample_count=1, sum=value, minimum=value, maximum=value)

    @property
    def gauge(self) -> str:
        """The name of the line's gauge: the metric's, with all dimensions but endpoint and schedule behind it."""
        own = [row for row in self.dimensions if row.name not in PLACE_DIMENSIONS]
        return self.metric_name + ("{" + ",".join(f"{row.name}={row.value}" for row in own) + "}" if own else "")


def cloudwatch_line(*, name: str, value: float | StatisticValues, at: datetime, endpoint: str, schedule: str) -> str:
    """A metric of a monitoring execution as its JSON line, with its newline: a value, or the statistics of several."""
    places = {"Endpoint": endpoint, "MonitoringSchedule": schedule}
    # A job that no schedule started has neither, and CloudWatch takes no empty value.
    dimensions = tuple(MetricDimension(name=name, value=value) for name, value in places.items() if value)
    metric = CloudWatchMetric(
        metric_name=name,
        timestamp=format_timestamp(at),
        dimensions=dimensions,
        value=None if isinstance(value, StatisticValues) else value,
        statistic_values=value if isinstance(value, StatisticValues) else None,
    )
    return metric.model_dump_json(by_alias=True, exclude_none=True) + "\n"


def completion_message(violations: int) -> str:
    """The exit message of a finished monitor, in SageMaker's words."""
    if violations == 0:
        return NO_VIOLATIONS_MESSAGE
    noun = "violation" if violations == 1 else "violations"
    return f"CompletedWithViolations: Job completed successfully with {violations} {noun}."


def clip_message(message: str) -> bytes:
    """The first 1,024 bytes of a message, cut between characters."""
    return message.encode()[:MESSAGE_MAX_BYTES].decode(errors="ignore").encode()
