"""Decodes PNG and JPEG bodies whose size is checked before a pixel is decoded.

What lives here: what an image may cost, in pixels and in passes over them. What does not: how many bytes a body may
have (request_bodies).
"""

import io
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monitor_jobs.contract.errors import BadInput

PIXELS_MAX: Final = 25_000_000
PROGRESSIVE_PIXELS_MAX: Final = 12_500_000  # the decoder holds these twice, as coefficients of all scans too
SCANS_MAX: Final = 64  # a progressive JPEG has about ten; each is a pass over all pixels that costs its sender 30 bytes
ROWS_AT_ONCE: Final = 256
_SCAN: Final = b"\xff\xda"
_GREY_MODES: Final = ("L", "1")
_COLOUR_MODES: Final = ("RGB", "RGBA", "P", "PA", "LA", "La", "CMYK", "YCbCr")


def decode_image(body: bytes, image_format: Literal["PNG", "JPEG"]) -> NDArray[Any]:
    """The pixels as uint8 [height, width, channels]: one channel for greyscale, else red, green, blue, no alpha.

    Raises BadInput where the body is no such image, is cut short, is deeper than 8 bits, or has more than 25 million
    pixels, half of that in a progressive JPEG. Takes at most 200 MB: tests/unit/test_hostile_images.py.
    """
    if image_format == "JPEG" and body.count(_SCAN) > SCANS_MAX:
        raise BadInput(f"the JPEG image has more than {SCANS_MAX} scans: save it anew, not progressive")
    try:
        with Image.open(io.BytesIO(body), formats=(image_format,)) as image:
            _check_size(image)
            return _pixels(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(f"the {image_format} image has more than {PIXELS_MAX} pixels: scale it down") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise BadInput(f"the body is no whole {image_format} image: {error}") from error


def _check_size(image: Image.Image) -> None:
    most = PROGRESSIVE_PIXELS_MAX if "progressive" in image.info else PIXELS_MAX
    if image.width * image.height > most:
        raise BadInput(f"the image has {image.width} x {image.height} pixels: at most {most}, scale it down")
    if image.mode not in (*_GREY_MODES, *_COLOUR_MODES):
        raise BadInput(f"images of mode {image.mode} are not decoded: send 8 bits a channel, or write an input_fn")


def _pixels(image: Image.Image) -> NDArray[Any]:
    image.load()
    mode, channels = ("L", 1) if image.mode in _GREY_MODES else ("RGB", 3)
    pixels = np.empty((image.height, image.width, channels), np.uint8)
    for top in range(0, image.height, ROWS_AT_ONCE):  # a whole image in another mode would take its room once more
        bottom = min(top + ROWS_AT_ONCE, image.height)
        rows = image.crop((0, top, image.width, bottom)).convert(mode)
        pixels[top:bottom] = np.asarray(rows).reshape(bottom - top, image.width, channels)
    return pixels
