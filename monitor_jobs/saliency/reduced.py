"""A decomposition reduced to what a map and its completeness need: one small map a resolution, and one sum a layer.

Rescaling takes constants of one layer, and resizing is linear, so that channels and layers of one resolution can be
added before anything is resized. What is kept is kilobytes where the gradients are megabytes.

What lives here: reducing, and the map again. What does not: how it is written down (monitor_jobs.tensors).
"""

from dataclasses import dataclass

from torch import Tensor

from monitor_jobs.saliency.maps.idiap import idiap_pyramid
from monitor_jobs.saliency.maps.pyramid import Pyramid, corners_aligned
from monitor_jobs.saliency.terms import Decomposition, completeness_errors


@dataclass(frozen=True, slots=True)
class Reduced:
    """What is left of a decomposition of N inputs.

    `levels` [N, h, w] float16 by (h, w), `size` that of the inputs, `logits` [N] float64, `sums` [N, 1 + layers]
    float64 what the input and each layer add to the logit, in the order of `layers`.
    """

    logits: Tensor
    targets: Tensor
    size: tuple[int, int]
    levels: Pyramid
    layers: tuple[str, ...]
    sums: Tensor

    def errors(self) -> Tensor:
        """The completeness error |logit - sum| / |logit|, [N] float64, as Decomposition.errors."""
        return completeness_errors(self.logits, self.sums)


def reduced(decomposition: Decomposition) -> Reduced:
    """What the paper's authors' map needs, `idiap_of` within 5e-4 of `idiap`; tests/papers/test_fullgrad.py."""
    return Reduced(
        logits=decomposition.logits.double(),
        targets=decomposition.targets,
        size=decomposition.size,
        levels={size: level.half() for size, level in idiap_pyramid(decomposition).items()},
        layers=tuple(term.layer for term in decomposition.layers),
        sums=decomposition.part_sums(),
    )


def idiap_of(reduced: Reduced) -> Tensor:
    """The saliency map [N, H, W] float32, as `idiap` draws it."""
    return corners_aligned({size: level.float() for size, level in reduced.levels.items()}, reduced.size)
