"""What a logit is made of: the input's part and each layer's, a batch at a time.

What lives here: the parts, and how far their sum is from the logit. What does not: how they are found (decomposing).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

EXACT_ERROR: Final = 1e-3  # above it something is missing, and a map says so


@dataclass(frozen=True, slots=True)
class LayerTerm:
    """What one layer's bias adds: the bias times the gradient of the logit at the layer's output.

    `gradient` is [N, C, ...]. `bias` is [C], or [N, C, ...] where it depends on the input, as those of activations do.
    """

    layer: str
    bias: Tensor
    gradient: Tensor

    @property
    def is_spatial(self) -> bool:
        """Whether it has a place on a map; that of a dense layer counts in the sum only."""
        return self.gradient.ndim == 4

    @property
    def varies(self) -> bool:
        """Whether the bias is another one for each input."""
        return self.bias.ndim > 1

    def product(self) -> Tensor:
        """Bias times gradient, [N, C, ...]."""
        return self.gradient * (self.bias if self.varies else along_channels(self.bias, self.gradient.ndim))

    def magnitude(self) -> Tensor:
        """|bias x gradient|, [N, C, ...]."""
        return self.product().abs_()

    def sums(self) -> Tensor:
        """What the layer adds to each logit, [N] float64."""
        if self.varies:
            return self.product().flatten(1).sum(1, dtype=torch.float64)
        by_channel = self.gradient.flatten(2) if self.gradient.ndim > 2 else self.gradient.unsqueeze(2)
        return by_channel.sum(2, dtype=torch.float64) @ self.bias.double()


@dataclass(frozen=True, slots=True)
class Decomposition:
    """One logit of each input of a batch in parts, of which the sum is the logit.

    `scores` [N, classes] every logit, `targets` [N] the class whose logit is taken apart, `input_gradient` [N, C, H, W]
    the gradient at the input, `input_term` [N, C, H, W] the input times that.
    """

    scores: Tensor
    targets: Tensor
    input_gradient: Tensor
    input_term: Tensor
    layers: tuple[LayerTerm, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the inputs, and of maps."""
        height, width = self.input_term.shape[2:]
        return height, width

    @property
    def logits(self) -> Tensor:
        """The logits that are taken apart, [N]."""
        return self.scores.gather(1, self.targets[:, None])[:, 0]

    def sums(self) -> Tensor:
        """The sum of all parts, [N] float64."""
        return self.part_sums().sum(1)

    def part_sums(self) -> Tensor:
        """What the input and each layer add to the logit, [N, 1 + layers] float64, in the order of `layers`."""
        of_input = self.input_term.flatten(1).sum(1, dtype=torch.float64)
        return torch.stack([of_input, *(term.sums() for term in self.layers)], 1)

    def errors(self) -> Tensor:
        """The completeness error |logit - sum| / |logit|, [N] float64; above EXACT_ERROR a bias is missing.

        Srinivas & Fleuret 2019, proposition 1; checked in tests/papers/test_fullgrad.py.
        """
        return completeness_errors(self.logits, self.part_sums())

    def magnitudes(self) -> Iterator[Tensor]:
        """What a map is drawn from, [N, C, h, w] >= 0 each: the input's part, then layers' that have a place."""
        yield self.input_term.abs()
        yield from (term.magnitude() for term in self.spatial())

    def spatial(self) -> Iterator[LayerTerm]:
        """The layers that have a place on a map."""
        return (term for term in self.layers if term.is_spatial)


def completeness_errors(logits: Tensor, part_sums: Tensor) -> Tensor:
    """|logit - sum of its parts| / |logit| of logits [N] and parts [N, P], [N] float64."""
    exact = logits.double()
    return (exact - part_sums.sum(1)).abs() / exact.abs()


def simple(decomposition: Decomposition) -> Decomposition:
    """The gradients alone, as if each bias were one: Simple FullGrad, whose parts do not sum to the logit."""
    return replace(
        decomposition,
        layers=tuple(replace(term, bias=torch.ones_like(term.bias)) for term in decomposition.layers),
    )


def along_channels(values: Tensor, dimensions: int) -> Tensor:
    """Values [C] as [1, C, 1, ...] of so many dimensions."""
    return values.view(1, -1, *[1] * (dimensions - 2))
