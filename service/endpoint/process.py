"""The endpoint as a process: fetches one model package, loads it, serves it until it is told to stop.

What lives here: the order in which things start and end. What does not: which store and which capture
(service.wiring), the command line (service.__main__).
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
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvicorn
import uvloop
from prometheus_client import CollectorRegistry

from monitor_jobs.contract.engines import Engine, engine_of
from monitor_jobs.contract.errors import SextantError
from monitor_jobs.model_archive import unpack
from monitor_jobs.model_functions.functions import ServedModel, load_model
from monitor_jobs.object_store import ObjectStore, S3Address
from service.core.deployment import EndpointSpec
from service.core.http_limits import DEFAULT_LIMITS, HttpLimits
from service.endpoint.app import build_app
from service.endpoint.engines import may_be_replaced
from service.endpoint.head_start import import_torch, start_loading_torch, will_import_torch
from service.endpoint.model_folder import model_folder
from service.endpoint.ports import Keeping, Watch
from service.endpoint.serving_metrics import ServingMetrics
from service.endpoint.worker import ModelWorker
from service.garbage import collect_from_now_on, collect_now, set_aside
from service.http_server import server_options
from service.local_only import require_loopback
from service.logs import EventLog
from service.memory import give_back

MODEL_FAILED_EXIT_CODE: Final = 3
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
    JSON object with `event` = `model_failed_to_load` and `error`. Raises BadInput where the socket is not loopback.
    """
    require_loopback(listener.getsockname()[0])
    os.environ.update(spec.environment)
    sys.setswitchinterval(SWITCH_SECONDS)
    registry = CollectorRegistry()
    metrics = ServingMetrics(registry, spec)
    worker = ModelWorker(timeout_seconds=spec.model_timeout_seconds, observe=metrics.model_ran)
    keeping = keeping_factory(registry)
    app = build_app(worker, keeping.sink, metrics, spec)
    server = _Server(uvicorn.Config(app, **server_options(limits), **_SERVER_OPTIONS), worker)
    with model_folder() as folder:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                load = partial(_fetch_and_load, spec, store, folder, keeping.watch)
                failure = runner.run(_serve(server, listener, worker, load))
        finally:
            keeping.sink.close(server.seconds_left)
    return _exit_code(failure)


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
    if engine is Engine.TORCH or (engine is Engine.AUTO and not may_be_replaced(served)):
        return served
    from service.endpoint.engines.choosing import with_engine

    return with_engine(served, package, engine)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _exit_code(failure: BaseException | None) -> int:
    if failure is None:
        return 0
    sentence = str(failure) if isinstance(failure, SextantError) else f"{type(failure).__name__}: {failure}"
    log.error("model_failed_to_load", cause=failure, error=sentence)
    return MODEL_FAILED_EXIT_CODE


def _outlive(_number: int, _frame: FrameType | None) -> None:
    return None


_SERVER_OPTIONS: Final[dict[str, Any]] = {
    "lifespan": "off",
    "log_level": logging.WARNING,
    "timeout_graceful_shutdown": DRAIN_SECONDS,
}
