"""The endpoint as a process: fetches one model package, loads it, serves it until it is told to stop.

What lives here: the order in which things start and end. What does not: which store and which capture
(service.wiring), the command line (service.__main__), how workers are kept (service.endpoint.workers).
"""

import asyncio
import hashlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, cast

import uvicorn
import uvloop
from prometheus_client import CollectorRegistry, generate_latest

from monitor_jobs.contract.engines import Engine, engine_of
from monitor_jobs.contract.errors import SextantError
from monitor_jobs.model_archive import unpack
from monitor_jobs.model_functions.functions import ServedModel, load_model
from monitor_jobs.object_store import ObjectStore, S3Address
from service.core.deployment import EndpointSpec
from service.core.http_limits import DEFAULT_LIMITS, HttpLimits
from service.endpoint.app import Invocations, build_app
from service.endpoint.engines import is_called_by_us, may_be_replaced
from service.endpoint.engines.reporting import report_to_nobody
from service.endpoint.head_start import import_torch, start_loading_torch, will_import_torch
from service.endpoint.model_folder import model_folder
from service.endpoint.ports import Face, Keeping, Watch
from service.endpoint.serving_metrics import ServingMetrics
from service.endpoint.worker import ModelWorker
from service.endpoint.workers.count import share_cores, workers_of
from service.endpoint.workers.dealing import Dealt, DealtLoop
from service.endpoint.workers.published import Published, SharedMetrics
from service.endpoint.workers.seats import Seat, Seats, SeatState
from service.endpoint.workers.supervisor import Supervisor
from service.garbage import collect_from_now_on, collect_now, set_aside
from service.http_server import server_options
from service.local_only import require_loopback
from service.logs import EventLog
from service.memory import give_back

MODEL_FAILED_EXIT_CODE: Final = 3
FAILURE: Final = "failure-"  # the file in which a worker says why its model cannot be loaded
STOP_SECONDS: Final = 29.0  # SageMaker's contract: SIGTERM, 30 s, SIGKILL
DRAIN_SECONDS: Final = 25  # of which answers may take these; capture has what they leave

SWITCH_SECONDS: Final = 0.0005  # how long a thread that counts or indexes captures may keep the model's from its answer

KeepingFactory = Callable[[CollectorRegistry], Keeping]

log = EventLog("sextant.endpoint")


def serve(
    spec: EndpointSpec,
    *,
    listener: socket.socket,
    store: ObjectStore,
    keeping_factory: KeepingFactory,
    limits: HttpLimits = DEFAULT_LIMITS,
) -> int:
    """Serve one variant on a bound loopback socket until SIGTERM or SIGINT; the process's exit code.

    0 after a stop that was asked for; 3 where the model cannot be loaded: the last line on standard error is then a
    JSON object with `event` = `model_failed_to_load` and `error`. Where the model's environment asks for several
    workers, this process supervises them, and the same holds of it. Raises BadInput where the socket is not loopback.
    """
    require_loopback(listener.getsockname()[0])
    os.environ.update(spec.environment)
    report_to_nobody()  # before a package imports what would
    endpoint = _Endpoint(spec, store, keeping_factory, limits)
    try:
        workers = workers_of(spec.environment)
    except SextantError as error:
        return _exit_code(error)
    if workers == 1:
        return _exit_code(_alone(endpoint, listener))
    share_cores(os.environ, workers=workers, cores=len(os.sched_getaffinity(0)))
    return _supervised(endpoint, listener, Seats(workers))


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """What every process of an endpoint is told."""

    spec: EndpointSpec
    store: ObjectStore
    keeping_factory: KeepingFactory
    limits: HttpLimits


class _Parts:
    """What a process that answers is made of."""

    def __init__(self, endpoint: _Endpoint) -> None:
        sys.setswitchinterval(SWITCH_SECONDS)
        spec = endpoint.spec
        self.endpoint = endpoint
        self.registry = CollectorRegistry()
        self.metrics = ServingMetrics(self.registry, spec)
        self.worker = ModelWorker(timeout_seconds=spec.model_timeout_seconds, observe=self.metrics.model_ran)
        self.keeping = endpoint.keeping_factory(self.registry)

    def config(self, face: Face | None = None) -> uvicorn.Config:
        """What uvicorn serves, and how."""
        spec = self.endpoint.spec
        invocations = Invocations(self.worker, self.keeping.sink, self.metrics, spec)
        app = build_app(invocations, face or self._own_face(), spec)
        return uvicorn.Config(app, **server_options(self.endpoint.limits, invocations.declines), **_SERVER_OPTIONS)

    def _own_face(self) -> Face:
        return Face(lambda: self.worker.ready, partial(generate_latest, self.registry))


def _alone(endpoint: _Endpoint, listener: socket.socket) -> BaseException | None:
    """Answer in this process; what kept the model from being loaded."""
    parts = _Parts(endpoint)
    return _run(parts, _Server(parts.config(), parts.worker), listener, uvloop.new_event_loop)


def _supervised(endpoint: _Endpoint, listener: socket.socket, seats: Seats) -> int:
    """Have others answer; the exit code."""
    with model_folder() as folder:
        work = partial(_work, endpoint, seats, folder)
        code = Supervisor(listener, seats, Published(folder), work).run()
        if code == MODEL_FAILED_EXIT_CODE:
            said = next((path.read_text() for path in folder.glob(f"{FAILURE}*")), f"a worker ended with {code}")
            log.error("model_failed_to_load", error=said)  # again, in the name of the process that was started
    return code


