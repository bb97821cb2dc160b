"""A bounded number of rows, the same whatever parts they came in: those with the smallest keys.

Keys are digests, so these are a uniform sample; up to the bound they are all rows. What lives here: keeping them. What
does not: what is in a row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MOST_PARTS: Final = 64

Records = npt.NDArray[Any]  # structured, with a field `key`


@dataclass(frozen=True, slots=True, eq=False)
class Reservoir:
    """Parts of at most `most` rows are kept as they are; `seen` rows were offered in all."""

    most: int
    parts: tuple[Records, ...] = ()
    seen: int = 0

    def merge(self, other: "Reservoir") -> "Reservoir":
        """The rows of both."""
        merged = Reservoir(self.most, self.parts + other.parts, self.seen + other.seen)
        # Beyond twice the bound, or so many parts, so that this is done once for many parts, not once for each.
        if sum(map(len, merged.parts)) > 2 * self.most:
            return Reservoir(self.most, (merged.rows(),), merged.seen)
        if len(merged.parts) > MOST_PARTS:
            return Reservoir(self.most, (np.concatenate(merged.parts),), merged.seen)
        return merged

    def rows(self) -> Records:
        """The rows by key; there is one part at least."""
        together = np.concatenate(self.parts)
        return np.sort(together, order=list(together.dtype.names or ()))[: self.most]


def drawn_rows(kept: Records, generator: np.random.Generator, *, rows: int, count: int) -> Iterator[Records]:
    """Windows of so many rows, each drawn from a population that itself is drawn from these."""
    for _ in range(count):
        population = generator.integers(0, kept.size, kept.size)
        yield kept[generator.choice(population, rows)]
