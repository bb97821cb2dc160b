"""Pictures to look at: real digits, scenes like photographs, and the bodies that a client would send of them."""

import io

import numpy as np
from PIL import Image, ImageFilter
from sklearn.datasets import load_digits

DIGIT_WHITE = 16


def digits(count):
    """Scanned digits, uint8 [count, 32, 32, 1]."""
    scans = (load_digits().images[:count] * (255 / DIGIT_WHITE)).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(scan).resize((32, 32), Image.Resampling.BICUBIC)) for scan in scans])[
        ..., np.newaxis
    ]


def scenes(count, *, side=64, seed=0):
    """Like photographs: light that changes slowly, things with edges, a little grain; uint8 [count, side, side, 3]."""
    generator = np.random.default_rng(seed)
    return np.stack([_scene(generator, side) for _ in range(count)])


def _scene(generator, side):
    light = generator.integers(60, 200, (4, 4, 3), dtype=np.uint8)
    scene = np.asarray(Image.fromarray(light).resize((side, side), Image.Resampling.BICUBIC)).astype(float)
    for _ in range(6):
        top, left = generator.integers(0, side - 8, 2)
        height, width = generator.integers(5, side // 2, 2)
        scene[top : top + height, left : left + width] += generator.normal(0, 25, 3)
    scene += generator.normal(0, 2, scene.shape)
    return scene.clip(0, 255).astype(np.uint8)


def encoded(pixels, image_format="PNG", **options):
    """The body that holds pixels [height, width, channels]."""
    stream = io.BytesIO()
    Image.fromarray(np.squeeze(pixels)).save(stream, image_format, **options)
    return stream.getvalue()


def npy(array):
    """The npy body of an array."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def blurred(pixels, radius=1.5):
    image = Image.fromarray(np.squeeze(pixels)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(image).reshape(pixels.shape)


def darkened(pixels):
    return (pixels * 0.5).astype(np.uint8)


def noisy(pixels, deviation=10, seed=0):
    noise = np.random.default_rng(seed).normal(0, deviation, pixels.shape)
    return (pixels + noise).clip(0, 255).astype(np.uint8)


def jpeg_compressed(pixels, quality=10):
    image = Image.open(io.BytesIO(encoded(pixels, "JPEG", quality=quality)))
    return np.asarray(image).reshape(pixels.shape)


def faded(pixels):
    """Half of each pixel's colour is gone, its luma stays."""
    grey = np.asarray(Image.fromarray(pixels).convert("L"))[..., np.newaxis]
    return ((pixels.astype(int) + grey) // 2).astype(np.uint8)
