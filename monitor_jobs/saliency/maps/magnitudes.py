"""Sums over channels of a layer's |bias x gradient|, and its extremes, without the product where the bias is fixed.

What lives here: arithmetic on one layer. What does not: which way of rescaling wants what (idiap, gradcam, blog).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from monitor_jobs.saliency.terms import LayerTerm


@dataclass(frozen=True, slots=True)
class Magnitudes:
    """|bias x gradient| of one layer of a batch as scale [N or 1, C] times values [N, C, h, w] >= 0."""

    scale: Tensor
    values: Tensor

    @property
    def channels(self) -> int:
        """How many channels there are."""
        return self.values.shape[1]

    def extremes(self) -> tuple[Tensor, Tensor]:
        """The least and the largest of each channel, [N, C] each."""
        flat = self.values.flatten(2)
        return self.scale * flat.amin(2), self.scale * flat.amax(2)

    def summed(self) -> Tensor:
        """The sum over channels, [N, h, w]."""
        return weighted_sum(self.scale, self.values.flatten(2)).view(-1, *self.values.shape[2:])


def magnitudes_of(term: LayerTerm) -> Magnitudes:
    """Those of a spatial layer."""
    if term.varies:
        return magnitudes_of_values(term.product())
    return Magnitudes(term.bias.abs()[None], term.gradient.abs())


def magnitudes_of_values(values: Tensor) -> Magnitudes:
    """Those of products [N, C, h, w] themselves."""
    return Magnitudes(torch.ones((), dtype=values.dtype, device=values.device).expand(1, values.shape[1]), values.abs())


def weighted_sum(weights: Tensor, values: Tensor) -> Tensor:
    """Values [N, C, P] times weights [N or 1, C], summed over channels, [N, P]."""
    return torch.bmm(weights.expand(len(values), -1)[:, None], values)[:, 0]
