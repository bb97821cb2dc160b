"""Decodes PNG and JPEG bodies whose size is checked before a pixel is decoded."""

import io
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monitor_jobs.contract.errors import BadInput

PIXELS_MAX: Final = 25_000_000
_GREY_MODES: Final = ("L", "1")
_COLOUR_MODES: Final = ("RGB", "RGBA", "P", "PA", "LA", "La", "CMYK", "YCbCr")


def decode_image(body: bytes, image_format: Literal["PNG", "JPEG"]) -> NDArray[Any]:
    """The pixels as uint8 [height, width, channels]: one channel for greyscale, else red, green, blue, no alpha.

    Raises BadInput where the body is no such image, is cut short, is deeper than 8 bits, or has more than 25 million
    pixels.
    """
    try:
        with Image.open(io.BytesIO(body), formats=(image_format,)) as image:
            _check_size(image)
            return _pixels(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(f"the {image_format} image has more than {PIXELS_MAX} pixels: scale it down") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise BadInput(f"the body is no whole {image_format} image: {error}") from error


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > PIXELS_MAX:
        raise BadInput(f"the image has {image.width} x {image.height} pixels: at most {PIXELS_MAX}, scale it down")
    if image.mode not in (*_GREY_MODES, *_COLOUR_MODES):
        raise BadInput(f"images of mode {image.mode} are not decoded: send 8 bits a channel, or write an input_fn")


def _pixels(image: Image.Image) -> NDArray[Any]:
    pixels = np.array(image.convert("L" if image.mode in _GREY_MODES else "RGB"))
    return pixels[:, :, np.newaxis] if pixels.ndim == 2 else pixels
