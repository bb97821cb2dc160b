"""What neighbouring pixels of a greyscale plane tell: sharpness, noise, and the grid that compression leaves.

What lives here: the measures and their sources. What does not: colour and exposure (planes). Pure functions of arrays;
each is held to a slow definition of its own in tests/papers/test_image_features.py.

Planes are float32 [n, height, width]; every measure is [n], or None where the plane is too small to have it.
"""

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]
Measure: TypeAlias = NDArray[np.float32]
STENCIL: Final = 3  # pixels that a second difference spans
BLOCK: Final = 8  # pixels a side of what JPEG compresses at once


def sharpness_and_noise(plane: Plane) -> tuple[Measure, Measure] | None:
    """The variance of the Laplacian, in squared intensity, and the standard deviation of white noise, in intensity.

    Sharpness: the variance of the four-neighbour Laplacian over all inner pixels (Pech-Pacheco, Cristobal,
    Chamorro-Martinez & Fernandez-Valdivia, ICPR 2000). Noise: sqrt(pi / 2) times the mean magnitude of the
    image under N = [[1, -2, 1], [-2, 4, -2], [1, -2, 1]], over 6 (Immerkaer, Computer Vision and Image Understanding
    64(2), 1996). Thin lines and texture count as noise, as they do in the paper.
    """
    height, width = plane.shape[1:]
    if height < STENCIL or width < STENCIL:
        return None
    across = _second_difference(plane, axis=2)
    mask = _second_difference(across, axis=1)
    noise = np.abs(mask, out=mask).mean(axis=(1, 2)) * np.float32(math.sqrt(math.pi / 2) / 6)
    laplacian = _second_difference(plane[:, :, 1:-1], axis=1)
    laplacian += across[:, 1:-1]
    return deviation(laplacian.reshape(len(plane), -1)) ** 2, noise


def blockiness(plane: Plane) -> Measure | None:
    """How much larger the steps across block edges are than those within blocks: (B - A) / (B + A), from -1 to 1.

    B is the mean magnitude of the difference of neighbours on either side of an edge of the 8 x 8 grid that starts at
    the first pixel, A that of all other neighbours, each the mean of its horizontal and its vertical value: Wang,
    Sheikh & Bovik, ICIP 2002. Their score fits both to viewers' opinions by powers that have no limit at
    0; this contrast of the two is 0 for a flat plane and near 0 where there is no grid. A picture that was cut or
    scaled after it was compressed has its grid elsewhere, and none here.
    """
    pairs = [_steps(steps) for steps in (_steps_across(plane), _steps_down(plane)) if steps.shape[1] >= BLOCK]
    if not pairs:
        return None
    edges, inside = (np.mean(kind, axis=0) for kind in zip(*pairs, strict=True))
    total = edges + inside
    contrast: Measure = np.divide(edges - inside, total, out=np.zeros_like(total), where=total != 0)
    return contrast


def deviation(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The standard deviation of each last axis, of all its values."""
    centred = rows - rows.mean(axis=-1, keepdims=True)
    spread: NDArray[np.float32] = np.sqrt(np.vecdot(centred, centred) / np.float32(rows.shape[-1]))
    return spread


def _second_difference(plane: Plane, *, axis: int) -> Plane:
    turned = plane.swapaxes(1, axis)
    difference = turned[:, :-2] + turned[:, 2:]
    difference -= 2 * turned[:, 1:-1]
    return difference.swapaxes(1, axis)


def _steps_across(plane: Plane) -> NDArray[np.float32]:
    """The mean magnitude of the step after each column but the last."""
    means: NDArray[np.float32] = np.abs(plane[:, :, 1:] - plane[:, :, :-1]).mean(axis=1)
    return means


def _steps_down(plane: Plane) -> NDArray[np.float32]:
    means: NDArray[np.float32] = np.abs(plane[:, 1:] - plane[:, :-1]).mean(axis=2)
    return means


def _steps(steps: NDArray[np.float32]) -> tuple[Measure, Measure]:
    """The mean step at the edges of blocks, and that of all others."""
    is_edge = np.arange(1, steps.shape[1] + 1) % BLOCK == 0
    return steps[:, is_edge].mean(axis=1), steps[:, ~is_edge].mean(axis=1)
