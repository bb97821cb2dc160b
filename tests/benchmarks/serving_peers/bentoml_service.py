"""BentoML: a service with its adaptive batching, for lists of numbers and for other bodies as base64."""

import os
import sys

import bentoml
import numpy as np

from tests.benchmarks.serving_peers.network import MAX_BATCH, answers, decode_base64, load

PATIENCE_MS = 60_000  # its own; it has no time to wait, and refuses what it cannot answer within this


@bentoml.service(workers=1, traffic={"timeout": 60})
class Model:
    def __init__(self):
        self.network = load(os.environ["PACKAGE"])

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=MAX_BATCH, max_latency_ms=PATIENCE_MS)
    def numbers(self, given: np.ndarray) -> np.ndarray:
        return answers(self.network, [given.astype(np.float32)])

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=MAX_BATCH, max_latency_ms=PATIENCE_MS)
    def npy(self, given: list[str]) -> np.ndarray:
        return answers(self.network, [decode_base64(text, "application/x-npy") for text in given])

    @bentoml.api(batchable=True, batch_dim=0, max_batch_size=MAX_BATCH, max_latency_ms=PATIENCE_MS)
    def png(self, given: list[str]) -> np.ndarray:
        return answers(self.network, [decode_base64(text, "image/png") for text in given])


def main():
    package, port, folder = sys.argv[1:]
    own = {"PACKAGE": package, "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": folder}
    os.environ.update(own)
    service = "tests.benchmarks.serving_peers.bentoml_service:Model"
    command = [sys.executable, "-m", "bentoml", "serve", service, "--host", "127.0.0.1", "--port", port]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main()
