"""Sums of doubles without any rounding, so that parts can be added up in any order.

What lives here: sums as whole numbers of a tiny unit. What does not: what is summed (regression).
"""

from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

MANTISSA_BITS: Final = 53
HALF_BITS: Final = 26
UNIT_EXPONENT: Final = (
    1126  # the unit is 2 ** -1126: the last bit of the smallest double's mantissa, as frexp writes it
)
LARGEST: Final = 1e150  # so that no square leaves the doubles
_SPLITTER: Final = 2.0**27 + 1
_MOST_AT_ONCE: Final = 2**25  # partial sums below stay whole numbers that a double can tell apart


def exact_sum(values: Doubles) -> int:
    """The sum of finite doubles in units of 2 ** -1126; a sum of such sums is exact too."""
    return sum(_sum_of(values[at : at + _MOST_AT_ONCE]) for at in range(0, values.size, _MOST_AT_ONCE))


def exact_sum_of_squares(values: Doubles) -> int:
    """The sum of squares, in the same unit; values are at most LARGEST.

    Each square is a double and what rounding took from it. Dekker, Numerische Mathematik 18 (1971), after Veltkamp.
    """
    squares = values * values
    scaled = _SPLITTER * values
    high = scaled - (scaled - values)
    low = values - high
    lost = ((high * high - squares) + 2 * high * low) + low * low
    return exact_sum(squares) + exact_sum(lost)


def as_fraction(total: int) -> Fraction:
    """What a sum in units stands for."""
    return Fraction(total, 1 << UNIT_EXPONENT)


def _sum_of(values: Doubles) -> int:
    mantissas, exponents = np.frexp(values)
    integers = np.ldexp(mantissas, MANTISSA_BITS).astype(np.int64)
    shifts = exponents + (UNIT_EXPONENT - MANTISSA_BITS)
    high = np.bincount(shifts, weights=integers >> HALF_BITS)
    low = np.bincount(shifts, weights=integers & ((1 << HALF_BITS) - 1))
    used = np.flatnonzero((high != 0) | (low != 0)).tolist()
    return sum(((int(high[shift]) << HALF_BITS) + int(low[shift])) << shift for shift in used)
