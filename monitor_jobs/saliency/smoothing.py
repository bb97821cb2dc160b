"""Smooth FullGrad: the parts of a logit averaged over noisy copies of the input, with their signs.

What lives here: averages. What does not: the parts of one input (decomposing), maps (maps).
"""

from collections.abc import Iterable
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


def _mean(parts: Iterable[Decomposition]) -> Decomposition:
    first, *rest = parts
    everything = [first, *rest]
    layers = zip(*(part.layers for part in everything), strict=True)
    return Decomposition(
        scores=_average([part.scores for part in everything]),
        targets=first.targets,
        input_term=_average([part.input_term.sum(1, keepdim=True) for part in everything]),
        layers=tuple(_mean_term(terms) for terms in layers),
    )


def _mean_term(terms: tuple[LayerTerm, ...]) -> LayerTerm:
    first = terms[0]
    if first.varies:
        product = _average([term.product() for term in terms])
        return LayerTerm(first.layer, product, torch.ones_like(product))
    return LayerTerm(first.layer, first.bias, _average([term.gradient for term in terms]))


def _average(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean(0)
