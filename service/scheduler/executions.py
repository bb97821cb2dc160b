"""One execution, start to end: captures staged, monitor run, verdict saved.

One straight path, in a thread of its own.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from monitor_jobs.contract.catalog import reads_side_index, reads_tensors, reads_unlabelled, runs_models
from monitor_jobs.contract.completeness import CaptureProof
from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.errors import Conflict, SextantError, StoreUnavailable
from monitor_jobs.ground_truth import Unlabelled
from monitor_jobs.object_store import ObjectStore
from service.alerting import reassess
from service.core.deployment import EndpointSpec
from service.core.monitoring import (
    SIDE_INDEX_PATH,
    MonitoringJobDefinition,
    execution_job_name,
    labelling_window_of,
    processing_job_request,
    window_of,
)
from service.core.ports import Database
from service.core.processing import ProcessingJobRequest
from service.core.records import CaptureSource, ProcessingJobRecord
from service.core.states import VERDICTS, ExecutionStatus, ProcessingJobStatus, advance, execution_status
from service.logs import EventLog
from service.scheduler.completeness import known_losses
from service.scheduler.explanations import Explanations
from service.scheduler.jobs import JobInterrupted, Jobs
from service.scheduler.leases import HeldExecution, renewing
from service.scheduler.publishing import count_violations
from service.scheduler.staging import (
    merge_ground_truth,
    stage_captures,
    stage_completeness,
    stage_input,
    stage_model,
    stage_model_card,
)
from service.scheduler.tensors import stage_steps, tensors_address

NO_VERDICT = "No verdict: 0 records"
CAPTURE_INPUT = "endpoint_input_1"
MAX_ATTEMPTS = 2

log = EventLog(__name__)


class Executions:
    """Runs executions that are held."""

    def __init__(
        self,
        *,
        database: Database,
        store: ObjectStore,
        jobs: Jobs,
        cards: Path,
        clock: Callable[[], datetime],
        explanations: Explanations,
    ) -> None:
        self._database = database
        self._store = store
        self._jobs = jobs
        self._cards = cards
        self._clock = clock
        self._explanations = explanations

    def run(
        self, held: HeldExecution, definition: MonitoringJobDefinition, spec: EndpointSpec, *, given_up: tuple[str, ...]
    ) -> None:
        """Bring a held execution to its end; a failure of the platform's own is its FailureReason."""
        name = execution_job_name(held.record)
        with renewing(held.save):
            try:
                self._judge(held, definition, spec, name=name, given_up=given_up)
            except JobInterrupted:
                held.save(status=ExecutionStatus.PENDING, attempt=held.record.attempt - 1, lease_owner=None)
            except Conflict as error:
                log.warning("execution_lost", execution=held.record.id, error=str(error))
            except StoreUnavailable as error:
                self.retry(held, str(error))
            except (SextantError, OSError) as error:
                self._fail(held, str(error))
            except Exception as error:  # noqa: BLE001 -- logged with its traceback, and the row must not stay InProgress
                log.error("execution_broke", execution=held.record.id, cause=error)
                self._fail(held, f"InternalServerError: {error!r}")
            finally:
                self._jobs.discard(name)
        record = held.record
        log.info("execution_ended", execution=record.id, status=record.status)
        if record.status in VERDICTS:
            self._reassess_alert(record.schedule_name)

    def retry(self, held: HeldExecution, reason: str) -> None:
        """End what is left of an attempt, and give the execution back; Failed for this reason after the second.

        Stopped where a client had asked for that.
        """
        if self._jobs.end_orphan(held.record.processing_job_name, reason) is ProcessingJobStatus.STOPPED:
            held.save(status=_reached(held.record.status, ExecutionStatus.STOPPED))
        elif held.record.attempt < MAX_ATTEMPTS:
            log.warning("execution_given_back", execution=held.record.id, reason=reason)
            # Given back, not advanced: as far as anyone outside knows it never ran.
            held.save(status=ExecutionStatus.PENDING, processing_job_name=None, lease_owner=None)
        else:
            self._fail(held, f"{reason} ({MAX_ATTEMPTS} attempts)")

    def _reassess_alert(self, schedule_name: str) -> None:
        schedule = self._database.schedules.get(schedule_name)
        if schedule is not None:
            alert = reassess(self._database, schedule, self._clock())
            log.info("alert_reassessed", schedule=schedule_name, status=alert.status)

    def _judge(
        self,
        held: HeldExecution,
        definition: MonitoringJobDefinition,
        spec: EndpointSpec,
        *,
        name: str,
        given_up: tuple[str, ...],
    ) -> None:
        paths = self._jobs.paths(name)
        local = paths.below_root(definition.endpoint_input.local_path)
        records = self._stage_records(held, definition, spec, paths)
        proof = known_losses(self._store, spec, window_of(held.record))
        remarks = _remarks(proof, given_up)
        if records == 0:
            self._conclude_unseen(held, proof, _told(NO_VERDICT, remarks))
            return
        if definition.ground_truth_uri is not None:
            estimates = reads_unlabelled(definition.monitoring_app_specification.image_uri)
            counts = merge_ground_truth(
                self._store,
                definition.ground_truth_uri,
                labelling_window_of(held.record),
                local,
                paths=paths,
                unlabelled=Unlabelled.KEPT if estimates else Unlabelled.LEFT_OUT,
            )
            if counts.labelled == 0 and not estimates:
                self._conclude_unseen(held, proof, _told(f"No verdict: {counts.summary()}", remarks), records=records)
                return
        # First the name, then the row: a job whose name no execution knows would be nobody's to end.
        held.save(processing_job_name=name, window_records=records)
        job = self._add_job(held, definition, spec, name)
        self._stage_rest(job, spec, paths)
        stage_completeness(proof, paths)
        ended = self._jobs.run(job, may_go_on=held.is_held)
        self._conclude(held, ended, remarks)
        self._explanations.ask(held.record, spec, ended)

    def _stage_records(
        self, held: HeldExecution, definition: MonitoringJobDefinition, spec: EndpointSpec, paths: ContainerPaths
    ) -> int:
        """How many records of the window are in place: captures, or steps for a monitor that judges these."""
        window, local = window_of(held.record), paths.below_root(definition.endpoint_input.local_path)
        if reads_tensors(definition.monitoring_app_specification.image_uri):
            return stage_steps(self._store, spec, window, local)
        index = paths.below_root(SIDE_INDEX_PATH) if _reads_index(held, definition) else None
        return stage_captures(self._store, spec, window, local, side_index=index)

    def _add_job(
        self, held: HeldExecution, definition: MonitoringJobDefinition, spec: EndpointSpec, name: str
    ) -> ProcessingJobRecord:
        image = definition.monitoring_app_specification.image_uri
        loads = runs_models(image)
        request = processing_job_request(
            definition,
            held.record,
            job_name=name,
            capture_uri=str(tensors_address(spec)) if reads_tensors(image) else _captures_address(spec),
            model_environment=spec.environment if loads else {},
        )
        now = self._clock()
        schedule = held.record.schedule_name
        judged = held.record.endpoint_name
        job = ProcessingJobRecord(
            name, ProcessingJobStatus.IN_PROGRESS, now, now, request, schedule, access_name=judged
        )
        self._database.processing_jobs.add(job)
        return job

    def _stage_rest(self, job: ProcessingJobRecord, spec: EndpointSpec, paths: ContainerPaths) -> None:
        stage_model_card(self._store, spec.model_data_url, cache=self._cards, paths=paths)
        if runs_models(job.request["AppSpecification"]["ImageUri"]):
            stage_model(self._store, spec.model_data_url, paths)
        for source in ProcessingJobRequest.model_validate(job.request).inputs:
            if source.input_name != CAPTURE_INPUT:
                stage_input(self._store, source, paths)

    def _conclude_unseen(self, held: HeldExecution, proof: CaptureProof, message: str, *, records: int = 0) -> None:
        # No monitor ran that could say so: nothing to see is no violation, something that was lost is.
        status = ExecutionStatus.COMPLETED if proof.complete else ExecutionStatus.COMPLETED_WITH_VIOLATIONS
        held.save(
            status=_reached(held.record.status, status),
            exit_message=message,
            window_records=records,
            violations=int(not proof.complete),
        )

    def _conclude(self, held: HeldExecution, job: ProcessingJobRecord, remarks: str) -> None:
        output = ProcessingJobRequest.model_validate(job.request).outputs[0]
        violations = count_violations(output, self._jobs.paths(job.name))
        status = execution_status(job.status, job.exit_message, violations)
        held.save(
            status=_reached(held.record.status, status),
            violations=violations,
            exit_message=_told(job.exit_message or "", remarks) or None,
            failure_reason=job.failure_reason,
        )

    def _fail(self, held: HeldExecution, reason: str) -> None:
        log.error("execution_failed", execution=held.record.id, error=reason)
        self._jobs.end_orphan(held.record.processing_job_name, reason)
        held.save(status=ExecutionStatus.FAILED, failure_reason=reason[:1024])


