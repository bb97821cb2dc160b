"""Small bodies that would become large arrays, or take long, are refused for what they are."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.model_functions.codecs import CSV, JSON, NPY, decode
from tests.resident_memory import megabytes_at_peak

MOST_MEGABYTES = 200
SIZE = (5000, 5000)


def saved(mode, size=SIZE, form="PNG", **options):
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, form, **options)
    return stream.getvalue()


def of_many_scans(count):
    """A progressive JPEG whose last scan comes again and again, which costs 35 bytes for each pass over all pixels."""
    whole = saved("RGB", (100, 100), "JPEG", progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * count + whole[-2:]


def with_text(characters):
    """A PNG with a compressed text of so many characters."""
    data = b"key\0\0" + zlib.compress(b"x" * characters)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    whole = saved("L", (4, 4))
    return whole[:33] + chunk + whole[33:]


def refused(body, content_type, words):
    """Megabytes that it took to refuse a body in words."""

    def act():
        with pytest.raises(BadInput, match=words) as raised:
            decode(body, content_type)
        assert len(str(raised.value)) < 500

    return megabytes_at_peak(act)


@pytest.mark.parametrize(
    ("body", "form", "words"),
    [
        (saved("1", (13_000, 13_000)), "png", "25000000"),
        (saved("RGB", (13_000, 2000), "JPEG"), "jpeg", "13000 x 2000 pixels: at most 25000000"),
        (saved("RGB", form="JPEG", progressive=True), "jpeg", "at most 12500000"),
        (saved("RGB", form="JPEG")[:-5000], "jpeg", "no whole JPEG image"),
        (saved("RGB")[:-5000], "png", "no whole PNG image"),
        (of_many_scans(100), "jpeg", "more than 64 scans"),
        (with_text(50_000_000), "png", "no whole PNG image"),
    ],
    ids=["one bit", "wide", "progressive", "cut JPEG", "cut PNG", "scans", "text"],
)
def test_an_image_that_would_cost_too_much_is_refused(body, form, words):
    assert refused(body, f"image/{form}", words) <= MOST_MEGABYTES


@pytest.mark.parametrize(
    ("mode", "form", "options"),
    [
        ("RGBA", "PNG", {}),
        ("P", "PNG", {}),
        ("1", "PNG", {}),
        ("RGB", "JPEG", {}),
        ("CMYK", "JPEG", {}),
    ],
)
def test_the_largest_images_are_decoded_within_bounds(mode, form, options):
    body = saved(mode, form=form, **options)
    assert megabytes_at_peak(lambda: decode(body, f"image/{form.lower()}")) <= MOST_MEGABYTES


def test_the_largest_progressive_image_is_decoded_within_bounds():
    body = saved("CMYK", (5000, 2500), "JPEG", progressive=True)
    assert megabytes_at_peak(lambda: decode(body, "image/jpeg")) <= MOST_MEGABYTES


def test_of_an_animation_the_first_picture_is_decoded():
    stream = io.BytesIO()
    pictures = [Image.new("L", (400, 300), shade) for shade in range(50)]
    pictures[0].save(stream, "PNG", save_all=True, append_images=pictures[1:])
    decoded = decode(stream.getvalue(), "image/png")
    assert (decoded.shape, decoded.max()) == ((300, 400, 1), 0)


def test_an_image_of_many_strips_is_the_same_as_in_one():
    pixels = np.random.default_rng(1).integers(0, 256, (1000, 7, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    np.testing.assert_array_equal(decode(stream.getvalue(), "image/png"), pixels)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" + b"1," * 1_000_000 + b'"' + b"x" * 3000 + b'"]', "no array of numbers"),
        (b"[" + b'"",' * 3000 + b'"' + b"x" * 30_000 + b'"]', "no array of numbers"),
        (b'{"a": 1, "a": 2}', "no array of numbers"),
        (b"[" * 65 + b"1" + b"]" * 65, "axes be 64 at most"),
        (b"[" * 1000 + b"1" + b"]" * 1000, "axes be 64 at most"),
        (b"[" * 1_000_000, "not JSON"),
        (b"[" + b"[1]," * 100_000 + b"[1,2]]", "no array"),
        (b"1" * 1_000_000, "not JSON"),
        (b"[NaN]", "not JSON"),
        (b"[Infinity]", "not JSON"),
        (b"[1e999]", "not JSON"),
        (b"[18446744073709551615, -1, null]", "no array of numbers"),
    ],
)
def test_json_that_is_no_array_of_numbers_is_refused_before_it_becomes_one(body, words):
    assert refused(body, JSON, words) <= MOST_MEGABYTES


def test_integers_beyond_64_bits_are_floats():
    assert decode(b"[18446744073709551616, 1]", JSON).tolist() == [2.0**64, 1.0]


@pytest.mark.parametrize("body", [b"x" * 3_000_000, b"1,2\n" * 100_000 + b"1,2,3\n"])
def test_text_that_is_no_table_is_refused_in_few_words(body):
    assert refused(body, CSV, "no.* rows of numbers") <= MOST_MEGABYTES


def npy(shape, content=b""):
    header = f"{{'descr': '<f4', 'fortran_order': True, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@pytest.mark.parametrize(
    "shape",
    [
        f"({'9' * 4000}, {'9' * 4000})",
        f"({2**62}, {2**62}, 4)",
        f"({2**64}, 0)",
        "(-1, -1)",
        f"({'1, ' * 3000})",
        f"(0, {2**63 - 1})",
    ],
)
def test_an_npy_shape_beyond_all_arrays_is_refused(shape):
    assert refused(npy(shape, bytes(4)), NPY, "npy") <= 1


def test_an_npy_array_without_numbers_is_one():
    assert decode(npy("(0, 3)"), NPY).shape == (0, 3)
