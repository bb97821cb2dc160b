"""Endpoints made as they are wanted: started, watched, started again after a crash, updated, stopped.

What lives here: which processes an endpoint should have, step after step. What does not: what they are told
(endpoint_specs), how they are started and ended (endpoint_processes).

Rows are the truth. Every step is one write that tells all processes the endpoint has, so that a scheduler may be
killed between any two: the next one goes on from the row, and ends what was started but not noted.
"""

import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from monitor_jobs.contract.errors import BadInput
from service.core.deployment import EndpointSpec
from service.core.handover import LINGER
from service.core.ports import Database, EndpointHost
from service.core.records import EndpointRecord, Json, Query
from service.core.states import EndpointStatus, advance
from service.logs import EventLog
from service.scheduler.endpoint_processes import EndpointProcesses
from service.scheduler.endpoint_specs import CaptureLimits, EndpointSpecs
from service.scheduler.rows import each

START_PATIENCE = timedelta(minutes=4)  # SageMaker's: /ping must answer 200 within four minutes of the start
RESTART_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # pauses between crashes
STEADY_SECONDS = 120.0  # after which a crash counts as the first again
TOO_LATE = f"/ping did not answer 200 within {START_PATIENCE}"

log = EventLog(__name__)


class Endpoints:
    """Brings what runs in line with the rows; called once a tick."""

    def __init__(
        self,
        *,
        database: Database,
        host: EndpointHost,
        folder: Path,
        limits: CaptureLimits,
        executor: Executor,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._specs = EndpointSpecs(database, folder, limits)
        self._processes = EndpointProcesses(host, folder, executor)
        self._clock = clock
        self._restarts: dict[str, tuple[int, float]] = {}
        self._strays_ended = False

    def reconcile(self) -> None:
        """One look at every endpoint; nothing here waits for a process."""
        if not self._strays_ended:  # they can only be those of schedulers before this one
            self._processes.end_strays(self._all_processes)
            self._strays_ended = True
        each(self._database.endpoints.find(Query()), self._step)

    def stop_all(self) -> None:
        """Stop every process, drained and flushed.

        The rows still want them, and the next scheduler starts them again.
        """
        self._processes.stop_all(self._all_processes())
        each(self._database.endpoints.find(Query()), self._forget_stopped)

    def _all_processes(self) -> list[Json]:
        return [process for record in self._database.endpoints.find(Query()) for process in record.processes]

    def _forget_stopped(self, record: EndpointRecord) -> None:
        # One that was ended while it loaded did not fail to load.
        if record.status is EndpointStatus.CREATING:
            self._save(record, running=[])
        elif record.starting:
            self._save(record, starting=[])

    def _step(self, record: EndpointRecord) -> None:
        step = self._steps.get(record.status)
        if step is not None:
            step(self, record)

    def _create(self, record: EndpointRecord) -> None:
        if not record.running:
            self._start(record)
        elif not self._processes.lives(record.running[0]):
            self._fail(record, self._processes.last_words(record.running[0]))
        elif self._processes.is_ready(record.running[0]):
            self._save(record, status=advance(record.status, EndpointStatus.IN_SERVICE))
            log.info("endpoint_in_service", endpoint=record.name)
        elif self._clock() - record.modified_at > START_PATIENCE:  # last modified when the process was started
            self._processes.end(record.running[0])
            self._fail(record, TOO_LATE)

    def _start(self, record: EndpointRecord) -> None:
        try:
            spec = self._specs.of(record, record.config_name)
        except BadInput as error:
            self._fail(record, str(error))
            return
        self._launch(record, spec, lambda process: {"running": [process]})

    def _serve(self, record: EndpointRecord) -> None:
        self._without_retired(self._kept_alive(record))

    def _update(self, record: EndpointRecord) -> None:
        record = self._kept_alive(record)
        if record.pending_config_name is None:
            self._settle(record)
        elif not record.starting:
            self._start_beside(record, record.pending_config_name)
        else:
            self._hand_over(record, record.pending_config_name)

    def _roll_back(self, record: EndpointRecord) -> None:
        self._settle(self._kept_alive(record))

    def _start_beside(self, record: EndpointRecord, config_name: str) -> None:
        try:
            spec = self._specs.of(record, config_name)
        except BadInput as error:
            self._give_up(record, str(error))
            return
        started_at = self._clock().isoformat()
        self._launch(record, spec, lambda process: {"starting": [{**process, "started_at": started_at}]})

    def _hand_over(self, record: EndpointRecord, config_name: str) -> None:
        new = record.starting[0]
        if not self._processes.lives(new):
            self._give_up(record, self._processes.last_words(new))
        elif self._processes.is_ready(new):
            stop_at = (self._clock() + _linger(record)).isoformat()
            old = [{**process, "stop_at": stop_at} for process in record.running]
            lists = {"running": record.starting, "starting": [], "retiring": [*record.retiring, *old]}
            self._save(record, config_name=config_name, pending_config_name=None, **lists)
            log.info("endpoint_switched", endpoint=record.name, config=config_name, address=new["handle"]["address"])
        elif self._clock() - datetime.fromisoformat(new["started_at"]) > START_PATIENCE:
            self._give_up(record, TOO_LATE)

    def _give_up(self, record: EndpointRecord, reason: str) -> None:
        log.error("endpoint_not_updated", endpoint=record.name, config=record.pending_config_name, error=reason)
        self._save(
            record,
            status=advance(record.status, EndpointStatus.ROLLING_BACK),
            failure_reason=reason[:1024],
            pending_config_name=None,
            starting=[],
            retiring=[*record.retiring, *record.starting],
        )

    def _settle(self, record: EndpointRecord) -> None:
        """In service once all that served before, or never came to serve, is gone."""
        record = self._without_retired(record)
        if not record.retiring:
            self._save(record, status=advance(record.status, EndpointStatus.IN_SERVICE))
            log.info("endpoint_in_service", endpoint=record.name, config=record.config_name)

    def _kept_alive(self, record: EndpointRecord) -> EndpointRecord:
        """The row with a process in the place of one that died, or as it is where none did or its pause is not over."""
        serving = record.running[0]
        if self._processes.lives(serving) or not self._may_restart(record.name):
            return record
        log.warning("endpoint_restarted", endpoint=record.name, last_words=self._processes.last_words(serving))
        retiring = [*record.retiring, serving]  # what it forked may live on
        spec = EndpointSpec.model_validate(serving["spec"])
        return self._launch(record, spec, lambda process: {"running": [process], "retiring": retiring})

    def _may_restart(self, name: str) -> bool:
        attempt, last = self._restarts.get(name, (0, -math.inf))
        since = time.monotonic() - last
        attempt = 0 if since > STEADY_SECONDS else attempt
        if since < RESTART_SECONDS[min(attempt, len(RESTART_SECONDS) - 1)]:
            return False
        self._restarts[name] = (attempt + 1, time.monotonic())
        return True

    def _delete(self, record: EndpointRecord) -> None:
        if not self._without(record, record.processes).processes:
            self._restarts.pop(record.name, None)
            self._database.endpoints.remove(record.name)
            log.info("endpoint_deleted", endpoint=record.name)

    def _without_retired(self, record: EndpointRecord) -> EndpointRecord:
        now = self._clock()
        return self._without(record, [process for process in record.retiring if _is_due(process, now)])

    def _without(self, record: EndpointRecord, ending: Iterable[Json]) -> EndpointRecord:
        """The row without those of the ending processes that are gone by now."""
        gone = [process for process in ending if self._processes.is_gone(process)]
        if not gone:
            return record
        lists = {name: getattr(record, name) for name in ("running", "starting", "retiring")}
        return self._save(record, **{name: [one for one in of if one not in gone] for name, of in lists.items()})

    def _launch(
        self, record: EndpointRecord, spec: EndpointSpec, changes: Callable[[Json], dict[str, Any]]
    ) -> EndpointRecord:
        process = self._processes.start(spec)
        try:
            return self._save(record, **changes(process))
        except Exception:
            self._processes.stop(process)
            raise

    def _fail(self, record: EndpointRecord, reason: str) -> None:
        log.error("endpoint_failed", endpoint=record.name, error=reason)
        self._save(record, status=advance(record.status, EndpointStatus.FAILED), failure_reason=reason[:1024])

    def _save(self, record: EndpointRecord, **changes: Any) -> EndpointRecord:  # noqa: ANN401 -- fields of the record
        return self._database.endpoints.save(replace(record, modified_at=self._clock(), **changes))

    _steps = {  # noqa: RUF012 -- read only
        EndpointStatus.CREATING: _create,
        EndpointStatus.IN_SERVICE: _serve,
        EndpointStatus.UPDATING: _update,
        EndpointStatus.ROLLING_BACK: _roll_back,
        EndpointStatus.DELETING: _delete,
    }


def _is_due(process: Json, now: datetime) -> bool:
    return "stop_at" not in process or datetime.fromisoformat(process["stop_at"]) <= now


def _linger(record: EndpointRecord) -> timedelta:
    policy = (record.deployment_config or {}).get("BlueGreenUpdatePolicy") or {}
    return LINGER + timedelta(seconds=policy.get("TerminationWaitInSeconds") or 0)
