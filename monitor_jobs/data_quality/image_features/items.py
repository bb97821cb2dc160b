"""Arrays told apart: pictures and other values, one or a batch of them.

What lives here: which axis is which. What does not: where arrays come from (content), what is measured of them
(planes, values).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from monitor_jobs.npy import Array

CHANNELS: Final = (1, 3, 4)
SIDE_MIN: Final = 8  # below it, rows of numbers are records with features rather than rows of a picture
SIDE_MAX: Final = 2048  # of larger ones enough is seen: their features would take a gigabyte, and seconds
VALUES_MAX: Final = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """n pictures: values [n, channels, height, width], of each of them at most the middle SIDE_MAX x SIDE_MAX.

    `height` and `width` are those of the whole.
    """

    values: Array
    height: int
    width: int

    @property
    def size(self) -> Mapping[str, float]:
        """What all n share."""
        return {
            "width": float(self.width),
            "height": float(self.height),
            "channels": float(self.values.shape[1]),
        }

    def of(self, values: Array) -> "Planes":
        """Other pictures of this size."""
        return Planes(values, self.height, self.width)


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """n items that are no pictures: values [n, k], of `length` values each the first of every few where k is less."""

    values: Array
    length: int

    @property
    def size(self) -> Mapping[str, float]:
        """What all n share."""
        return {"values": float(self.length)}

    def of(self, values: Array) -> "Vectors":
        """Other items of this size."""
        return Vectors(values, self.length)


Items: TypeAlias = Planes | Vectors


def items_of(array: Array, item_shape: Sequence[int] | None = None) -> Items:
    """The items of an array, told by the shape of one where the model's card says it, else by how arrays usually are.

    Then one axis is one item; two are a greyscale picture where both have 8 or more, else a row an item; three are a
    picture where the first or the last axis has 1, 3 or 4 (channels first where both do), else a batch of greyscale
    ones; of more axes the first is the batch. A picture with channels last is turned.
    """
    if item_shape is not None and array.shape[-len(item_shape) :] == tuple(item_shape) and 0 not in array.shape:
        return _batch(array.reshape(-1, *item_shape))
    if array.ndim < 2:
        return vectors(array.reshape(1, -1))
    if array.ndim == 2 and not _is_picture(array.shape):
        return vectors(array)
    is_one = array.ndim == 2 or (array.ndim == 3 and _is_picture(array.shape))
    return _batch(array[np.newaxis] if is_one else array)


def vectors(array: Array) -> Vectors:
    """The rows of an array [n, k] as items; of more than VALUES_MAX values the first of every few."""
    length = array.shape[1]
    return Vectors(array[:, :: 1 + length // VALUES_MAX], length)


def _is_picture(shape: tuple[int, ...]) -> bool:
    if 0 in shape:
        return False
    if len(shape) == 2:
        return min(shape) >= SIDE_MIN
    return len(shape) == 3 and (shape[0] in CHANNELS or shape[-1] in CHANNELS)


def _batch(array: Array) -> Items:
    shape = array.shape[1:]
    if not _is_picture(shape):
        return vectors(array.reshape(len(array), math.prod(shape)))
    channels_first = array[:, np.newaxis] if len(shape) == 2 else array
    planes = channels_first if channels_first.shape[1] in CHANNELS else array.transpose(0, 3, 1, 2)
    height, width = planes.shape[2:]
    return Planes(planes[:, :, _middle(height), _middle(width)], height, width)


def _middle(side: int) -> slice:
    """The middle of a side that is too long, from a multiple of 8 on: JPEG's blocks stay where they are."""
    start = max(0, (side - SIDE_MAX) // 16 * 8)
    return slice(start, start + SIDE_MAX)
