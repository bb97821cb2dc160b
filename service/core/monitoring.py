"""From a monitoring schedule's configuration and one window to the processing job that judges it.

What lives here: MonitoringJobDefinition as clients send it, where reports go, and the CreateProcessingJob request of an
execution. What does not: when windows are due (schedule), staging and launching (scheduler). Follows the AWS
developer guide, "Container contract inputs".
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_pascal

from monitor_jobs.contract.capture import hour_folder
from monitor_jobs.contract.catalog import built_in_module
from monitor_jobs.contract.container import CAPTURE_DATASET_FORMAT, Variable
from monitor_jobs.contract.ground_truth import MERGED_DATASET_FORMAT
from monitor_jobs.contract.window import Window, floor_hour, format_timestamp
from service.core.records import ExecutionOrigin, ExecutionRecord
from service.core.windows import WindowOffsets, parse_offsets

DEFAULT_MAX_RUNTIME = timedelta(hours=1)
MODEL_QUALITY = "MODEL_QUALITY"
PROBLEM_TYPES = ("Regression", "BinaryClassification", "MulticlassClassification")
ANALYZER = "monitor_jobs.model_monitor_analyzer"
CONSTRAINTS_FOLDER = "/opt/ml/processing/baseline/constraints"
STATISTICS_FOLDER = "/opt/ml/processing/baseline/stats"
MODEL_CARD_PATH = "/opt/ml/processing/model/model_card.json"
GROUND_TRUTH_PATH = "/opt/ml/processing/ground_truth/merge_counts.json"
COMPLETENESS_PATH = "/opt/ml/processing/completeness/capture_completeness.json"
PREPROCESSING_FOLDER = "/opt/ml/processing/code/preprocessing"
POSTPROCESSING_FOLDER = "/opt/ml/processing/code/postprocessing"
SIDE_INDEX_PATH = "/opt/ml/processing/side_index"


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, frozen=True, extra="ignore")


class EndpointInput(_Shape):
    """Which endpoint's captures are judged, where the container finds them, and how the window is shifted."""

    endpoint_name: str
    local_path: str = "/opt/ml/processing/input/endpoint"
    start_time_offset: str | None = None
    end_time_offset: str | None = None
    inference_attribute: str | None = None
    probability_attribute: str | None = None
    probability_threshold_attribute: float | None = None


class GroundTruthS3Input(_Shape):
    """Below which address ground truth is uploaded, hour by hour."""

    s3_uri: str = Field(alias="S3Uri", pattern="^s3://")


class MonitoringInput(_Shape):
    """One input of a monitor, and the labels that are merged into it; BatchTransformInput is not served."""

    endpoint_input: EndpointInput
    ground_truth_s3_input: GroundTruthS3Input | None = Field(None, alias="GroundTruthS3Input")


class S3Output(_Shape):
    """Where a folder of the container is uploaded to."""

    s3_uri: str = Field(alias="S3Uri")
    local_path: str
    s3_upload_mode: str = Field("EndOfJob", alias="S3UploadMode")


class MonitoringOutput(_Shape):
    """One output of a monitor."""

    s3_output: S3Output = Field(alias="S3Output")


class MonitoringOutputConfig(_Shape):
    """All outputs of a monitor; the first is its output_path."""

    monitoring_outputs: list[MonitoringOutput] = Field(min_length=1)


class MonitoringAppSpecification(_Shape):
    """The monitor's image and command line."""

    image_uri: str
    container_entrypoint: list[str] = Field(default_factory=list)
    container_arguments: list[str] = Field(default_factory=list)
    record_preprocessor_source_uri: str | None = None
    post_analytics_processor_source_uri: str | None = None
    problem_type: str | None = None  # of a model quality monitor only


class S3Resource(_Shape):
    """An object."""

    s3_uri: str | None = Field(None, alias="S3Uri")


class MonitoringBaselineConfig(_Shape):
    """Baseline files, both optional."""

    constraints_resource: S3Resource = S3Resource()
    statistics_resource: S3Resource = S3Resource()


class StoppingCondition(_Shape):
    """How long a job may run."""

    max_runtime_in_seconds: int | None = None


