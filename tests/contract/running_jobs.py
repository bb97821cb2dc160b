"""A scheduler that runs the programs of job_programs by one real runner: as processes, by podman, or by docker.

What lives here: the same job for every runner, and waiting for it. What does not: what any test asks of it
(test_job_runners, test_hostile_jobs).
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from monitor_jobs.object_store import S3Address
from service.adapters.container_engine import ContainerEngine
from service.adapters.container_options import Confinement
from service.adapters.oci_runner import OciRunner, job_user
from service.adapters.process_runner import ProcessRunner, inheritable
from service.adapters.runner_by_image import RunnerByImage
from service.core.ports import JobLimits
from service.core.records import ProcessingJobRecord
from service.core.states import ProcessingJobStatus
from tests.integration.scheduling import House
from tests.servers.container_engines import IMAGE, PROGRAMS, Engine
from tests.wait import wait_until

OUTPUTS = "/opt/ml/processing/outputs"
STORE = "s3://bucket/out"
LIMITS = JobLimits(memory_bytes=128 * 2**20, processes=48, log_bytes=2**20)
JOB_SECONDS = 120
SERVICES_OWN = {"AWS_SECRET_ACCESS_KEY": "secret-of-the-service", "SEXTANT_DATABASE_URL": "secret-of-the-service"}


def process_runner(environment: Mapping[str, str], hidden: tuple[Path, ...] = ()) -> ProcessRunner:
    return ProcessRunner(
        inheritable({**environment, **SERVICES_OWN}), program_folders=[PROGRAMS], hidden=hidden, limits=LIMITS
    )


def engine_runner(engine: Engine, **loosened: str) -> OciRunner:
    user = job_user(None, own=(0, 0))
    environment = {**engine.environment, **SERVICES_OWN}
    return OciRunner(
        ContainerEngine(engine.program, environment), confinement=Confinement(user, **loosened), limits=LIMITS
    )


class Jobs:
    """Jobs of one house by one runner."""

    def __init__(self, house: House, engine: Engine | None, environment: Mapping[str, str]) -> None:
        self.house = house
        self.engine = engine
        processes = process_runner(environment)
        house.runner = RunnerByImage(containers=engine_runner(engine) if engine else processes, processes=processes)

    def monitor(self) -> dict[str, object]:
        """The AppSpecification of the sample monitor, which is run as its author made it."""
        return {"ImageUri": f"file://{PROGRAMS}/evaluation.py" if self.engine is None else IMAGE}

    def behaviour(self, *arguments: str) -> dict[str, object]:
        """The AppSpecification of a behaviour."""
        if self.engine is None:
            return {"ImageUri": f"file://{PROGRAMS}/behaviour.py", "ContainerArguments": list(arguments)}
        entrypoint = ["python3", "/programs/behaviour.py"]
        return {"ImageUri": IMAGE, "ContainerEntrypoint": entrypoint, "ContainerArguments": list(arguments)}

    def ask_for(self, specification: Mapping[str, object], *, max_runtime=60, mode="EndOfJob", **members) -> str:
        """The name of a processing job that was just requested."""
        output = {"S3Uri": STORE, "LocalPath": OUTPUTS, "S3UploadMode": mode}
        request = {
            "ProcessingJobName": f"asked-{uuid.uuid4().hex[:12]}",
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
            "AppSpecification": specification,
            "StoppingCondition": {"MaxRuntimeInSeconds": max_runtime},
            **members,
        }
        now = self.house.clock()
        record = ProcessingJobRecord(request["ProcessingJobName"], ProcessingJobStatus.IN_PROGRESS, now, now, request)
        self.house.database.processing_jobs.add(record)
        return record.name

    def ended(self, name: str, process=None) -> ProcessingJobRecord:
        """The job once it has ended."""
        process = process or self.house.start()

        def look() -> ProcessingJobRecord | None:
            process.tick()
            job = self.house.database.processing_jobs.get(name)
            return job if job.ended_at else None

        return wait_until(look, timeout_seconds=JOB_SECONDS, what=f"the end of {name}")

    def run(self, *arguments: str, **members) -> ProcessingJobRecord:
        """A behaviour once it has ended."""
        return self.ended(self.ask_for(self.behaviour(*arguments), **members))

    def root(self, name: str) -> Path:
        return self.house.folder / "jobs" / name / "root"

    def has_left(self, name: str, file: str) -> bool:
        """Whether the job has made a file in its outputs so far."""
        return (self.root(name) / OUTPUTS.lstrip("/") / file).exists()

    def stop(self, name: str) -> None:
        job = self.house.database.processing_jobs.get(name)
        self.house.database.processing_jobs.save(replace(job, status=ProcessingJobStatus.STOPPING))

    def output(self, name: str) -> bytes:
        """An output by its name."""
        return self.house.store.get(S3Address.parse(f"{STORE}/{name}"))

    def json(self, name: str):
        return json.loads(self.output(name))

    def outputs(self) -> list[str]:
        return [key.removeprefix("out/") for key in self.house.reports(STORE)]
