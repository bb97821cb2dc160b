"""The map as the paper's authors draw it: each layer rescaled as a whole, corners aligned.

(t - min) / (max - min + 1e-6) over all channels of a layer, t = |bias x gradient|, resized, and summed over channels.
As the first two are linear in t that is the sum over channels, (Σt - C min) / (max - min + 1e-6), resized.
"""

from typing import Final

from torch import Tensor

from monitor_jobs.saliency.maps.pyramid import Pyramid, corners_aligned, pyramid_of
from monitor_jobs.saliency.terms import Decomposition

EPSILON: Final = 1e-6


def idiap(decomposition: Decomposition) -> Tensor:
    """The saliency map [N, H, W] >= 0 of fullgrad-saliency's `FullGrad.saliency`; tests/papers/test_fullgrad.py."""
    return corners_aligned(idiap_pyramid(decomposition), decomposition.size)


def idiap_pyramid(decomposition: Decomposition) -> Pyramid:
    """What is left to resize and add up: the input's part and those of layers, by resolution."""
    return pyramid_of(map(rescaled, decomposition.magnitudes()))


def rescaled(layer: Tensor, epsilon: float = EPSILON) -> Tensor:
    """The layer [N, C, h, w] rescaled to 0 to 1 over all its channels, and summed over them, [N, h, w]."""
    low = layer.amin((1, 2, 3))[:, None, None]
    high = layer.amax((1, 2, 3))[:, None, None]
    return (layer.sum(1) - layer.shape[1] * low) / (high - low + epsilon)
