"""Processing jobs that clients asked for themselves, such as baselines: each is run once, by one scheduler.

The scheduler that started one renews its row; a row that is not renewed belonged to a scheduler that died.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from monitor_jobs.object_store import ObjectStore
from service.core.ports import Database
from service.core.processing import ProcessingJobRequest
from service.core.records import ProcessingJobRecord, Query
from service.core.states import ProcessingJobStatus
from service.logs import EventLog
from service.scheduler.jobs import JobInterrupted, Jobs
from service.scheduler.leases import LEASE, lapsed, renewing
from service.scheduler.places import Places
from service.scheduler.rows import each
from service.scheduler.staging import stage_input

ACTIVE = (ProcessingJobStatus.IN_PROGRESS, ProcessingJobStatus.STOPPING)

log = EventLog(__name__)


class RequestedJobs:
    """Called once a tick."""

    def __init__(
        self, *, database: Database, store: ObjectStore, jobs: Jobs, places: Places, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._store = store
        self._jobs = jobs
        self._places = places
        self._clock = clock

    def attend(self) -> None:
        """Start what waits for a place, and end what was abandoned."""
        query = Query(equal={"schedule_name": None}, any_of={"status": ACTIVE})
        each(self._database.processing_jobs.find(query), self._attend)

    def _attend(self, record: ProcessingJobRecord) -> None:
        if record.name in self._places:
            return
        waits = record.started_at is None
        if waits and record.status is ProcessingJobStatus.IN_PROGRESS:
            self._start(record)
        elif waits or lapsed(record.modified_at + LEASE, self._clock()):
            self._jobs.end_orphan(record.name, "The scheduler that ran this job ended before it did")

    def _start(self, record: ProcessingJobRecord) -> None:
        if not self._places.free:
            return
        now = self._clock()
        # Of two schedulers, the later one gets Conflict here.
        claimed = self._database.processing_jobs.save(replace(record, started_at=now, modified_at=now))
        self._places.start(record.name, partial(self._run, claimed))

    def _run(self, record: ProcessingJobRecord) -> None:
        try:
            with renewing(lambda: self._jobs.renew(record)):
                for source in ProcessingJobRequest.model_validate(record.request).inputs:
                    stage_input(self._store, source, self._jobs.paths(record.name))
                self._jobs.run(record, may_go_on=lambda: True)
        except JobInterrupted as error:
            log.info("job_interrupted", job=record.name, error=str(error))
        except Exception as error:  # noqa: BLE001 -- logged with its traceback, and the row must not stay InProgress
            log.error("job_broke", job=record.name, cause=error)
            self._jobs.end_orphan(record.name, str(error))
        finally:
            self._jobs.discard(record.name)
