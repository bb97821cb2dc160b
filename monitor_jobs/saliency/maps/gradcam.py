"""The map as pytorch-grad-cam's FullGrad draws it: each channel rescaled by itself, pixels aligned, the map rescaled.

(t - min) / (max - min + 1e-7) of each channel, resized, and summed over channels: a weighted sum of t - min, resized.
"""

from typing import Final

import torch
from torch import Tensor

from monitor_jobs.saliency.maps.pyramid import pixels_aligned, pyramid_of
from monitor_jobs.saliency.terms import Decomposition

EPSILON: Final = 1e-7


def gradcam(decomposition: Decomposition) -> Tensor:
    """The saliency map [N, H, W], 0 to 1, of pytorch-grad-cam's `FullGrad`; tests/papers/test_fullgrad.py.

    It knows the biases of convolutions and of batch normalisations only; here those of activations count as well.
    """
    pyramid = pyramid_of(map(_rescaled, decomposition.magnitudes()))
    summed = pixels_aligned(pyramid, decomposition.size)
    raised = summed - summed.amin((1, 2), keepdim=True)
    return raised / (raised.amax((1, 2), keepdim=True) + EPSILON)


def _rescaled(layer: Tensor) -> Tensor:
    flat = layer.flatten(2)
    # before anything is summed: of a channel that is the same everywhere only rounding would be left afterwards
    above = flat - flat.amin(2, keepdim=True)
    weights = 1 / (above.amax(2) + EPSILON)
    return torch.bmm(weights[:, None], above).view(-1, *layer.shape[2:])
