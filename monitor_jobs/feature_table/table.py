"""What reading yields: columns of one length, and where each row came from.

What lives here: the value. What does not: reading it, summarising it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from monitor_jobs.contract.capture import UnreadableReason


@dataclass(frozen=True, slots=True)
class RowSource:
    """The captured record that a row came from: a batch has several rows of one record."""

    event_id: str
    object_key: str
    line: int
    inference_id: str | None = None


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Part of a dataset: `columns` by name in the dataset's order, all of `rows` values; null is a missing value.

    A column is int64, float64 or string (a boolean is the string true or false): string where values of one column do
    not agree, and then each is the text that was written: values.numbers_in finds the numbers among them. `integral`
    has, of each float64 column that holds some, how many of its values were written as whole numbers. Tables of one
    dataset may differ in the type of a column, and one may lack a column: then all its rows miss that value.

    `sources` has an entry a row where the rows were captured, and none otherwise. `records` are the readable records
    (of a file without captures, its readable rows), `unreadable` the lines that are none, by reason; `earliest` and
    `latest` are inference times in epoch seconds, None where rows have no time.
    """

    columns: Mapping[str, pa.Array]
    rows: int
    integral: Mapping[str, int] = field(default_factory=dict)
    records: int = 0
    sources: Sequence[RowSource] = ()
    unreadable: Mapping[UnreadableReason, int] = field(default_factory=dict)
    earliest: int | None = None
    latest: int | None = None
