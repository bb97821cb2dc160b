"""Trains the demo's network and writes it into its package: `python -m service.demo.train`, about 20 s on two cores.

What lives here: the recipe, and the way of the weights and of the measured accuracy into the package. What does not:
the network (package/code/digits_net.py) and the data (digits).
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

import torch
from rich.console import Console
from safetensors.torch import save
from torch import nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from service.demo.digits import DigitsSplit, Scans, load_digits_split
from service.demo.package.code.digits_net import DigitsNet
from service.demo.packaging import PACKAGE_FOLDER

EPOCHS = 40
BATCH = 64
LEARNING_RATE = 0.01
SEED = 0
TURN_RADIANS, ZOOM, SHIFT = 0.2, 0.12, 0.15  # a pen's freedom: each drawn uniformly from [-x, x]


def train(model: nn.Module, scans: Scans, *, epochs: int, generator: torch.Generator) -> Iterator[float]:
    """Train in place; yields the mean loss of each epoch. The learning rate rises, then falls to nearly zero."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    batches = math.ceil(len(scans.labels) / BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, epochs=epochs, steps_per_epoch=batches)
    for _ in range(epochs):
        model.train()
        order = torch.randperm(len(scans.labels), generator=generator)
        losses = []
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            losses.append(_step(model, optimiser, redrawn(scans.images[rows], generator), scans.labels[rows]))
            rate.step()
        yield fmean(losses)


def redrawn(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Images [N, 1, H, W], each a little turned, zoomed and shifted: the same digit by a freer hand."""
    turn, zoom, across, down = torch.rand(4, len(images), generator=generator) * 2 - 1
    cos, sin = (turn * TURN_RADIANS).cos() * (1 + zoom * ZOOM), (turn * TURN_RADIANS).sin() * (1 + zoom * ZOOM)
    rows = torch.stack([cos, -sin, across * SHIFT, sin, cos, down * SHIFT], dim=1)
    grid = affine_grid(rows.view(-1, 2, 3), list(images.shape), align_corners=False)
    return grid_sample(images, grid, align_corners=False)


def accuracy(model: nn.Module, scans: Scans) -> float:
    """The share of scans, 0 to 1, whose highest logit is the true digit. Leaves the model in eval mode."""
    model.eval()
    with torch.inference_mode():
        return float((model(scans.images).argmax(dim=1) == scans.labels).double().mean())


def write_model(model: nn.Module, test_accuracy: float, folder: Path) -> None:
    """Write the weights, and the accuracy into the model card, of the package in `folder`."""
    (folder / "model.safetensors").write_bytes(save(model.state_dict()))
    card_path = folder / "code" / "model_card.json"
    card = json.loads(card_path.read_text()) | {"test_accuracy": test_accuracy}
    card_path.write_text(json.dumps(card, indent=2) + "\n")


def main() -> None:
    """Train from the fixed seed, show progress, write the package."""
    console, split = Console(), load_digits_split()
    model, test_accuracy = _trained(console, split)
    console.print(f"{test_accuracy:.2%} of {len(split.test.labels)} held-out scans are read correctly")
    write_model(model, test_accuracy, PACKAGE_FOLDER)


def _step(model: nn.Module, optimiser: torch.optim.Optimizer, images: torch.Tensor, labels: torch.Tensor) -> float:
    loss = cross_entropy(model(images), labels)
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()
    return loss.item()


def _trained(console: Console, split: DigitsSplit) -> tuple[nn.Module, float]:
    torch.manual_seed(SEED)  # layers draw their first weights from the global generator
    model = DigitsNet()
    losses = train(model, split.train, epochs=EPOCHS, generator=torch.Generator().manual_seed(SEED))
    for epoch, loss in enumerate(losses, start=1):
        console.print(f"epoch {epoch:2d} of {EPOCHS}: loss {loss:.4f}")
    return model, accuracy(model, split.test)


if __name__ == "__main__":
    main()
