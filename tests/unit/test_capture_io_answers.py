"""What an answer means, and why some answers mean nothing."""

import base64
import io
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.capture_io.answers import UnreadableAnswer, read_answer
from monitor_jobs.capture_io.lines import Output
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.npy import decode_npy

NPY = "application/x-npy"
E = math.e
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["predictions", "label", "predicted_label", "score", "scores"]), inner)
    ),
    max_leaves=12,
)


def predictions_of(output: Output) -> list[tuple[int | str, float]]:
    answer = read_answer(output)
    return list(zip(answer.classes, answer.confidences.round(4).tolist(), strict=True))


def reason_of(output: Output) -> str:
    with pytest.raises(UnreadableAnswer) as caught:
        read_answer(output)
    return str(caught.value.reason.value)


def json_answer(text: str) -> Output:
    return Output(text, "JSON", "application/json")


def npy_answer(array: np.ndarray) -> Output:
    return bytes_answer(npy_bytes(array), NPY)


def npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def bytes_answer(body: bytes, content_type: str) -> Output:
    return Output(base64.b64encode(body).decode(), "BASE64", content_type)


@pytest.mark.parametrize(
    ("text", "predictions"),
    [
        ("[[0.25, 0.75]]", [(1, 0.75)]),
        ("[0.25, 0.75]", [(1, 0.75)]),
        ("[1.0, 2.0]", [(1, round(E / (1 + E), 4))]),
        ("[1, 0.5]", [(0, round(1 / (1 + E**-0.5), 4))]),
        ("[[0.9, 0.1], [0.2, 0.8]]", [(0, 0.9), (1, 0.8)]),
        ("[[1, 0], [0.5, 0.5]]", [(0, 1.0), (0, 0.5)]),
        ("[-0.5, 1.5]", [(1, round(1 / (1 + E**-2), 4))]),
        ("[0.3, 0.3, 0.4005]", [(2, 0.4005)]),
        ("[1e308, -1e308]", [(0, 1.0)]),
        ("0.8", [(1, 0.8)]),
        ("[0.2]", [(0, 0.8)]),
        ("[[0.5], [-0.0]]", [(1, 0.5), (0, 1.0)]),
        ('{"predictions": [[0.25, 0.75]]}', [(1, 0.75)]),
        ('{"score": 0.9}', [(1, 0.9)]),
        ('{"scores": [1, 0, 0], "label": "cat"}', [("cat", 1.0)]),
        ('{"predictions": [{"predicted_label": 2, "score": [0.1, 0.2, 0.7]}]}', [(2, 0.7)]),
        ('{"predictions": [{"predicted_label": 0, "score": 0.1}, {"predicted_label": 1, "score": 0.7}]}',
         [(0, 0.9), (1, 0.7)]),
        ('[{"label": "NEGATIVE", "score": 0.98}]', [("NEGATIVE", 0.98)]),
        ('[{"probability": [0.1, 0.9]}]', [(1, 0.9)]),
    ],
)  # fmt: skip
def test_json_scores_are_read(text: str, predictions: list[tuple[int | str, float]]):
    assert predictions_of(json_answer(text)) == predictions


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("14", [14]),
        ("[[14]]", [14]),
        ("[1, 2]", [1, 2]),
        ("[[1, 2], [3, -4]]", [1, 2, 3, -4]),
        ("[true, false]", [1, 0]),
        ('"cat"', ["cat"]),
        ('["cat", "dög"]', ["cat", "dög"]),
        ('{"label": "cat"}', ["cat"]),
        ('{"predictions": [{"predicted_label": 3}]}', [3]),
    ],
)
def test_json_classes_and_labels_have_no_confidence(text: str, classes: list[int | str]):
    answer = read_answer(json_answer(text))
    assert answer.classes == classes
    assert np.isnan(answer.confidences).all()


@pytest.mark.parametrize(
    "text",
    [
        "[]", "[[]]", "null", "{}", '""', "[[0.1, 0.9], [0.5]]", "[[[0.1, 0.9]]]", '[0.5, "cat"]', "[1, true]",
        "[[1], 2]", "1.5", "[-0.5]", "[null]", '["a\\u0000b"]', '["\\ud800"]', json.dumps("x" * 257), str(2**63),
        "9" * 5000, "[" * 100_000, '{"score": "high"}', '{"label": ["cat"]}', '{"label": "cat", "score": 2.5}',
        '{"predictions": {"0": 0.5}}', '[{"label": "cat"}, 1]', '{"scores": []}',
    ],
)  # fmt: skip
def test_json_without_a_prediction_is_wrong_schema(text: str):
    assert reason_of(json_answer(text)) == "wrong_schema"


@pytest.mark.parametrize("text", ["[0.5, NaN]", "[1e400, 0.5]", "-Infinity", f"[0.5, 1{'0' * 400}]", '{"score": NaN}'])
def test_a_score_without_a_finite_value_is_nan(text: str):
    assert reason_of(json_answer(text)) == "nan"


@pytest.mark.parametrize("text", ["", "[0.5,", "cat", "[01]", "0.1,0.9", "[.5]", "\ufeff[0.5]"])
def test_text_that_is_no_json_is_wrong_encoding(text: str):
    assert reason_of(json_answer(text)) == "wrong_encoding"


