"""Our own endpoint, in the same words as the others.

What lives here: starting it so that it captures everything, and what became of the captures. What does not: the process
itself (tests.servers.endpoint).
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from monitor_jobs.contract.engines import ENGINE_VARIABLE, Engine
from service.metrics import Metric
from tests import plain_http
from tests.benchmarks.capture_tax import SPOOL
from tests.benchmarks.invoke import CAPTURE_ALL
from tests.benchmarks.serving_peers.peers import Peer, as_given, raw
from tests.benchmarks.serving_peers.running import Running
from tests.endpoint_token import AUTHORIZED
from tests.servers.endpoint import running_endpoint

WORDS: Final = Peer("sextant", "", "/ping", raw("/invoke"), as_given)
NAMES: Final = {Engine.TORCH: "torch eager", Engine.OPENVINO: "OpenVINO f32", Engine.OPENVINO_BF16: "OpenVINO bf16"}


@contextmanager
def sextant(package: Path, scratch: Path, engine: Engine, threads: int) -> Iterator[Running]:
    """An endpoint with this engine; what it captured goes with it."""
    environment = {"OMP_NUM_THREADS": str(threads), ENGINE_VARIABLE: engine}
    with tempfile.TemporaryDirectory(dir=scratch, ignore_cleanup_errors=True) as folder:
        given = {"environment": environment, "data_capture": CAPTURE_ALL, **SPOOL}
        with running_endpoint(package, Path(folder), **given) as endpoint:
            process = psutil.Process(endpoint.process.pid)
            name = f"sextant_{engine.replace('-', '_')}"
            yield Running(
                name, NAMES[engine], WORDS, endpoint.port, lambda: [process, *process.children(recursive=True)]
            )


def captures(ours: Running) -> tuple[int, int]:
    """Records that the endpoint has captured, and that it has dropped."""
    page = plain_http.get(f"http://127.0.0.1:{ours.port}/metrics", headers=AUTHORIZED, timeout=60).text
    return _sum(page, Metric.CAPTURED), _sum(page, Metric.DROPPED)


def _sum(page: str, name: str) -> int:
    return round(sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.MULTILINE)))
