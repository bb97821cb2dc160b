"""Decodes pictures whose size is checked before a pixel is decoded.

What lives here: what an image may cost, in pixels and in passes over them. What does not: how many bytes a body may
have (service.request_bodies), what pictures look like (data_quality.image_features).
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from monitor_jobs.contract.errors import BadInput

PICTURE_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
PIXELS_MAX: Final = 25_000_000
TWICE_HELD_PIXELS_MAX: Final = 12_500_000  # progressive JPEG as coefficients of all scans too, WebP as canvases
SCANS_MAX: Final = 64  # a progressive JPEG has about ten; each is a pass over all pixels that costs its sender 30 bytes
ROWS_AT_ONCE: Final = 256
_SCAN: Final = b"\xff\xda"
_JPEG_START: Final = b"\xff\xd8"
_GREY_MODES: Final = ("L", "1")
_DEEP_GREY_MODES: Final = ("I;16", "I;16B", "I;16L", "I;16N")
_COLOUR_MODES: Final = ("RGB", "RGBA", "P", "PA", "LA", "La", "CMYK", "YCbCr")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture: pixels uint8 [height, width, 1 or 3], or uint16 [height, width, 1] of 16-bit greyscale.

    `channels` are those that were sent, alpha included; a palette counts as the three it stands for.
    `quantisation` are a JPEG's tables by number, 64 steps each in zigzag's natural order.
    """

    pixels: NDArray[Any]
    channels: int
    quantisation: Mapping[int, Sequence[int]] = field(default_factory=dict)


def decode_image(body: bytes, image_format: Literal["PNG", "JPEG"]) -> NDArray[Any]:
    """The pixels as uint8 [height, width, channels]: one channel for greyscale, else red, green, blue, no alpha.

    Raises BadInput where the body is no such image, is cut short, is deeper than 8 bits, or has more than 25 million
    pixels, half of that in a progressive JPEG. Takes at most 200 MB: tests/unit/test_hostile_bodies.py.
    """
    with _opened(body, (image_format,)) as image:
        if image.mode in _DEEP_GREY_MODES:
            raise BadInput(f"images of mode {image.mode} are not decoded: send 8 bits a channel, or write an input_fn")
        return _pixels(image)


def decode_picture(body: bytes) -> Picture:
    """A picture of any of PICTURE_FORMATS, by its first bytes and not by its name; of an animation the first.

    Raises BadInput as decode_image does; WebP, like progressive JPEG, may have 12.5 million pixels.
    """
    with _opened(body, PICTURE_FORMATS) as image:
        channels = 3 if image.mode == "P" else len(image.getbands())
        quantisation = getattr(image, "quantization", {})
        deep = image.mode in _DEEP_GREY_MODES
        return Picture(_deep_pixels(image) if deep else _pixels(image), channels, quantisation)


@contextmanager
def _opened(body: bytes, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    name = formats[0] if len(formats) == 1 else "picture"
    if body.startswith(_JPEG_START) and body.count(_SCAN) > SCANS_MAX:
        raise BadInput(f"the JPEG image has more than {SCANS_MAX} scans: save it anew, not progressive")
    try:
        with Image.open(io.BytesIO(body), formats=formats) as image:
            _check_size(image)
            yield image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(f"the {name} image has more than {PIXELS_MAX} pixels: scale it down") from error
    except UnidentifiedImageError as error:
        raise BadInput(f"the body is no whole {name} image: it does not begin as {' or '.join(formats)} do") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise BadInput(f"the body is no whole {name} image: {error}") from error


def _check_size(image: Image.Image) -> None:
    most = TWICE_HELD_PIXELS_MAX if "progressive" in image.info or image.format == "WEBP" else PIXELS_MAX
    if image.width * image.height > most:
        raise BadInput(f"the image has {image.width} x {image.height} pixels: at most {most}, scale it down")
    if image.mode not in (*_GREY_MODES, *_DEEP_GREY_MODES, *_COLOUR_MODES):
        raise BadInput(f"images of mode {image.mode} are not decoded: send 8 bits a channel, or write an input_fn")


def _pixels(image: Image.Image) -> NDArray[Any]:
    image.load()
    image.info.pop("transparency", None)  # of a palette: Pillow would warn of each that it is left out
    mode, channels = ("L", 1) if image.mode in _GREY_MODES else ("RGB", 3)
    if image.mode == mode and image.height <= ROWS_AT_ONCE:
        return np.array(image).reshape(image.height, image.width, channels)
    pixels = np.empty((image.height, image.width, channels), np.uint8)
    for top in range(0, image.height, ROWS_AT_ONCE):  # a whole image in another mode would take its room once more
        bottom = min(top + ROWS_AT_ONCE, image.height)
        rows = image.crop((0, top, image.width, bottom)).convert(mode)
        pixels[top:bottom] = np.asarray(rows).reshape(bottom - top, image.width, channels)
    return pixels


def _deep_pixels(image: Image.Image) -> NDArray[Any]:
    image.load()
    return np.asarray(image).astype(np.uint16).reshape(image.height, image.width, 1)
