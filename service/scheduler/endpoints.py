"""Endpoints made as they are wanted: started, watched, started again after a crash, stopped."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from monitor_jobs.contract.capture import DataCaptureConfig
from monitor_jobs.contract.errors import BadInput, Conflict
from service.core.deployment import Durability, EndpointSpec, WhenSpoolIsFull
from service.core.ports import Database, EndpointHost
from service.core.records import EndpointRecord, Query
from service.core.states import EndpointStatus, advance
from service.logs import EventLog
from service.scheduler.rows import each

START_PATIENCE = timedelta(minutes=4)  # SageMaker's: /ping must answer 200 within four minutes of the start
RESTART_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # pauses between crashes
STEADY_SECONDS = 120.0  # after which a crash counts as the first again

log = EventLog(__name__)


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """What every endpoint's capture is given, and how many threads torch may take (0 leaves it to torch)."""

    flush_interval_seconds: float
    spool_budget_bytes: int
    torch_threads: int
    when_spool_is_full: WhenSpoolIsFull = WhenSpoolIsFull.DROP
    durability: Durability = Durability.PROCESS


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
        self._host = host
        self._folder = folder
        self._limits = limits
        self._executor = executor
        self._clock = clock
        self._stopping: dict[str, Future[None]] = {}
        self._restarts: dict[str, tuple[int, float]] = {}

    def reconcile(self) -> None:
        """One look at every endpoint; nothing here waits for a process."""
        each(self._database.endpoints.find(Query()), self._step)

    def stop_all(self) -> None:
        """Stop every process, drained and flushed.

        The rows still want them, and the next scheduler starts them again.
        """
        records = self._database.endpoints.find(Query())
        for stopped in [self._executor.submit(self._stop, record) for record in records]:
            stopped.result()
        # One that was ended while it loaded did not fail to load.
        each((record for record in records if record.status is EndpointStatus.CREATING), self._forget_process)

    def _step(self, record: EndpointRecord) -> None:
        step = self._steps.get(record.status)
        if step is not None:
            step(self, record)

    def _forget_process(self, record: EndpointRecord) -> None:
        self._save(record, running=[])

    def _create(self, record: EndpointRecord) -> None:
        if not record.running:
            self._start(record)
        elif not self._host.running(record.running[0]["handle"]):
            words = self._host.last_words(record.running[0]["handle"])
            self._fail(record, words or "its process ended without a word: see the scheduler's log")
        elif self._host.ready(record.running[0]["handle"]):
            self._save(record, status=advance(record.status, EndpointStatus.IN_SERVICE))
            log.info("endpoint_in_service", endpoint=record.name)
        elif self._clock() - record.modified_at > START_PATIENCE:  # last modified when the process was started
            self._executor.submit(self._stop, record)
            self._fail(record, f"/ping did not answer 200 within {START_PATIENCE}")

    def _start(self, record: EndpointRecord) -> None:
        try:
            spec = self._spec(record)
        except BadInput as error:
            self._fail(record, str(error))
            return
        self._launch(record, spec)

    def _watch(self, record: EndpointRecord) -> None:
        variant = record.running[0]
        if self._host.running(variant["handle"]):
            return
        attempt, last = self._restarts.get(record.name, (0, -math.inf))
        since = time.monotonic() - last
        attempt = 0 if since > STEADY_SECONDS else attempt
        if since < RESTART_SECONDS[min(attempt, len(RESTART_SECONDS) - 1)]:
            return
        self._restarts[record.name] = (attempt + 1, time.monotonic())
        words = self._host.last_words(variant["handle"])
        log.warning("endpoint_restarted", endpoint=record.name, last_words=words)
        self._executor.submit(self._stop, record)  # what it forked may live on
        self._launch(record, EndpointSpec.model_validate(variant["spec"]))

    def _delete(self, record: EndpointRecord) -> None:
        stopping = self._stopping.get(record.name)
        if stopping is None:
            self._stopping[record.name] = self._executor.submit(self._stop, record)
        elif stopping.done():
            del self._stopping[record.name]
            stopping.result()
            self._restarts.pop(record.name, None)
            self._database.endpoints.remove(record.name)
            log.info("endpoint_deleted", endpoint=record.name)

    def _stop(self, record: EndpointRecord) -> None:
        for variant in record.running:
            self._host.stop(variant["handle"])

    def _launch(self, record: EndpointRecord, spec: EndpointSpec) -> None:
        handle = self._host.start(spec, folder=self._folder / spec.endpoint / spec.variant)
        variant = {"variant": spec.variant, "handle": handle, "spec": spec.model_dump(mode="json")}
        try:
            self._save(record, running=[variant])
        except Conflict:
            self._host.stop(handle)
            raise
        log.info("endpoint_started", endpoint=record.name, address=handle["address"])

    def _spec(self, record: EndpointRecord) -> EndpointSpec:
        config = self._database.endpoint_configs.get(record.config_name)
        if config is None:
            raise BadInput(f"endpoint configuration {record.config_name} is gone: create the endpoint again")
        variant: dict[str, Any] = config.request["ProductionVariants"][0]
        model = self._database.models.get(variant["ModelName"])
        if model is None:
            raise BadInput(f"model {variant['ModelName']} is gone: create it again")
        container: dict[str, Any] = model.request.get("PrimaryContainer") or model.request["Containers"][0]
        capture = config.request.get("DataCaptureConfig")
        return EndpointSpec(
            endpoint=record.name,
            variant=variant["VariantName"],
            model_name=model.name,
            model_data_url=container["ModelDataUrl"],
            environment=self._environment(container),
            data_capture=None if capture is None else DataCaptureConfig.model_validate(capture),
            spool_folder=(self._folder / record.name / variant["VariantName"] / "spool").absolute(),
            spool_budget_bytes=self._limits.spool_budget_bytes,
            flush_interval_seconds=self._limits.flush_interval_seconds,
            when_spool_is_full=self._limits.when_spool_is_full,
            durability=self._limits.durability,
        )

    def _environment(self, container: dict[str, Any]) -> dict[str, str]:
        threads = str(self._limits.torch_threads)
        ours = {} if self._limits.torch_threads == 0 else {"OMP_NUM_THREADS": threads}
        return {**ours, **container.get("Environment", {})}

    def _fail(self, record: EndpointRecord, reason: str) -> None:
        log.error("endpoint_failed", endpoint=record.name, error=reason)
        self._save(record, status=advance(record.status, EndpointStatus.FAILED), failure_reason=reason[:1024])

    def _save(self, record: EndpointRecord, **changes: Any) -> None:  # noqa: ANN401 -- fields of the record
        self._database.endpoints.save(replace(record, modified_at=self._clock(), **changes))

    _steps = {  # noqa: RUF012 -- read only
        EndpointStatus.CREATING: _create,
        EndpointStatus.IN_SERVICE: _watch,
        EndpointStatus.DELETING: _delete,
    }


def running_spec(record: EndpointRecord | None, name: str) -> EndpointSpec:
    """What the endpoint was last started with; its configuration may be deleted by now.

    Raises BadInput where none was.
    """
    if record is None or not record.running:
        raise BadInput(f"endpoint {name} does not run: create it, or delete the schedule")
    return EndpointSpec.model_validate(record.running[0]["spec"])
