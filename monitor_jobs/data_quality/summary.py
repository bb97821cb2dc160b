"""What is kept of a dataset: a few numbers and two sketches a column, whatever its size.

What lives here: the values, which merge in any order. What does not: making them of columns (summarising), writing
statistics.json (statistics), judging (checks).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monitor_jobs.contract.report import OffendingRecord
from monitor_jobs.data_quality.sketch_bytes import Levels, levels_of

Witnesses = Mapping[tuple[str, str], tuple[OffendingRecord, ...]]


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
    """A KLL sketch of the finite numbers of a column, in the bytes that its library writes; none for no number.

    Karnin, Lang & Liberty, FOCS 2016; made and merged in monitor_jobs.data_quality.sketches.
    """

    sketch: bytes = b""

    @property
    def levels(self) -> Levels:
        """What statistics.json holds as `sketch.data`: `levels[i]` are items, in order, that stand for 2**i numbers."""
        return levels_of(self.sketch) if self.sketch else ()


@dataclass(frozen=True, slots=True)
class Categories:
    """How often each text occurs: all of them, or the most frequent ones.

    Where there are too many texts, `others` is what `counts` lack of all values, each at most one in a thousand of
    them, and `distinct` is estimated by `sketch`: one of distinct texts, in the bytes that its library writes; none
    where `counts` hold every text.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    distinct: int = 0
    sketch: bytes = b""


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One column: present values by type, missing ones (null, empty text, NaN), and what they look like.

    integral + fractional + text = present. Infinite numbers are fractional and in no moment and no sketch: `infinite`.
    `categories` counts the text of every present value of a column that is not all numbers, and of an integral one
    as long as its values are few: else all of them are its `others`.
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

    @property
    def inferred_type(self) -> InferredType:
        """The narrowest type that every present value is of; Unknown where there is none."""
        if self.text:
            return InferredType.STRING
        if self.fractional:
            return InferredType.FRACTIONAL
        return InferredType.INTEGRAL if self.integral else InferredType.UNKNOWN

    def matching(self, expected: InferredType) -> int:
        """How many present values are of a type: every value is a String, an integer is Fractional too."""
        match expected:
            case InferredType.INTEGRAL:
                return self.integral
            case InferredType.FRACTIONAL:
                return self.integral + self.fractional
            case InferredType.STRING | InferredType.UNKNOWN:
                return self.present


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A whole dataset: its columns in order, rows, and what monitor_jobs.monitor.Summary asks for.

    `witnesses` are captured records that break a rule, by column and check.
    """

    columns: Mapping[str, ColumnSummary]
    rows: int
    records: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    earliest: int | None = None
    latest: int | None = None
    witnesses: Witnesses = field(default_factory=dict)

    @property
    def predictions(self) -> int:
        """Rows: a batch holds several."""
        return self.rows


__all__ = [
    "Categories",
    "ColumnSummary",
    "DatasetSummary",
    "InferredType",
    "Levels",
    "Moments",
    "Quantiles",
    "Witnesses",
]
