"""Six kinds of damage to images, in five severities, in the manner of Hendrycks & Dietterich, ICLR 2019.

All take and give uint8 [n, height, width] or [n, height, width, 3], and a severity from 0.
"""

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

SEVERITIES = 5
GREY = 128

Images = np.ndarray
Corruption = Callable[[Images, int, np.random.Generator], Images]


def noise(images: Images, severity: int, generator: np.random.Generator) -> Images:
    return _as_bytes(images + generator.normal(0, (12, 25, 45, 70, 100)[severity], images.shape))


def blur(images: Images, severity: int, _: np.random.Generator) -> Images:
    sigma = (0.5, 0.8, 1.2, 1.7, 2.4)[severity]
    return _as_bytes(gaussian_filter(images.astype(np.float32), (0, sigma, sigma, 0)[: images.ndim]))


def contrast(images: Images, severity: int, _: np.random.Generator) -> Images:
    means = images.mean(axis=tuple(range(1, images.ndim)), keepdims=True)
    return _as_bytes((images - means) * (0.75, 0.5, 0.35, 0.2, 0.1)[severity] + means)


def brightness(images: Images, severity: int, _: np.random.Generator) -> Images:
    return _as_bytes(images.astype(np.float32) + (25, 50, 80, 115, 150)[severity])


def jpeg(images: Images, severity: int, _: np.random.Generator) -> Images:
    return np.stack([_through_jpeg(image, (60, 30, 15, 8, 3)[severity]) for image in images])


def occlusion(images: Images, severity: int, generator: np.random.Generator) -> Images:
    damaged, height = images.copy(), images.shape[1]
    side = round(height * (0.15, 0.25, 0.35, 0.45, 0.6)[severity])
    for image, (top, left) in zip(damaged, generator.integers(0, height - side + 1, (len(images), 2)), strict=True):
        image[top : top + side, left : left + side] = GREY
    return damaged


CORRUPTIONS: Mapping[str, Corruption] = {
    each.__name__: each for each in (noise, blur, contrast, brightness, jpeg, occlusion)
}


def _as_bytes(values: np.ndarray) -> Images:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _through_jpeg(image: Images, quality: int) -> Images:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
