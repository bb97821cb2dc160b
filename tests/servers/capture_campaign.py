"""Processes that capture and are killed, again and again on one folder, and what they acknowledged before.

What lives here: endpoints under load, and captures without HTTP that kill themselves between the upload of a segment
and its removal. What does not: what is to be learnt of them (tests.benchmarks.faults.kills).

Every life is a process of its own, forked from a server that has the imports behind it: a hundred starts take seconds.
"""

import multiprocessing
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import count
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from monitor_jobs.model_archive import pack
from monitor_jobs.object_store import ObjectStore, S3Address
from monitor_jobs.object_store.folder import FolderStore
from monitor_jobs.object_store.s3 import connect
from service import logs
from service.core.deployment import EndpointSpec, Exchange
from service.endpoint.capture import start_capture
from service.endpoint.capture_lines import line_of
from service.endpoint.ports import CaptureSink, Keeping, Tell
from service.endpoint.process import serve
from service.endpoint.recovery import entries_in
from tests.endpoint_token import AUTHORIZED
from tests.integration.capture_spool import CAPTURES, config_of, exchange_of, spec_of, started
from tests.servers.endpoint import write_package
from tests.wait import wait_until

PATIENCE = 60
HEIRS_PATIENCE = 300  # the dead of a whole campaign leave hundreds of segments, which nobody hurries to upload
CALLERS = 4
WEAK_FLUSH_SECONDS = 0.1
ECHO = """
def model_fn(model_dir):
    return None

def transform_fn(model, body, content_type, accept):
    return body, "application/json"
"""
Open = Callable[[EndpointSpec, Path], CaptureSink]

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Acknowledged:
    """The inference ids that callers sent, each once, by how they were answered; without an answer, in none."""

    ok: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Living:
    """An endpoint process that answers."""

    process: ForkServerProcess
    port: int


def real_capture(spec: EndpointSpec, folder: Path) -> CaptureSink:
    """What endpoints capture with, to a folder."""
    return _captured_to(spec, FolderStore(folder / "data"))


def refused_capture(spec: EndpointSpec, folder: Path) -> CaptureSink:
    """The same, to an S3 store on a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    store = connect(f"http://127.0.0.1:{port}", "us-east-1", access_key="nobody", secret_key="nothing")
    return _captured_to(spec, store)


def weak_capture(spec: EndpointSpec, folder: Path) -> CaptureSink:
    """What capture must not be: records that wait in memory for the next flush."""
    return InMemoryCapture(FolderStore(folder / "data"))


class InMemoryCapture:
    """Takes records into a list, which a thread puts into the store now and then."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._lines: list[bytes] = []
        threading.Thread(target=self._flush_for_ever, daemon=True).start()

    def require_room(self) -> None:
        pass

    def before_answer(self, exchange: Exchange, tell: Tell) -> None:
        self._lines.append(line_of(exchange, exchange.answered_at, config_of()))
        tell(None)

    def close(self, timeout_seconds: float) -> None:  # noqa: ARG002  the port's signature
        self._flush()

    def _flush_for_ever(self) -> None:
        while True:
            time.sleep(WEAK_FLUSH_SECONDS)
            self._flush()

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            name = f"{os.getpid()}-{time.time_ns()}.jsonl"
            self._store.put(S3Address(CAPTURES.bucket, CAPTURES.key + name), b"".join(lines))


def furnish(folder: Path) -> EndpointSpec:
    """The spec of an endpoint whose model is in place: it answers with what it was sent."""
    pack(write_package(folder / "package", {"code/inference.py": ECHO}), folder / "model.tar.gz")
    spec = spec_of(folder)
    FolderStore(folder / "data").upload(folder / "model.tar.gz", S3Address.parse(spec.model_data_url))
    return spec


