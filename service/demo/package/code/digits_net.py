"""The network that reads one handwritten digit: three residual blocks with batch normalisation, 77,754 parameters.

What lives here: layers. What does not: reading requests (inference.py) and training. Stands alone: needs torch only.
"""

import torch
from torch import nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut past them; a 1x1 convolution bends the shortcut where the shape changes.

    [N, narrow, H, W] -> [N, wide, H / stride, W / stride]. He et al., CVPR 2016, section 3.3, option B.
    """

    def __init__(self, narrow: int, wide: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(narrow, wide, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(wide, wide, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(wide)
        self.shortcut = _shortcut(narrow, wide, stride)
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output."""
        inner = self.relu1(self.bn1(self.conv1(x)))
        output: torch.Tensor = self.relu2(self.bn2(self.conv2(inner)) + self.shortcut(x))
        return output


class DigitsNet(nn.Module):
    """Ten logits for a scan [N, 1, 32, 32] float32 in [0, 1], ink bright on a dark ground.

    The scans are 8x8 drawn large, so the stem may halve the picture at once: four times faster, nothing lost.
    `pool` yields the 64 features [N, 64] from which the last layer decides.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.block1 = ResidualBlock(16, 16, stride=1)
        self.block2 = ResidualBlock(16, 32, stride=2)
        self.block3 = ResidualBlock(32, 64, stride=2)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [N, 10]."""
        features = self.pool(self.block3(self.block2(self.block1(self.stem(x)))))
        logits: torch.Tensor = self.classifier(features)
        return logits


def _shortcut(narrow: int, wide: int, stride: int) -> nn.Module:
    if stride == 1 and narrow == wide:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(narrow, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))