class MonitoringJobDefinition(_Shape):
    """What a schedule runs."""

    baseline_config: MonitoringBaselineConfig = MonitoringBaselineConfig()
    monitoring_inputs: list[MonitoringInput] = Field(min_length=1, max_length=1)
    monitoring_output_config: MonitoringOutputConfig
    monitoring_resources: dict[str, Any] = Field(default_factory=dict)
    monitoring_app_specification: MonitoringAppSpecification
    stopping_condition: StoppingCondition = StoppingCondition()
    environment: dict[str, str] = Field(default_factory=dict)
    role_arn: str

    @property
    def endpoint_input(self) -> EndpointInput:
        """The only input."""
        return self.monitoring_inputs[0].endpoint_input

    @property
    def ground_truth_uri(self) -> str | None:
        """Where labels are uploaded, None where captures are judged without."""
        source = self.monitoring_inputs[0].ground_truth_s3_input
        return None if source is None else source.s3_uri

    @model_validator(mode="after")
    def _says_the_kind_of_problem(self) -> Self:
        """Return where AWS's analyzer is told what it is: without a kind of problem it would judge data quality."""
        application = self.monitoring_app_specification
        told = application.problem_type is not None or Variable.ANALYSIS_TYPE in self.environment
        if self.ground_truth_uri is None or told or built_in_module(application.image_uri) != ANALYZER:
            return self
        raise ValueError(
            "ground truth is given and ProblemType is not: in ModelQualityAppSpecification, set ProblemType to one of "
            + ", ".join(PROBLEM_TYPES)
        )


class ScheduleConfig(_Shape):
    """When a schedule runs, and over which window before each slot."""

    schedule_expression: str | None = None
    data_analysis_start_time: str | None = None
    data_analysis_end_time: str | None = None


class MonitoringScheduleConfig(_Shape):
    """A schedule as sent, with its job definition inline."""

    schedule_config: ScheduleConfig = ScheduleConfig()
    monitoring_job_definition: MonitoringJobDefinition


def offsets_of(config: MonitoringScheduleConfig) -> WindowOffsets:
    """How far a schedule's windows lie from its slots. Raises BadInput for offsets that make no window."""
    times, source = config.schedule_config, config.monitoring_job_definition.endpoint_input
    return parse_offsets(
        analysis_start=times.data_analysis_start_time,
        analysis_end=times.data_analysis_end_time,
        input_start=source.start_time_offset,
        input_end=source.end_time_offset,
    )


def report_uri(output_uri: str, execution: ExecutionRecord) -> str:
    """Where an execution's report lies.

    AWS's hour folder for slots on the hour, a folder of its own below it for others.
    """
    slot = execution.scheduled_at
    folder = f"{output_uri.rstrip('/')}/{execution.endpoint_name}/{execution.schedule_name}/{hour_folder(slot)}"
    if execution.origin is ExecutionOrigin.SLOT and slot == floor_hour(slot):
        return folder
    return f"{folder}/{slot:%M-%S}-{execution.id}"


