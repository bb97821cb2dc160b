"""Has the worst records of an execution's violations explained, once its verdict is out.

The job runs as any other that is asked for, and nothing waits for it: a verdict is worth more than its pictures. What
lives here: asking. What does not: which records (core.explanations), explaining (monitor_jobs.explain).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from monitor_jobs.contract.errors import Conflict, SextantError
from monitor_jobs.contract.report import REPORT_FILE, OffendingRecord, Report
from monitor_jobs.contract.tensor_files import hour_of_step
from monitor_jobs.object_store import ObjectMissing, ObjectStore, S3Address
from service.core.deployment import EndpointSpec
from service.core.explanations import (
    EXPLANATIONS_FOLDER,
    can_be_explained,
    explanation_job,
    explanation_job_name,
    worst_records,
)
from service.core.ports import Database
from service.core.processing_requests import DATASET, MAX_CAPTURE_INPUTS
from service.core.records import ExecutionRecord, ProcessingJobRecord
from service.core.states import ProcessingJobStatus
from service.logs import EventLog
from service.scheduler.staging import model_card

log = EventLog(__name__)


class Explanations:
    """Asks for at most `most` records an execution; for none where that is 0."""

    def __init__(
        self, *, database: Database, store: ObjectStore, cards: Path, clock: Callable[[], datetime], most: int
    ) -> None:
        self._database = database
        self._store = store
        self._cards = cards
        self._clock = clock
        self._most = most

    def ask(self, execution: ExecutionRecord, spec: EndpointSpec, job: ProcessingJobRecord) -> None:
        """Ask for the execution's explanations, where there is anything to explain; a failure of that is logged only.

        `job` is the one that judged. Checked in tests/integration/test_automatic_explanations.py.
        """
        if not self._most or not execution.violations:
            return
        try:
            asked = self._asked(execution, spec, job)
        except (SextantError, ValidationError, LookupError) as error:
            log.warning("explanations_not_asked", execution=execution.id, error=f"{type(error).__name__}: {error}")
            return
        if asked:
            log.info("explanations_asked", execution=execution.id, job=explanation_job_name(execution))

    def _asked(self, execution: ExecutionRecord, spec: EndpointSpec, job: ProcessingJobRecord) -> bool:
        if not can_be_explained(spec, model_card(self._store, spec.model_data_url, self._cards)):
            return False
        report_at = S3Address.parse(job.request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"])
        try:
            report = Report.model_validate_json(self._store.get(report_at.joined(REPORT_FILE)))
        except ObjectMissing:
            return False  # a monitor of somebody else's names no records
        records = worst_records(report, self._most)
        if not records:
            return False
        request = explanation_job(
            execution,
            spec,
            records,
            self._captures(spec, records),
            target=str(report_at.joined(EXPLANATIONS_FOLDER)),
            role_arn=str(job.request.get("RoleArn", "")),
        )
        self._add(execution, request)
        return True

    def _add(self, execution: ExecutionRecord, request: dict[str, object]) -> None:
        now, name = self._clock(), explanation_job_name(execution)
        record = ProcessingJobRecord(
            name, ProcessingJobStatus.IN_PROGRESS, now, now, request, access_name=execution.endpoint_name
        )
        try:
            self._database.processing_jobs.add(record)
        except Conflict:
            log.info("explanations_asked_already", execution=execution.id, job=name)

    def _captures(self, spec: EndpointSpec, records: Sequence[OffendingRecord]) -> Iterator[tuple[str, str]]:
        """The files that the records are in, or their hours where a file has another name than it was judged under."""
        places = dict.fromkeys(self._place(spec, record) for record in records)
        for place in list(places)[:MAX_CAPTURE_INPUTS]:
            folder = place.rpartition("/")[0] if place.endswith(".jsonl") else place
            yield f"{_destination(spec)}/{place}", f"{DATASET}/{folder}"

    def _place(self, spec: EndpointSpec, record: OffendingRecord) -> str:
        if hour := hour_of_step(record.object_key):  # a step, whose capture has the same event's id and hour
            return f"{spec.endpoint}/{spec.variant}/{hour}"
        try:
            self._store.head(S3Address.parse(f"{_destination(spec)}/{record.object_key}"))
        except ObjectMissing:
            return record.object_key.rpartition("/")[0]
        return record.object_key


def _destination(spec: EndpointSpec) -> str:
    return "" if spec.data_capture is None else spec.data_capture.destination_s3_uri.rstrip("/")
