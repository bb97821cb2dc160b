"""Networks with the faults that rules look for, and one without: each for pictures of 3 x 8 x 8."""

import torch
from torch import Tensor, nn

SIDE = 8


class BrightRoot(nn.Module):
    """Not a number where a picture is bright: the root of what is left below a half."""

    def forward(self, values: Tensor) -> Tensor:
        """As many values."""
        return torch.sqrt(0.5 - values.mean((1, 2, 3), keepdim=True)) + values


class Steep(nn.Module):
    """So steep that a bright picture goes far beyond where a sigmoid bends."""

    def forward(self, values: Tensor) -> Tensor:
        """As many values."""
        mean = values.mean((1, 2, 3))[:, None]
        return values.flatten(1) + 1000 * torch.relu(mean - 0.5)


def healthy() -> nn.Sequential:
    """A convolution, a ReLU and a sigmoid, all of which answer."""
    torch.manual_seed(5)
    layers = (nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 6), nn.Sigmoid(), nn.Linear(6, 3))
    with torch.no_grad():
        layers[0].bias.fill_(0.5)  # as drawn, one channel never answers
    return nn.Sequential(*layers).eval()


def dead() -> nn.Sequential:
    """The healthy one, of whose eight channels six never answer."""
    network = healthy()
    with torch.no_grad():
        network[0].bias[:6] = -100
    return network


def without_numbers() -> nn.Sequential:
    """The healthy one, whose answers to bright pictures are no numbers."""
    return nn.Sequential(BrightRoot(), *healthy()).eval()


def saturated() -> nn.Sequential:
    """One whose sigmoid is flat for bright pictures."""
    torch.manual_seed(5)
    return nn.Sequential(Steep(), nn.Sigmoid(), nn.Linear(3 * SIDE * SIDE, 3)).eval()


def pictures(count: int, *, bright: range = range(0)) -> list[Tensor]:
    """Pictures [1, 3, 8, 8] from 0 to 1, dark but for those whose numbers are in `bright`."""
    generator = torch.Generator().manual_seed(6)
    noise = [torch.rand(1, 3, SIDE, SIDE, generator=generator) for _ in range(count)]
    return [0.4 * one + (0.6 if number in bright else 0) for number, one in enumerate(noise)]
