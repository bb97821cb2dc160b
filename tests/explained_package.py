"""A model package of a small network for pictures in colour, with weights that a seed draws: made in no time."""

import json
from pathlib import Path
from typing import Any

from torch import nn

from monitor_jobs.model_archive import pack
from tests.servers.endpoint import write_package

CLASSES = ("stop", "yield", "limit 30")
SIDE = 24
INFERENCE = f"""
import io
import json

import numpy as np
import torch
from torch import nn
from PIL import Image

MEAN, DEVIATION = 0.45, 0.25


def model_fn(model_dir):
    torch.manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
        nn.Linear(256, {len(CLASSES)}),
    )
    network[1].running_mean.normal_(0, 0.2)
    return network.eval()


def input_fn(body, content_type):
    if content_type == "application/x-npy":
        pixels = np.load(io.BytesIO(body), allow_pickle=False)
    else:
        pixels = np.asarray(Image.open(io.BytesIO(body)).convert("RGB").resize(({SIDE}, {SIDE})))[None]
    return torch.from_numpy(pixels.copy()).permute(0, 3, 1, 2).float() / 255


def predict_fn(pictures, network):
    with torch.inference_mode():
        return torch.softmax(network((pictures - MEAN) / DEVIATION), dim=1)


def output_fn(scores, accept):
    return json.dumps({{"predictions": scores.tolist()}}), "application/json"
"""


def explained_network() -> nn.Module:
    """The network in it."""
    scope: dict[str, Any] = {}
    exec(INFERENCE, scope)
    network: nn.Module = scope["model_fn"]("")
    return network


def write_explained_package(folder: Path, **card: object) -> Path:
    """The path of the package's archive; its card says more where that is given."""
    files = {"code/inference.py": INFERENCE, "code/model_card.json": json.dumps({"classes": CLASSES, **card})}
    pack(write_package(folder / "files", files), folder / "model.tar.gz")
    return folder / "model.tar.gz"
