"""What the endpoint adds to a model: an HTTP invocation against the same model's bare forward pass, interleaved.

One caller, one torch thread, every request captured to the spool and on to a folder store. The endpoint is a process of
its own; the bare forward pass runs in this one, on the same model package and the same input, in turn with the
requests.
"""

import argparse
import http.client
import io
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from monitor_jobs.contract.model_package import ModelInput
from monitor_jobs.model_functions.functions import ServedModel, load_model
from tests.benchmarks.figures import SEED, Figure, publish
from tests.endpoint_token import AUTHORIZED
from tests.servers.endpoint import running_endpoint, write_package

QUICK_PAIRS, FULL_PAIRS = 300, 3000
WARM_UP_PAIRS = 50
RESAMPLES = 2000
CAPTURE_ALL = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://captures/bench",
    "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
}
CONVOLUTIONS = """
import torch

def model_fn(model_dir):
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Flatten(), torch.nn.Linear(64 * 8 * 8, 10),
    ).eval()
"""
CARD = {"classes": [str(digit) for digit in range(10)], "input": {"shape": [3, 32, 32], "dtype": "float32"}}


@dataclass(frozen=True)
class Timings:
    """Milliseconds of each pair: the invocation, and the bare forward pass beside it."""

    invoke_ms: np.ndarray
    forward_ms: np.ndarray

    def overhead_ms(self) -> float:
        return float(np.median(self.invoke_ms) - np.median(self.forward_ms))

    def overhead_bound_ms(self) -> float:
        """Upper end of the 95 % bootstrap interval of the overhead, pairs drawn together."""
        draws = np.random.default_rng(SEED).integers(0, len(self.invoke_ms), (RESAMPLES, len(self.invoke_ms)))
        overheads = np.median(self.invoke_ms[draws], axis=1) - np.median(self.forward_ms[draws], axis=1)
        return float(np.quantile(overheads, 0.975))


def small_package(folder: Path) -> Path:
    return write_package(folder, {"code/inference.py": CONVOLUTIONS, "code/model_card.json": json.dumps(CARD)})


def random_input(shape: ModelInput) -> np.ndarray:
    generator = np.random.default_rng(SEED)
    return generator.random((1, *shape.shape)).astype(shape.dtype)


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def invoker(
    port: int, body: bytes, path: str = "/invoke", given: Mapping[str, str] = MappingProxyType(AUTHORIZED)
) -> Callable[[], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/x-npy", "Accept": "application/json", **given}

    def invoke() -> bytes:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status == http.client.OK, answer
        return answer

    return invoke


def bare_forward(served: ServedModel, array: np.ndarray) -> Callable[[], torch.Tensor]:
    model, tensor = served.model, torch.from_numpy(array)
    assert isinstance(model, torch.nn.Module), (
        "the forward pass of a model that is no torch module cannot be timed alone"
    )

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            return model(tensor)

    return forward


def milliseconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1e3


def interleaved(invoke: Callable[[], object], forward: Callable[[], object], *, pairs: int) -> Timings:
    """Times both in turn; who goes first alternates."""
    invoke_ms, forward_ms = np.empty(pairs), np.empty(pairs)
    for pair in range(pairs):
        if pair % 2:
            invoke_ms[pair], forward_ms[pair] = milliseconds(invoke), milliseconds(forward)
        else:
            forward_ms[pair], invoke_ms[pair] = milliseconds(forward), milliseconds(invoke)
    return Timings(invoke_ms, forward_ms)


def measure(package: Path, folder: Path, *, pairs: int) -> Timings:
    """Raises AssertionError where the endpoint's answer is not the forward pass's own."""
    torch.set_num_threads(1)
    served = load_model(package, {})
    assert served.card.input is not None, "the package's model card must say what its input is"
    array = random_input(served.card.input)
    forward = bare_forward(served, array)
    settings = {"environment": {"OMP_NUM_THREADS": "1"}, "data_capture": CAPTURE_ALL}
    with running_endpoint(package, folder, **settings) as endpoint:
        invoke = invoker(endpoint.port, npy(array))
        np.testing.assert_allclose(json.loads(invoke()), forward().numpy(), rtol=1e-3, atol=1e-4)
        interleaved(invoke, forward, pairs=WARM_UP_PAIRS)
        return interleaved(invoke, forward, pairs=pairs)


def figures_of(timings: Timings) -> dict[str, Figure]:
    note = f"95 % upper bound; measured {timings.overhead_ms():.3f}, {len(timings.invoke_ms)} interleaved pairs"
    captured = "concurrency 1, all captured"
    return {
        "overhead_ms_p50": Figure(timings.overhead_bound_ms(), "ms", "<= 1", note),
        "invoke_ms_p50": Figure(float(np.median(timings.invoke_ms)), "ms", "none", captured),
        "invoke_ms_p99": Figure(float(np.quantile(timings.invoke_ms, 0.99)), "ms", "none", captured),
        "forward_ms_p50": Figure(float(np.median(timings.forward_ms)), "ms", "none", "one torch thread"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_PAIRS} pairs instead of {FULL_PAIRS}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--package", type=Path, help="folder of an unpacked model package; default: a small conv net")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sextant-bench-") as scratch:
        package = options.package or small_package(Path(scratch) / "package")
        timings = measure(package, Path(scratch), pairs=QUICK_PAIRS if options.quick else FULL_PAIRS)
    publish("invoke", figures_of(timings), {}, options.json)


if __name__ == "__main__":
    main()
