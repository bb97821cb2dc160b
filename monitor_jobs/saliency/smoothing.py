"""Smooth FullGrad: the parts of a logit averaged over noisy copies of the input, with their signs.

What lives here: averages. What does not: the parts of one input (decomposing), maps (maps).
"""

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor, nn

from monitor_jobs.saliency.decomposing import decompose
from monitor_jobs.saliency.terms import Decomposition, LayerTerm

SAMPLES: Final = 25
SPREAD: Final = 0.15  # of an input's range


def smooth(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    generator: torch.Generator,
    samples: int = SAMPLES,
    spread: float = SPREAD,
) -> Decomposition:
    """The mean parts over so many noisy copies; noise is normal, its deviation a share of each input's range.

    The input's part is summed over its channels, [N, 1, H, W], as fullgrad-saliency's SmoothFullGrad does.
    """
    deviation = spread * (inputs.amax((1, 2, 3), keepdim=True) - inputs.amin((1, 2, 3), keepdim=True))
    noises = (torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype) for _ in range(samples))
    return _mean(decompose(model, inputs + deviation * noise.to(inputs.device), targets) for noise in noises)


def _mean(parts: Iterator[Decomposition]) -> Decomposition:
    # added up as they come: together they are as many times the gradients of a network as there are copies
    first = next(parts)
    totals, count = _signed(first), 1
    for part in parts:
        totals, count = [total + more for total, more in zip(totals, _signed(part), strict=True)], count + 1
    scores, gradient, input_term, *layers = (total / count for total in totals)
    terms = tuple(map(_mean_term, first.layers, layers))
    return Decomposition(scores, first.targets, input_gradient=gradient, input_term=input_term, layers=terms)


def _signed(part: Decomposition) -> list[Tensor]:
    """What is averaged of one copy: a fixed bias need not be."""
    layers = (term.product() if term.varies else term.gradient for term in part.layers)
    return [part.scores, part.input_gradient, part.input_term.sum(1, keepdim=True), *layers]


def _mean_term(term: LayerTerm, mean: Tensor) -> LayerTerm:
    if term.varies:
        return LayerTerm(term.layer, mean, torch.ones_like(mean))
    return LayerTerm(term.layer, term.bias, mean)
