"""A real endpoint under callers who come at once: each gets, and has captured, the answer to its own request."""

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from monitor_jobs.object_store import S3Address
from monitor_jobs.object_store.folder import FolderStore
from tests import plain_http
from tests.benchmarks.invoke import CAPTURE_ALL
from tests.endpoint_token import AUTHORIZED
from tests.servers.endpoint import RunningEndpoint, running_endpoint, started_endpoint, write_package
from tests.wait import wait_until

NETWORK = """
import torch

def model_fn(model_dir):
    torch.set_num_threads(1)
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(64, 64, 3, padding=1),
        torch.nn.Flatten(), torch.nn.Linear(64 * 32 * 32, 5),
    )
"""
CARD = {"classes": list("abcde"), "input": {"shape": [3, 32, 32], "dtype": "float32"}}
CALLERS = 12


@pytest.fixture(scope="module", params=["torch", "openvino", "onnxruntime"])
def endpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEndpoint]:
    folder = tmp_path_factory.mktemp(request.param)
    files = {"code/inference.py": NETWORK, "code/model_card.json": json.dumps(CARD)}
    package = write_package(folder / "package", files)
    environment = {"SEXTANT_ENGINE": request.param}
    with running_endpoint(package, folder, environment=environment, data_capture=CAPTURE_ALL) as running:
        yield running


def picture(seed: int) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.random.default_rng(seed).normal(size=(1, 3, 32, 32)).astype(np.float32))
    return stream.getvalue()


def asked(endpoint: RunningEndpoint, body: bytes, inference_id: str) -> tuple[int, list[list[float]]]:
    headers = {"content-type": "application/x-npy", "x-amzn-sagemaker-inference-id": inference_id}
    answer = plain_http.post(f"{endpoint.url}/invoke", content=body, headers=AUTHORIZED | headers, timeout=30)
    return answer.status_code, answer.json() if answer.status_code == 200 else []


def at_once(endpoint: RunningEndpoint, bodies: list[bytes], name: str) -> list[tuple[int, list[list[float]]]]:
    """What callers get who all send at the same moment."""
    together = threading.Barrier(len(bodies))

    def call(number: int) -> tuple[int, list[list[float]]]:
        together.wait(30)
        return asked(endpoint, bodies[number], f"{name}-{number}")

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(call, range(len(bodies))))


def turns(endpoint: RunningEndpoint) -> tuple[float, float]:
    """How many turns the model took, and how many invocations they answered."""
    lines = plain_http.get(f"{endpoint.url}/metrics", headers=AUTHORIZED).text.splitlines()
    name = "sextant_model_batch_invocations"
    values = {line.partition("{")[0]: line.split()[-1] for line in lines if line.startswith(name)}
    return float(values[f"{name}_count"]), float(values[f"{name}_sum"])


def test_who_comes_at_once_gets_the_answer_to_its_own_request(endpoint: RunningEndpoint) -> None:
    bodies = [picture(seed) for seed in range(CALLERS)]
    alone = [asked(endpoint, body, f"alone-{number}")[1] for number, body in enumerate(bodies)]
    rounds = iter(range(1000))

    def turns_were_shared() -> bool:
        for (status, found), expected in zip(at_once(endpoint, bodies, f"r{next(rounds)}"), alone, strict=True):
            assert status == 200
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        taken, answered = turns(endpoint)
        return answered > 1.5 * taken

    wait_until(turns_were_shared, timeout_seconds=60, what="turns of the model that answer several requests")


def test_what_cannot_be_read_costs_no_other_its_answer(endpoint: RunningEndpoint) -> None:
    bodies = [b"junk" if number % 3 == 0 else picture(number) for number in range(CALLERS)]
    for number in range(4):
        statuses = [status for status, _ in at_once(endpoint, bodies, f"junk{number}")]
        assert statuses == [400 if number % 3 == 0 else 200 for number in range(CALLERS)]


def test_each_is_captured_once_with_its_own_answer(endpoint: RunningEndpoint) -> None:
    bodies = [picture(seed) for seed in range(100, 100 + CALLERS)]
    answers = {f"captured-{number}": found for number, (_, found) in enumerate(at_once(endpoint, bodies, "captured"))}
    store = FolderStore(endpoint.folder / "data")

    def captured() -> dict[str, list[list[float]]]:
        lines = [
            json.loads(line)
            for entry in store.list(S3Address("captures", "bench/"))
            if entry.address.key.endswith(".jsonl")
            for line in store.get(entry.address).splitlines()
        ]
        ids = [line["eventMetadata"].get("inferenceId", "") for line in lines]
        assert len(ids) == len(set(ids))
        return {
            name: json.loads(line["captureData"]["endpointOutput"]["data"])
            for name, line in zip(ids, lines, strict=True)
            if name in answers
        }

    wait_until(lambda: len(captured()) == CALLERS, timeout_seconds=30, what="the captures of all")
    assert captured() == answers


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"SEXTANT_ENGINE": "openvino-bf16"}, "the package has no code/baseline.npy"),
        ({"SEXTANT_ENGINE": "turbo"}, "it is one of auto, torch, openvino, openvino-bf16, onnxruntime"),
        ({"SAGEMAKER_TS_BATCH_SIZE": "0"}, "it is a number from 1 to 1024"),
    ],
)
def test_an_engine_that_cannot_be_had_ends_the_process_with_its_reason(
    tmp_path: Path, environment: dict[str, str], reason: str
) -> None:
    files = {"code/inference.py": NETWORK, "code/model_card.json": json.dumps(CARD)}
    package = write_package(tmp_path / "package", files)
    with started_endpoint(package, tmp_path, environment=environment) as started:
        assert started.process.wait(timeout=60) == 3
        assert reason in str(started.log_lines[-1]["error"])
