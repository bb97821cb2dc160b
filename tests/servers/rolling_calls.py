"""Clients of one endpoint that call through the gateway while its processes are replaced.

What lives here: unmodified boto3 clients in a closed loop that never try twice, what each was answered, and the figure
of updates that take over and of updates that do not. What does not: the installation they call
(tests.e2e.service_under_test), and what else is done to it (tests.benchmarks.faults).
"""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from monitor_jobs.model_archive import pack
from monitor_jobs.object_store import S3Address
from tests.aws_clients import KEYS
from tests.benchmarks.figures import Figure
from tests.e2e.service_under_test import Service
from tests.servers.endpoint import write_package
from tests.wait import wait_until

NAME, BROKEN = "rolled", "broken"
CALLERS = 4
UPDATE_SECONDS = 120
SLOW_EVERY = 100  # one request of so many takes longer than the others together
SLEEPS = """
import json
import time

def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    time.sleep(json.loads(body)[0])
    return body, "application/json"
"""


@dataclass
class Calls:
    """The inference ids of answered requests, and what became of the others."""

    answered: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def sleeping_package(folder: Path) -> Path:
    """The archive of a model that sleeps for as many seconds as it is told, and answers with what it was sent."""
    pack(write_package(folder / "package", {"code/inference.py": SLEEPS}), folder / "model.tar.gz")
    return folder / "model.tar.gz"


@contextmanager
def calling(url: str, endpoint: str, *, callers: int = CALLERS) -> Iterator[Calls]:
    """So many clients that call until the block ends; each request has an id of its own."""
    calls, enough = Calls(), threading.Event()
    threads = [
        threading.Thread(target=_call, args=(url, endpoint, f"caller-{number}", calls, enough))
        for number in range(callers)
    ]
    for thread in threads:
        thread.start()
    try:
        yield calls
    finally:
        enough.set()
        for thread in threads:
            thread.join()


@dataclass(frozen=True)
class UpdatesUnderLoad:
    """What clients were answered while their endpoint was updated, and how these updates ended."""

    taken_over: int
    rolled_back: int
    answered: int
    failed: tuple[str, ...]

    def figure(self) -> Figure:
        """`update_failed_requests`."""
        updates = f"{self.taken_over} updates that took over, {self.rolled_back} that were rolled back"
        first = f"; first: {self.failed[0]}" if self.failed else ""
        note = f"{updates}, {CALLERS} boto3 clients without retries, {self.answered} answered{first}"
        return Figure(len(self.failed), "requests", "<= 0", note)


def update_failed_requests(folder: Path, *, rounds: int) -> Figure:
    """Requests that failed during so many updates of each kind, in an installation of its own."""
    service = Service(folder)
    service.start()
    try:
        service.deploy(NAME, sleeping_package(folder))
        service.wait_in_service(NAME)
        return updated_under_load(service, rounds=rounds).figure()
    finally:
        service.clear()


def updated_under_load(service: Service, *, rounds: int) -> UpdatesUnderLoad:
    """In turn an update to a process of the same model, and one to a model whose code does not load."""
    _configure_broken_model(service)
    ends = []
    with calling(service.url, NAME) as calls:
        for config in (NAME, BROKEN) * rounds:
            service.call("UpdateEndpoint", EndpointName=NAME, EndpointConfigName=config)
            described = wait_until(lambda: _settled(service), timeout_seconds=UPDATE_SECONDS, what="the update's end")
            ends.append("FailureReason" in described)
    return UpdatesUnderLoad(ends.count(False), ends.count(True), len(calls.answered), tuple(calls.failed))


def _configure_broken_model(service: Service) -> None:
    code = {"code/inference.py": "raise RuntimeError('these weights are of another network')"}
    pack(write_package(service.folder / BROKEN, code), service.folder / "broken.tar.gz")
    address = S3Address("sextant", "models/broken.tar.gz")
    service.store.upload(service.folder / "broken.tar.gz", address)
    service.call("CreateModel", ModelName=BROKEN, PrimaryContainer={"ModelDataUrl": str(address)})
    variants = [{"VariantName": "AllTraffic", "ModelName": BROKEN}]
    service.call("CreateEndpointConfig", EndpointConfigName=BROKEN, ProductionVariants=variants)


def _settled(service: Service) -> dict[str, Any] | None:
    described = service.call("DescribeEndpoint", EndpointName=NAME)
    return described if described["EndpointStatus"] == "InService" else None


def _call(url: str, endpoint: str, prefix: str, calls: Calls, enough: threading.Event) -> None:
    once = Config(retries={"total_max_attempts": 1}, read_timeout=70)
    with closing(boto3.client("sagemaker-runtime", endpoint_url=url, config=once, **KEYS)) as client:
        for number in count():
            if enough.is_set():
                return
            inference_id = f"{prefix}-{number}"
            body = b"[0.3]" if number % SLOW_EVERY == SLOW_EVERY - 1 else b"[0.003]"
            try:
                answer = client.invoke_endpoint(
                    EndpointName=endpoint, Body=body, ContentType="application/json", InferenceId=inference_id
                )
                assert answer["Body"].read() == body
                calls.answered.append(inference_id)
            except (BotoCoreError, ClientError) as error:
                calls.failed.append(f"{inference_id}: {error}")
