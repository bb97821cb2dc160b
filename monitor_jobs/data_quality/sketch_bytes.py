"""The layout of a KLL sketch of doubles as Apache DataSketches writes it, which is the same in all of its languages.

What lives here: reading its levels. What does not: making sketches (sketches). They are not read by the library's own
iterator, which gives items a wrong weight where the first level is empty; tests/papers/test_sketches.py holds them
against the library's own ranks.
"""

import struct
from itertools import pairwise

import numpy as np

Levels = tuple[tuple[float, ...], ...]

_VERSION_AT = 1
_SINGLE_ITEM = 2  # the version of a sketch that is its only item behind a header of 8 bytes
_SINGLE_ITEM_AT = 8
_LEVELS = struct.Struct("<18xBx")  # their number, behind what does not matter here
_DOUBLE = np.dtype("<f8")


def levels_of(sketch: bytes) -> Levels:
    """The items of a sketch that is not empty, level by level, each in order: those of level i stand for 2**i numbers.

    A header, the place of each level's first item (uint32), the lowest and the highest number, the items (float64).
    """
    if sketch[_VERSION_AT] == _SINGLE_ITEM:
        return (tuple(np.frombuffer(sketch, _DOUBLE, offset=_SINGLE_ITEM_AT).tolist()),)
    (count,) = _LEVELS.unpack_from(sketch)
    starts = np.frombuffer(sketch, "<u4", count, _LEVELS.size).astype(np.int64)
    items = np.frombuffer(sketch, _DOUBLE, offset=_LEVELS.size + 4 * count + 2 * _DOUBLE.itemsize)
    bounds = [*(starts - starts[0]).tolist(), items.size]
    return tuple(tuple(np.sort(items[start:end]).tolist()) for start, end in pairwise(bounds))
