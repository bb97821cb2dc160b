"""The map as the paper's authors draw it: each layer rescaled as a whole, corners aligned.

(t - min) / (max - min + 1e-6) over all channels of a layer, t = |bias x gradient|, resized, and summed over channels.
As the first two are linear in t that is the sum over channels, (Σt - C min) / (max - min + 1e-6), resized.
"""

from typing import Final

from torch import Tensor

from monitor_jobs.saliency.maps.magnitudes import Magnitudes, magnitudes_of, magnitudes_of_values
from monitor_jobs.saliency.maps.pyramid import Pyramid, corners_aligned, pyramid_of
from monitor_jobs.saliency.terms import Decomposition

EPSILON: Final = 1e-6


def idiap(decomposition: Decomposition) -> Tensor:
    """The saliency map [N, H, W] >= 0 of fullgrad-saliency's `FullGrad.saliency`; tests/papers/test_fullgrad.py."""
    return corners_aligned(idiap_pyramid(decomposition), decomposition.size)


def idiap_pyramid(decomposition: Decomposition) -> Pyramid:
    """What is left to resize and add up: the input's part and those of layers, by resolution."""
    layers = map(magnitudes_of, decomposition.spatial())
    return pyramid_of(map(rescaled, (magnitudes_of_values(decomposition.input_term), *layers)))


def rescaled(layer: Magnitudes, epsilon: float = EPSILON) -> Tensor:
    """The layer rescaled to 0 to 1 over all its channels, and summed over them, [N, h, w]."""
    least, largest = layer.extremes()
    low = least.amin(1)[:, None, None]
    high = largest.amax(1)[:, None, None]
    return (layer.summed() - layer.channels * low) / (high - low + epsilon)
