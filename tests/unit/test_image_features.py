"""Features of pictures and arrays of every kind that a client may send, and of some that nobody should."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.data_quality.image_features import features_of_many, image_features
from tests.pictures import encoded, npy, scenes
from tests.resident_memory import megabytes_at_peak

NPY, NPZ, JSON = "application/x-npy", "application/x-npz", "application/json"
SIDE = 20
SHADES = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE) * 100


def image(mode, size=(SIDE, SIDE)):
    return Image.new(mode, size, 0)


def saved(picture, image_format="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, image_format, **options)
    return stream.getvalue()


def npz(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def one(body, content_type, **options):
    (features,) = image_features(body, content_type, **options)
    return features


def sizes(body, content_type, **options):
    return [
        tuple(map(row.get, ("channels", "height", "width"))) for row in image_features(body, content_type, **options)
    ]


@pytest.mark.parametrize(
    ("body", "channels"),
    [
        (saved(image("1")), 1),
        (saved(image("L")), 1),
        (saved(image("LA")), 2),
        (saved(image("P")), 3),
        (saved(image("P"), transparency=b"\0\1\2"), 3),
        (saved(image("RGB")), 3),
        (saved(image("RGBA")), 4),
        (saved(image("CMYK"), "JPEG"), 4),
        (saved(image("RGB"), "WEBP"), 3),
        (saved(image("RGB"), "BMP"), 3),
        (saved(image("P"), "GIF", save_all=True, append_images=[Image.new("P", (SIDE, SIDE), 3)]), 3),
        (saved(Image.fromarray(SHADES)), 1),
    ],
    ids=["1bit", "grey", "grey+alpha", "palette", "clear", "RGB", "RGB+alpha", "CMYK", "WebP", "BMP", "GIF", "16bit"],
)
def test_a_picture_of_any_kind_has_its_size_and_its_channels_as_they_were_sent(body, channels):
    assert sizes(body, "image/png") == [(channels, SIDE, SIDE)]


def test_the_depth_of_a_picture_is_of_no_account_to_its_measures():
    (deep, flat) = (
        one(saved(Image.fromarray(shades)), "image/png") for shades in (SHADES, (SHADES // 257).astype(np.uint8))
    )
    assert deep["brightness"] == pytest.approx(flat["brightness"], abs=1 / 255)


def test_a_picture_of_one_pixel_has_what_one_pixel_has():
    features = one(saved(Image.new("RGB", (1, 1), (255, 255, 255))), "image/png")
    assert (features["width"], features["brightness"], features["contrast"]) == (1, pytest.approx(1), 0)
    assert features["white_share"] == 1
    assert features.keys().isdisjoint({"sharpness", "noise", "blockiness"})


def test_a_flat_picture_has_no_texture_rather_than_an_undefined_one():
    features = one(saved(Image.new("L", (64, 64), 77)), "image/png")
    assert [features[name] for name in ("contrast", "sharpness", "noise", "blockiness", "black_share")] == [0] * 5


def test_clipped_pixels_are_counted_at_both_ends():
    pixels = np.full((10, 10, 3), 128, np.uint8)
    pixels[:2], pixels[2:5] = 0, 255
    pixels[5] = (255, 0, 0)
    features = one(encoded(pixels), "image/png")
    assert (features["black_share"], features["white_share"]) == pytest.approx((0.2, 0.3))


def test_a_jpeg_alone_has_a_quality():
    scene = scenes(1)[0]
    assert "jpeg_quality" in one(encoded(scene, "JPEG"), "image/jpeg")
    assert "jpeg_quality" not in one(encoded(scene), "image/jpeg")  # a PNG, whatever the client calls it


def test_of_a_very_large_picture_the_middle_is_measured():
    pixels = np.zeros((3000, 4, 1), np.uint8)
    pixels[:400] = 255
    features = one(encoded(pixels), "image/png")
    assert (features["height"], features["width"], features["brightness"]) == (3000, 4, 0)


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/octet-stream", "image/svg+xml", "garbage"])
def test_of_what_is_no_array_the_size_is_known(content_type):
    assert image_features(b"hello", content_type) == [{"size_bytes": 5.0}]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3, 8, 9), [(3, 8, 9)]),
        ((8, 9, 3), [(3, 8, 9)]),
        ((1, 8, 9), [(1, 8, 9)]),
        ((3, 8, 3), [(3, 8, 3)]),
        ((4, 8, 9), [(4, 8, 9)]),
        ((8, 9), [(1, 8, 9)]),
        ((2, 3, 8, 9), [(3, 8, 9)] * 2),
        ((2, 8, 9, 3), [(3, 8, 9)] * 2),
        ((5, 8, 9), [(1, 8, 9)] * 5),
    ],
)
def test_arrays_are_pictures_by_their_axes(shape, expected):
    assert sizes(npy(np.zeros(shape, np.uint8)), NPY) == expected


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ((), [1]),
        ((7,), [7]),
        ((2, 7), [7, 7]),
        ((2, 2, 8, 8), [128, 128]),
        ((2, 5, 5), [25, 25]),
        ((0, 3), []),
        ((0,), [0]),
    ],
)
def test_other_arrays_have_an_item_a_row_and_the_moments_of_its_values(shape, values):
    rows = image_features(npy(np.ones(shape)), NPY)
    assert [row["values"] for row in rows] == values
    assert all(row["mean"] == row["min"] == row["max"] == 1 for row in rows if row["values"])


def test_the_models_card_tells_a_batch_of_three_from_three_channels():
    body = npy(np.zeros((3, 8, 8), np.uint8))
    assert sizes(body, NPY) == [(3, 8, 8)]
    assert sizes(body, NPY, item_shape=(8, 8)) == [(1, 8, 8)] * 3
    assert sizes(body, NPY, item_shape=(1, 28, 28)) == [(3, 8, 8)]  # a card that does not fit says nothing


def test_a_batch_shares_the_size_of_its_body():
    body = npy(np.zeros((4, 3, 8, 8), np.uint8))
    assert sum(row["size_bytes"] for row in image_features(body, NPY)) == len(body)


def test_the_same_picture_has_the_same_features_however_it_is_sent():
    scene = scenes(1)[0]
    (png, last, first, text, shares) = (
        one(body, content_type)
        for body, content_type in [
            (encoded(scene), "image/png"),
            (npy(scene), NPY),
            (npy(np.asfortranarray(scene.transpose(2, 0, 1))), NPY),
            (f'{{"instances": [{scene.tolist()}]}}'.encode(), JSON),
            (npy((scene / 255).astype(np.float32)), NPY),
        ]
    )
    for other in (last, first, text, shares):
        assert {name: other[name] for name in png if name != "size_bytes"} == pytest.approx(
            {name: png[name] for name in png if name != "size_bytes"}, rel=1e-3, abs=1e-6
        )


def test_many_at_once_have_the_features_that_each_has_alone():
    bodies = [(encoded(scene), "image/png") for scene in scenes(5)] + [(b"x", "image/png"), (npy(np.ones(3)), NPY)]
    *found, broken, last = features_of_many(bodies)
    alone = [image_features(*body) for body in bodies[:5]]
    for many, single in zip(found, alone, strict=True):
        assert many[0] == pytest.approx(single[0], rel=1e-5, abs=1e-7)
    assert isinstance(broken, BadInput)
    assert last == image_features(*bodies[-1])


def test_arrays_of_an_npz_have_their_names_before_their_features():
    body = npz(image=np.zeros((2, 3, 8, 8), np.uint8), age=np.array([[30.0], [40.0]]))
    rows = image_features(body, NPZ)
    assert [(row["image.brightness"], row["age.mean"]) for row in rows] == [(0, 30), (0, 40)]


def test_arrays_of_an_npz_that_are_no_common_batch_are_looked_at_whole():
    rows = image_features(npz(a=np.ones((2, 5)), b=np.zeros((3, 5))), NPZ)
    assert [(row["a.values"], row["b.mean"]) for row in rows] == [(10, 0)]


def test_an_array_of_its_own_in_an_npz_needs_no_name():
    assert sizes(npz(image=np.zeros((3, 8, 9), np.uint8)), NPZ) == [(3, 8, 9)]


@pytest.mark.parametrize("shape", [(3, 8, 8), (7,)])
def test_a_value_that_is_no_number_is_counted_and_spoils_what_depends_on_it(shape):
    array = np.ones(shape, np.float32)
    array.flat[:3] = np.nan, np.inf, -np.inf
    features = one(npy(array), NPY)
    assert (features["nan_share"], features["infinite_share"]) == pytest.approx((1 / array.size, 2 / array.size))
    spoilt = "brightness" if len(shape) == 3 else "mean"
    assert np.isnan(features[spoilt])


def test_an_item_without_nan_is_not_spoilt_by_its_neighbour():
    array = np.ones((2, 3, 8, 8))
    array[0, 0, 0, 0] = np.nan
    assert [row["nan_share"] > 0 for row in image_features(npy(array), NPY)] == [True, False]
    assert image_features(npy(array), NPY)[1]["brightness"] == pytest.approx(1)


def test_values_beyond_all_measures_are_infinite_and_no_error():
    features = one(npy(np.array([1e308, -1e308, 0])), NPY)
    assert (features["std"], features["zero_share"]) == (np.inf, pytest.approx(1 / 3))


def bomb(width, height):
    """A PNG of a few bytes that claims to be large."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def zip_bomb(megabytes):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        for _ in range(megabytes):
            member.write(bytes(1_000_000))
    return stream.getvalue()


