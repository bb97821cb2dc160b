"""The usual tabular record, fast: a line of CSV was asked, a line of CSV was answered, thousands of them at once.

What lives here: taking what is certainly understood, and nothing else. What does not: every other record (rows), which
also defines what these mean; tests/unit/test_feature_table_captures.py holds the two to the same tables.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from monitor_jobs.contract.capture import WITHHELD_CONTENT_TYPE
from monitor_jobs.feature_table.captures.lines import Half, Halves, Numbered
from monitor_jobs.feature_table.names import MAX_COLUMNS

UNUSUAL: Final = ""


class Usual(NamedTuple):
    """Records whose rows have the same number of values, those values column by column, and all other records."""

    records: Sequence[Numbered]
    columns: Sequence[Sequence[str]]
    others: Sequence[Numbered]


def usual_records(records: Sequence[Numbered]) -> Usual:
    """The records of the most frequent width, taken apart."""
    lines = [_line(numbered.record.capture_data) for numbered in records]
    widths = [line.count(",") + 1 if line else 0 for line in lines]
    frequent = Counter(width for width in widths if 0 < width <= MAX_COLUMNS).most_common(1)
    if not frequent:
        return Usual((), (), records)
    (width, _), *_ = frequent
    cells = ",".join(line for line, each in zip(lines, widths, strict=True) if each == width).split(",")
    return Usual(
        records=[numbered for numbered, each in zip(records, widths, strict=True) if each == width],
        columns=[cells[position::width] for position in range(width)],
        others=[numbered for numbered, each in zip(records, widths, strict=True) if each != width],
    )


def _line(halves: Halves) -> str:
    """Outputs and inputs as one line of values, UNUSUAL where they need reading."""
    asked, answered = halves.endpoint_input, halves.endpoint_output
    if answered is None or asked is None:
        return _text(answered or asked)
    outputs, inputs = _text(answered), _text(asked)
    return f"{outputs},{inputs}" if outputs and inputs else UNUSUAL


def _text(half: Half | None) -> str:
    if half is None or half.encoding != "CSV" or half.observed_content_type == WITHHELD_CONTENT_TYPE:
        return UNUSUAL
    line = half.data.removesuffix("\n")
    return UNUSUAL if "\n" in line or '"' in line or "\r" in line else line
