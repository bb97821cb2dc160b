"""TorchServe: a handler in an archive, one worker, its batching; bodies as they are."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.benchmarks.serving_peers.network import MAX_BATCH, WAIT_SECONDS, answers, decode, load
from tests.servers.processes import free_ports

SETTINGS = """
inference_address=http://127.0.0.1:{port}
management_address=http://127.0.0.1:{management}
metrics_address=http://127.0.0.1:{metrics}
grpc_inference_address=127.0.0.1
grpc_inference_port={grpc}
grpc_management_address=127.0.0.1
grpc_management_port={grpc_management}
disable_token_authorization=true
model_store={folder}
load_models=model.mar
models={{"model": {{"1.0": {{"marName": "model.mar", "minWorkers": 1, "maxWorkers": 1, "batchSize": {batch}, \
"maxBatchDelay": {delay}}}}}}}
"""


class Handler:
    def initialize(self, context):  # noqa: ARG002  # its own names
        self.network = load(os.environ["PACKAGE"])

    def handle(self, data, context):
        arrays = [decoded(row["body"], position, context) for position, row in enumerate(data)]
        return [[row.tolist()] for row in answers(self.network, arrays)]


def decoded(body, position, context):
    if isinstance(body, list):
        return np.array(body, dtype=np.float32)  # it has parsed JSON itself
    return decode(bytes(body), context.get_request_header(position, "content-type"))  # as it was written


def main():
    package, port, folder = sys.argv[1:]
    os.environ["PACKAGE"] = package
    archiver = ["--model-name", "model", "--version", "1.0", "--handler", __file__, "--export-path", folder]
    subprocess.run([sys.executable, "-m", "model_archiver.model_packaging", *archiver], check=True)
    own = free_ports(4)
    names = dict(zip(("management", "metrics", "grpc", "grpc_management"), own, strict=True))
    delay = round(1000 * WAIT_SECONDS)
    settings = SETTINGS.format(port=port, folder=folder, batch=MAX_BATCH, delay=delay, **names)
    Path(folder, "config.properties").write_text(settings)
    torchserve = Path(sys.executable).with_name("torchserve")
    options = ["--foreground", "--ncs", "--ts-config", f"{folder}/config.properties"]
    os.execv(sys.executable, [sys.executable, str(torchserve), "--start", *options])


if __name__ == "__main__":
    main()
