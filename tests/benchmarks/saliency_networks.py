"""Four networks trained on traffic signs, kept under .bench, and the signs that they have not seen.

What lives here: which signs are trained on, and training. What does not: what is measured (saliency).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import interpolate

from tests.benchmarks.figures import BENCH_FOLDER, SEED
from tests.benchmarks.quality_estimates.classifiers import fit
from tests.saliency_networks import OutOfOrderBlock, PlainNet, ResNet, VggLike, unsettled

CLASSES: Final = 43
SIZE: Final = 64
LEARNING_RATE: Final = 0.003
CACHE: Final = BENCH_FOLDER / "saliency"
RESNET: Final = "resnet-18"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A network, and how many epochs it is trained for."""

    make: Callable[[], nn.Module]
    epochs: int


RECIPES: Final = {
    "plain": Recipe(lambda: PlainNet(CLASSES), 2),
    "vgg-like": Recipe(lambda: VggLike(CLASSES), 2),
    "out of order": Recipe(lambda: ResNet(CLASSES, blocks=(2, 2), width=32, block=OutOfOrderBlock), 2),
    RESNET: Recipe(lambda: ResNet(CLASSES), 2),
}


@dataclass(frozen=True, slots=True)
class Signs:
    """Traffic signs [N, 3, 64, 64] float32 with their classes [N], none of a track of the other's.

    Their colours have mean 0 and deviation 1 over all, as networks are usually given them, and they lie in memory
    channels first, as loaders stack them: fullgrad-saliency takes four times as long for these as for channels last.
    """

    seen: Tensor
    classes: Tensor
    unseen: Tensor


def signs(data: Path) -> Signs:
    """Of gtsrb_train_stride3.npz, every fifth track of a class left unseen."""
    with np.load(data / "gtsrb_train_stride3.npz") as file:
        images, labels, tracks = file["x"], file["y"].astype(np.int64), file["track"]
    left_out = tracks % 5 == 0
    enlarged = interpolate(
        torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255, (SIZE, SIZE), mode="bilinear", align_corners=False
    )
    enlarged = (enlarged - enlarged.mean((0, 2, 3), keepdim=True)) / enlarged.std((0, 2, 3), keepdim=True)
    enlarged = enlarged.contiguous()
    return Signs(enlarged[~left_out], torch.from_numpy(labels[~left_out]), enlarged[left_out])


def trained(shown: Signs) -> Iterator[tuple[str, nn.Module]]:
    """Each network by its name, in evaluation."""
    for name, recipe in RECIPES.items():
        torch.manual_seed(SEED)
        network, path = recipe.make(), CACHE / f"{name}.safetensors"
        if not path.exists():
            fit(network, shown.seen, shown.classes, epochs=recipe.epochs, learning_rate=LEARNING_RATE)
            CACHE.mkdir(parents=True, exist_ok=True)
            save_file(network.state_dict(), path)
        network.load_state_dict(load_file(path))
        yield name, network.eval().requires_grad_(requires_grad=False)


def untrained() -> Iterator[tuple[str, nn.Module]]:
    """The same by name, with weights drawn at random."""
    for name, recipe in RECIPES.items():
        torch.manual_seed(SEED)
        yield name, unsettled(recipe.make()).requires_grad_(requires_grad=False)
