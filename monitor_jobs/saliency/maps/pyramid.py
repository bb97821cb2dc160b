"""Maps of one resolution added up, and resized once each.

What lives here: adding and resizing. What does not: what is added (idiap, gradcam, blog).
"""

from collections.abc import Callable, Iterable
from functools import partial, reduce
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import interpolate

Pyramid = dict[tuple[int, int], Tensor]
Resize = Callable[[Tensor, tuple[int, int]], Tensor]

_CORNERS_ALIGNED: Final[Resize] = partial(interpolate, mode="bilinear", align_corners=True)
_PIXELS_ALIGNED: Final[Resize] = partial(interpolate, mode="bilinear", align_corners=False)


def pyramid_of(levels: Iterable[Tensor]) -> Pyramid:
    """The sum of the maps [N, h, w] of each resolution (h, w), in the order in which one first came."""
    pyramid: Pyramid = {}
    for level in levels:
        size = (level.shape[1], level.shape[2])
        pyramid[size] = pyramid[size] + level if size in pyramid else level
    return pyramid


def corners_aligned(pyramid: Pyramid, size: tuple[int, int]) -> Tensor:
    """The sum of all, bilinear, [N, H, W]: the outermost points of each stay the outermost."""
    return reduce(torch.add, (_resized(level, size, _CORNERS_ALIGNED) for level in pyramid.values()))


def pixels_aligned(pyramid: Pyramid, size: tuple[int, int]) -> Tensor:
    """The sum of all, bilinear, [N, H, W]: each point is the middle of a pixel, as OpenCV has it."""
    return reduce(torch.add, (_resized(level, size, _PIXELS_ALIGNED) for level in pyramid.values()))


def _resized(level: Tensor, size: tuple[int, int], resize: Resize) -> Tensor:
    if level.shape[1:] == size:
        return level
    rows, columns = (_weights(level, axis, after, resize) for axis, after in zip((1, 2), size, strict=True))
    return rows @ level @ columns.T


def _weights(level: Tensor, axis: int, after: int, resize: Resize) -> Tensor:
    """What each point has of which points before, [after, before]: two products are quicker than `interpolate`."""
    before = level.shape[axis]
    each_alone = torch.eye(before, dtype=level.dtype, device=level.device)
    return resize(each_alone[None, None], (after, before))[0, 0]
