"""Each measure of a picture against its definition, written out slowly, and in the direction that its paper says.

Pech-Pacheco et al., ICPR 2000 (sharpness); Immerkaer, CVIU 64(2) 1996 (noise); Wang, Sheikh & Bovik, ICIP 2002
(blockiness); Hasler & Suesstrunk, HVEI 2003 (colourfulness); Smith, SIGGRAPH 1978 (saturation); Peli, JOSA A 7(10) 1990
(contrast); the Independent JPEG Group's jcparam.c (quality).
"""

import colorsys
import math
import statistics

import numpy as np
import pytest

from monitor_jobs.data_quality.image_features import features_of_many, image_features
from monitor_jobs.data_quality.image_features.jpeg_quality import libjpeg_table
from tests.pictures import blurred, darkened, digits, encoded, faded, jpeg_compressed, noisy, npy, scenes

PICTURES = {"a scene": scenes(1)[0], "a tall one": scenes(1, seed=3)[0][:, :21], "a digit": digits(1)[0]}


def measured(pixels):
    (features,) = image_features(encoded(pixels), "image/png")
    return features


def shares(pixels):
    """Rows of pixels, each a list of its channels as shares of white."""
    return [[[value / 255 for value in pixel] for pixel in row] for row in pixels.tolist()]


def luma(pixels):
    rows = shares(pixels)
    if pixels.shape[2] == 1:
        return [[pixel[0] for pixel in row] for row in rows]
    return [[0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in row] for row in rows]


def under(mask, rows):
    """What a 3 x 3 mask gives at every inner pixel."""
    spots = [(y, x) for y in range(1, len(rows) - 1) for x in range(1, len(rows[0]) - 1)]
    return [sum(mask[i][j] * rows[y + i - 1][x + j - 1] for i in range(3) for j in range(3)) for y, x in spots]


def slow_sharpness(pixels):
    return statistics.pvariance(under([[0, 1, 0], [1, -4, 1], [0, 1, 0]], luma(pixels)))


def slow_noise(pixels):
    height, width = pixels.shape[:2]
    convolved = under([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], luma(pixels))
    return math.sqrt(math.pi / 2) / (6 * (width - 2) * (height - 2)) * math.fsum(map(abs, convolved))


def slow_blockiness(pixels):
    rows = luma(pixels)
    edges, inside = zip(*(edge_and_inside(way) for way in (rows, list(zip(*rows, strict=True)))), strict=True)
    b, a = statistics.fmean(edges), statistics.fmean(inside)
    return (b - a) / (b + a)


def edge_and_inside(rows):
    steps = [(n % 8 == 0, abs(row[n] - row[n - 1])) for row in rows for n in range(1, len(row))]
    return tuple(statistics.fmean(step for at_edge, step in steps if at_edge is wanted) for wanted in (True, False))


def slow_saturation(pixels):
    return statistics.fmean(colorsys.rgb_to_hsv(*pixel)[1] for row in shares(pixels) for pixel in row)


def slow_colourfulness(pixels):
    flat = [pixel for row in shares(pixels) for pixel in row]
    rg = [red - green for red, green, _ in flat]
    yb = [(red + green) / 2 - blue for red, green, blue in flat]
    spread = math.hypot(statistics.pstdev(rg), statistics.pstdev(yb))
    return spread + 0.3 * math.hypot(statistics.fmean(rg), statistics.fmean(yb))


def of_luma(function):
    return lambda pixels: function([value for row in luma(pixels) for value in row])


