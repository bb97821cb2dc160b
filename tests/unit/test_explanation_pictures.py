"""Explanations as pictures, whatever the input and the map are."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from monitor_jobs.contract.explanation import ClassScore
from monitor_jobs.contract.map_kind import MapKind
from monitor_jobs.explain.explaining import Explained
from monitor_jobs.explain.pictures import as_pixels, coloured, picture, scaled
from service.demo.contact_sheet import original_of, worst_of, write_contact_sheet


def explained(image, saliency, error=0.0, name="stop") -> Explained:
    score = ClassScore(index=0, name=name, logit=1.0, probability=0.9)
    return Explained(
        image=np.asarray(image, dtype=np.float32),
        saliency=np.asarray(saliency, dtype=np.float32),
        map_kind=MapKind.IDIAP,
        predicted=score,
        runner_up=None,
        completeness_error=error,
        outside_centre=0.0,
        parts={},
    )


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (32, 32), (300, 200)])
def test_any_input_has_a_picture_of_three_panels(channels, size):
    image = np.random.default_rng(1).normal(size=(channels, *size))
    shown = opened(picture(explained(image, np.abs(image[0]))))
    times = max(1, -(-224 // max(size)))
    assert shown.size == (3 * times * size[1] + 32, times * size[0] + 36)


@given(arrays.arrays(np.float32, (3, 4, 5), elements=st.floats(width=32)), st.floats())
def test_no_number_is_too_strange_to_be_shown(image, error):
    assert opened(picture(explained(image, image[0], error, name="Ж\n\0"))).format == "PNG"


def test_a_picture_is_shown_from_its_darkest_to_its_lightest():
    image = np.stack([np.full((2, 2), value) for value in (-1.0, 0.0, 1.0)])
    assert as_pixels(image.astype(np.float32))[0, 0].tolist() == [0, 128, 255]


def test_what_does_not_differ_is_nothing():
    assert not scaled(np.full((4, 4), 7.0, dtype=np.float32)).any()


def test_a_single_point_does_not_leave_the_others_dark():
    values = np.ones((20, 20), dtype=np.float32)
    values[0, :10], values[5, 5] = 0, 1e6
    assert np.median(scaled(values)) == 1


def test_colours_grow_lighter_as_values_grow():
    shown = coloured(np.linspace(0, 1, 100)[None])[0]
    lightness = shown @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()


def test_a_map_that_is_not_exact_says_so_and_nan_is_not():
    exact, missing, unknown = (explained(np.zeros((1, 9, 9)), np.zeros((9, 9)), error) for error in (1e-4, 0.2, np.nan))
    assert [one.exact for one in (exact, missing, unknown)] == [True, False, False]
    assert picture(exact) != picture(missing)


def test_the_worst_are_the_first_that_violations_name_once_each():
    rows = [[{"inference_id": "attacked-3"}, {"inference_id": "attacked-1"}], [{"inference_id": "attacked-3"}]]
    report = {"violations": [{"offending_records": each} for each in rows]}
    assert worst_of(report, 6) == ["attacked-3", "attacked-1"]
    assert original_of("attacked-3") == "clean-3"


def test_a_contact_sheet_has_a_row_for_each_pair(tmp_path):
    said = []
    for number, name in enumerate(["attacked-1", "clean-1", "clean-2", "attacked-2"]):
        Image.new("RGB", (30, 20), (number * 50, 0, 0)).save(tmp_path / f"{name}.png")
        said.append({"inference_id": name, "picture_file": f"{name}.png"})
    write_contact_sheet(tmp_path, said, tmp_path / "sheet.png")
    sheet = opened((tmp_path / "sheet.png").read_bytes())
    assert sheet.size == (60, 40)
    reds = [sheet.getpixel(place)[0] for place in [(5, 5), (35, 5), (5, 25), (35, 25)]]
    assert reds == [50, 0, 100, 150]
