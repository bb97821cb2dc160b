"""One processing job, start to end: folders, container, exit message, uploads, state. Staging is its caller's."""

import json
import os
import shutil
import signal
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.errors import Conflict, SextantError
from monitor_jobs.object_store import ObjectStore
from service.core.ports import Database, Handle, JobEnd, JobRunner, JobSpec
from service.core.processing import ProcessingJobRequest, job_config
from service.core.records import ProcessingJobRecord
from service.core.states import FINAL_PROCESSING_JOB_STATUSES, ProcessingJobStatus, advance
from service.logs import EventLog
from service.scheduler.continuous import uploading_continuously
from service.scheduler.publishing import gauges, log_tail, read_message, read_metrics, upload_output

FAILURE_REASON_CHARACTERS = 1024

log = EventLog(__name__)


class JobInterrupted(SextantError):
    """The scheduler was stopped while a job ran; the job says nothing about its window."""


class Jobs:
    """Runs processing jobs below one folder, `{folder}/{job name}/` each."""

    def __init__(
        self,
        *,
        database: Database,
        store: ObjectStore,
        runner: JobRunner,
        folder: Path,
        clock: Callable[[], datetime],
        stop: threading.Event,
        arn: Callable[[str], str],
    ) -> None:
        self._database = database
        self._store = store
        self._runner = runner
        self._folder = folder
        self._clock = clock
        self._stop = stop
        self._arn = arn

    def paths(self, job_name: str) -> ContainerPaths:
        """Where the job's /opt/ml lies."""
        return ContainerPaths(self._folder / job_name / "root")

    def run(self, record: ProcessingJobRecord, *, may_go_on: Callable[[], bool]) -> ProcessingJobRecord:
        """The job's record in its final state. Its inputs are staged; `may_go_on` is asked while it runs.

        Raises JobInterrupted where the scheduler itself is stopped before the job ends, Conflict where the row was
        brought to its end by someone else.
        """
        request = ProcessingJobRequest.model_validate(record.request)
        paths = self.paths(record.name)
        _lay_out(request, paths, job_config(request, record.request, arn=self._arn(record.name)))
        spec = self._spec(request, paths)
        try:
            handle = self._runner.start(spec)
        except (SextantError, OSError) as error:
            return self._fail(record, str(error))
        self._remember(record, handle)
        with uploading_continuously(self._store, request.outputs, paths):
            end = self._runner.wait(handle, job=spec, keep_going=lambda: self._goes_on(record.name, may_go_on))
        if end.reason is not None and self._stop.is_set():
            self._fail(record, "The scheduler was stopped while this job ran")
            raise JobInterrupted(f"processing job {record.name} was ended with its scheduler")
        if not may_go_on():
            raise Conflict(f"processing job {record.name} was taken over by another scheduler")
        return self._finish(record, request, end)

    def renew(self, record: ProcessingJobRecord, **changes: object) -> ProcessingJobRecord:
        """The job's row with these changes, whatever else was changed in it meanwhile.

        Raises Conflict where it is gone.
        """
        # Read and written in one transaction: a client may stop the job at any moment.
        with self._database.transaction():
            current = self._database.processing_jobs.get(record.name) or record
            changed = replace(current, modified_at=self._clock(), **changes)  # type: ignore[arg-type]
            return self._database.processing_jobs.save(changed)

    def end_orphan(self, job_name: str | None, reason: str) -> ProcessingJobStatus | None:
        """The final status of a job that nobody runs any more, once its processes and folders are gone.

        Stopped where a client had asked for that, else Failed for this reason; None where there is no such job.
        """
        record = self._database.processing_jobs.get(job_name) if job_name else None
        if record is None or record.status in FINAL_PROCESSING_JOB_STATUSES:
            return None if record is None else record.status
        started = self._runner.strays(self.paths(record.name).root) if record.handle is None else [record.handle]
        for handle in started:
            self._runner.end(handle)
        self.discard(record.name)
        if record.status is ProcessingJobStatus.STOPPING:
            return self._end(record, ProcessingJobStatus.STOPPED).status
        return self._fail(record, reason).status

    def discard(self, job_name: str) -> None:
        """Remove what was staged for a job and what it left; its log stays, where it wrote one."""
        _remove(self.paths(job_name).root)
        with suppress(OSError):  # not empty: the log
            (self._folder / job_name).rmdir()

    def _spec(self, request: ProcessingJobRequest, paths: ContainerPaths) -> JobSpec:
        return JobSpec(
            name=request.processing_job_name,
            image_uri=request.app_specification.image_uri,
            entrypoint=request.app_specification.container_entrypoint,
            arguments=request.app_specification.container_arguments,
            environment=request.container_environment,
            root=paths.root,
            log=self._log(request.processing_job_name),
            max_runtime=request.max_runtime,
        )

    def _remember(self, record: ProcessingJobRecord, handle: Handle) -> None:
        try:
            self.renew(record, handle=handle, started_at=self._clock())
        except Exception:
            self._runner.end(handle)  # what no row knows of, nobody would ever end
            raise

    def _finish(self, record: ProcessingJobRecord, request: ProcessingJobRequest, end: JobEnd) -> ProcessingJobRecord:
        paths = self.paths(record.name)
        stopped = not self._wanted(record.name)
        try:
            message = read_message(paths)
            if not stopped:
                for output in request.outputs:
                    upload_output(self._store, output, paths)
        except SextantError as error:
            return self._fail(record, str(error), exit_code=end.exit_code)
        metrics = read_metrics(paths)
        ended = {
            "exit_code": end.exit_code,
            "exit_message": message,
            "metrics": gauges(metrics),
            "metric_data": [metric.model_dump(by_alias=True, exclude_none=True) for metric in metrics],
        }
        if stopped:
            return self._end(record, ProcessingJobStatus.STOPPED, **ended)
        if end.exit_code == 0 and end.reason is None:
            return self._end(record, ProcessingJobStatus.COMPLETED, **ended)
        return self._fail(record, self._reason(record.name, end), **ended)

    def _reason(self, job_name: str, end: JobEnd) -> str:
        cause = end.reason or _cause(end.exit_code)
        tail = log_tail(self._log(job_name), characters=FAILURE_REASON_CHARACTERS - len(cause) - 40)
        return f"AlgorithmError: {cause}" + (f". Last log lines:\n{tail}" if tail else ". The job logged nothing")

    def _fail(self, record: ProcessingJobRecord, reason: str, **changes: object) -> ProcessingJobRecord:
        clipped = reason[:FAILURE_REASON_CHARACTERS]
        return self._end(record, ProcessingJobStatus.FAILED, failure_reason=clipped, **changes)

    def _end(self, record: ProcessingJobRecord, status: ProcessingJobStatus, **changes: object) -> ProcessingJobRecord:
        with self._database.transaction():
            current = self._database.processing_jobs.get(record.name) or record
            if current.status is ProcessingJobStatus.STOPPING and status is ProcessingJobStatus.COMPLETED:
                status = ProcessingJobStatus.STOPPED  # asked for while the outputs were uploaded
            return self.renew(current, status=advance(current.status, status), ended_at=self._clock(), **changes)

    def _goes_on(self, job_name: str, may_go_on: Callable[[], bool]) -> bool:
        if self._stop.is_set():
            return False
        try:
            return self._wanted(job_name) and may_go_on()
        except Exception as error:  # noqa: BLE001 -- a database that is away for a moment must not end a good job
            log.warning("job_not_looked_up", job=job_name, error=str(error))
            return True

    def _wanted(self, job_name: str) -> bool:
        record = self._database.processing_jobs.get(job_name)
        return record is not None and record.status is ProcessingJobStatus.IN_PROGRESS

    def _log(self, job_name: str) -> Path:
        return self._folder / job_name / "log.txt"


def _lay_out(request: ProcessingJobRequest, paths: ContainerPaths, config: dict[str, Any]) -> None:
    # Every folder that the contract promises is made: AWS's own sample opens its files without making their folders.
    folders = [paths.message.parent, paths.cloudwatch_metrics.parent, paths.job_config.parent]
    folders += [paths.below_root(path) for path in request.local_paths]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    paths.job_config.write_text(json.dumps(config, indent=2))
    paths.resource_config.write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))


def _remove(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    # A job may have closed a folder to everyone, its owner included.
    for parent, folders, _ in os.walk(root):
        for folder in (Path(parent, name) for name in folders):
            if not folder.is_symlink():
                folder.chmod(stat.S_IRWXU)
    shutil.rmtree(root, ignore_errors=True)


def _cause(exit_code: int) -> str:
    if exit_code <= 128:
        return f"exit code {exit_code}"
    try:
        name = signal.Signals(exit_code - 128).name
    except ValueError:
        return f"exit code {exit_code}"
    hint = ", perhaps out of memory" if name == "SIGKILL" else ""
    return f"exit code {exit_code} (killed by {name}{hint})"
