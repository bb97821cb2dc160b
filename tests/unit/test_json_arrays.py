"""Nested lists of floats are read in one go, and whatever is anything else as carefully as before."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.json_arrays import decode_json_array, floats_of

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
LEAVES = NUMBERS | st.booleans() | st.none()
NESTED = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4), max_leaves=40)
ROWS = st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(NUMBERS, min_size=width, max_size=width)))
PADDING = 64  # spaces for each list, which make the fast way think that it pays


def written(value: object) -> bytes:
    text = json.dumps(value)
    return (text + " " * PADDING * text.count("[")).encode()


def carefully(body: bytes) -> np.ndarray | None:
    """What orjson and numpy make of it."""
    try:
        return decode_json_array(body.rstrip())  # short again: the fast way is not taken
    except BadInput:
        return None


@given(NESTED | ROWS)
@example([[1.5, 2], [3, [4]]])
@example([[1.5], 2])
@example([[[1.5]], [2]])
@example([[], [1.5]])
@example([1.5, True])
@example([1.5, 2**64 - 1])
def test_read_in_one_go_it_is_what_it_is_read_carefully(value: object) -> None:
    body = written(value)
    found, expected = floats_of(body), carefully(body)
    if found is not None:
        assert expected is not None
        assert (found.dtype, found.shape) == (np.dtype(np.float64), expected.shape)
        np.testing.assert_array_equal(found, expected.astype(np.float64))
        assert found.flags.writeable


@pytest.mark.parametrize("shape", [(8,), (1, 8), (2, 3, 8), (1, 3, 16, 16)])
def test_floats_are_read_in_one_go(shape: tuple[int, ...]) -> None:
    drawn = np.random.default_rng(1).normal(size=shape)
    found = floats_of(json.dumps(drawn.tolist()).encode())
    assert found is not None
    np.testing.assert_array_equal(found, drawn)


@pytest.mark.parametrize(
    "value",
    [[1, 2, 3], [[1.5, 2.5], [3.5]], [[1.5, 2.5], [3.5, [4.5]]], [[1.5, 2.5], 3.5], [1.5, None], [1.5, False], 1.5, []],
    ids=["integers", "lengths", "a list among numbers", "a number among lists", "null", "boolean", "no list", "empty"],
)
def test_all_else_is_left_to_the_careful_way(value: object) -> None:
    assert floats_of(written(value)) is None


@pytest.mark.parametrize(
    "body", [b"[1.5" + b" " * 200, b"[1.5]]" + b" " * 200, b"[1.5e999]" + b" " * 200, b"[1.5,NaN]" + b" " * 99]
)
def test_what_is_no_json_is_refused_in_the_words_of_the_careful_way(body: bytes) -> None:
    assert floats_of(body) is None
    with pytest.raises(BadInput, match="JSON"):
        decode_json_array(body)


def test_a_million_short_lists_are_not_looked_at_one_by_one() -> None:
    assert floats_of(b"[" + b"[1.5]," * 1_000_000 + b"[1.5]]") is None
