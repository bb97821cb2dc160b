"""Our own endpoint, in the same words as the others.

What lives here: starting it so that it captures everything, and counting what was captured. What does not: the process
itself (tests.servers.endpoint).
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from monitor_jobs.contract.engines import ENGINE_VARIABLE, THREADS_VARIABLE, Engine
from service.endpoint.workers.count import WORKERS_VARIABLE
from service.metrics import Metric
from tests import plain_http
from tests.benchmarks.capture_tax import SPOOL
from tests.benchmarks.invoke import CAPTURE_ALL
from tests.benchmarks.serving_peers.peers import Peer, as_given, raw
from tests.benchmarks.serving_peers.running import Running
from tests.endpoint_token import AUTHORIZED
from tests.servers.endpoint import RunningEndpoint, running_endpoint

WORDS: Final = Peer("sextant", "", "/ping", raw("/invoke"), as_given)
ENGINES: Final = {
    Engine.AUTO: "the faster engine",
    Engine.TORCH: "torch eager",
    Engine.OPENVINO: "OpenVINO f32",
    Engine.OPENVINO_BF16: "OpenVINO bf16",
    Engine.ONNXRUNTIME: "ONNX Runtime f32",
}
STOP_SECONDS: Final = 40


@dataclass
class Captures:
    """Requests that endpoints answered with 200, and the records of them that are in the store."""

    answered: int = 0
    stored: int = 0

    def take(self, folder: Path, *, older_than_seconds: float = 0.0) -> None:
        """Count the records of an endpoint's store, and throw them away: they fill a disk in an hour."""
        limit = time.time() - older_than_seconds
        for path in (folder / "data" / "store" / "captures").glob("bench/tiny/**/*.jsonl"):
            if path.stat().st_mtime <= limit:
                self.stored += path.read_bytes().count(b"\n")
                path.unlink()


@contextmanager
def sextant(
    package: Path, folder: Path, engine: Engine, *, threads: int, captures: Captures, workers: int = 1
) -> Iterator[Running]:
    """An endpoint with this engine, which has stored all its captures when the block is left.

    Where all cores are for its threads it is told nothing of them, and finds out itself whether they are worth it.
    """
    # what it unpacks goes with the folder, even where it is killed
    environment = {ENGINE_VARIABLE: engine, "TMPDIR": str(folder), WORKERS_VARIABLE: str(workers)}
    if threads != os.cpu_count():
        environment[THREADS_VARIABLE] = str(threads)
    given = {"environment": environment, "data_capture": CAPTURE_ALL, **SPOOL}
    with running_endpoint(package, folder, **given) as endpoint:
        process = psutil.Process(endpoint.process.pid)
        name = f"sextant_{engine.replace('-', '_')}" + ("" if workers == 1 else f"_{workers}_workers")
        yield Running(name, ENGINES[engine], WORDS, endpoint.port, lambda: [process, *process.children(recursive=True)])
        captures.answered += _answered(endpoint)
        endpoint.process.terminate()
        endpoint.process.wait(STOP_SECONDS)
    captures.take(folder)


def _answered(endpoint: RunningEndpoint) -> int:
    page = plain_http.get(f"{endpoint.url}/metrics", headers=AUTHORIZED, timeout=60).text
    counted = re.findall(rf'^{Metric.INVOCATIONS}{{code="200",.*}} (\S+)$', page, re.MULTILINE)
    return round(sum(map(float, counted)))
