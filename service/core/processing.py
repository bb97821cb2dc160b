"""CreateProcessingJob as clients send it, parsed to what is staged, run and uploaded, and as its container reads it."""

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from monitor_jobs.contract.container import Variable
from monitor_jobs.contract.errors import BadInput
from service.core.monitoring import DEFAULT_MAX_RUNTIME, S3Output, StoppingCondition

CONTINUOUS = "Continuous"
CONTAINER_FOLDER = "/opt/ml"  # all that a job shares with the platform


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True, frozen=True, extra="ignore")


class S3Input(_Shape):
    """Objects below a prefix, and the container folder they are staged to."""

    s3_uri: str = Field(alias="S3Uri")
    local_path: str


class ProcessingInput(_Shape):
    """One input of a job; only S3 inputs are served."""

    input_name: str
    s3_input: S3Input = Field(alias="S3Input")


class ProcessingOutput(_Shape):
    """One output of a job."""

    output_name: str
    s3_output: S3Output = Field(alias="S3Output")


class ProcessingOutputConfig(_Shape):
    """All outputs of a job."""

    outputs: tuple[ProcessingOutput, ...] = ()


class AppSpecification(_Shape):
    """The image and its command line."""

    image_uri: str
    container_entrypoint: tuple[str, ...] = ()
    container_arguments: tuple[str, ...] = ()


class ProcessingJobRequest(_Shape):
    """What a processing job runs."""

    processing_job_name: str
    processing_inputs: tuple[ProcessingInput, ...] = ()
    processing_output_config: ProcessingOutputConfig = ProcessingOutputConfig()
    processing_resources: dict[str, Any] = Field(default_factory=dict)
    app_specification: AppSpecification
    environment: dict[str, str] = Field(default_factory=dict)
    stopping_condition: StoppingCondition = StoppingCondition()
    role_arn: str = ""

    @property
    def inputs(self) -> tuple[ProcessingInput, ...]:
        """What is staged before the job."""
        return self.processing_inputs

    @property
    def outputs(self) -> tuple[ProcessingOutput, ...]:
        """What is uploaded after the job."""
        return self.processing_output_config.outputs

    @property
    def local_paths(self) -> list[str]:
        """The container's folders that hold inputs or outputs. Raises BadInput for one that is not below /opt/ml."""
        paths = [source.s3_input.local_path for source in self.inputs]
        paths += [output.s3_output.local_path for output in self.outputs]
        for path in paths:
            if not PurePosixPath(path).is_relative_to(CONTAINER_FOLDER):
                raise BadInput(
                    f"LocalPath {path} lies outside of {CONTAINER_FOLDER}: write one such as /opt/ml/processing/output"
                )
        return paths

    @property
    def container_environment(self) -> dict[str, str]:
        """The container's variables.

        output_path is the first output's folder unless something else is asked for: SageMaker sets it for schedules
        only, and then what AWS's own sample container writes in a plain job is nowhere to be found.
        """
        if not self.outputs:
            return self.environment
        return {Variable.OUTPUT_PATH.value: self.outputs[0].s3_output.local_path, **self.environment}

    @property
    def max_runtime(self) -> timedelta:
        """How long the job may run."""
        seconds = self.stopping_condition.max_runtime_in_seconds
        return DEFAULT_MAX_RUNTIME if seconds is None else timedelta(seconds=seconds)


def job_config(request: ProcessingJobRequest, sent: dict[str, Any], *, arn: str) -> dict[str, Any]:
    """What a container reads of its own job, processingjobconfig.json: the request as sent, and what it left out.

    Developer guide, "How Amazon SageMaker Processing configures your processing container".
    """
    left_out = {
        "ProcessingInputs": [],
        "ProcessingOutputConfig": {"Outputs": []},
        "ProcessingResources": {},
        "RoleArn": "",
        "StoppingCondition": {"MaxRuntimeInSeconds": int(request.max_runtime.total_seconds())},
    }
    return {"ProcessingJobArn": arn, **left_out, **sent, "Environment": request.container_environment}
