"""What each rule counts in one array: integers or floats of any width and shape, the batch first, the units second.

A unit is a channel of [N, C, ...], a column of [N, F]; an array of one axis has one, and so has a number. NaN is not
zero, and lies within any limits: it is only ever not finite. Pure; held to plain loops in
tests/unit/test_tensor_rules.py.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Counts = NDArray[np.int64]


class Counted(NamedTuple):
    """How many of how many."""

    found: int
    of: int

    @property
    def percent(self) -> float:
        """The share, 0 to 100; 0 of nothing."""
        return 100 * self.found / self.of if self.of else 0.0


class Extent(NamedTuple):
    """The finite values of an array, and how many are NaN; least and largest are infinities where none is finite."""

    finite: int = 0
    nan: int = 0
    total: float = 0.0
    least: float = math.inf
    largest: float = -math.inf

    @property
    def magnitude(self) -> float:
        """The largest finite magnitude; 0 of nothing."""
        return max(abs(self.least), abs(self.largest)) if self.finite else 0.0


def extent_of(values: Array) -> Extent:
    """The extent of an array; sums are those of float64."""
    if not values.size:
        return Extent()
    # NaN and infinity come through a least and a largest: most arrays have none, and are looked at without a mask
    if np.isfinite(values.min()) and np.isfinite(values.max()):
        return _extent_of_finite(values, nan=0)
    return _extent_of_finite(values[np.isfinite(values)], nan=not_a_number(values).found)


def together(left: Extent, right: Extent) -> Extent:
    """The extent of two arrays; associative and commutative but for the rounding of the total."""
    return Extent(
        left.finite + right.finite,
        left.nan + right.nan,
        left.total + right.total,
        min(left.least, right.least),
        max(left.largest, right.largest),
    )


def not_finite(values: Array) -> Counted:
    """Values that are NaN or infinite."""
    return Counted(int(np.count_nonzero(~np.isfinite(values))), values.size)


def not_a_number(values: Array) -> Counted:
    """Values that are NaN."""
    return Counted(int(np.count_nonzero(np.isnan(values))), values.size)


def zeros(values: Array) -> Counted:
    """Values that are zero, of either sign."""
    return Counted(values.size - int(np.count_nonzero(values)), values.size)


def answering_inputs(values: Array) -> Counts:
    """For each unit, the number of inputs at which any of its values is not zero: [units] int64."""
    answers: NDArray[np.bool_] = (by_unit(values) != 0).any(axis=2)
    counts: Counts = answers.sum(axis=0, dtype=np.int64)
    return counts


def saturated_units(values: Array, limits: tuple[float, float], threshold_inactivity: float) -> Counted:
    """Units of which less than `threshold_inactivity` percent of the values lie within the limits, or none does.

    A value at a limit is beyond it. A unit without a value is none.
    """
    units = by_unit(values)
    if not units.size:
        return Counted(0, 0)
    low, high = limits
    within = ~((units <= low) | (units >= high))
    active_percent = 100 * within.mean(axis=(0, 2))
    return Counted(int(np.count_nonzero(is_inactive(active_percent, threshold_inactivity))), units.shape[1])


def is_inactive(active_percent: NDArray[np.float64], threshold_inactivity: float) -> NDArray[np.bool_]:
    """Whether each unit was active less than that, or never."""
    inactive: NDArray[np.bool_] = (active_percent < threshold_inactivity) | (active_percent == 0)
    return inactive


def by_unit(values: Array) -> Array:
    """The same values as [inputs, units, positions]."""
    if values.ndim < 2:
        return values.reshape(-1, 1, 1)
    inputs, units, *rest = values.shape
    return values.reshape(inputs, units, math.prod(rest))


def inputs_of(values: Array) -> int:
    """The number of inputs that an array is of."""
    return int(values.shape[0]) if values.ndim else 1


def _extent_of_finite(values: Array, nan: int) -> Extent:
    if not values.size:
        return Extent(nan=nan)
    with np.errstate(over="ignore"):  # float64's own largest may sum to infinity, which says so
        total = float(values.sum(dtype=np.float64))
    return Extent(values.size, nan, total, float(values.min()), float(values.max()))
