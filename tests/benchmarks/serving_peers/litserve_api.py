"""LitServe: one worker, its batching; it takes JSON alone, in which other bodies travel as base64."""

import sys

import litserve
import numpy as np

from tests.benchmarks.serving_peers.network import MAX_BATCH, WAIT_SECONDS, answers, decode_base64, load


class Api(litserve.LitAPI):
    def __init__(self, package):
        super().__init__(max_batch_size=MAX_BATCH, batch_timeout=WAIT_SECONDS)
        self.package = package

    def setup(self, device):  # noqa: ARG002  # its own names
        self.network = load(self.package)

    def decode_request(self, request):
        if isinstance(request, dict):
            return decode_base64(request["body"], request["type"])
        return np.array(request, dtype=np.float32)

    def batch(self, inputs):
        return inputs

    def predict(self, inputs):
        return list(answers(self.network, inputs))

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return [output.tolist()]


def main():
    package, port, _ = sys.argv[1:]
    server = litserve.LitServer(Api(package), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(port), log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