def processing_job_request(
    definition: MonitoringJobDefinition,
    execution: ExecutionRecord,
    *,
    job_name: str,
    capture_uri: str,
    model_environment: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """The CreateProcessingJob request that judges one execution's window.

    capture_uri is the address of the endpoint's captures, `{destination}/{endpoint}`, or of its tensors where these are
    judged; model_environment is what the endpoint's model is loaded with, for a monitor that loads it as well.
    """
    return {
        "ProcessingJobName": job_name,
        "ProcessingInputs": _inputs(definition, capture_uri),
        "ProcessingOutputConfig": {"Outputs": _outputs(definition, execution)},
        "ProcessingResources": definition.monitoring_resources,
        "StoppingCondition": {"MaxRuntimeInSeconds": int(max_runtime(definition).total_seconds())},
        "AppSpecification": {
            "ImageUri": definition.monitoring_app_specification.image_uri,
            "ContainerEntrypoint": definition.monitoring_app_specification.container_entrypoint,
            "ContainerArguments": definition.monitoring_app_specification.container_arguments,
        },
        "Environment": {
            **model_environment,
            **definition.environment,
            **_variables(definition, execution, capture_uri),
        },
        "RoleArn": definition.role_arn,
    }


def max_runtime(definition: MonitoringJobDefinition) -> timedelta:
    """How long the job may run."""
    seconds = definition.stopping_condition.max_runtime_in_seconds
    return DEFAULT_MAX_RUNTIME if seconds is None else timedelta(seconds=seconds)


def window_of(execution: ExecutionRecord) -> Window:
    """The execution's window."""
    return Window(execution.window_start, execution.window_end)


def labelling_window_of(execution: ExecutionRecord) -> Window:
    """When ground truth of the execution's window may have been uploaded: from its start to the slot.

    Whole hour folders are looked into; that of a slot on the hour has only begun, and is left to the next slot.
    """
    return Window(execution.window_start, max(execution.window_end, execution.scheduled_at))


def execution_job_name(execution: ExecutionRecord) -> str:
    """A processing job's name, new at every claim of the execution: a row's version never comes back."""
    return f"model-monitoring-{execution.scheduled_at:%Y%m%d%H%M}-{execution.id[:20]}-{execution.version}"


class _StagedFile(NamedTuple):
    """A file that a schedule may name: staged into a folder, and told to the container by a variable."""

    input_name: str
    uri: str | None
    folder: str
    usual_name: str  # looked for where the address is that of a folder
    variable: Variable

    @property
    def path(self) -> str:
        name = (self.uri or "").rpartition("/")[2]
        return f"{self.folder}/{name or self.usual_name}"


def _staged_files(definition: MonitoringJobDefinition) -> list[_StagedFile]:
    baseline, scripts = definition.baseline_config, definition.monitoring_app_specification
    constraints, statistics = baseline.constraints_resource.s3_uri, baseline.statistics_resource.s3_uri
    before, after = scripts.record_preprocessor_source_uri, scripts.post_analytics_processor_source_uri
    files = (
        ("constraints", constraints, CONSTRAINTS_FOLDER, "constraints.json", Variable.BASELINE_CONSTRAINTS),
        ("baseline", statistics, STATISTICS_FOLDER, "statistics.json", Variable.BASELINE_STATISTICS),
        ("pre_processor_script", before, PREPROCESSING_FOLDER, "preprocessor.py", Variable.RECORD_PREPROCESSOR),
        ("post_processor_script", after, POSTPROCESSING_FOLDER, "postprocessor.py", Variable.POST_ANALYTICS_PROCESSOR),
    )
    return [_StagedFile(*file) for file in files if file[1] is not None]


def _inputs(definition: MonitoringJobDefinition, capture_uri: str) -> list[dict[str, Any]]:
    captures = ("endpoint_input_1", capture_uri, definition.endpoint_input.local_path)
    files = ((file.input_name, str(file.uri), file.folder) for file in _staged_files(definition))
    return [_input(name, uri, path) for name, uri, path in (captures, *files)]


def _input(name: str, uri: str, local_path: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": local_path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "AppManaged": False, "S3Input": source}


def _outputs(definition: MonitoringJobDefinition, execution: ExecutionRecord) -> list[dict[str, Any]]:
    outputs = (output.s3_output for output in definition.monitoring_output_config.monitoring_outputs)
    return [
        {
            "OutputName": "monitoring_output" if index == 1 else f"monitoring_output_{index}",
            "AppManaged": False,
            "S3Output": {
                "S3Uri": report_uri(output.s3_uri, execution),
                "LocalPath": output.local_path,
                "S3UploadMode": output.s3_upload_mode,
            },
        }
        for index, output in enumerate(outputs, start=1)
    ]


def _variables(definition: MonitoringJobDefinition, execution: ExecutionRecord, capture_uri: str) -> dict[str, str]:
    variables = {
        Variable.DATASET_FORMAT: _dataset_format(definition),
        Variable.DATASET_SOURCE: definition.endpoint_input.local_path,
        Variable.START_TIME: format_timestamp(execution.window_start),
        Variable.END_TIME: format_timestamp(execution.window_end),
        Variable.OUTPUT_PATH: definition.monitoring_output_config.monitoring_outputs[0].s3_output.local_path,
        Variable.PUBLISH_CLOUDWATCH_METRICS: "Enabled",
        Variable.ENDPOINT_NAME: execution.endpoint_name,
        Variable.SCHEDULE_NAME: execution.schedule_name,
        Variable.CAPTURE_PREFIX: capture_uri,
        Variable.MODEL_CARD: MODEL_CARD_PATH,
        Variable.CAPTURE_COMPLETENESS: COMPLETENESS_PATH,
        Variable.SIDE_INDEX: SIDE_INDEX_PATH,
    }
    staged = {file.variable: file.path for file in _staged_files(definition)}
    merged = {} if definition.ground_truth_uri is None else {Variable.GROUND_TRUTH: GROUND_TRUTH_PATH}
    given = {**variables, **staged, **merged, **_model_quality_variables(definition)}
    return {name.value: value for name, value in given.items()}


def _dataset_format(definition: MonitoringJobDefinition) -> str:
    return CAPTURE_DATASET_FORMAT if definition.ground_truth_uri is None else MERGED_DATASET_FORMAT


def _model_quality_variables(definition: MonitoringJobDefinition) -> dict[Variable, str]:
    source, problem = definition.endpoint_input, definition.monitoring_app_specification.problem_type
    given = {
        Variable.ANALYSIS_TYPE: None if problem is None else MODEL_QUALITY,
        Variable.PROBLEM_TYPE: problem,
        Variable.INFERENCE_ATTRIBUTE: source.inference_attribute,
        Variable.PROBABILITY_ATTRIBUTE: source.probability_attribute,
        Variable.PROBABILITY_THRESHOLD: source.probability_threshold_attribute,
    }
    return {name: str(value) for name, value in given.items() if value is not None}
