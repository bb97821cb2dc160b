"""An explanation as a picture: the input, the map upon it, the map alone.

What lives here: colours and pixels. What does not: the map (saliency).
"""

import io
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from monitor_jobs.explain.explaining import Explained

PANEL_PIXELS: Final = 224  # a picture smaller than that is enlarged by a whole number
GAP_PIXELS: Final = 8
CAPTION_PIXELS: Final = 20
CAPTION_WIDTH_PIXELS: Final = 500
LARGEST: Final = float(np.finfo(np.float32).max)
OVERLAY_SHARE: Final = 0.55
CLIPPED_SHARE: Final = 0.01  # of a map's points, the largest: one of them alone would leave the others dark
# dark to light in even steps of lightness, so that a printout in grey says the same
COLOURS: Final = np.array(
    [
        [0, 0, 4],
        [40, 11, 84],
        [101, 21, 110],
        [159, 42, 99],
        [212, 72, 66],
        [245, 125, 21],
        [250, 193, 39],
        [252, 255, 164],
    ],
    dtype=np.float64,
)

Pixels = NDArray[np.uint8]


def picture(explained: Explained) -> bytes:
    """A PNG: the input as the network saw it, the map upon it, and the map alone, side by side above a caption.

    The map alone where the input was not kept.
    """
    panels = [_enlarged(panel) for panel in _panels(explained)]
    width, height = panels[0].size
    across = max(len(panels) * (width + GAP_PIXELS), CAPTION_WIDTH_PIXELS)
    sheet = Image.new("RGB", (across + GAP_PIXELS, height + 2 * GAP_PIXELS + CAPTION_PIXELS), "white")
    for place, panel in enumerate(panels):
        sheet.paste(panel, (GAP_PIXELS + place * (width + GAP_PIXELS), GAP_PIXELS))
    ImageDraw.Draw(sheet).text((GAP_PIXELS, height + 2 * GAP_PIXELS), _caption(explained), fill="black")
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _panels(explained: Explained) -> list[NDArray[np.float64] | Pixels]:
    heat = coloured(scaled(explained.saliency))
    if explained.image is None:
        return [heat]
    shown = as_pixels(explained.image)
    weight = OVERLAY_SHARE * scaled(explained.saliency)[..., None]
    return [shown, np.rint((1 - weight) * shown + weight * heat).astype(np.uint8), heat]


def as_pixels(image: NDArray[np.float32]) -> Pixels:
    """Any input [C, H, W] as [H, W, 3], its least value black, its largest white; of other than 3 channels the mean."""
    values = image if len(image) == 3 else image.mean(0, keepdims=True).repeat(3, 0)
    return np.rint(255 * scaled(values, clipped_share=0.0)).astype(np.uint8).transpose(1, 2, 0)


def scaled(values: NDArray[np.float32], clipped_share: float = CLIPPED_SHARE) -> NDArray[np.float64]:
    """Values as 0 to 1, the largest share of them as 1; NaN, and all of what does not differ, as 0."""
    numbers = np.nan_to_num(values.astype(np.float64), posinf=LARGEST, neginf=0.0)
    low, high = numbers.min(), np.quantile(numbers, 1 - clipped_share)
    return np.clip((numbers - low) / (high - low), 0, 1) if high > low else np.zeros_like(numbers)


def coloured(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values 0 to 1 [H, W] as colours [H, W, 3] of 0 to 255."""
    places = np.linspace(0, 1, len(COLOURS))
    return np.stack([np.interp(values, places, channel) for channel in COLOURS.T], axis=-1)


def _enlarged(panel: NDArray[np.float64] | Pixels) -> Image.Image:
    image = Image.fromarray(np.rint(panel).astype(np.uint8))
    times = max(1, -(-PANEL_PIXELS // max(image.size)))
    return image.resize((times * image.width, times * image.height), Image.Resampling.NEAREST)


def _caption(explained: Explained) -> str:
    said = f"{explained.predicted.name} {explained.predicted.probability:.1%}"
    if explained.runner_up is not None:
        said += f", then {explained.runner_up.name} {explained.runner_up.probability:.1%}"
    missing = "" if explained.exact else f"; NOT EXACT: {explained.completeness_error:.1%} of the logit is missing"
    return (said + missing).encode("latin-1", errors="replace").decode("latin-1")
