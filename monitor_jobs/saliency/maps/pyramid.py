"""Maps of one resolution added up, and resized once each.

What lives here: adding and resizing. What does not: what is added (idiap, gradcam, blog).
"""

from collections.abc import Iterable

from torch import Tensor
from torch.nn.functional import interpolate

Pyramid = dict[tuple[int, int], Tensor]


def pyramid_of(levels: Iterable[Tensor]) -> Pyramid:
    """The sum of the maps [N, h, w] of each resolution (h, w), in the order in which one first came."""
    pyramid: Pyramid = {}
    for level in levels:
        size = (level.shape[1], level.shape[2])
        pyramid[size] = pyramid[size] + level if size in pyramid else level
    return pyramid


def corners_aligned(pyramid: Pyramid, size: tuple[int, int]) -> Tensor:
    """The sum of all, bilinear, [N, H, W]: the outermost points of each stay the outermost."""
    return sum_of(_resized(level, size, align_corners=True) for level in pyramid.values())


def pixels_aligned(pyramid: Pyramid, size: tuple[int, int]) -> Tensor:
    """The sum of all, bilinear, [N, H, W]: each point is the middle of a pixel, as OpenCV has it."""
    return sum_of(_resized(level, size, align_corners=False) for level in pyramid.values())


def sum_of(levels: Iterable[Tensor]) -> Tensor:
    """The sum of at least one tensor."""
    first, *rest = levels
    for level in rest:
        first = first + level
    return first


def _resized(level: Tensor, size: tuple[int, int], *, align_corners: bool) -> Tensor:
    if level.shape[1:] == size:
        return level
    return interpolate(level[:, None], size=size, mode="bilinear", align_corners=align_corners)[:, 0]
