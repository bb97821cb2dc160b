"""Endpoint processes that suffer what the operating system does, and what they count.

What lives here: a folder with a model, a store behind a switch and a spool; processes on it. What does not: load on
them (fault_load), the faults (system_faults), what is to be learnt (tests.benchmarks.faults.system).
"""

import os
import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from monitor_jobs.contract.errors import StoreUnavailable
from monitor_jobs.model_archive import pack
from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from service import logs
from service.core.deployment import EndpointSpec
from service.endpoint import capture as capture_module
from service.endpoint.accounting import Ledger
from service.endpoint.capture import Capture, start_capture
from service.endpoint.capture_metrics import CaptureCollector
from service.endpoint.ports import CaptureSink, Keeping
from service.endpoint.process import serve
from service.metrics import Metric
from tests import plain_http
from tests.endpoint_token import AUTHORIZED
from tests.integration.capture_spool import spec_of
from tests.servers import capture_campaign
from tests.servers.capture_campaign import FORKS, InMemoryCapture
from tests.servers.endpoint import write_package
from tests.servers.fault_load import GLUTTONY
from tests.servers.system_faults import fake_clock
from tests.wait import wait_until

PATIENCE = 60
MODEL = f"""
import threading

hoard = []

def model_fn(model_dir):
    return None

def allocate():
    while True:
        hoard.append(b"1" * 2**20)

def transform_fn(model, body, content_type, accept):
    if body == {GLUTTONY.decode()!r}:
        threading.Thread(target=allocate, daemon=True).start()
    return body, "application/json"
"""
Open = Callable[[EndpointSpec, FolderStore], CaptureSink]

FORKS.set_forkserver_preload([__name__])


class GatedStore(FolderStore):
    """A folder store that is unavailable, for every process, while the file `store-is-down` lies beside it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "data")
        self._gate = folder / "store-is-down"

    def put(self, address: S3Address, body: bytes) -> None:
        self._require()
        super().put(address, body)

    def upload(self, path: Path, address: S3Address) -> None:
        self._require()
        super().upload(path, address)

    def _require(self) -> None:
        if self._gate.exists():
            raise StoreUnavailable("the store is down")


@contextmanager
def store_down(folder: Path) -> Iterator[None]:
    """No process of this folder can store anything."""
    gate = folder / "store-is-down"
    gate.touch()
    try:
        yield
    finally:
        gate.unlink()


def furnish(folder: Path, **changes: object) -> EndpointSpec:
    """The spec of an endpoint whose model is in place: it answers with what it was sent, or eats all memory."""
    folder.mkdir(parents=True, exist_ok=True)
    pack(write_package(folder / "package", {"code/inference.py": MODEL}), folder / "model.tar.gz")
    spec = spec_of(folder, flush_seconds=0.5).model_copy(update=changes)
    FolderStore(folder / "data").upload(folder / "model.tar.gz", S3Address.parse(spec.model_data_url))
    (folder / "spec.json").write_text(spec.model_dump_json())
    return spec


def real_capture(spec: EndpointSpec, store: FolderStore) -> CaptureSink:
    """What endpoints capture with."""
    return start_capture(spec, store, clock=lambda: datetime.now(UTC), generator=random.SystemRandom())


def weak_capture(spec: EndpointSpec, store: FolderStore) -> CaptureSink:
    """What capture must not be: records that wait in memory for the next flush."""
    return InMemoryCapture(store)


def never_flushed_capture(spec: EndpointSpec, store: FolderStore) -> CaptureSink:
    """The same, where the next flush never comes."""
    capture_campaign.WEAK_FLUSH_SECONDS = threading.TIMEOUT_MAX
    return weak_capture(spec, store)


def forgetful_capture(spec: EndpointSpec, store: FolderStore) -> CaptureSink:
    """What capture must not be: one that drops records and does not count them."""
    capture_module.Ledger = ForgetfulLedger
    return real_capture(spec, store)


class ForgetfulLedger(Ledger):
    """Counts everything but what it drops."""

    def _count_loss(self, reason, loss) -> None:
        pass


@dataclass(frozen=True)
class Endpoint:
    """An endpoint process that answers."""

    process_id: int
    port: int
    kill: Callable[[], None]
    terminate: Callable[[], None]
    wait: Callable[[], int | None]  # the exit code; minus the signal that ended it, None where it has not

    def counts(self) -> Counter[str]:
        """What /metrics says, by metric, summed over its labels."""
        counted: Counter[str] = Counter()
        page = plain_http.get(f"http://127.0.0.1:{self.port}/metrics", headers=AUTHORIZED).text
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                counted[sample.name] += sample.value
        return counted

    @property
    def dropped(self) -> int:
        return int(self.counts()[Metric.DROPPED])

    @property
    def backlog(self) -> int:
        return int(self.counts()[Metric.BACKLOG_RECORDS])


@contextmanager
def endpoint(folder: Path, open_capture: Open = real_capture, *, port: int = 0) -> Iterator[Endpoint]:
    """An endpoint process that answers in a furnished folder; it is killed in the end where nobody did before."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        port = listener.getsockname()[1]
        process = FORKS.Process(target=live, args=(folder, listener, open_capture))
        process.start()

    def wait() -> int | None:
        process.join(PATIENCE)
        return process.exitcode

    try:
        wait_until(lambda: answers(process.is_alive(), port), timeout_seconds=PATIENCE, what="a 200 on /ping")
        yield Endpoint(process.pid, port, process.kill, process.terminate, wait)
    finally:
        process.kill()
        process.join()


@contextmanager
def endpoint_of_another_time(folder: Path) -> Iterator[Endpoint]:
    """The same as a program whose clock is off by what the file `clock` says, such as +3600, or by nothing."""
    (folder / "clock").touch()
    environment = os.environ | fake_clock(folder / "clock")
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "stderr").open("wb") as stderr:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", __name__, str(folder), str(listener.fileno())]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], env=environment, stderr=stderr)
    try:
        wait_until(lambda: answers(process.poll() is None, port), timeout_seconds=PATIENCE, what="a 200 on /ping")
        yield Endpoint(process.pid, port, process.kill, process.terminate, lambda: process.wait(PATIENCE))
    finally:
        process.kill()
        process.wait()


def answers(is_alive: bool, port: int) -> bool:
    assert is_alive, "the endpoint ended before it answered"
    try:
        return plain_http.get(f"http://127.0.0.1:{port}/ping").status_code == HTTPStatus.OK
    except httpx.TransportError:
        return False


def live(folder: Path, listener: socket.socket, open_capture: Open) -> None:
    """The life of an endpoint process."""
    spec = EndpointSpec.model_validate_json((folder / "spec.json").read_text())
    store = GatedStore(folder)
    logs.configure((folder / "log").open("a", buffering=1))

    def keeping(registry: CollectorRegistry) -> Keeping:
        opened = open_capture(spec, store)
        if isinstance(opened, Capture):
            registry.register(
                CaptureCollector(
                    opened.snapshot,
                    serving=(spec.endpoint, spec.variant),
                    budget_bytes=spec.spool_budget_bytes,
                    clock=lambda: datetime.now(UTC),
                )
            )
        return Keeping(opened)

    sys.exit(serve(spec, listener=listener, store=store, keeping_factory=keeping))


if __name__ == "__main__":
    live(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), real_capture)
