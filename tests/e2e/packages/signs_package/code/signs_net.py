"""A small network for road signs: three strided convolutions with batch normalisation."""

import torch
from torch import nn


class SignsNet(nn.Module):
    """One logit per sign for colour pictures [N, 3, 64, 64] float32 in [0, 1]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_halving(3, 16), *_halving(16, 32), *_halving(32, 64))
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes]."""
        return self.classifier(self.pool(self.layers(x)))


def _halving(narrow: int, wide: int) -> list[nn.Module]:
    return [nn.Conv2d(narrow, wide, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
