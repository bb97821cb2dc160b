"""The map as AWS's sample draws it: layers only, each rescaled as a whole, corners aligned as scipy's `zoom` does.

The sample shows no code of its `normalize`: (t - min) / (max - min) of a layer is assumed. It leaves ε out of the
biases of batch normalisations, because a captured tensor does not tell it; here they are what they are.
"""

from typing import Final

from torch import Tensor

from monitor_jobs.saliency.maps.idiap import rescaled
from monitor_jobs.saliency.maps.pyramid import corners_aligned, pyramid_of
from monitor_jobs.saliency.terms import Decomposition

TINY: Final = 1e-30  # a layer without any gradient is nowhere, not NaN


def blog(decomposition: Decomposition) -> Tensor:
    """The saliency map [N, H, W] >= 0 of layers' biases alone; checked in tests/papers/test_fullgrad.py."""
    pyramid = pyramid_of(rescaled(term.magnitude(), TINY) for term in decomposition.spatial())
    return corners_aligned(pyramid, decomposition.size)
