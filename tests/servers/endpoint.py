"""Runs one real endpoint process on a loopback port for tests, and as a program is that process."""

import json
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry

from monitor_jobs.model_archive import pack
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.object_store.port import S3Address
from service import logs
from service.core.deployment import EndpointSpec, Exchange
from service.endpoint.capture import start_capture
from service.endpoint.capture_metrics import CaptureCollector
from service.endpoint.ports import CaptureSink, Keeping, Tell
from service.endpoint.process import serve
from service.wiring import open_redactor, with_tensors
from tests import plain_http
from tests.endpoint_token import TOKEN_SHA256
from tests.wait import wait_until

MODEL_ADDRESS = S3Address("models", "package/model.tar.gz")


@dataclass(frozen=True)
class RunningEndpoint:
    """A started endpoint process."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in (self.folder / "stderr").read_text().splitlines()]

    @property
    def captured_bodies(self) -> list[str]:
        path = self.folder / "captured"
        return path.read_text().splitlines() if path.exists() else []

    def answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "stderr").read_text()
        try:
            return plain_http.get(f"{self.url}/ping").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


class FileCapture:
    """Writes the body of each offered exchange as one line, and a last line when it is closed."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def require_room(self) -> None:
        pass

    def before_answer(self, exchange: Exchange, tell: Tell) -> None:
        self._file.write(exchange.response_body.decode() + "\n")
        tell(None)

    def close(self, timeout_seconds: float) -> None:
        self._file.write("closed in time\n" if timeout_seconds > 0 else "closed late\n")
        self._file.close()


UNASKED = "capture: no"


class Asked:
    """A capture that leaves out what its caller does not want captured: with and without it, in one process."""

    def __init__(self, capture: CaptureSink) -> None:
        self._capture = capture

    def require_room(self) -> None:
        self._capture.require_room()

    def before_answer(self, exchange: Exchange, tell: Tell) -> None:
        if exchange.custom_attributes == UNASKED:
            tell(None)
        else:
            self._capture.before_answer(exchange, tell)

    def close(self, timeout_seconds: float) -> None:
        self._capture.close(timeout_seconds)


def write_package(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A package's folder with these files."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@contextmanager
def started_endpoint(package: Path, folder: Path, **settings: object) -> Iterator[RunningEndpoint]:
    """An endpoint process that was started and is ended in the end; it may not be ready yet."""
    archive = folder / "model.tar.gz"
    pack(package, archive)
    FolderStore(folder / "data").upload(archive, MODEL_ADDRESS)
    spec = EndpointSpec.model_validate(
        {
            "endpoint": "tiny",
            "variant": "AllTraffic",
            "model_name": "tiny",
            "model_data_url": str(MODEL_ADDRESS),
            "spool_folder": folder / "spool",
            "spool_budget_bytes": 1 << 26,
            "flush_interval_seconds": 1,
            "token_sha256": TOKEN_SHA256,
        }
        | settings
    )
    (folder / "spec.json").write_text(spec.model_dump_json())
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "stderr").open("wb") as stderr:
        command = [sys.executable, "-m", "tests.servers.endpoint", str(folder), str(listener.fileno())]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stderr=stderr)
        port = listener.getsockname()[1]
    try:
        yield RunningEndpoint(process, port, folder)
    finally:
        process.kill()
        process.wait()


@contextmanager
def running_endpoint(package: Path, folder: Path, **settings: object) -> Iterator[RunningEndpoint]:
    """An endpoint process that is ready."""
    with started_endpoint(package, folder, **settings) as endpoint:
        wait_until(endpoint.answers, timeout_seconds=60, what="the endpoint's first 200 on /ping")
        yield endpoint


def main(folder: Path, descriptor: int) -> int:
    """The endpoint process itself; where data capture is configured it captures for real, else to a file."""
    logs.configure(sys.stderr)
    spec = EndpointSpec.model_validate_json((folder / "spec.json").read_text())
    store = FolderStore(folder / "data")

    def sink(registry: CollectorRegistry) -> CaptureSink:
        if spec.data_capture is None:
            return FileCapture(folder / "captured")
        redactor = open_redactor(spec, folder / "data", registry)
        clock, generator = (lambda: datetime.now(UTC)), random.Random()
        started = start_capture(spec, store, clock=clock, generator=generator, redactor=redactor)
        serving, budget = (spec.endpoint, spec.variant), spec.spool_budget_bytes
        registry.register(CaptureCollector(started.snapshot, serving=serving, budget_bytes=budget, clock=clock))
        return Asked(started)

    def keeping(registry: CollectorRegistry) -> Keeping:
        return with_tensors(sink(registry), spec, store, registry)

    return serve(spec, listener=socket.socket(fileno=descriptor), store=store, keeping_factory=keeping)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
