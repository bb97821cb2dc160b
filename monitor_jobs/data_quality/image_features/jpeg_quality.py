"""How strongly a JPEG was compressed, by its quantisation tables.

What lives here: the estimate. What does not: reading the tables (monitor_jobs.images).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

# ITU-T T.81, annex K, table K.1, row by row.
# fmt: off
LUMINANCE: Final = np.array([
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
])
# fmt: on


def estimated_quality(tables: Mapping[int, Sequence[int]]) -> float:
    """The quality from 1 to 100 at which libjpeg would have written the most similar luminance table.

    Exact for what libjpeg, and so Pillow and OpenCV, wrote; other encoders have tables of their own, and get the
    quality that is as fine as theirs. Tables by number, the lowest being luminance; the order within one is of no
    account. Independent JPEG Group, jcparam.c (jpeg_quality_scaling); tests/papers/test_image_features.py.
    """
    return _most_similar(tuple(sorted(tables[min(tables)])))


@lru_cache(maxsize=256)
def _most_similar(steps: tuple[int, ...]) -> float:
    distances = np.abs(_SORTED_TABLES - np.resize(np.array(steps, dtype=np.int64), LUMINANCE.size)).sum(axis=1)
    return float(np.argmin(distances) + 1)


def libjpeg_table(quality: int) -> NDArray[np.int64]:
    """The luminance table that libjpeg scales for a quality from 1 to 100, row by row."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    table: NDArray[np.int64] = np.clip((LUMINANCE * percent + 50) // 100, 1, 255)
    return table


_SORTED_TABLES: Final = np.sort(np.stack([libjpeg_table(quality) for quality in range(1, 101)]), axis=1)