@contextmanager
def living_endpoint(folder: Path, open_capture: Open) -> Iterator[Living]:
    """An endpoint that answers in a furnished folder; it is killed in the end where nobody did before."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = FORKS.Process(target=serve_until_killed, args=(folder, listener, open_capture))
        process.start()
    try:
        wait_until(lambda: answers(process, port), timeout_seconds=PATIENCE, what="the endpoint's first 200 on /ping")
        yield Living(process, port)
    finally:
        process.kill()
        process.join()


def answers(process: ForkServerProcess, port: int) -> bool:
    assert process.is_alive(), f"the endpoint ended with {process.exitcode}"
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


@contextmanager
def load_on(port: int, prefix: str, acknowledged: Acknowledged) -> Iterator[None]:
    """Callers on kept connections, who call until the block ends or their connection does."""
    enough = threading.Event()
    callers = [
        threading.Thread(target=call, args=(port, f"{prefix}-{number}", acknowledged, enough))
        for number in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    try:
        yield
    finally:
        enough.set()
        for caller in callers:
            caller.join()


def call(port: int, prefix: str, acknowledged: Acknowledged, enough: threading.Event) -> None:
    """One caller: an id counts once its answer has been read to the end."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with suppress(OSError, HTTPException):  # the endpoint was killed
        for number in count():
            if enough.is_set():
                break
            inference_id = f"{prefix}-{number}"
            headers = {**AUTHORIZED, "Content-Type": "application/json", "X-Amzn-SageMaker-Inference-Id": inference_id}
            connection.request("POST", "/invoke", b"[1]", headers)
            response = connection.getresponse()
            response.read()
            (acknowledged.ok if response.status == HTTPStatus.OK else acknowledged.failed).append(inference_id)
    connection.close()


def serve_until_killed(folder: Path, listener: socket.socket, open_capture: Open) -> None:
    """The life of an endpoint process."""
    spec = spec_of(folder)
    logs.configure((folder / "log").open("a", buffering=1))
    sys.exit(
        serve(
            spec,
            listener=listener,
            store=FolderStore(folder / "data"),
            keeping_factory=lambda _registry: Keeping(open_capture(spec, folder)),
        )
    )


class Deadly(FolderStore):
    """A store after whose upload the process dies, every other time: at once, or after the manifest's put."""

    _dies_at = "nothing"

    def upload(self, path: Path, address: S3Address) -> None:
        self._dies_at = random.choice(("nothing", "nothing", "upload", "manifest"))
        super().upload(path, address)
        self._die_at("upload")

    def take(self, path: Path, address: S3Address) -> None:
        self._dies_at = random.choice(("nothing", "nothing", "upload", "manifest"))
        super().take(path, address)
        self._die_at("upload")

    def put(self, address: S3Address, body: bytes) -> None:
        super().put(address, body)
        if "/manifests/" in address.key:
            self._die_at("manifest")

    def _die_at(self, moment: str) -> None:
        if self._dies_at == moment:
            os.kill(os.getpid(), signal.SIGKILL)


def capture_and_perhaps_die(folder: Path, prefix: str, records: int) -> None:
    """The life of a capture: takes records, notes in the file `written` which are, and delivers them."""
    random.seed()
    logs.configure((folder / "log").open("a", buffering=1))
    capture = started(spec_of(folder), Deadly(folder / "data"))
    ids = [f"{prefix}-{number}" for number in range(records)]
    for inference_id in ids:
        capture.offer(exchange_of(inference_id))
    assert capture.wait_until_written(PATIENCE)
    with (folder / "written").open("a") as written:
        written.write("".join(f"{inference_id}\n" for inference_id in ids))
    capture.close()


def lived(folder: Path, prefix: str, records: int) -> int:
    """The exit code of one such life, -SIGKILL where it died."""
    process = FORKS.Process(target=capture_and_perhaps_die, args=(folder, prefix, records))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), f"a capture ended with {process.exitcode}: see {folder / 'log'}"
    return process.exitcode


def drain(folder: Path) -> None:
    """Let the next start deliver what the dead left."""
    capture = started(spec_of(folder), FolderStore(folder / "data"))
    wait_until(lambda: not entries_in(folder / "spool"), timeout_seconds=HEIRS_PATIENCE, what="an empty spool")
    capture.close()


def _captured_to(spec: EndpointSpec, store: ObjectStore) -> CaptureSink:
    return start_capture(spec, store, clock=lambda: datetime.now(UTC), generator=random.SystemRandom())