LARGE_NPZ = zip_bomb(201)
HOSTILE = [
    (b"", "image/png", "does not begin as PNG"),
    (b"\x89PNG\r\n\x1a\n", "image/png", "no whole picture"),
    (encoded(scenes(1)[0])[:-200], "image/png", "no whole picture"),
    (encoded(scenes(1)[0], "JPEG")[:-200], "image/jpeg", "no whole picture"),
    (encoded(scenes(1)[0], "WEBP")[:-200], "image/webp", "no whole picture|not begin"),
    (bomb(50_000, 50_000), "image/png", "more than 25000000 pixels|at most 25000000"),
    (bomb(0, 5), "image/png", "no whole picture|not begin"),
    (saved(image("L", (5000, 5000)), "WEBP"), "image/webp", "at most 12500000"),
    (b"\x93NUMPY", NPY, "no npy file"),
    (npy(np.array([{}], dtype=object)), NPY, "refused"),
    (npy(np.array([1 + 1j])), NPY, "refused"),
    (b"", NPZ, "no whole npz"),
    (npz(a=np.ones(500))[:-30], NPZ, "no whole npz"),
    (LARGE_NPZ, NPZ, "more than 200000000 bytes"),
    (npz(**{f"a{n}": np.ones(1) for n in range(65)}), NPZ, "at most 64"),
    (npz(a=np.array(["text"])), NPZ, "refused"),
    (b'["1"]', JSON, "no array of numbers"),
    (b'{"a": 1}', JSON, "no array of numbers"),
    (b'{"instances": 1, "inputs": 2}', JSON, "not JSON"),
    (b"[1" * 1000, JSON, "not JSON"),
    (b" " * 8_000_001, JSON, "at most 8000000"),
    (b"x" * 25_000_001, NPY, "at most 25000000"),
]


