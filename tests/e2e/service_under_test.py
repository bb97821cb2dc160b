"""A whole `sextant up` in a folder of its own, spoken to over HTTP, that can be stopped, killed and started again."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service.cli.endpoint import capture_config
from service.cli.schedule import job_definition
from service.endpoint_token import endpoint_token
from tests import plain_http
from tests.aws_clients import ENVIRONMENT, Signed
from tests.wait import wait_until

FAST = {"SEXTANT_PORT": "0", "SEXTANT_FLUSH_INTERVAL_SECONDS": "1", "SEXTANT_TICK_SECONDS": "0.3"}
START_SECONDS = 90
ENDED = ("Completed", "CompletedWithViolations", "Failed", "Stopped")
ROLE = "arn:aws:iam::123456789012:role/SageMakerRole"


@dataclass
class Service:
    """One installation; `up` is its parent process while it runs."""

    folder: Path
    up: "subprocess.Popen[bytes] | None" = None
    url: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.data)

    @property
    def log(self) -> str:
        return (self.folder / "up.log").read_text(errors="replace")

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("SEXTANT_")}
        return {
            **own,
            **FAST,
            **ENVIRONMENT,
            "OMP_NUM_THREADS": "1",
            "SEXTANT_DATA": str(self.data),
            **self.variables,
        }

    @property
    def auth(self) -> Signed:
        """What signs as the first user."""
        given = self.environment
        return Signed(given["SEXTANT_ACCESS_KEY_ID"], given["SEXTANT_SECRET_ACCESS_KEY"])

    def spawn(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "service", "up", *self.options]
        with (self.folder / "up.log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def client_variables(self) -> dict[str, str]:
        """What `sextant env` says that clients need."""
        command = [sys.executable, "-m", "service", "env", "--json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=True)
        return dict(json.loads(done.stdout))

    def start(self) -> None:
        (self.data / "control.json").unlink(missing_ok=True)
        self.up = self.spawn()
        self.url = wait_until(self._answering_url, timeout_seconds=START_SECONDS, what="`sextant up`")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.up is not None
        self.up.terminate()
        return self.up.wait(70)

    def kill(self) -> None:
        """SIGKILL to the parent alone."""
        assert self.up is not None
        self.up.kill()
        self.up.wait()

    def clear(self) -> None:
        """End whatever is left."""
        if self.up is not None and self.up.poll() is None:
            self.stop()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def processes(self, role: str = "") -> list[psutil.Process]:
        """The living processes of this installation: all, or those of one role."""
        return [process for process in psutil.process_iter() if self._is_ours(process, role)]

    def _is_ours(self, process: psutil.Process, role: str) -> bool:
        try:
            ours = process.environ().get("SEXTANT_DATA") == str(self.data)
            return ours and (not role or role in process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def _answering_url(self) -> str:
        assert self.up is not None
        assert self.up.poll() is None, self.log
        try:
            url = str(json.loads((self.data / "control.json").read_text())["url"])
            return url if plain_http.get(f"{url}/ping").is_success else ""
        except (OSError, ValueError, httpx.HTTPError):
            return ""

    def call(self, operation: str, **request: object) -> dict[str, Any]:
        """The answer of an operation. Raises AssertionError with what it said where it was refused."""
        headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
        answer = plain_http.post(self.url, headers=headers, content=json.dumps(request), timeout=70, auth=self.auth)
        assert answer.is_success, answer.text
        return dict(json.loads(answer.content or b"{}"))

    def deploy(self, name: str, archive: Path, **environment: str) -> None:
        """An endpoint that captures everything, not yet in service."""
        address = S3Address("sextant", f"models/{name}/model.tar.gz")
        self.store.upload(archive, address)
        container = {"ModelDataUrl": str(address), "Environment": environment}
        self.call("CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1}
        capture = capture_config(100, "s3://sextant/captures")
        self.call(
            "CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant], DataCaptureConfig=capture
        )
        self.call("CreateEndpoint", EndpointName=name, EndpointConfigName=name)

    def wait_in_service(self, name: str) -> None:
        def status() -> bool:
            described = self.call("DescribeEndpoint", EndpointName=name)
            assert described["EndpointStatus"] != "Failed", described["FailureReason"]
            return bool(described["EndpointStatus"] == "InService")

        wait_until(status, timeout_seconds=START_SECONDS, what=f"{name} in service")

    def post(self, name: str, body: bytes, content_type: str, **headers: str) -> httpx.Response:
        given = {"Content-Type": content_type, "Accept": "application/json", **headers}
        url = f"{self.url}/endpoints/{name}/invocations"
        return plain_http.post(url, content=body, headers=given, timeout=70, auth=self.auth)

    def invoke(self, name: str, body: bytes, content_type: str, **headers: str) -> Any:
        """The model's answer, parsed."""
        answer = self.post(name, body, content_type, **headers)
        assert answer.is_success, answer.text
        return answer.json()

    def captures(self, name: str, variant: str = "AllTraffic") -> list[CaptureRecord]:
        """All records of an endpoint's variant that are in the store by now."""
        entries = self.store.list(S3Address("sextant", f"captures/{name}/{variant}/"))
        lines = (line for entry in entries for line in self.store.get(entry.address).splitlines())
        return [CaptureRecord.model_validate_json(line) for line in lines]

    def schedule(self, name: str, endpoint: str, *, cron: str = "cron(0 0 1 1 ? 2099)", **options: Any) -> None:
        environment, baseline = options.get("environment", {}), options.get("baseline")
        definition = job_definition(
            endpoint,
            monitor="sextant/class-skew",
            environment=environment,
            baseline=baseline,
            output="s3://sextant/reports",
        )
        config = {"ScheduleConfig": {"ScheduleExpression": cron}, "MonitoringJobDefinition": definition}
        self.call("CreateMonitoringSchedule", MonitoringScheduleName=name, MonitoringScheduleConfig=config)

    def ask_for(self, schedule: str, start: datetime, end: datetime) -> str:
        times = {"DataAnalysisStartTime": start.timestamp(), "DataAnalysisEndTime": end.timestamp()}
        return str(
            self.call("StartMonitoringExecution", MonitoringScheduleName=schedule, **times)["MonitoringExecutionId"]
        )

    def execution(self, execution_id: str) -> dict[str, Any]:
        return self.call("DescribeMonitoringExecution", MonitoringExecutionId=execution_id)

    def verdict(self, execution_id: str) -> dict[str, Any]:
        """An execution's summary once it has ended."""

        def ended() -> dict[str, Any] | None:
            answer = self.execution(execution_id)
            return answer if answer["MonitoringExecutionStatus"] in ENDED else None

        return wait_until(ended, timeout_seconds=120, what="the verdict")

    def job(self, execution: dict[str, Any]) -> dict[str, Any]:
        name = execution["ProcessingJobArn"].rpartition("/")[2]
        return self.call("DescribeProcessingJob", ProcessingJobName=name)

    def report_folder(self, execution: dict[str, Any]) -> S3Address:
        outputs = self.job(execution)["ProcessingOutputConfig"]["Outputs"]
        return S3Address.parse(outputs[0]["S3Output"]["S3Uri"])

    def report(self, execution: dict[str, Any], file: str = "report.json") -> Any:
        return json.loads(self.store.get(self.report_folder(execution).joined(file)))

    def endpoint_metrics(self, name: str) -> dict[str, float]:
        """Sums over all labels of one endpoint's samples, by name."""
        rows = plain_http.get(f"{self.url}/prometheus/targets", auth=self.auth).json()
        token = {"Authorization": f"Bearer {endpoint_token(self.data)}"}
        pages = [plain_http.get(f"http://{row['targets'][0]}/metrics", headers=token).text for row in rows]
        samples = [
            sample
            for page in pages
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.labels.get("endpoint") == name
        ]
        return {each.name: sum(s.value for s in samples if s.name == each.name) for each in samples}


def next_second() -> datetime:
    """The next whole second, once it has come: captures and windows know no fractions."""
    coming = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    wait_until(lambda: datetime.now(UTC) >= coming, timeout_seconds=5, what="the next second")
    return coming
