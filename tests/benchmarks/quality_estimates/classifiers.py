"""Two classifiers of real images: a LeNet-5 with somebody else's weights, and a small network for traffic signs.

What lives here: loading one, training the other. What does not: which images they see (scored).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import conv2d, cross_entropy, interpolate, linear, max_pool2d

Images = np.ndarray
Classifier = Callable[[torch.Tensor], torch.Tensor]

SIGNS = 43
EPOCHS = 8
BATCH = 64
LEARNING_RATE = 0.006
SCORED_AT_ONCE = 500


def lenet(weights_file: Path) -> Classifier:
    """Logits of digits [n, 1, 28, 28] in 0..1, by the weights of lenet5_mnist.npz."""
    with np.load(weights_file) as file:
        w = {name: torch.from_numpy(file[name]) for name in file.files}

    def logits(x: torch.Tensor) -> torch.Tensor:
        x = interpolate(x, (32, 32), mode="bilinear", align_corners=False)
        for layer in ("conv1", "conv2"):
            x = max_pool2d(conv2d(x, w[f"{layer}.weight"]).relu(), 2)
        x = x.flatten(1)
        for layer in ("fc1", "fc2"):
            x = linear(x, w[f"{layer}.weight"], w[f"{layer}.bias"]).relu()
        return linear(x, w["fc3.weight"], w["fc3.bias"])

    return logits


def sign_network() -> nn.Module:
    def block(entering: int, leaving: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(entering, leaving, 3, stride=stride, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(leaving), nn.ReLU()]

    layers = [*block(3, 24, 2), *block(24, 48, 1), nn.MaxPool2d(2), *block(48, 96, 1), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(96 * 16, SIGNS))


def train(model: nn.Module, images: Images, labels: np.ndarray, *, seed: int) -> None:
    """Train in place; leaves the model ready to be asked."""
    torch.manual_seed(seed)
    x, y = as_tensor(images), torch.from_numpy(labels.astype(np.int64))
    fit(model, x, y, epochs=EPOCHS, learning_rate=LEARNING_RATE)


def fit(model: nn.Module, x: torch.Tensor, y: torch.Tensor, *, epochs: int, learning_rate: float) -> None:
    """The same on tensors, with whatever numbers torch draws next."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.01)
    steps = epochs * -(-len(x) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps)
    model.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH):
            optimiser.zero_grad()
            cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()
            rate.step()
    model.eval()


def as_tensor(images: Images) -> torch.Tensor:
    """uint8 [n, h, w] or [n, h, w, 3] -> float32 [n, channels, h, w] in 0..1."""
    x = torch.from_numpy(images).float() / 255
    return x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2)


def scores_of(classifier: Classifier, images: Images) -> np.ndarray:
    """Logits float32 [n, k]."""
    with torch.inference_mode():
        parts = [
            classifier(as_tensor(images[start : start + SCORED_AT_ONCE]))
            for start in range(0, len(images), SCORED_AT_ONCE)
        ]
        return torch.cat(parts).numpy()
