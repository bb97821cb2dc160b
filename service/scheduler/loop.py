"""The scheduler's tick.

Claim due slots, start what may start, take over what was abandoned, keep endpoints as desired.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from monitor_jobs.contract.errors import Conflict, SextantError
from monitor_jobs.object_store import ObjectStore
from service.core.deployment import EndpointSpec
from service.core.monitoring import MonitoringJobDefinition, window_of
from service.core.ports import Database
from service.core.processing import ProcessingJobRequest
from service.core.records import ExecutionRecord, ProcessingJobRecord, Query
from service.core.states import ExecutionStatus, ProcessingJobStatus
from service.logs import EventLog
from service.scheduler.completeness import Completeness, completeness
from service.scheduler.endpoints import Endpoints, running_spec
from service.scheduler.executions import Executions, abandoned
from service.scheduler.jobs import JobInterrupted, Jobs
from service.scheduler.leases import claim
from service.scheduler.slots import claim_due_slots, schedule_config
from service.scheduler.staging import stage_input

MAX_ATTEMPTS = 2
ACTIVE = (ExecutionStatus.IN_PROGRESS, ExecutionStatus.STOPPING)

log = EventLog(__name__)


class Scheduler:
    """One scheduler process. Several may share a database: rows are claimed, never assumed."""

    def __init__(
        self,
        *,
        owner: str,
        database: Database,
        store: ObjectStore,
        endpoints: Endpoints,
        executions: Executions,
        jobs: Jobs,
        executor: Executor,
        clock: Callable[[], datetime],
    ) -> None:
        self._owner = owner
        self._database = database
        self._store = store
        self._endpoints = endpoints
        self._executions = executions
        self._jobs = jobs
        self._executor = executor
        self._clock = clock
        self._started_jobs: set[str] = set()

    def run(self, *, tick_seconds: float, stop: threading.Event) -> None:
        """Tick until stopped, then stop the endpoints. A tick that fails is logged, and the next one tries again."""
        while not stop.is_set():
            self.tick()
            stop.wait(tick_seconds)
        self._endpoints.stop_all()

    def tick(self) -> None:
        """One look at everything."""
        for step in (
            self._endpoints.reconcile,
            self._claim_slots,
            self._take_over,
            self._start_pending,
            self._start_jobs,
        ):
            try:
                step()
            except Exception as error:  # noqa: BLE001 -- logged with its traceback
                # One broken row or an unreachable store must not keep the other steps from their work.
                log.error("tick_failed", step=step.__name__, cause=error)

    def _claim_slots(self) -> None:
        claim_due_slots(self._database, self._clock())

    def _take_over(self) -> None:
        now = self._clock()
        for status in ACTIVE:
            for record in self._database.executions.find(Query(equal={"status": status})):
                if abandoned(record, now):
                    self._recover(record)

    def _recover(self, record: ExecutionRecord) -> None:
        held = claim(self._database.executions, record, owner=self._owner, clock=self._clock)
        if held is None:
            return
        log.warning("execution_taken_over", execution=record.id, attempt=record.attempt)
        self._jobs.end_orphan(record.processing_job_name)
        if record.attempt < MAX_ATTEMPTS:
            # Given back, not advanced: as far as anyone outside knows it never ran.
            held.save(status=ExecutionStatus.PENDING, lease_owner=None)
        else:
            reason = f"The scheduler ended {record.attempt} times while this execution ran: see its log for why"
            held.save(status=ExecutionStatus.FAILED, failure_reason=reason)

    def _start_pending(self) -> None:
        busy = {record.schedule_name for status in ACTIVE for record in self._with(status)}
        for record in self._with(ExecutionStatus.PENDING):
            if record.schedule_name not in busy:
                busy.add(record.schedule_name)  # no overlap, and slots in their order
                self._start(record)

    def _with(self, status: ExecutionStatus) -> list[ExecutionRecord]:
        return self._database.executions.find(Query(equal={"status": status}, order_by="scheduled_at"))

    def _start(self, record: ExecutionRecord) -> None:
        try:
            definition = self._definition(record)
            spec = running_spec(self._database.endpoints.get(record.endpoint_name), record.endpoint_name)
            complete = completeness(self._store, spec, window_of(record), self._clock())
        except SextantError as error:
            self._refuse(record, str(error))
            return
        if complete.may_start:
            self._launch(record, definition, spec, complete)

    def _launch(
        self, record: ExecutionRecord, definition: MonitoringJobDefinition, spec: EndpointSpec, complete: Completeness
    ) -> None:
        held = claim(
            self._database.executions,
            record,
            owner=self._owner,
            clock=self._clock,
            status=ExecutionStatus.IN_PROGRESS,
            attempt=record.attempt + 1,
        )
        if held is not None:
            log.info("execution_started", execution=record.id, schedule=record.schedule_name)
            self._executor.submit(self._executions.run, held, definition, spec, given_up=complete.given_up)

    def _definition(self, record: ExecutionRecord) -> MonitoringJobDefinition:
        schedule = self._database.schedules.get(record.schedule_name)
        if schedule is None:
            raise Conflict(f"schedule {record.schedule_name} was deleted before this execution started")
        return schedule_config(schedule).monitoring_job_definition

    def _refuse(self, record: ExecutionRecord, reason: str) -> None:
        failed = replace(record, status=ExecutionStatus.FAILED, failure_reason=reason[:1024], modified_at=self._clock())
        self._database.executions.save(failed)
        log.error("execution_failed", execution=record.id, error=reason)

    def _start_jobs(self) -> None:
        query = Query(equal={"status": ProcessingJobStatus.IN_PROGRESS, "schedule_name": None})
        for record in self._database.processing_jobs.find(query):
            if record.name not in self._started_jobs:
                self._started_jobs.add(record.name)
                self._executor.submit(self._run_job, record)

    def _run_job(self, record: ProcessingJobRecord) -> None:
        if record.handle is not None:
            self._jobs.end_orphan(record.name)
            return
        try:
            for source in ProcessingJobRequest.model_validate(record.request).inputs:
                stage_input(self._store, source, self._jobs.paths(record.name))
        except (SextantError, OSError) as error:
            self._jobs.fail(record, str(error))
            return
        with suppress(JobInterrupted):
            self._jobs.run(record, may_go_on=lambda: True)
