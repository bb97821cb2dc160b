"""One processing job, start to end: folders, container, exit message, uploads, state. Staging is its caller's."""

import json
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from monitor_jobs.contract.container import ContainerPaths
from monitor_jobs.contract.errors import SextantError
from monitor_jobs.object_store import ObjectStore
from service.core.ports import Database, JobEnd, JobRunner, JobSpec
from service.core.processing import ProcessingJobRequest
from service.core.records import ProcessingJobRecord
from service.core.states import ProcessingJobStatus, advance
from service.scheduler.publishing import read_message, read_metrics, upload_output

FAILURE_REASON_CHARACTERS = 1024
LOG_TAIL_LINES = 20


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
    ) -> None:
        self._database = database
        self._store = store
        self._runner = runner
        self._folder = folder
        self._clock = clock
        self._stop = stop

    def paths(self, job_name: str) -> ContainerPaths:
        """Where the job's /opt/ml lies."""
        return ContainerPaths(self._folder / job_name / "root")

    def run(self, record: ProcessingJobRecord, *, may_go_on: Callable[[], bool]) -> ProcessingJobRecord:
        """The job's record in its final state. Its inputs are staged; `may_go_on` is asked while it runs.

        Raises JobInterrupted where the scheduler itself is stopped before the job ends.
        """
        request = ProcessingJobRequest.model_validate(record.request)
        paths = self.paths(record.name)
        _lay_out(request, record.request, paths)
        spec = self._spec(request, paths)
        try:
            handle = self._runner.start(spec)
        except SextantError as error:
            return self.fail(record, str(error))
        started = self._save(record, handle=handle, started_at=self._clock())
        end = self._runner.wait(handle, job=spec, keep_going=lambda: may_go_on() and self._goes_on(record.name))
        if end.reason is not None and self._stop.is_set():
            self.fail(started, "The scheduler was stopped while this job ran")
            raise JobInterrupted(f"processing job {record.name} was ended with its scheduler")
        return self._finish(started, request, end)

    def fail(self, record: ProcessingJobRecord, reason: str) -> ProcessingJobRecord:
        """The job's record as Failed, for a reason of the platform's own."""
        clipped = reason[:FAILURE_REASON_CHARACTERS]
        return self._end(record, ProcessingJobStatus.FAILED, failure_reason=clipped)

    def end_orphan(self, job_name: str | None) -> None:
        """End whatever processes a job left behind when its scheduler died."""
        record = self._database.processing_jobs.get(job_name) if job_name else None
        if record is None or record.status not in (ProcessingJobStatus.IN_PROGRESS, ProcessingJobStatus.STOPPING):
            return
        if record.handle is not None:
            self._runner.end(record.handle)
        self.fail(record, "The scheduler that ran this job ended before it did")

    def _spec(self, request: ProcessingJobRequest, paths: ContainerPaths) -> JobSpec:
        return JobSpec(
            name=request.processing_job_name,
            image_uri=request.app_specification.image_uri,
            arguments=request.app_specification.container_arguments,
            environment=request.environment,
            root=paths.root,
            log=self._log(request.processing_job_name),
            max_runtime=request.max_runtime,
        )

    def _finish(self, record: ProcessingJobRecord, request: ProcessingJobRequest, end: JobEnd) -> ProcessingJobRecord:
        paths = self.paths(record.name)
        stopped = not self._wanted(record.name)
        try:
            message = read_message(paths)
            if not stopped:
                for output in request.outputs:
                    upload_output(self._store, output, paths)
        except SextantError as error:
            return self._end(record, ProcessingJobStatus.FAILED, exit_code=end.exit_code, failure_reason=str(error))
        ended = {"exit_code": end.exit_code, "exit_message": message, "metrics": read_metrics(paths)}
        if stopped:
            return self._end(record, ProcessingJobStatus.STOPPED, **ended)
        if end.exit_code == 0 and end.reason is None:
            return self._end(record, ProcessingJobStatus.COMPLETED, **ended)
        return self._end(record, ProcessingJobStatus.FAILED, failure_reason=self._reason(record.name, end), **ended)

    def _reason(self, job_name: str, end: JobEnd) -> str:
        cause = end.reason or _cause(end.exit_code)
        room = FAILURE_REASON_CHARACTERS - len(cause) - 40
        log = self._log(job_name)
        lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:] if log.exists() else []
        tail = "\n".join(lines)[-room:]
        return f"AlgorithmError: {cause}" + (f". Last log lines:\n{tail}" if tail else ". The job logged nothing")

    def _end(self, record: ProcessingJobRecord, status: ProcessingJobStatus, **changes: object) -> ProcessingJobRecord:
        # The row may have turned to Stopping meanwhile, by another process: end from what it says now.
        current = self._database.processing_jobs.get(record.name) or record
        return self._save(current, status=advance(current.status, status), ended_at=self._clock(), **changes)

    def _save(self, record: ProcessingJobRecord, **changes: object) -> ProcessingJobRecord:
        current = self._database.processing_jobs.get(record.name) or record
        changed = replace(current, modified_at=self._clock(), **changes)  # type: ignore[arg-type]
        return self._database.processing_jobs.save(changed)

    def _goes_on(self, job_name: str) -> bool:
        return not self._stop.is_set() and self._wanted(job_name)

    def _wanted(self, job_name: str) -> bool:
        record = self._database.processing_jobs.get(job_name)
        return record is not None and record.status is ProcessingJobStatus.IN_PROGRESS

    def _log(self, job_name: str) -> Path:
        return self._folder / job_name / "log.txt"


def _lay_out(request: ProcessingJobRequest, sent: dict[str, object], paths: ContainerPaths) -> None:
    # Every folder that the contract promises is made: AWS's own sample opens its files without making their folders.
    folders = [paths.message.parent, paths.cloudwatch_metrics.parent, paths.job_config.parent]
    folders += [paths.below_root(output.s3_output.local_path) for output in request.outputs]
    folders += [paths.below_root(source.s3_input.local_path) for source in request.inputs]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    paths.job_config.write_text(json.dumps(sent, indent=2))
    paths.resource_config.write_text(json.dumps({"current_host": "algo-1", "hosts": ["algo-1"]}))


def _cause(exit_code: int) -> str:
    if exit_code <= 128:
        return f"exit code {exit_code}"
    try:
        name = signal.Signals(exit_code - 128).name
    except ValueError:
        return f"exit code {exit_code}"
    hint = ", perhaps out of memory" if name == "SIGKILL" else ""
    return f"exit code {exit_code} (killed by {name}{hint})"
