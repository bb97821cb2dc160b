"""Bodies become arrays or a sentence; answers become bytes of a type that was asked for."""

import ast
import io
import json
import math
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from monitor_jobs.contract.errors import BadInput, ModelUnsuitable
from monitor_jobs.model_functions.codecs import (
    CSV,
    JSON,
    NPY,
    NotAcceptable,
    UnsupportedContentType,
    accepted_types,
    answer_from,
    choose_encoder,
    decode,
    encode,
)

PLAIN = [np.bool_, np.uint8, np.int16, np.int64, np.float16, np.float32, np.float64]
RUNS_CODE = b"cos\nsystem\n(S'touch pwned'\ntR."


def npy(array: np.ndarray[Any, Any], version: tuple[int, int] | None = None) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=version, allow_pickle=array.dtype.kind == "O")
    return stream.getvalue()


def npy_with_header(header: str, content: bytes = b"", version: int = 1) -> bytes:
    text = header.encode("latin-1")
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text + content


def described(descr: str = "'<f4'", shape: str = "(1,)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def image(size: tuple[int, int], mode: str = "RGB", form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, form)
    return stream.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims a size."""
    chunk = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")


@given(
    array=st.sampled_from(PLAIN).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, min_side=0))),
    version=st.sampled_from([(1, 0), (2, 0), (3, 0)]),
)
def test_every_plain_npy_array_comes_back_as_it_was(array: np.ndarray[Any, Any], version: tuple[int, int]) -> None:
    decoded = decode(npy(array, version), NPY)
    assert decoded.dtype == array.dtype
    np.testing.assert_array_equal(decoded, array)


def test_a_fortran_ordered_big_endian_array_becomes_native_and_writable() -> None:
    array = np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3))
    decoded = decode(npy(array), NPY)
    np.testing.assert_array_equal(decoded, array)
    assert decoded.dtype.isnative
    assert decoded.flags.c_contiguous
    assert decoded.flags.writeable


def test_boolean_bytes_beyond_one_are_true_and_nothing_else() -> None:
    body = npy_with_header(described("'|b1'", "(3,)"), b"\x00\x01\x07")
    assert decode(body, NPY).view(np.uint8).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (described(shape="(100000000000,)"), "claims 400000000000 bytes"),
        (described(shape="(2,)"), "but 4 follow"),
        (described(shape="()", descr="'<f8'"), "but 4 follow"),
        (described(shape="(-1,)"), "no tuple of sizes"),
        (described(shape="(True,)"), "no tuple of sizes"),
        (described(shape="[1]"), "no tuple of sizes"),
        (described(shape="(1,)" + "*9999"), "no Python dictionary"),
        (described(shape="(0, 18446744073709551616)"), "no shape of an array"),
        (described(descr="'|O'"), "refused"),
        (described(descr="'<c8'"), "refused"),
        (described(descr="'|S4'"), "refused"),
        (described(descr="'<M8[s]'"), "refused"),
        (described(descr="'f4,f4'"), "refused"),
        (described(descr="[('a', '<f4')]"), "refused"),
        (described(descr="'<f1'"), "no numpy type"),
        (described(order="1"), "fortran_order is 1"),
        ("[1, 2]", "not a dictionary"),
        ("{}", "fortran_order is None"),
        ("__import__('os').system('touch pwned')", "no Python dictionary"),
        ("(" * 5000, "no Python dictionary"),
        ("-" * 9000 + "1", "no Python dictionary"),
        ("\xff", "no Python dictionary"),
        ("", "no Python dictionary"),
    ],
)
def test_an_npy_header_that_lies_is_refused(header: str, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        decode(npy_with_header(header, bytes(4)), NPY)
    assert reason in str(refused.value)


def test_an_empty_shape_of_absurd_other_sizes_is_refused() -> None:
    with pytest.raises(BadInput, match="no shape of an array"):
        decode(npy_with_header(described(shape=f"(0, {2**70})")), NPY)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00",
        b"\x93NUMPY\x09\x00\x00\x00",
        b"\x93NUMPY\x01\x00\xff\xff{}",
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}",
        b"PK\x03\x04 an npz file",
        RUNS_CODE,
        npy_with_header(described(descr="'|O'"), RUNS_CODE),
        npy(np.zeros(3))[:-1],
        npy(np.zeros(3)) + b"x",
        npy(np.array([{}], dtype=object)),
        npy_with_header(described() + " " * 20_000, bytes(4)),
    ],
)
def test_a_body_that_is_no_plain_npy_array_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        decode(body, NPY)


@given(st.binary(max_size=200))
def test_no_bytes_behind_the_npy_magic_do_more_than_be_refused(tail: bytes) -> None:
    with suppress(BadInput):
        decode(b"\x93NUMPY" + tail, NPY)


@pytest.mark.parametrize(
    ("body", "expected"), [("[[1, 2]]", [[1, 2]]), ("3", 3), ("[]", []), ("[true]", [True]), ("[1.5, 2]", [1.5, 2.0])]
)
def test_json_numbers_become_an_array(body: str, expected: object) -> None:
    assert decode(body, "Application/JSON; charset=utf-8").tolist() == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[NaN]",
        b"null",
        b'{"a": 1}',
        b'["a"]',
        b"[[1], [1, 2]]",
        b"[1" + b"0" * 400 + b"]",
        b"[123456789012345678901234567890, null]",
        b"[" * 100_000,
        b"[" * 70 + b"]" * 70,
        b"\xff",
    ],
)
def test_json_that_is_no_array_of_numbers_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        decode(body, JSON)


@pytest.mark.parametrize(
    ("body", "expected"),
    [("1,2,3\n", [1, 2, 3]), ("1,2\r\n3,4", [[1, 2], [3, 4]]), ("-1e3", -1000), (" 1 , 2 ", [1, 2])],
)
def test_csv_rows_become_an_array(body: str, expected: object) -> None:
    assert decode(body, CSV).tolist() == expected


@pytest.mark.parametrize("body", [b"", b" \n", b"a,b\n1,2", b"1,,3", b"1,2\n3", b"\xff", b"1;2", b"# comment", b"1\0"])
def test_csv_that_is_no_rows_of_numbers_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput, match=r"CSV|csv"):
        decode(body, CSV)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("1", 1), ("RGB", 3), ("RGBA", 3), ("P", 3), ("LA", 3)])
def test_images_become_bytes_by_height_width_and_channel(mode: str, channels: int) -> None:
    decoded = decode(image((5, 4), mode), "image/png")
    assert (decoded.shape, decoded.dtype) == ((4, 5, channels), np.uint8)


def test_a_jpeg_is_decoded() -> None:
    assert decode(image((5, 4), form="JPEG"), "image/jpeg").shape == (4, 5, 3)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "image/png"),
        (b"GIF89a", "image/png"),
        (image((5, 4), form="JPEG"), "image/png"),
        (image((5, 4)), "image/jpeg"),
        (image((50, 40))[:60], "image/png"),
        (image((5, 4), "I;16"), "image/png"),
        (image((5001, 5000), "1"), "image/png"),
        (png_that_claims(5001, 5000), "image/png"),
        (png_that_claims(20_000, 20_000), "image/png"),
        (png_that_claims(2**31 - 1, 2**31 - 1), "image/png"),
    ],
    ids=["empty", "gif", "jpeg as png", "png as jpeg", "cut", "16 bit", "25.005 Mpx", "claim", "bomb", "huge"],
)
def test_an_image_that_is_too_large_or_broken_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(BadInput):
        decode(body, content_type)


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/x-npz", "", "image/gif", "JSON"])
def test_a_content_type_without_a_decoder_is_named(content_type: str) -> None:
    with pytest.raises(UnsupportedContentType, match="application/x-npy"):
        decode(b"1", content_type)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("application/json", JSON),
        ("*/*", JSON),
        ("text/*", CSV),
        ("text/html, text/csv", CSV),
        ("text/csv;q=0.5, application/x-npy;q=0.9", NPY),
        ("application/json;q=0, */*;q=0.1, text/csv;q=0.2", CSV),
        ("TEXT/CSV; charset=utf-8", CSV),
        ("application/json;q=high, text/csv;q=.1", CSV),
    ],
)
def test_the_most_wanted_type_that_can_be_written_is_chosen(accept: str, chosen: str) -> None:
    assert choose_encoder(accept) == chosen


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", ",", "q=1", "image/*"])
def test_an_accept_header_without_a_writable_type_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="accept one of"):
        choose_encoder(accept)


@given(st.text(max_size=100))
def test_any_accept_header_is_read(accept: str) -> None:
    assert all(isinstance(name, str) for name in accepted_types(accept))


@pytest.mark.parametrize("value", [np.array([[1.5, 2]]), [[1.5, 2.0]], [[np.float64(1.5), np.array(2.0)]]])
def test_a_value_is_written_as_json_csv_or_npy(value: object) -> None:
    assert json.loads(encode(value, JSON).body) == [[1.5, 2.0]]
    assert encode(value, CSV).body == b"1.5,2.0\n"
    assert np.load(io.BytesIO(encode(value, NPY).body)).tolist() == [[1.5, 2.0]]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("wrap", [lambda bad: np.array([1, bad]), lambda bad: [1, bad], lambda bad: {"scores": (bad,)}])
def test_nan_is_null_in_json_and_noticed(bad: float, wrap: Any) -> None:
    answer = encode(wrap(bad), JSON)
    assert b"null" in answer.body
    assert ast.literal_eval(answer.body.decode().replace("null", "None"))
    assert answer.has_nan


def test_a_plain_null_is_not_taken_for_nan() -> None:
    assert not encode({"label": None, "scores": [0.1]}, JSON).has_nan


@pytest.mark.parametrize("content_type", [CSV, NPY])
def test_nan_is_noticed_in_other_formats_too(content_type: str) -> None:
    assert encode([1.0, math.nan], content_type).has_nan


@pytest.mark.parametrize(
    ("value", "content_type"),
    [
        (object(), JSON),
        (2**70, JSON),
        ("\ud800", JSON),
        ([[1], [1, 2]], CSV),
        ({"a": 1}, NPY),
        (np.zeros((2, 2, 2)), CSV),
    ],
)
def test_an_answer_that_does_not_fit_its_type_is_the_models_fault(value: object, content_type: str) -> None:
    with pytest.raises(ModelUnsuitable):
        encode(value, content_type)


@pytest.mark.parametrize(
    ("result", "body", "content_type"),
    [
        ([[14]], b"[[14]]", JSON),
        (([[14]], "application/json"), b"[[14]]", JSON),
        (([[14]], "application/x-own"), b"[[14]]", "application/x-own"),
        (([[1, 2]], "text/csv; charset=utf-8"), b"1,2\n", "text/csv; charset=utf-8"),
        ((np.array([14]), "application/json"), b"[14]", JSON),
        ("text", b"text", JSON),
        (b"\x00\xff", b"\x00\xff", JSON),
        ((bytearray(b"x"), "image/png"), b"x", "image/png"),
        ((1, 2), b"[1,2]", JSON),
        (None, b"null", JSON),
    ],
)
def test_what_a_package_returns_is_sent_as_the_toolkit_sends_it(result: Any, body: bytes, content_type: str) -> None:
    answer = answer_from(result, "application/json")
    assert (answer.body, answer.content_type) == (body, content_type)


def test_text_of_a_package_has_the_first_type_that_is_accepted() -> None:
    assert answer_from("a", "text/html;q=0.9, text/plain").content_type == "text/plain"


@pytest.mark.parametrize("text", ["[NaN]", '{"a": -Infinity}', b"[1.0, Infinity]"])
def test_json_text_of_a_package_that_holds_nan_becomes_valid_json(text: str | bytes) -> None:
    answer = answer_from((text, JSON), "")
    assert json.loads(answer.body, parse_constant=pytest.fail)
    assert answer.has_nan


@pytest.mark.parametrize("text", ['["NaN"]', "NaN or not, this is no JSON", "[" * 5000 + "NaN"])
def test_text_that_only_speaks_of_nan_is_left_alone(text: str) -> None:
    answer = answer_from((text, JSON), "")
    assert (answer.body.decode(), answer.has_nan) == (text, False)


@pytest.mark.parametrize("content_type", ["a/b\r\nset-cookie: x", "größe/x", "x" * 257])
def test_a_content_type_that_would_break_the_header_is_the_models_fault(content_type: str) -> None:
    with pytest.raises(ModelUnsuitable, match="content type"):
        answer_from(("body", content_type), JSON)


@given(st.sampled_from([JSON, CSV, NPY, "image/png", "image/jpeg"]), st.binary(max_size=300))
def test_no_body_does_more_than_be_refused(content_type: str, body: bytes) -> None:
    with suppress(BadInput):
        decode(body, content_type)
