"""What rules count in an array, held to plain loops over its values, whatever its type and shape."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from monitor_jobs.tensor_rules.rules import (
    Counted,
    answering_inputs,
    by_unit,
    extent_of,
    inputs_of,
    not_a_number,
    not_finite,
    saturated_units,
    together,
    zeros,
)

TYPES = st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int64, np.uint8, np.bool_])
SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
ARRAYS = TYPES.flatmap(lambda dtype: arrays_of.arrays(dtype, SHAPES))
# values around limits, zeros of both signs and what is no number are drawn often
PLAIN = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, math.nan, math.inf, -math.inf])
SPARSE = arrays_of.arrays(np.float32, arrays_of.array_shapes(min_dims=1, max_dims=4, max_side=4), elements=PLAIN)
FLOATS = [np.float16, np.float32, np.float64]


def values_of(array: np.ndarray) -> list[float]:
    return [float(value) for value in array.ravel().tolist()]


def units_of(array: np.ndarray) -> list[list[list[float]]]:
    """Values by unit and input, by indexes alone."""
    if array.ndim < 2:
        return [[[value] for value in values_of(array)]]
    places = [range(size) for size in array.shape[2:]]
    return [
        [[float(array[one, unit, *place]) for place in itertools.product(*places)] for one in range(array.shape[0])]
        for unit in range(array.shape[1])
    ]


@given(ARRAYS)
def test_numbers_zeros_and_what_is_no_number_are_counted_as_a_loop_would(array):
    values = values_of(array)
    assert not_finite(array) == (sum(not math.isfinite(value) for value in values), len(values))
    assert not_a_number(array) == (sum(math.isnan(value) for value in values), len(values))
    assert zeros(array) == (sum(value == 0 for value in values), len(values))


@given(ARRAYS)
def test_an_extent_is_that_of_the_finite_values(array):
    finite = [value for value in values_of(array) if math.isfinite(value)]
    extent = extent_of(array)
    assert extent.finite == len(finite)
    assert extent.nan == sum(math.isnan(value) for value in values_of(array))
    assert extent.magnitude == max(map(abs, finite), default=0)
    if finite:
        assert (extent.least, extent.largest) == (min(finite), max(finite))


@given(SPARSE)
def test_a_unit_answers_to_an_input_at_which_any_of_its_values_is_not_zero(array):
    expected = [sum(any(value != 0 for value in one) for one in unit) for unit in units_of(array)]
    assert answering_inputs(array).tolist() == expected


@given(SPARSE, st.sampled_from([0.0, 1.0, 25.0, 50.0, 100.0]))
def test_a_unit_is_saturated_where_too_few_of_its_values_lie_within_the_limits(array, threshold):
    def is_saturated(unit: list[list[float]]) -> bool:
        values = list(itertools.chain(*unit))
        active = 100 * sum(not (value <= -2 or value >= 2) for value in values) / len(values)
        return active < threshold or active == 0

    units = units_of(array)
    expected = sum(map(is_saturated, units))
    assert saturated_units(array, (-2, 2), threshold) == (expected, len(units))


@given(SPARSE, st.integers(0, 4))
def test_parts_of_an_array_have_the_extent_of_the_whole(array, at):
    whole = extent_of(array)
    joined = together(extent_of(array[:at]), extent_of(array[at:]))
    assert joined._replace(total=0) == whole._replace(total=0)
    assert joined.total == pytest.approx(whole.total)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_largest_number_of_a_type_is_finite_and_no_sum_of_it_raises(dtype):
    array = np.full((2, 3), np.finfo(dtype).max, dtype)
    assert not_finite(array).found == 0
    assert extent_of(array).magnitude == float(np.finfo(dtype).max)


def test_the_least_of_an_integer_has_its_magnitude():
    assert extent_of(np.array([-128], np.int8)).magnitude == 128


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (2, 3, 0), (0, 0, 0)])
def test_nothing_has_no_share_of_anything(shape):
    array = np.zeros(shape, np.float32)
    assert [not_finite(array), zeros(array), saturated_units(array, (-1, 1), 1)] == [Counted(0, 0)] * 3
    assert (zeros(array).percent, extent_of(array).magnitude, inputs_of(array)) == (0, 0, shape[0])
    assert not answering_inputs(array).any()


def test_a_number_alone_is_one_unit_of_one_input():
    assert by_unit(np.float32(3)[...]).shape == (1, 1, 1)
    assert inputs_of(np.float32(3)[...]) == 1


def test_not_a_number_is_neither_zero_nor_saturated():
    array = np.full((4, 2), np.nan, np.float32)
    assert zeros(array).found == saturated_units(array, (-1, 1), 1).found == 0
    assert answering_inputs(array).tolist() == [4, 4]
