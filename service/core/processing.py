"""CreateProcessingJob as clients send it, parsed to what is staged, run and uploaded."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_pascal

from service.core.monitoring import DEFAULT_MAX_RUNTIME, S3Output, StoppingCondition


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
    def max_runtime(self) -> timedelta:
        """How long the job may run."""
        seconds = self.stopping_condition.max_runtime_in_seconds
        return DEFAULT_MAX_RUNTIME if seconds is None else timedelta(seconds=seconds)
