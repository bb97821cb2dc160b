"""From values to places on a picture, and the round values that an axis names."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight scale: `low` lies at `start`, `high` at `end`. low < high, both finite, and so is their difference."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value; values beyond an end lie at that end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def ticks(low: float, high: float, *, most: int = 5) -> list[float]:
    """Round values from low to high, ascending: multiples of 1, 2 or 5 times a power of ten, at most `most` of them.

    None where low < high are so near each other that there is nothing round between them.
    """
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 0.0
    if power == 0.0 or not math.isfinite(raw):
        return []
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step)
    values = ((first + index) * step for index in range(most + 1))
    return [value for value in values if low <= value <= high][:most]
