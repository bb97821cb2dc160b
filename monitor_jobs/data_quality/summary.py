"""What is kept of a dataset: a few numbers and two sketches a column, whatever its size.

What lives here: the values, which merge in any order. What does not: making them of columns (summarising), writing
statistics.json (statistics), judging (checks).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class InferredType(StrEnum):
    """AWS's types of a feature; a boolean is a String."""

    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"
    STRING = "String"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Moments:
    """Of the finite numbers of a column: how many, their mean, the sum of squared distances from it, and the range."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = float("inf")
    maximum: float = float("-inf")


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A KLL sketch of the finite numbers of a column: `levels[i]` holds items of weight 2**i.

    It is what statistics.json holds as `sketch.data`. Karnin, Lang & Liberty, FOCS 2016.
    """

    levels: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Categories:
    """How often each text occurs; beyond a cap rare ones count as `others`, and `distinct` is estimated."""

    counts: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    distinct: int = 0


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One column: present values by type, missing ones (null, empty text, NaN), and what they look like.

    integral + fractional + text = present. Infinite numbers are fractional and in no moment and no sketch: `infinite`.
    `categories` counts the text of every present value of a column that is not all numbers, and of an integral one
    as long as its values are few.
    """

    name: str
    missing: int
    integral: int
    fractional: int
    text: int
    negative: int
    infinite: int
    moments: Moments
    quantiles: Quantiles
    categories: Categories

    @property
    def present(self) -> int:
        """Values that are there."""
        return self.integral + self.fractional + self.text


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A whole dataset: its columns in order, rows, and what monitor_jobs.monitor.Summary asks for."""

    columns: Mapping[str, ColumnSummary]
    rows: int
    records: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    earliest: int | None = None
    latest: int | None = None

    @property
    def predictions(self) -> int:
        """Rows: a batch holds several."""
        return self.rows


__all__ = [
    "Categories",
    "ColumnSummary",
    "DatasetSummary",
    "InferredType",
    "Moments",
    "Quantiles",
]
