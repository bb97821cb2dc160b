"""What an endpoint costs beside its answers: the seconds until the first one, and the memory of a whole installation.

What lives here: starting endpoints and a `sextant up` for this alone. What does not: load (serving).
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import httpx

from monitor_jobs.model_archive import pack
from tests import plain_http
from tests.benchmarks.figures import Figure, median_at_most
from tests.benchmarks.invoke import CAPTURE_ALL
from tests.benchmarks.serving_load import pss_mb
from tests.benchmarks.serving_models import NPY, RESNET_64
from tests.e2e.service_under_test import Service
from tests.endpoint_token import AUTHORIZED
from tests.servers.endpoint import RunningEndpoint, started_endpoint
from tests.wait import wait_until

INVOCATIONS: Final = 200
NAME: Final = "signs"


def first_200(package: Path, scratch: Path, starts: int, environment: Mapping[str, str]) -> dict[str, Figure]:
    """Seconds from the start of an endpoint's process to its first answer of its model, as it is by default."""
    body = RESNET_64.body(NPY)
    seconds = [_seconds_to_first_200(package, scratch, body, environment) for _ in range(starts)]
    spread = f"{starts} starts, {min(seconds):.2f} to {max(seconds):.2f} s"
    note = f"95 % upper bound of the median of {spread}; the faster engine is found out meanwhile"
    return {"first_200_s": Figure(median_at_most(seconds), "s", "<= 2.5", note)}


def _seconds_to_first_200(package: Path, scratch: Path, body: bytes, environment: Mapping[str, str]) -> float:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        given = {"environment": dict(environment), "data_capture": CAPTURE_ALL}
        with started_endpoint(package, Path(folder), **given) as endpoint:
            began = time.perf_counter()  # the process was started just now: packing the package is not counted
            wait_until(_answering(endpoint, body), timeout_seconds=60, what="the first 200 on /invoke")
            return time.perf_counter() - began


def _answering(endpoint: RunningEndpoint, body: bytes) -> Callable[[], bool]:
    headers = {"Content-Type": NPY, **AUTHORIZED}

    def answers() -> bool:
        assert endpoint.process.poll() is None, (endpoint.folder / "stderr").read_text()
        try:
            answer = plain_http.post(f"{endpoint.url}/invoke", content=body, headers=headers, timeout=60)
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    return answers


def tree_pss(package: Path, scratch: Path) -> dict[str, Figure]:
    """Memory of a whole `sextant up` with one endpoint that has answered for a while."""
    pack(package, scratch / "model.tar.gz")
    service = Service(scratch)
    try:
        service.start()
        service.deploy(NAME, scratch / "model.tar.gz")
        service.wait_in_service(NAME)
        body = RESNET_64.body(NPY)
        for _ in range(INVOCATIONS):
            service.invoke(NAME, body, NPY)
        sizes = sorted((_role(process.cmdline()), pss_mb([process])) for process in service.processes())
    finally:
        service.clear()
    parts = ", ".join(f"{role} {size:.0f}" for role, size in sizes)
    note = f"proportional memory after {INVOCATIONS} invocations through the gateway: {parts}"
    return {"tree_pss_mb": Figure(sum(size for _, size in sizes), "MB", "<= 400", note)}


def _role(command: list[str]) -> str:
    roles = ("control", "scheduler", "up")
    return next((role for role in roles if role in command), "endpoint")