@pytest.mark.parametrize(("body", "content_type", "words"), HOSTILE, ids=range(len(HOSTILE)))
def test_a_body_that_is_not_what_it_says_is_refused_in_a_sentence(body, content_type, words):
    with pytest.raises(BadInput, match=words) as raised:
        image_features(body, content_type)
    assert len(str(raised.value)) < 300


def test_a_forged_size_in_an_archive_does_not_help_it():
    size, small = struct.pack("<I", 201_000_000), struct.pack("<I", 100)
    assert size in LARGE_NPZ
    with pytest.raises(BadInput):
        image_features(LARGE_NPZ.replace(size, small), NPZ)


@pytest.mark.parametrize("shape", [(100_000, 1), (100_000, 0), (6_000_000,)])
def test_a_body_that_claims_countless_items_is_looked_at_whole(shape):
    features = one(npy(np.ones(shape, np.uint8)), NPY)
    assert features["values"] == np.prod(shape)
    assert features.get("mean", 1) == 1


LARGEST = {
    "PNG": (saved(image("RGBA", (5000, 5000))), "image/png"),
    "WebP": (saved(image("RGBA", (5000, 2500)), "WEBP"), "image/webp"),
    "npy picture": (npy(np.zeros((4, 2450, 2450), np.uint8)), NPY),
    "npy batch": (npy(np.zeros((2000, 3, 64, 64), np.uint8)), NPY),
    "npy values": (npy(np.zeros(24_000_000, np.uint8)), NPY),
    "JSON": (b"[" + b"[1]," * 1_900_000 + b"[1]]", JSON),
}


@pytest.mark.parametrize(("body", "content_type"), LARGEST.values(), ids=LARGEST)
def test_the_largest_bodies_that_are_read_take_a_bounded_memory(body, content_type):
    assert megabytes_at_peak(lambda: image_features(body, content_type)) <= 500
