"""Standard deviations as AWS has them: of each metric over five samples of 80 % of the rows.

What lives here: which row is in which sample, and metrics with their deviations. What does not: the metrics. A row's
key, a digest of what it is, decides: the samples are the same however the rows are split into parts.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

SAMPLES: Final = 5
SAMPLED_SHARE: Final = 0.8
FEWEST_ROWS: Final = 200  # with fewer AWS gives no deviation
_BITS: Final = 12  # of a key that decide on one sample; the highest 4 decide on none (see reservoir)

Keys = npt.NDArray[np.uint64]
PartT = TypeVar("PartT")


class Metric(NamedTuple):
    """A metric and its standard deviation; NaN where it has none."""

    value: float
    standard_deviation: float


def key_of(identity: str) -> int:
    """The key of a row that is told from all others by this text, such as its event id and its place in a batch."""
    return int.from_bytes(blake2b(identity.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def with_samples(count: Callable[[npt.NDArray[np.bool_]], PartT], keys: Keys) -> tuple[PartT, ...]:
    """What is counted of all rows, and of each sample of them."""
    return count(np.ones(keys.size, dtype=bool)), *(count(in_sample(keys, sample)) for sample in range(SAMPLES))


def in_sample(keys: Keys, sample: int) -> npt.NDArray[np.bool_]:
    """Which rows are in one of the samples."""
    digits = (keys >> np.uint64(sample * _BITS)) & np.uint64((1 << _BITS) - 1)
    return digits < SAMPLED_SHARE * (1 << _BITS)


def with_deviations(parts: Sequence[Mapping[str, float]], rows: int) -> dict[str, Metric]:
    """The metrics of all rows, with the deviations of those of the samples behind them."""
    whole, *samples = parts
    return {
        name: Metric(value, _deviation([sample[name] for sample in samples], rows)) for name, value in whole.items()
    }


def _deviation(values: Sequence[float], rows: int) -> float:
    if rows < FEWEST_ROWS or not all(map(math.isfinite, values)):
        return math.nan
    return statistics.stdev(values)
