"""MLServer: a runtime of one's own behind its adaptive batching; numbers as V2 tensors, other bodies as base64."""

import json
import sys
from pathlib import Path

from mlserver import MLModel
from mlserver.cli import main as command
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceResponse

from tests.benchmarks.serving_peers.network import MAX_BATCH, WAIT_SECONDS, answers, decode_base64, load
from tests.servers.processes import free_ports


class Runtime(MLModel):
    async def load(self):
        self.network = load(self.settings.parameters.uri)
        return True

    async def predict(self, payload):
        (given,) = payload.inputs
        if given.datatype == "BYTES":
            arrays = [decode_base64(text, given.name) for text in StringCodec.decode_input(given)]
        else:
            arrays = [NumpyCodec.decode_input(given)]
        rows = answers(self.network, arrays)
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("rows", rows)])


def main():
    package, port, folder = sys.argv[1:]
    settings = {
        "host": "127.0.0.1",
        "http_port": int(port),
        "grpc_port": free_ports(1)[0],
        "metrics_endpoint": None,
        "use_structured_logging": False,
        "debug": False,
    }
    model = {
        "name": "model",
        "implementation": "tests.benchmarks.serving_peers.mlserver_runtime.Runtime",
        "max_batch_size": MAX_BATCH,
        "max_batch_time": WAIT_SECONDS,
        "parameters": {"uri": package},
    }
    Path(folder, "settings.json").write_text(json.dumps(settings))
    Path(folder, "model-settings.json").write_text(json.dumps(model))
    sys.argv[1:] = ["start", folder]
    command()


if __name__ == "__main__":
    main()
