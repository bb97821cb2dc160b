"""Networks to explain: a plain one, one with residual sums, one with biases everywhere, and one declared out of order.

Their activations work in place where torchvision's do, and normalisations have statistics of their own.
"""

import torch
from torch import Tensor, nn


class PlainNet(nn.Module):
    """Convolutions with normalisations, no bias of their own, and one pool."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.pool = nn.MaxPool2d(2)
        self.fc = nn.Linear(32, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        features = self.pool(torch.relu(self.bn1(self.conv1(images))))
        return self.fc(torch.relu(self.bn2(self.conv2(features))).mean((2, 3)))


class VggLike(nn.Sequential):
    """Convolutions with biases and dense layers, no normalisation."""

    def __init__(self, classes: int = 10) -> None:
        blocks: list[nn.Module] = []
        for before, after in ((3, 16), (16, 32), (32, 64)):
            blocks += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
        head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, 64), nn.ReLU(inplace=True), nn.Dropout()]
        super().__init__(*blocks, *head, nn.Linear(64, classes))


class BasicBlock(nn.Module):
    """Two convolutions beside a way that leaves them out."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample: nn.Module | None = None
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, features: Tensor) -> Tensor:
        """Features of the next block."""
        beside = features if self.downsample is None else self.downsample(features)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(features)))))
        out += beside
        return self.relu(out)


class OutOfOrderBlock(BasicBlock):
    """The same, whose ways are declared in another order than they run in."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__(before, after, stride)
        for name in ("bn2", "conv2", "bn1", "conv1"):
            self._modules[name] = self._modules.pop(name)


class ResNet(nn.Module):
    """ResNet-18 where `blocks` are (2, 2, 2, 2); He et al., CVPR 2016."""

    def __init__(
        self,
        classes: int = 10,
        *,
        block: type[BasicBlock] = BasicBlock,
        blocks: tuple[int, ...] = (2, 2, 2, 2),
        width: int = 64,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        layers: list[nn.Module] = []
        before = width
        for stage, count in enumerate(blocks):
            after = width * 2**stage
            first = block(before, after, 1 if stage == 0 else 2)
            layers.append(nn.Sequential(first, *(block(after, after, 1) for _ in range(count - 1))))
            before = after
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(before, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        return self.fc(self.layers(features).mean((2, 3)))


def networks() -> dict[str, nn.Module]:
    """The four of small size, in evaluation, with statistics and weights that are not those of a start."""
    made = {
        "plain": PlainNet(),
        "vgg": VggLike(),
        "resnet": ResNet(blocks=(2, 2), width=16),
        "out of order": ResNet(blocks=(2, 2), width=16, block=OutOfOrderBlock),
    }
    return {name: unsettled(network) for name, network in made.items()}


def unsettled(network: nn.Module, seed: int = 7) -> nn.Module:
    """The network in evaluation, whose normalisations and biases are drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.5, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            if module.weight is not None:
                module.weight.data.uniform_(0.5, 1.5, generator=generator)
        if isinstance(bias := getattr(module, "bias", None), Tensor):
            bias.data.normal_(0, 0.3, generator=generator)
    return network.eval()
