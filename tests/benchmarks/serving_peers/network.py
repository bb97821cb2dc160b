"""The network of a model package, and what requests hold, for every peer alike.

What lives here: what peers leave to their users, done plainly with json, numpy and Pillow. Nothing here is ours.
"""

import base64
import importlib
import io
import json
import os
import sys

import numpy as np
import torch
from PIL import Image

MAX_BATCH, WAIT_SECONDS = 16, 0.005


def load(package):
    """The network, in evaluation, on as many threads as OMP_NUM_THREADS says."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    sys.path.insert(0, f"{package}/code")
    return importlib.import_module("inference").model_fn(str(package))


def decode(body, content_type):
    """An input [1, C, H, W] float32."""
    if content_type == "application/x-npy":
        return np.load(io.BytesIO(body))
    if content_type == "image/png":
        picture = np.asarray(Image.open(io.BytesIO(body)))
        return (picture.transpose(2, 0, 1)[None] / 255).astype(np.float32)
    return np.array(json.loads(body), dtype=np.float32)


def decode_base64(text, content_type):
    """The same of a body that travels in JSON."""
    return decode(base64.b64decode(text), content_type)


def answers(network, arrays):
    """Rows [N, classes] for a list of inputs, answered together."""
    with torch.inference_mode():
        return network(torch.from_numpy(np.concatenate(arrays))).numpy()
