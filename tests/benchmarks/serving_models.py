"""The networks that are served, and what they are asked.

What lives here: model packages with seeded weights, and request bodies. What does not: who serves them, and load.
"""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from tests import saliency_networks
from tests.benchmarks.figures import SEED
from tests.benchmarks.invoke import npy
from tests.saliency_networks import ResNet, unsettled
from tests.servers.endpoint import write_package

CLASSES: Final = 43
NPY, JSON, PNG = "application/x-npy", "application/json", "image/png"
EXAMPLES: Final = 1000  # that openvino-bf16 is held to

Floats = npt.NDArray[np.float32]

PROGRAM: Final = """
import torch
from safetensors.torch import load_file

from networks import {name}


def model_fn(model_dir):
    network = {name}({classes})
    network.load_state_dict(load_file(f"{{model_dir}}/model.safetensors"))
    return network.eval()


def input_fn(data, content_type):
    from monitor_jobs.model_functions.torch_defaults import default_input_fn

    given = default_input_fn(data, content_type)
    return given.permute(2, 0, 1)[None].float() / 255 if content_type == "image/png" else given
"""
LENET: Final = '''
from torch import nn


class LeNet(nn.Sequential):
    """LeNet-5 with rectified units; LeCun et al., 1998."""

    def __init__(self, classes):
        super().__init__(
            nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, classes),
        )
'''


@dataclass(frozen=True)
class Model:
    """A network's source and name, and the shape of one input of it."""

    source: str
    name: str
    shape: tuple[int, int, int]

    def network(self) -> nn.Module:
        """In evaluation, with weights drawn at random, the same each time."""
        program = ModuleType("networks")
        exec(self.source, program.__dict__)
        torch.manual_seed(SEED)
        network: nn.Module = getattr(program, self.name)(CLASSES)
        return unsettled(network)

    def package(self, folder: Path) -> Path:
        """The folder of a model package that every server loads."""
        card = {"input": {"shape": self.shape, "dtype": "float32"}, "classes": [str(each) for each in range(CLASSES)]}
        program = PROGRAM.format(name=self.name, classes=CLASSES)
        files = {"code/inference.py": program, "code/networks.py": self.source}
        write_package(folder, files | {"code/model_card.json": json.dumps(card)})
        save_file(self.network().state_dict(), folder / "model.safetensors")
        return folder

    def drawn(self, count: int) -> Floats:
        """Inputs [count, *shape], numbers of pictures: whole 255ths, so that a PNG holds them exactly."""
        return np.random.default_rng(SEED).integers(0, 256, (count, *self.shape)).astype(np.float32) / np.float32(255)

    def body(self, content_type: str) -> bytes:
        """One input as a request's body of that type."""
        array = self.drawn(1)
        if content_type == NPY:
            return npy(array)
        if content_type == JSON:
            return json.dumps(array.tolist()).encode()
        stream = io.BytesIO()
        Image.fromarray((array[0] * 255).round().astype(np.uint8).transpose(1, 2, 0)).save(stream, "PNG")
        return stream.getvalue()


def add_examples(package: Path, model: Model) -> None:
    """Give a package the inputs that an engine of less precision is held to."""
    (package / "code" / "baseline.npy").write_bytes(npy(model.drawn(EXAMPLES)))


RESNET_SOURCE: Final = Path(saliency_networks.__file__).read_text()
RESNET_64: Final = Model(RESNET_SOURCE, ResNet.__name__, (3, 64, 64))
RESNET_128: Final = Model(RESNET_SOURCE, ResNet.__name__, (3, 128, 128))
LENET_5: Final = Model(LENET, "LeNet", (1, 32, 32))


@dataclass(frozen=True)
class Workload:
    """One kind of load: so many callers, each of whom sends one input of a model as often as it is answered."""

    name: str
    model: Model
    content_type: str
    callers: int


WORKLOADS: Final = (
    C1 := Workload("resnet64_npy_c1", RESNET_64, NPY, 1),
    C8 := Workload("resnet64_npy_c8", RESNET_64, NPY, 8),
    C32 := Workload("resnet64_npy_c32", RESNET_64, NPY, 32),
    Workload("resnet64_png_c8", RESNET_64, PNG, 8),
    Workload("resnet128_npy_c8", RESNET_128, NPY, 8),
    JSON_128 := Workload("resnet128_json_c8", RESNET_128, JSON, 8),
    LENET_C32 := Workload("lenet_npy_c32", LENET_5, NPY, 32),
)
