"""Which records of an execution's report are explained, and the processing job that does it.

What lives here: pure choices. What does not: reading reports and asking for jobs (scheduler.explanations).
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from monitor_jobs.contract.container import Variable
from monitor_jobs.contract.explanation import IDS_MAX, ExplanationRequest
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.report import OffendingRecord, Report
from service.core.deployment import EndpointSpec
from service.core.processing_requests import MODEL_FOLDER, processing_job, s3_input
from service.core.records import ExecutionRecord

IMAGE: Final = "sextant/explain"
EXPLANATIONS_FOLDER: Final = "explanations"  # below the report
PICTURE_AXES: Final = 3  # channels, height, width


def can_be_explained(spec: EndpointSpec, card: ModelCard) -> bool:
    """Whether pictures are captured: the card says that the network takes them, and captures have what was sent."""
    takes_pictures = card.input is not None and len(card.input.shape) == PICTURE_AXES
    return takes_pictures and spec.data_capture is not None and spec.data_capture.captures_input


def worst_records(report: Report, most: int) -> tuple[OffendingRecord, ...]:
    """The first records that the violations name, each once, in the report's order; records without an id are none.

    No more than a job can be asked for by their ids.
    """
    named = (record for violation in report.violations for record in violation.offending_records)
    return tuple({record.event_id: record for record in named if record.event_id}.values())[: min(most, IDS_MAX)]


def explanation_job_name(execution: ExecutionRecord) -> str:
    """The name of the job that explains an execution; a second one of the same execution is refused by it."""
    return f"explain-{execution.id}"[:63]


def explanation_job(
    execution: ExecutionRecord,
    spec: EndpointSpec,
    records: Sequence[OffendingRecord],
    captures: Iterable[tuple[str, str]],
    *,
    target: str,
    role_arn: str,
) -> dict[str, Any]:
    """The CreateProcessingJob of an execution's explanations.

    `captures` are addresses and the folders of the container that they are staged into.
    """
    asked = ExplanationRequest(event_ids=frozenset(record.event_id for record in records), limit=len(records))
    inputs = [s3_input(f"captures-{index}", uri, path) for index, (uri, path) in enumerate(captures)]
    return processing_job(
        explanation_job_name(execution),
        image=IMAGE,
        inputs=[*inputs, s3_input("model", spec.model_data_url, MODEL_FOLDER)],
        target=target,
        environment={**spec.environment, Variable.ENDPOINT_NAME: execution.endpoint_name},
        role_arn=role_arn,
        arguments=asked.arguments(),
    )
