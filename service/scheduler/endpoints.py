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
from service.core.variants import is_drawn_by, is_reweighted, loaded_again, loading_since, reweighted, weighted
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
        self._restarts: dict[tuple[str, str], tuple[int, float]] = {}  # by endpoint and variant
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
        elif (reason := self._processes.why_one_ended(record.running)) is not None:
            self._fail(record, reason)
        elif self._processes.are_ready(record.running):
            self._save(record, status=advance(record.status, EndpointStatus.IN_SERVICE))
            log.info("endpoint_in_service", endpoint=record.name)
        elif self._clock() - record.modified_at > START_PATIENCE:  # last modified when the processes were started
            self._fail(record, TOO_LATE)

    def _start(self, record: EndpointRecord) -> None:
        try:
            wanted = self._specs.of(record, record.config_name)
        except BadInput as error:
            self._fail(record, str(error))
            return
        self._launch(
            record, wanted.specs, lambda started: {"running": [weighted(one, wanted.weights) for one in started]}
        )

    def _serve(self, record: EndpointRecord) -> None:
        self._without_retired(self._kept_alive(record))

    def _update(self, record: EndpointRecord) -> None:
        record = self._kept_alive(record)
        if record.pending_config_name is None:
            self._settle(self._reweighted(record))
        elif not record.starting:
            self._start_beside(record, record.pending_config_name)
        else:
            self._hand_over(record, record.pending_config_name)

    def _roll_back(self, record: EndpointRecord) -> None:
        self._settle(self._kept_alive(record))

    def _start_beside(self, record: EndpointRecord, config_name: str) -> None:
        try:
            wanted = self._specs.of(record, config_name)
        except BadInput as error:
            self._give_up(record, str(error))
            return
        started_at = self._clock().isoformat()
        weights = {**wanted.weights, **(record.retained_weights or {})}

        def beside(started: list[Json]) -> dict[str, Any]:
            return {"starting": [{**weighted(one, weights), "started_at": started_at} for one in started]}

        self._launch(record, wanted.specs, beside)

    def _hand_over(self, record: EndpointRecord, config_name: str) -> None:
        if (reason := self._processes.why_one_ended(record.starting)) is not None:
            self._give_up(record, reason)
        elif self._processes.are_ready(record.starting):
            stop_at = (self._clock() + _linger(record)).isoformat()
            old = [{**process, "stop_at": stop_at} for process in record.running]
            lists = {"running": record.starting, "starting": [], "retiring": [*record.retiring, *old]}
            self._save(record, config_name=config_name, pending_config_name=None, retained_weights=None, **lists)
            addresses = [one["handle"]["address"] for one in record.starting]
            log.info("endpoint_switched", endpoint=record.name, config=config_name, addresses=addresses)
        elif self._clock() - datetime.fromisoformat(record.starting[0]["started_at"]) > START_PATIENCE:
            self._give_up(record, TOO_LATE)

    def _give_up(self, record: EndpointRecord, reason: str) -> None:
        log.error("endpoint_not_updated", endpoint=record.name, config=record.pending_config_name, error=reason)
        self._save(
            record,
            status=advance(record.status, EndpointStatus.ROLLING_BACK),
            failure_reason=reason[:1024],
            pending_config_name=None,
            retained_weights=None,
            starting=[],
            retiring=[*record.retiring, *record.starting],
        )

    def _settle(self, record: EndpointRecord) -> None:
        """In service once all that served before, or never came to serve, is gone, and requests are drawn anew."""
        record = self._without_retired(record)
        if not record.retiring and is_drawn_by(record, self._clock()):
            self._save(record, status=advance(record.status, EndpointStatus.IN_SERVICE))
            log.info("endpoint_in_service", endpoint=record.name, config=record.config_name)

    def _kept_alive(self, record: EndpointRecord) -> EndpointRecord:
        """The row with a process in the place of each that died, or hangs, and whose pause is over."""
        dead = [one for one in record.running if self._is_lost(one) and self._may_restart(record, one)]
        if not dead:
            return self._loaded_again(record)
        for one in dead:
            words = self._processes.last_words(one)
            log.warning("endpoint_restarted", endpoint=record.name, variant=one["variant"], last_words=words)

        since = self._clock().isoformat()

        def in_their_place(started: list[Json]) -> dict[str, Any]:
            new = iter(started)
            running = [{**one, **next(new), "loading_since": since} if one in dead else one for one in record.running]
            return {"running": running, "retiring": [*record.retiring, *dead]}  # what they forked may live on

        return self._launch(record, [EndpointSpec.model_validate(one["spec"]) for one in dead], in_their_place)

    def _is_lost(self, process: Json) -> bool:
        since = loading_since(process)
        return not self._processes.lives(process) or (since is not None and self._clock() - since > START_PATIENCE)

    def _loaded_again(self, record: EndpointRecord) -> EndpointRecord:
        loaded = [one for one in record.running if loading_since(one) and self._processes.is_ready(one)]
        if not loaded:
            return record
        log.info("endpoint_loaded_again", endpoint=record.name, variants=[one["variant"] for one in loaded])
        running = [loaded_again(one) if one in loaded else one for one in record.running]
        return self._save(record, running=running)

    def _reweighted(self, record: EndpointRecord) -> EndpointRecord:
        if not is_reweighted(record):
            return record
        log.info("endpoint_reweighted", endpoint=record.name)
        return self._save(record, running=reweighted(record, self._clock()))

    def _may_restart(self, record: EndpointRecord, process: Json) -> bool:
        key = (record.name, process["variant"])
        attempt, last = self._restarts.get(key, (0, -math.inf))
        since = time.monotonic() - last
        attempt = 0 if since > STEADY_SECONDS else attempt
        if since < RESTART_SECONDS[min(attempt, len(RESTART_SECONDS) - 1)]:
            return False
        self._restarts[key] = (attempt + 1, time.monotonic())
        return True

    def _delete(self, record: EndpointRecord) -> None:
        if not self._without(record, record.processes).processes:
            self._restarts = {key: tries for key, tries in self._restarts.items() if key[0] != record.name}
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
        self, record: EndpointRecord, specs: Iterable[EndpointSpec], changes: Callable[[list[Json]], dict[str, Any]]
    ) -> EndpointRecord:
        """The row that knows of processes started now, one a spec; none is left where it cannot be written."""
        started: list[Json] = []
        try:
            for spec in specs:
                started.append(self._processes.start(spec))  # noqa: PERF401 -- those before one that fails are ended
            return self._save(record, **changes(started))
        except Exception:
            self._processes.stop_all(started)
            raise

    def _fail(self, record: EndpointRecord, reason: str) -> None:
        for process in record.running:
            self._processes.end(process)
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