def _work(endpoint: _Endpoint, seats: Seats, folder: Path, seat: Seat, channel: socket.socket) -> int:
    """Answer beside others, who share the folder; the exit code."""
    parts = _Parts(endpoint)
    shared = SharedMetrics(parts.registry, Published(folder), seat)
    face = Face(lambda: parts.worker.ready and seats.ready, shared.exposition)
    server = _WorkersServer(parts.config(face), parts.worker, seats, seat)
    shared.start()
    try:
        failure = _run(parts, server, channel, DealtLoop)
    finally:
        with suppress(OSError):  # a full disk takes no count along, and changes no exit code
            shared.publish()
    if failure is not None:
        (folder / f"{FAILURE}{seat.number}").write_text(_sentence(failure))
    return _exit_code(failure)


def _run(
    parts: _Parts, server: "_Server", listener: socket.socket, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> BaseException | None:
    """Load the model and answer until a signal comes; what kept the model from being loaded, if anything did."""
    with model_folder() as folder:
        try:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                load = partial(_fetch_and_load, parts.endpoint.spec, parts.endpoint.store, folder, parts.keeping.watch)
                return runner.run(_serve(server, listener, parts.worker, load))
        finally:
            parts.keeping.sink.close(server.seconds_left)


class _Server(uvicorn.Server):
    """uvicorn, which on a signal first tells /ping that the end is near, and lets capture be closed after it."""

    def __init__(self, config: uvicorn.Config, worker: ModelWorker) -> None:
        super().__init__(config)
        self._worker = worker
        self._stop_by: float | None = None

    @property
    def seconds_left(self) -> float:
        """How long the process may still live; all of its time where no signal came."""
        return STOP_SECONDS if self._stop_by is None else max(0.0, self._stop_by - time.monotonic())

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start draining."""
        self._worker.draining = True
        self._stop_by = self._stop_by or time.monotonic() + STOP_SECONDS
        super().handle_exit(sig, frame)


class _WorkersServer(_Server):
    """The same, which tells the supervisor, ten times a second, whether it is ready, and for how many connections."""

    def __init__(self, config: uvicorn.Config, worker: ModelWorker, seats: Seats, seat: Seat) -> None:
        super().__init__(config, worker)
        self._seats = seats
        self._seat = seat.number

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn."""
        taken = sum(cast("Dealt", server).taken for server in self.servers)
        self._seats.put_ended(self._seat, taken - len(self.server_state.connections))
        if self._worker.served is not None and not self._worker.draining:
            self._seats.put_state(self._seat, SeatState.READY if self._worker.ready else SeatState.STUCK)
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start draining, and be dealt no more."""
        self._seats.put_state(self._seat, SeatState.DRAINING)
        super().handle_exit(sig, frame)


async def _serve(
    server: _Server, listener: socket.socket, worker: ModelWorker, load: Callable[[], ServedModel]
) -> BaseException | None:
    """What kept the model from being loaded, if anything did. /ping answers 503 while it loads."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again once it has drained, and the process must live on to close capture.
        signal.signal(number, _outlive)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    loading = asyncio.create_task(worker.load(load))
    await asyncio.wait((serving, loading), return_when=asyncio.FIRST_COMPLETED)
    failure = loading.exception() if loading.done() else None
    if failure is not None:
        server.should_exit = True
    elif loading.done():
        collect_from_now_on()
        log.info("model_loaded")
    await serving
    loading.cancel()
    return failure


def _fetch_and_load(spec: EndpointSpec, store: ObjectStore, folder: Path, watch: Watch | None) -> ServedModel:
    archive, package = folder / "model.tar.gz", folder / "model"
    store.download(S3Address.parse(spec.model_data_url), archive)
    needs_torch = will_import_torch(archive, spec.environment)
    if needs_torch:
        start_loading_torch()
    unpack(archive, package)
    digest = "" if watch is None else _sha256(archive)
    archive.unlink()
    if needs_torch:
        import_torch()
    set_aside()
    served = load_model(package, spec.environment)
    served = _with_engine(served, package, engine_of(spec.environment))
    collect_now()  # what weights were read from, and the trace that an engine was compiled from, refer to themselves
    give_back()
    return served if watch is None else watch(served, digest)


def _with_engine(served: ServedModel, package: Path, engine: Engine) -> ServedModel:
    """Torch is not asked for where a package of another framework is served."""
    if engine is Engine.AUTO and not may_be_replaced(served):
        engine = Engine.TORCH
    if engine is Engine.TORCH and not is_called_by_us(served):
        return served
    from service.endpoint.engines.choosing import with_engine

    return with_engine(served, package, engine)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _exit_code(failure: BaseException | None) -> int:
    if failure is None:
        return 0
    log.error("model_failed_to_load", cause=failure, error=_sentence(failure))
    return MODEL_FAILED_EXIT_CODE


def _sentence(failure: BaseException) -> str:
    return str(failure) if isinstance(failure, SextantError) else f"{type(failure).__name__}: {failure}"


def _outlive(_number: int, _frame: FrameType | None) -> None:
    return None


_SERVER_OPTIONS: Final[dict[str, Any]] = {
    "lifespan": "off",
    "log_level": logging.WARNING,
    "timeout_graceful_shutdown": DRAIN_SECONDS,
}
