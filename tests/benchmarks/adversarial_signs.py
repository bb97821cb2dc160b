"""A residual network for traffic signs of 32 pixels, kept under .bench, and the signs that it has not seen.

What lives here: which signs are trained on, and training with small changes of place, size and light. What does not:
attacks (adversarial_attacks), what is measured (adversarial).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from tests.benchmarks.figures import SEED
from tests.benchmarks.saliency_networks import CACHE, CLASSES
from tests.saliency_networks import ResNet

FILE: Final = "gtsrb_train_stride3.npz"
MEAN, DEVIATION = 0.33, 0.28  # of the pictures' pixels, which are in [0, 1]
SIDE, WIDTH = 32, 24
BATCH: Final = 64
EPOCHS: Final = 16
LEARNING_RATE: Final = 0.004
MOVED, RESIZED, LIGHTER = 0.15, 0.15, 0.4  # at most, as a share of the side, the side, and the light


@dataclass(frozen=True, slots=True)
class Signs:
    """Pictures [N, 3, 32, 32] float32 in [0, 1], their classes [N], and the track of frames that each is of [N]."""

    images: Tensor
    classes: Tensor
    tracks: Tensor

    def where(self, chosen: Tensor) -> "Signs":
        """Those of a mask [N]."""
        return Signs(self.images[chosen], self.classes[chosen], self.tracks[chosen])


def seen_and_unseen(data: Path) -> tuple[Signs, Signs]:
    """What the network is trained on, and every fifth track of a class, which it is not."""
    with np.load(data / FILE) as file:
        images, labels, tracks = file["x"], file["y"].astype(np.int64), file["track"].astype(np.int64)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    signs = Signs(pixels, torch.from_numpy(labels), torch.from_numpy(tracks))
    left_out = signs.tracks % 5 == 0
    return signs.where(~left_out), signs.where(left_out)


class SignNet(ResNet):
    """A small ResNet whose first layer keeps every pixel."""

    def __init__(self) -> None:
        super().__init__(CLASSES, blocks=(1, 1, 1), width=WIDTH)
        self.conv1 = nn.Conv2d(3, WIDTH, 3, 1, 1, bias=False)


def normalised(images: Tensor) -> Tensor:
    """Pictures in [0, 1] as the network takes them."""
    return (images - MEAN) / DEVIATION


def trained(seen: Signs, folder: Path = CACHE) -> nn.Module:
    """The network in evaluation; trained where it is not kept yet."""
    torch.manual_seed(SEED)
    network, path = SignNet(), folder / "signs-32.safetensors"
    if not path.exists():
        fit(network, seen)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(network.state_dict(), path)
    network.load_state_dict(load_file(path))
    return network.eval().requires_grad_(requires_grad=False)


def fit(network: nn.Module, seen: Signs, epochs: int = EPOCHS) -> None:
    """Train in place, with whatever numbers torch draws next; leaves it in evaluation."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    steps = epochs * -(-len(seen.images) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    network.train().to(memory_format=torch.channels_last)
    for _ in range(epochs):
        for rows in torch.randperm(len(seen.images)).split(BATCH):
            optimiser.zero_grad()
            shown = normalised(varied(seen.images[rows])).contiguous(memory_format=torch.channels_last)
            logits = network(shown)
            cross_entropy(logits, seen.classes[rows]).backward()
            optimiser.step()
            rate.step()
    network.eval().to(memory_format=torch.contiguous_format)


def varied(images: Tensor) -> Tensor:
    """The pictures moved, resized and relit a little, each by its own draw."""
    count = len(images)
    places = torch.zeros(count, 2, 3)
    scale = 1 + RESIZED * (2 * torch.rand(count) - 1)
    places[:, 0, 0] = places[:, 1, 1] = scale
    places[:, :, 2] = 2 * MOVED * (2 * torch.rand(count, 2) - 1)
    moved = grid_sample(
        images, affine_grid(places, list(images.shape), align_corners=False), padding_mode="border", align_corners=False
    )
    light = 1 + LIGHTER * (2 * torch.rand(count, 1, 1, 1) - 1)
    return (moved * light).clamp(0, 1)