@pytest.mark.parametrize(
    ("text", "classes", "confidences"),
    [
        ("0.25,0.75\n", [1], [0.75]),
        ("0.9, 0.1\r\n0.2, 0.8\r\n", [0, 1], [0.9, 0.8]),
        ("0.8\n0.1\n", [1, 0], [0.8, 0.9]),
        (".5,5e-1", [0], [0.5]),
    ],
)
def test_csv_scores_are_read(text: str, classes: list[int], confidences: list[float]):
    assert predictions_of(Output(text, "CSV", "text/csv")) == list(zip(classes, confidences, strict=True))


@pytest.mark.parametrize(("text", "classes"), [("3\n1\n", [3, 1]), ("cat\n", ["cat"]), ('"a b"', ["a b"])])
def test_csv_classes_and_labels_are_read(text: str, classes: list[int | str]):
    assert read_answer(Output(text, "CSV")).classes == classes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "wrong_schema"),
        ("0.1,0.9\n0.5\n", "wrong_schema"),
        ("cat,0.9\n", "wrong_schema"),
        ("nan,0.5", "nan"),
        ("1e400,0.5", "nan"),
        ("[0.1,0.9]", "wrong_encoding"),
        ("<html>", "wrong_encoding"),
        ("0.1,,0.9", "wrong_encoding"),
        ('"open', "wrong_encoding"),
        ("a\0b", "wrong_encoding"),
    ],
)
def test_csv_that_is_no_prediction_says_why(text: str, reason: str):
    assert reason_of(Output(text, "CSV")) == reason


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8"])
def test_npy_floats_are_scores(dtype: str):
    assert predictions_of(npy_answer(np.array([[0.25, 0.75], [1, 0]], dtype))) == [(1, 0.75), (0, 1.0)]


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_axes_are_kept_in_either_order(order: str):
    array = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]], order=order)
    assert predictions_of(npy_answer(array)) == [(0, 0.5), (2, 1.0)]


@pytest.mark.parametrize("dtype", ["i1", "u2", "<i8", ">i4", "b1"])
def test_npy_integers_are_classes(dtype: str):
    assert read_answer(npy_answer(np.array([[1], [0]], dtype))).classes == [1, 0]


def test_npy_without_axes_is_one_prediction():
    assert read_answer(npy_answer(np.array(7))).classes == [7]


def test_a_nan_in_npy_is_nan():
    assert reason_of(npy_answer(np.array([0.5, np.nan]))) == "nan"


@pytest.mark.parametrize(
    "array",
    [
        np.empty((0, 3)),
        np.zeros((1, 1, 2)),
        np.array([1j]),
        np.array(["cat"]),
        np.array([2**63], "u8"),
        np.zeros(2, "f4,f4"),
    ],
)
def test_npy_without_a_prediction_is_wrong_schema(array: np.ndarray):
    assert reason_of(npy_answer(array)) == "wrong_schema"


def test_pickled_npy_is_never_opened():
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert reason_of(bytes_answer(stream.getvalue(), NPY)) == "wrong_schema"


def test_npy_must_hold_what_its_header_promises():
    body = npy_bytes(np.zeros((2, 2), "<f4")).replace(b"(2, 2)", b"(9, 9)")
    with pytest.raises(BadInput, match=r"claims 324 bytes .* but 16 follow it"):
        decode_npy(body)


@given(st.binary(max_size=80), st.integers(0, 80))
def test_damaged_npy_raises_nothing_but_bad_input(noise: bytes, place: int):
    body = npy_bytes(np.array([[0.25, 0.75]]))
    try:
        decode_npy(body[:place] + noise + body[place + len(noise) :])
    except BadInput:
        return


def test_bytes_are_read_as_their_content_type_says():
    assert predictions_of(bytes_answer(b"[[0.25, 0.75]]", "application/json; charset=utf-8")) == [(1, 0.75)]
    assert predictions_of(bytes_answer(b"0.25,0.75", "Text/CSV")) == [(1, 0.75)]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (Output("%%%", "BASE64", NPY), "wrong_encoding"),
        (Output("AAA", "BASE64", NPY), "wrong_encoding"),
        (Output("é", "BASE64", NPY), "wrong_encoding"),
        (bytes_answer(b"\xff", "application/json"), "wrong_encoding"),
        (bytes_answer(b"\x93NUMPY", NPY), "wrong_schema"),
        (bytes_answer(b"GIF89a", "image/gif"), "wrong_schema"),
    ],
)
def test_bytes_that_are_no_prediction_say_why(output: Output, reason: str):
    assert reason_of(output) == reason


@given(ANYTHING)
def test_any_json_is_a_prediction_or_a_reason(value: object):
    try:
        answer = read_answer(json_answer(json.dumps(value)))
    except UnreadableAnswer:
        return
    scored = answer.confidences[~np.isnan(answer.confidences)]
    assert len(answer.classes) == len(answer.confidences) > 0
    assert ((scored >= 0) & (scored <= 1)).all()
