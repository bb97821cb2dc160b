"""How far two engines' answers may be apart."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from monitor_jobs.contract.errors import ModelUnsuitable
from service.endpoint.engines.parity import Parity, parity, require_classes, require_float32

ROWS = torch.tensor([[1.0, 2.0, 4.0], [3.0, 0.0, -1.0]])


def test_equal_answers_are_not_apart() -> None:
    assert parity(ROWS, ROWS.clone()) == Parity(same_class=1.0, probability=0.0, relative=0.0)


def test_one_other_class_of_two_is_half() -> None:
    other = ROWS.clone()
    other[0, 0] = 5.0
    measured = parity(ROWS, other)
    assert measured.same_class == 0.5
    assert measured.relative == pytest.approx(4 / 4)
    by_hand = [math.exp(value) for value in (1, 2, 4)], [math.exp(value) for value in (5, 2, 4)]
    shares = [[value / sum(row) for value in row] for row in by_hand]
    apart = max(abs(ours - theirs) for ours, theirs in zip(*shares, strict=True))
    assert measured.probability == pytest.approx(apart)


@given(st.floats(-50, 50), st.floats(0.1, 10))
def test_the_same_class_and_probability_survive_a_shift(shift: float, scale: float) -> None:
    rows = ROWS.double() * scale
    measured = parity(rows, rows + shift)
    assert measured.same_class == 1.0
    assert measured.probability < 1e-9


@pytest.mark.parametrize(
    "found",
    [ROWS[:1], ROWS.T, ROWS.long(), torch.tensor([[1.0, 2.0, math.nan], [3.0, 0.0, -1.0]]), ROWS / 0],
    ids=["fewer", "turned", "integers", "NaN", "infinity"],
)
def test_what_cannot_be_compared_is_refused(found: Tensor) -> None:
    with pytest.raises(ModelUnsuitable):
        parity(ROWS, found)


def test_answers_of_zeros_are_compared_too() -> None:
    assert parity(torch.zeros(2, 3), torch.zeros(2, 3)).relative == 0.0
    with pytest.raises(ModelUnsuitable):
        require_float32(parity(torch.zeros(2, 3), torch.full((2, 3), 1e-6)))


@pytest.mark.parametrize(
    ("measured", "fits"),
    [
        (Parity(0.999, 0.02, 1.0), True),
        (Parity(0.998, 0.0, 0.0), False),
        (Parity(1.0, 0.021, 0.0), False),
    ],
)
def test_bfloat16_is_held_to_classes_and_probabilities(measured: Parity, fits: bool) -> None:
    if fits:
        require_classes(measured)
        return
    with pytest.raises(ModelUnsuitable, match=r"99\.9% and 0\.02 are asked"):
        require_classes(measured)


def test_float32_is_held_to_rounding() -> None:
    require_float32(Parity(1.0, 0.0, 1e-5))
    with pytest.raises(ModelUnsuitable, match=r"0\.0001 is allowed"):
        require_float32(Parity(1.0, 0.0, 2e-4))
