"""Predicted classes and confidences are read from any answer, within the model card's classes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.model_functions.codecs import Answer, answer_from
from service.endpoint.predictions import read_predictions

CARD = ModelCard(classes=("stop", "go"))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["predictions", "x"]), inner, max_size=2)
    ),
    max_leaves=12,
)


def counts_of(value: object) -> dict[str, int]:
    return read_predictions([Answer(b"", "application/json", value)], CARD).counts


@pytest.mark.parametrize(
    ("value", "counts"),
    [
        ([[1]], {"go": 1}),
        (0, {"stop": 1}),
        ([0, 1, 1, 7, -1], {"stop": 1, "go": 2, "other": 2}),
        (["go", "left"], {"go": 1, "other": 1}),
        ([[0.9, 0.1], [0.2, 0.8]], {"stop": 1, "go": 1}),
        (np.zeros((2, 3, 2), "f4"), {"stop": 6}),
        ([[0.0, 1.0, 9.0]], {"other": 1}),
        ({"predictions": [[0.1, 0.9]]}, {"go": 1}),
        ({"label": "go"}, {}),
        ([[math.nan, 0.1], [0.1, 0.9]], {"go": 1}),
        ([], {}),
        (0.7, {}),
        ([0.7], {}),
        ([[1], [1, 2]], {}),
        ([1] * 10_001, {}),
    ],
)
def test_classes_are_counted_by_the_cards_labels(value: object, counts: dict[str, int]) -> None:
    assert counts_of(value) == counts


def test_scores_that_sum_to_one_are_confidences() -> None:
    answer = Answer(b"", "", [[0.25, 0.75]])
    assert read_predictions([answer], CARD).confidences == (0.75,)


def test_other_scores_become_confidences_by_softmax() -> None:
    answer = Answer(b"", "", [[1000.0, 1000.0], [-1.0, 2.0]])
    assert read_predictions([answer], CARD).confidences == pytest.approx((0.5, 1 / (1 + math.exp(-3))))


def test_small_json_text_of_a_package_is_read() -> None:
    assert read_predictions([Answer(b"[[1]]", "application/json; charset=utf-8")], CARD).counts == {"go": 1}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"[[1]]", "text/csv"), (b"[1" + b" " * 65_536 + b"]", "application/json"), (b"\xff", "application/json")],
)
def test_other_text_counts_no_prediction(body: bytes, content_type: str) -> None:
    assert read_predictions([Answer(body, content_type)], CARD).counts == {}


@given(ANYTHING)
def test_no_answer_makes_reading_fail(value: object) -> None:
    assert sum(counts_of(value).values()) >= 0


def test_an_answer_that_was_encoded_is_read_from_its_value() -> None:
    assert read_predictions([answer_from(np.array([1]), "application/json")], CARD).counts == {"go": 1}


def test_classes_beyond_the_first_two_hundred_of_the_card_are_other() -> None:
    card = ModelCard(classes=tuple(f"class {number}" for number in range(1000)))
    by_number = read_predictions([Answer(b"", "", list(range(1000)))], card).counts
    by_name = read_predictions([Answer(b"", "", list(card.classes))], card).counts
    assert by_number == by_name
    assert (len(by_number), by_number["other"], by_number["class 199"]) == (201, 800, 1)


def test_one_long_text_among_many_short_ones_takes_no_room() -> None:
    texts = ["go"] * 9_999 + ["x" * 30_000]
    assert counts_of(texts) == {"go": 9_999, "other": 1}
    assert counts_of([*texts, 1]) == {}


def test_objects_that_a_model_answers_count_nothing() -> None:
    assert counts_of(np.array([{}, []], dtype=object)) == {}
    assert counts_of([np.float32(0.25), np.float32(0.75)]) == {"go": 1}