def _reads_index(held: HeldExecution, definition: MonitoringJobDefinition) -> bool:
    wanted = held.record.capture_source is CaptureSource.SIDE_INDEX
    # Ground truth is merged into captures, and an index has only their predictions.
    unlabelled = definition.ground_truth_uri is None
    return wanted and unlabelled and reads_side_index(definition.monitoring_app_specification.image_uri)


def _captures_address(spec: EndpointSpec) -> str:
    return f"{spec.data_capture.destination_s3_uri}/{spec.endpoint}" if spec.data_capture else ""


def _remarks(proof: CaptureProof, given_up: tuple[str, ...]) -> str:
    """What the platform knows of the captures' completeness, in sentences; "" where all is there."""
    missing = "" if proof.complete else f" {proof.summary()}"
    return missing + (f" Gave up waiting for captures of {', '.join(given_up)}." if given_up else "")


def _told(message: str, remarks: str) -> str:
    return f"{message.removesuffix('.')}.{remarks}" if remarks else message


def _reached(current: ExecutionStatus, to: ExecutionStatus) -> ExecutionStatus:
    # A stopped job stops its execution by way of Stopping, which nobody needs to see for an instant.
    if to is ExecutionStatus.STOPPED and current is ExecutionStatus.IN_PROGRESS:
        return advance(advance(current, ExecutionStatus.STOPPING), to)
    return advance(current, to)
