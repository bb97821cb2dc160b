"""The scheduler's tick.

Claim due slots, start what may start, take over what was abandoned, keep endpoints as desired.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from monitor_jobs.contract.errors import Conflict, SextantError, StoreUnavailable
from monitor_jobs.object_store import ObjectStore
from service.alerting import reassess
from service.core.deployment import EndpointSpec
from service.core.monitoring import MonitoringJobDefinition, window_of
from service.core.ports import Database
from service.core.records import ExecutionRecord, Query
from service.core.states import ExecutionStatus
from service.logs import EventLog
from service.scheduler.chores import Chores
from service.scheduler.completeness import Completeness, completeness
from service.scheduler.endpoint_specs import running_spec
from service.scheduler.endpoints import Endpoints
from service.scheduler.executions import Executions
from service.scheduler.leases import claim, lapsed
from service.scheduler.places import Places
from service.scheduler.requested_jobs import RequestedJobs
from service.scheduler.rows import each
from service.scheduler.slots import claim_due_slots, schedule_config

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
        requested_jobs: RequestedJobs,
        places: Places,
        chores: Chores,
        clock: Callable[[], datetime],
    ) -> None:
        self._owner = owner
        self._database = database
        self._store = store
        self._endpoints = endpoints
        self._executions = executions
        self._requested_jobs = requested_jobs
        self._places = places
        self._chores = chores
        self._clock = clock

    def run(self, *, tick_seconds: float, stop: threading.Event) -> None:
        """Tick until stopped, then stop the endpoints. A tick that fails is logged, and the next one tries again."""
        _attempt(self._reassess_alerts)
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
            self._requested_jobs.attend,
            self._chores.attend,
        ):
            _attempt(step)

    def _reassess_alerts(self) -> None:
        # A scheduler may have died between an execution's end and what its verdict does to the alert.
        now = self._clock()
        each(self._database.schedules.find(Query()), lambda schedule: reassess(self._database, schedule, now))

    def _claim_slots(self) -> None:
        claim_due_slots(self._database, self._clock())

    def _take_over(self) -> None:
        now = self._clock()
        running = self._with(*ACTIVE)
        # What runs here is not abandoned, even if this machine slept longer than its leases last.
        each((row for row in running if row.id not in self._places and lapsed(row.lease_until, now)), self._recover)

    def _recover(self, record: ExecutionRecord) -> None:
        held = claim(self._database.executions, record, owner=self._owner, clock=self._clock)
        if held is not None:
            log.warning("execution_taken_over", execution=record.id, attempt=record.attempt)
            self._executions.retry(held, "The scheduler ended while this execution ran: see its log for why")

    def _start_pending(self) -> None:
        busy = {record.schedule_name for record in self._with(*ACTIVE)}
        first: dict[str, ExecutionRecord] = {}  # no overlap, and slots in their order
        for record in self._with(ExecutionStatus.PENDING):
            if record.schedule_name not in busy:
                first.setdefault(record.schedule_name, record)
        each(first.values(), self._start)

    def _with(self, *statuses: ExecutionStatus) -> list[ExecutionRecord]:
        return self._database.executions.find(Query(any_of={"status": statuses}, order_by="scheduled_at"))

    def _start(self, record: ExecutionRecord) -> None:
        if not self._places.free:
            return
        try:
            definition = self._definition(record)
            spec = running_spec(self._database.endpoints.get(record.endpoint_name), record.endpoint_name)
            complete = completeness(self._store, spec, window_of(record), self._clock())
        except StoreUnavailable as error:
            log.warning("execution_waits_for_store", execution=record.id, error=str(error))
        except SextantError as error:
            self._refuse(record, str(error))
        else:
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
            run = partial(self._executions.run, held, definition, spec, given_up=complete.given_up)
            self._places.start(record.id, run)

    def _definition(self, record: ExecutionRecord) -> MonitoringJobDefinition:
        schedule = self._database.schedules.get(record.schedule_name)
        if schedule is None:
            raise Conflict(f"schedule {record.schedule_name} was deleted before this execution started")
        return schedule_config(self._database, schedule).monitoring_job_definition

    def _refuse(self, record: ExecutionRecord, reason: str) -> None:
        failed = replace(record, status=ExecutionStatus.FAILED, failure_reason=reason[:1024], modified_at=self._clock())
        self._database.executions.save(failed)
        log.error("execution_failed", execution=record.id, error=reason)


def _attempt(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception as error:  # noqa: BLE001 -- logged with its traceback
        # An unreachable database must not end the process, nor one broken step keep the others from their work.
        log.error("tick_failed", step=step.__name__, cause=error)
