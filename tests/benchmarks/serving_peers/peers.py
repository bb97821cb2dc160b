"""The other servers: what each needs, and in which words it is asked.

What lives here: a row for each. What does not: what runs in them (the programs beside this), and starting them
(started).
"""

import base64
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.serving_models import JSON, NPY
from tests.e2e.sdk_environment import sdk_python

PINS: Final = Path(__file__).parent
ENGINE: Final = "torch eager"

Words = Callable[[bytes, str], tuple[str, bytes, str]]  # a body and its type -> the path, the body and type that go out


@dataclass(frozen=True)
class Program:
    """A program that pip does not install, and Debian's package of it."""

    name: str
    package: str


@dataclass(frozen=True)
class Peer:
    """One server: its program, its pins, a path that answers 200 once it is ready, its words, its answer's rows."""

    name: str
    program: str
    ready: str
    words: Words
    rows: Callable[[Any], Any]
    pins: str | None = None
    needs: Program | None = None

    def python(self) -> Path:
        """The interpreter that has its packages; torch is ours, which comes behind them on the path."""
        if self.pins is None:
            return Path(sys.executable)
        python = sdk_python(self.pins, pins=PINS)
        (theirs,) = python.parents[1].glob("lib/python*/site-packages")
        (ours,) = Path(sys.prefix).glob("lib/python*/site-packages")
        (theirs / "behind.pth").write_text(f"{ours}\n")
        return python


def raw(path: str) -> Words:
    """Bodies as they are."""
    return lambda body, content_type: (path, body, content_type)


def base64_of(body: bytes) -> str:
    return base64.b64encode(body).decode()


def as_json(path: str, content: object) -> tuple[str, bytes, str]:
    return path, json.dumps(content).encode(), JSON


def litserve_words(body: bytes, content_type: str) -> tuple[str, bytes, str]:
    """It reads JSON alone: lists as they are."""
    if content_type == JSON:
        return "/predict", body, JSON
    return as_json("/predict", {"type": content_type, "body": base64_of(body)})


def mlserver_words(body: bytes, content_type: str) -> tuple[str, bytes, str]:
    """The V2 protocol: its batching is for tensors, of numbers or of strings."""
    if content_type == JSON:
        rows = json.loads(body)
        shape = [len(rows), len(rows[0]), len(rows[0][0]), len(rows[0][0][0])]
        given = {"name": "numbers", "shape": shape, "datatype": "FP32", "data": rows}
    else:
        given = {"name": content_type, "shape": [1, 1], "datatype": "BYTES", "data": [base64_of(body)]}
    return as_json("/v2/models/model/infer", {"inputs": [given]})


def mlserver_rows(answer: Any) -> Any:
    (output,) = answer["outputs"]
    count, width = output["shape"]
    return [output["data"][row * width : (row + 1) * width] for row in range(count)]


def bentoml_words(body: bytes, content_type: str) -> tuple[str, bytes, str]:
    """A path for each kind."""
    if content_type == JSON:
        return as_json("/numbers", {"given": json.loads(body)})
    return as_json("/npy" if content_type == NPY else "/png", {"given": [base64_of(body)]})


def as_given(answer: Any) -> Any:
    return answer


FASTAPI: Final = Peer("fastapi", "fastapi_loop", "/ready", raw("/invoke"), as_given)
LITSERVE: Final = Peer("litserve", "litserve_api", "/health", litserve_words, as_given, pins="litserve")
MLSERVER: Final = Peer(
    "mlserver", "mlserver_runtime", "/v2/models/model/ready", mlserver_words, mlserver_rows, pins="mlserver"
)
BENTOML: Final = Peer("bentoml", "bentoml_service", "/readyz", bentoml_words, as_given, pins="bentoml")
TORCHSERVE: Final = Peer(
    "torchserve",
    "torchserve_handler",
    "/ping",
    raw("/predictions/model"),
    as_given,
    pins="torchserve",
    needs=Program("java", "openjdk-17-jre-headless"),
)
PEERS: Final = (FASTAPI, LITSERVE, MLSERVER, BENTOML, TORCHSERVE)
