"""A scheduler in a folder of its own: SQLite, folder store, real jobs, and a clock that a test sets.

What lives here: putting the parts together as service.wiring does, and the rows and captures of one endpoint. What does
not: what any test asks of them.
"""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor_jobs.contract.capture import CaptureData, CaptureRecord, EventMetadata, Payload, capture_file_path
from monitor_jobs.contract.watermark import Watermark, open_watermark_address
from monitor_jobs.model_archive import pack
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.adapters.database import connect
from service.adapters.process_runner import ProcessRunner
from service.core.deployment import EndpointSpec
from service.core.records import EndpointRecord, ExecutionOrigin, ExecutionRecord, Query, ScheduleRecord
from service.core.states import FINAL_EXECUTION_STATUSES, EndpointStatus, ExecutionStatus, ScheduleStatus
from service.scheduler.chores import Chore, Chores
from service.scheduler.endpoint_specs import CaptureLimits
from service.scheduler.endpoints import Endpoints
from service.scheduler.executions import Executions
from service.scheduler.explanations import Explanations
from service.scheduler.jobs import Jobs
from service.scheduler.loop import Scheduler
from service.scheduler.places import Places
from service.scheduler.requested_jobs import RequestedJobs
from tests.integration import job_program
from tests.wait import wait_until

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FLUSH_SECONDS = 10
CAPTURES = "s3://bucket/captures"
PACKAGE = "s3://bucket/models/model.tar.gz"
JOB_SECONDS = 60
JOB_ARN = "arn:aws:sagemaker:us-east-1:000000000000:processing-job/"


@dataclass
class Clock:
    """A clock that stands until it is set."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def go(self, **passed: float) -> None:
        self.now += timedelta(**passed)


class StillHost:
    """Endpoints that always run and are always ready; no process stands behind them."""

    def start(self, _spec, *, folder):
        return {"address": "http://127.0.0.1:9", "log": str(folder / "log.jsonl")}

    def running(self, _handle):
        return True

    def ready(self, _handle):
        return True

    def stop(self, _handle):
        pass

    def last_words(self, _handle):
        return ""

    def strays(self, _folder):
        return []


@dataclass
class Process:
    """One scheduler process's parts; `stop` is what SIGTERM sets."""

    scheduler: Scheduler
    stop: threading.Event
    executor: ThreadPoolExecutor

    def tick(self) -> None:
        self.scheduler.tick()

    def end(self) -> None:
        """Stop and wait for the jobs."""
        self.stop.set()
        self.executor.shutdown()