DEFINITIONS = {
    "sharpness": slow_sharpness,
    "noise": slow_noise,
    "blockiness": slow_blockiness,
    "brightness": of_luma(statistics.fmean),
    "contrast": of_luma(statistics.pstdev),
}
OF_COLOUR = {"saturation": slow_saturation, "colourfulness": slow_colourfulness}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_measure_is_what_its_definition_says(name, picture):
    assert measured(picture)[name] == pytest.approx(DEFINITIONS[name](picture), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", OF_COLOUR)
def test_a_measure_of_colour_is_what_its_definition_says(name):
    scene = PICTURES["a scene"]
    assert measured(scene)[name] == pytest.approx(OF_COLOUR[name](scene), rel=1e-3)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_each_channel_has_its_mean_and_its_deviation(channel):
    scene = PICTURES["a scene"]
    values = [value / 255 for value in scene[..., channel].ravel().tolist()]
    features = measured(scene)
    assert features[f"channel_{channel}_mean"] == pytest.approx(statistics.fmean(values), rel=1e-5)
    assert features[f"channel_{channel}_std"] == pytest.approx(statistics.pstdev(values), rel=1e-4)


def medians(pictures):
    rows = [row for found in features_of_many((encoded(picture), "image/png") for picture in pictures) for row in found]
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


DIRECTIONS = [
    (blurred, "sharpness", -1),
    (blurred, "noise", -1),
    (noisy, "noise", 1),
    (noisy, "sharpness", 1),
    (darkened, "brightness", -1),
    (darkened, "contrast", -1),
    (jpeg_compressed, "blockiness", 1),
]


@pytest.mark.parametrize("pictures", [scenes(40), digits(40)], ids=["scenes", "digits"])
@pytest.mark.parametrize(("change", "name", "sign"), DIRECTIONS)
def test_a_change_moves_its_measure_its_way(change, name, sign, pictures):
    before, after = (medians(shown)[name] for shown in (pictures, [change(picture) for picture in pictures]))
    assert sign * (after - before) > 0.2 * abs(before)


@pytest.mark.parametrize("archive", ["cifar10_test5000", "gtsrb_train_stride3"])
@pytest.mark.parametrize(("change", "name", "sign"), DIRECTIONS)
def test_a_change_moves_its_measure_its_way_on_real_photographs(reference_data, archive, change, name, sign):
    photographs = np.load(reference_data / f"{archive}.npz")["x"][::50]
    before, after = (medians(shown)[name] for shown in (photographs, [change(picture) for picture in photographs]))
    assert sign * (after - before) > 0.2 * abs(before)


@pytest.mark.parametrize("name", ["saturation", "colourfulness"])
def test_a_faded_picture_has_less_of_every_measure_of_colour(name):
    pictures = scenes(40)
    assert medians([faded(picture) for picture in pictures])[name] < 0.7 * medians(pictures)[name]


def test_the_noise_that_was_added_is_the_noise_that_is_found():
    """Immerkaer: the estimate is the deviation of white noise where the picture itself is smooth."""
    (features,) = image_features(npy(np.random.default_rng(1).normal(0.5, 0.04, (256, 256))), "application/x-npy")
    assert features["noise"] == pytest.approx(0.04, rel=0.02)


def test_the_more_a_picture_is_compressed_the_more_its_grid_shows():
    pictures = scenes(40)
    steps = [medians([jpeg_compressed(picture, quality) for picture in pictures]) for quality in (90, 50, 25, 10)]
    blockiness = [step["blockiness"] for step in steps]
    assert blockiness == sorted(blockiness)
    assert blockiness[-1] > 0.3


def test_a_picture_that_was_never_compressed_has_no_grid():
    assert abs(medians(scenes(100))["blockiness"]) < 0.1


def test_a_grid_that_lies_elsewhere_is_not_found():
    """What the measure cannot see: the picture was cut after it was compressed."""
    compressed = [jpeg_compressed(picture) for picture in scenes(40, side=72)]
    assert medians([picture[4:, 4:] for picture in compressed])["blockiness"] < 0


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 95, 100])
def test_the_quality_that_a_jpeg_was_written_with_is_read_from_its_tables(quality):
    (features,) = image_features(encoded(scenes(1)[0], "JPEG", quality=quality), "image/jpeg")
    assert features["jpeg_quality"] == quality


def test_tables_that_no_quality_gives_count_as_the_most_similar():
    luminance = libjpeg_table(80).tolist()
    tables = {0: [luminance[0] + 3, *luminance[1:]], 1: [99] * 64}
    (features,) = image_features(encoded(scenes(1)[0], "JPEG", qtables=tables), "image/jpeg")
    assert features["jpeg_quality"] == 80
