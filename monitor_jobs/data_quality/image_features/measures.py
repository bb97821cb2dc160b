"""Numbers that describe pictures and other arrays, many of one shape at a time.

What lives here: exposure, colour, and what the texture adds; moments of arrays that are no pictures. What does not:
which axis is which (items). Pure functions of arrays; names and order are those of the columns.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from monitor_jobs.data_quality.image_features.items import Items, Planes, Vectors
from monitor_jobs.data_quality.image_features.texture import Measure, Plane, blockiness, deviation, sharpness_and_noise
from monitor_jobs.npy import Array

Named = Mapping[str, NDArray[np.floating]]
RED, GREEN, BLUE = 0.299, 0.587, 0.114  # of luma: ITU-R BT.601
# The values that stand for black and white. A float array is taken as it is: its black is 0 and its white 1.
RANGES: Final = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "bool": (0, 1)}
WHOLE_NUMBERS: Final = (0, 255)


def measures(items: Items) -> Named:
    """One number an item for each name, of every item of one shape: [n] each.

    An item that holds NaN or infinity has `nan_share` and `infinite_share`, and NaN for whatever depends on its values.
    """
    with np.errstate(all="ignore"):  # the values are anybody's: what overflows is infinite, and shown as that
        found = picture_measures(items) if isinstance(items, Planes) else value_measures(items)
    if items.values.dtype.kind != "f":
        return found
    if items.values.size == 0:
        return found
    flat = items.values.reshape(len(items.values), -1)
    nan, infinite = np.isnan(flat).mean(axis=1), np.isinf(flat).mean(axis=1)
    whole = nan + infinite == 0
    kept = {name: np.where(whole, column, np.nan) for name, column in found.items()}
    return {**kept, "nan_share": nan, "infinite_share": infinite}


def picture_measures(pictures: Planes) -> Named:
    """Exposure, colour and texture of pictures. Intensities are shares of white, 0 being black.

    `channel_i_mean`, `channel_i_std`: of each channel. `black_share`, `white_share`: pixels of which every channel is
    at or beyond black or white. Of luma (0.299 R + 0.587 G + 0.114 B, or the only channel): `brightness`, its mean;
    `contrast`, its standard deviation (RMS contrast: Peli, JOSA A 7(10), 1990); `sharpness`, `noise` and
    `blockiness` (texture). Of three channels or four, taken to be red, green, blue: `saturation` and `colourfulness`.
    Measures that a picture is too small for are left out.
    """
    planes = _as_shares_of_white(pictures.values)
    n, channels = planes.shape[:2]
    flat = planes.reshape(n, channels, -1)
    measured: dict[str, NDArray[np.floating]] = {}
    for index, (mean, std) in enumerate(zip(flat.mean(axis=2).T, deviation(flat).T, strict=True)):
        measured |= {f"channel_{index}_mean": mean, f"channel_{index}_std": std}
    colours = flat[:, :3]
    darkest, brightest = colours.min(axis=1), colours.max(axis=1)
    measured |= {"black_share": (brightest <= 0).mean(axis=1), "white_share": (darkest >= 1).mean(axis=1)}
    measured.update(_luma_measures(_luma(planes)))
    if channels >= 3:
        measured["saturation"] = _saturation(darkest, brightest)
        measured["colourfulness"] = _colourfulness(flat)
    return measured


def value_measures(vectors: Vectors) -> Named:
    """Mean, standard deviation and range of all values of an item, and the share of zeros; nothing of no values."""
    rows = vectors.values.astype(np.float64)
    if 0 in rows.shape:
        return {}
    return {
        "mean": rows.mean(axis=1),
        "std": rows.std(axis=1),
        "min": rows.min(axis=1),
        "max": rows.max(axis=1),
        "zero_share": (rows == 0).mean(axis=1),
    }


def _as_shares_of_white(values: Array) -> NDArray[np.float32]:
    black, white = (0, 1) if values.dtype.kind == "f" else RANGES.get(values.dtype.name, WHOLE_NUMBERS)
    shares = values.astype(np.float32, order="C")
    if black:
        shares -= np.float32(black)
    if white - black != 1:
        shares /= np.float32(white - black)
    return shares


def _luma(planes: NDArray[np.float32]) -> Plane:
    if planes.shape[1] < 3:
        return planes[:, 0]
    luma = planes[:, 0] * np.float32(RED)
    luma += planes[:, 1] * np.float32(GREEN)
    luma += planes[:, 2] * np.float32(BLUE)
    return luma


def _luma_measures(luma: Plane) -> Iterator[tuple[str, Measure]]:
    flat = luma.reshape(len(luma), -1)
    yield "brightness", flat.mean(axis=1)
    yield "contrast", deviation(flat)
    texture = sharpness_and_noise(luma)
    if texture is not None:
        yield from zip(("sharpness", "noise"), texture, strict=True)
    grid = blockiness(luma)
    if grid is not None:
        yield "blockiness", grid


def _saturation(darkest: NDArray[np.float32], brightest: NDArray[np.float32]) -> Measure:
    """The mean saturation of the hexcone model, (max - min) / max, 0 for black: Smith, SIGGRAPH 1978."""
    spread = brightest - darkest
    shares = np.divide(spread, brightest, out=np.zeros_like(spread), where=brightest > 0)
    mean: Measure = shares.mean(axis=1)
    return mean


def _colourfulness(flat: NDArray[np.float32]) -> Measure:
    """M3 of Hasler & Suesstrunk, Human Vision and Electronic Imaging 2003, in shares of white, not of 255."""
    red, green, blue = flat[:, 0], flat[:, 1], flat[:, 2]
    rg, yb = red - green, (red + green) * np.float32(0.5) - blue
    found: Measure = np.hypot(deviation(rg), deviation(yb))
    found += np.float32(0.3) * np.hypot(rg.mean(axis=1), yb.mean(axis=1))
    return found