@dataclass
class House:
    """What the schedulers of one installation share."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    processes: list[Process] = field(default_factory=list)
    places: int = 2
    chores: list[Chore] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database = connect(f"sqlite:///{self.folder / 'sextant.db'}")
        self.store = FolderStore(self.folder)
        self.runner = ProcessRunner(job_program.environment(RUNS=str(self.folder / "runs")), rule=job_program.rule)

    def start(self, *, host=None, store=None, runner=None) -> Process:
        """Another scheduler."""
        stop, executor = threading.Event(), ThreadPoolExecutor(self.places)
        shared = {"database": self.database, "store": store or self.store, "clock": self.clock}
        jobs = Jobs(
            **shared, runner=runner or self.runner, folder=self.folder / "jobs", stop=stop, arn=f"{JOB_ARN}{{}}".format
        )
        places, cards = Places(executor, self.places), self.folder / "cards"
        explanations = Explanations(**shared, cards=cards, most=0)
        scheduler = Scheduler(
            **shared,
            owner=uuid.uuid4().hex,
            endpoints=self.endpoints(host or StillHost(), executor),
            executions=Executions(**shared, jobs=jobs, cards=cards, explanations=explanations),
            requested_jobs=RequestedJobs(**shared, jobs=jobs, places=places),
            places=places,
            chores=Chores(self.chores, Places(executor, self.places), self.clock),
        )
        self.processes.append(Process(scheduler, stop, executor))
        return self.processes[-1]

    def endpoints(self, host, executor) -> Endpoints:
        limits = CaptureLimits(flush_interval_seconds=FLUSH_SECONDS, spool_budget_bytes=1 << 20, torch_threads=1)
        folder = self.folder / "endpoints"
        return Endpoints(
            database=self.database, host=host, folder=folder, limits=limits, executor=executor, clock=self.clock
        )

    def close(self) -> None:
        for process in self.processes:
            process.end()
        self.database.engine.dispose()

    def add_endpoint(self, name="digits", **changes) -> EndpointRecord:
        """An endpoint in service whose package holds an empty model card."""
        self.upload_package()
        capture = {
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": CAPTURES,
            "CaptureOptions": [{"CaptureMode": "Output"}],
        }
        spec = EndpointSpec.model_validate(
            {
                "endpoint": name,
                "variant": "AllTraffic",
                "model_name": name,
                "model_data_url": PACKAGE,
                "data_capture": capture,
                "spool_folder": self.folder / "spool",
                "spool_budget_bytes": 1 << 20,
                "flush_interval_seconds": FLUSH_SECONDS,
            }
            | changes
        )
        running = [{"variant": "AllTraffic", "handle": {}, "spec": spec.model_dump(mode="json")}]
        record = EndpointRecord(name, name, EndpointStatus.IN_SERVICE, NOON, NOON, running=running)
        self.database.endpoints.add(record)
        return record

    def upload_package(self) -> None:
        package = self.folder / "package"
        (package / "code").mkdir(parents=True, exist_ok=True)
        (package / "code/inference.py").write_text("")
        pack(package, self.folder / "model.tar.gz")
        self.store.upload(self.folder / "model.tar.gz", S3Address.parse(PACKAGE))

    def add_schedule(self, name="skew", *, cron="cron(0 * ? * * *)", action=("leave_report", "0"), **changes) -> None:
        """A schedule that runs the test program, due from now on."""
        request = {"MonitoringScheduleName": name, "MonitoringScheduleConfig": schedule_config(cron, action, **changes)}
        now = self.clock()
        self.database.schedules.add(
            ScheduleRecord(name, ScheduleStatus.SCHEDULED, now, now, "digits", request, covered_until=now)
        )

    def ask_for(self, *, schedule="skew", start=NOON - MINUTE, end=NOON, at=None, **members) -> str:
        """The id of an execution over one window, asked for now."""
        at = at or self.clock()
        record = ExecutionRecord(
            id=uuid.uuid4().hex,
            schedule_name=schedule,
            scheduled_at=at,
            origin=ExecutionOrigin.RUN_NOW,
            window_start=start,
            window_end=end,
            status=ExecutionStatus.PENDING,
            created_at=at,
            modified_at=at,
            endpoint_name="digits",
            **members,
        )
        self.database.executions.add(record)
        return record.id

    def capture(self, *moments: datetime, name="digits", opened_at=None) -> S3Address:
        """One capture file with a record of each moment."""
        lines = b"".join(capture_line(moment) for moment in moments)
        return self.capture_bytes(lines, opened_at=opened_at or moments[0], name=name)

    def capture_bytes(self, content: bytes, *, opened_at: datetime, name="digits") -> S3Address:
        path = capture_file_path(opened_at, uuid.uuid4())
        address = S3Address.parse(f"{CAPTURES}/{name}/AllTraffic/{path}")
        self.store.put(address, content)
        return address

    def reports(self, prefix="s3://bucket/reports") -> list[str]:
        """Every key below the reports."""
        return [entry.address.key for entry in self.store.list(S3Address.parse(prefix))]

    def seal(self, until: datetime, *, producer="p", closed=False) -> None:
        """A producer's watermark."""
        mark = Watermark(producer=producer, sealed_until=until, flush_interval_seconds=FLUSH_SECONDS, closed=closed)
        side = "s3://bucket/captures/_sextant/digits/AllTraffic"
        self.store.put(S3Address.parse(open_watermark_address(side, producer)), mark.to_json())

    def execution(self, execution_id: str) -> ExecutionRecord:
        found = self.database.executions.get(execution_id)
        assert found is not None
        return found

    def executions(self, **equal: object) -> list[ExecutionRecord]:
        return self.database.executions.find(Query(equal=equal, order_by="scheduled_at"))

    def ended(self, process: Process, execution_id: str) -> ExecutionRecord:
        """The execution once it has ended, tick after tick."""

        def look() -> ExecutionRecord | None:
            process.tick()
            record = self.execution(execution_id)
            return record if record.status in FINAL_EXECUTION_STATUSES else None

        return wait_until(look, timeout_seconds=JOB_SECONDS, what="the execution's end")

    def running_job(self, process: Process, execution_id: str) -> Path:
        """The root of the execution's job, once its program runs."""

        def look() -> Path | None:
            process.tick()
            name = self.execution(execution_id).processing_job_name
            root = self.folder / "jobs" / str(name) / "root"
            return root if (root / job_program.STARTED).exists() else None

        return wait_until(look, timeout_seconds=JOB_SECONDS, what="the job's program")

    def job_of(self, execution_id: str):
        return self.database.processing_jobs.get(self.execution(execution_id).processing_job_name or "")

    @property
    def runs(self) -> int:
        """How many jobs were started so far."""
        path = self.folder / "runs"
        return len(path.read_text().splitlines()) if path.exists() else 0


def capture_line(moment: datetime, label: str = "3") -> bytes:
    """A capture line of one answer."""
    output = Payload(observed_content_type="application/json", mode="OUTPUT", data=label, encoding="JSON")
    metadata = EventMetadata(event_id=str(uuid.uuid4()), inference_time=moment)
    return CaptureRecord(capture_data=CaptureData(endpoint_output=output), event_metadata=metadata).to_line()


def schedule_config(cron: str, action: tuple[str, ...], *, max_runtime=60, **definition: object) -> dict[str, object]:
    return {
        "ScheduleConfig": {"ScheduleExpression": cron},
        "MonitoringJobDefinition": {
            "MonitoringInputs": [
                {"EndpointInput": {"EndpointName": "digits", "LocalPath": "/opt/ml/processing/input/endpoint"}}
            ],
            "MonitoringOutputConfig": {
                "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://bucket/reports", "LocalPath": job_program.OUTPUT}}]
            },
            "MonitoringAppSpecification": {"ImageUri": job_program.IMAGE, "ContainerArguments": list(action)},
            "StoppingCondition": {"MaxRuntimeInSeconds": max_runtime},
            "RoleArn": "arn:aws:iam::000000000000:role/sextant",
            **definition,
        },
    }
