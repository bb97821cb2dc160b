"""JSON lines to tables: an object or an array a line, a block of lines at a time.

Values within objects and lists get names such as `a.b` and `a.0`; those of an array are `_c0`, `_c1`, ... A line that
is neither, or has an array within an array, is WRONG_SCHEMA; what is no JSON is counted as in captures. Blank lines and
a byte order mark are passed over; `.gz` files are unpacked.

What lives here: lines to rows. What does not: what values are (values).
"""

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from monitor_jobs.capture_io.blocks import LongLine, blocks_in
from monitor_jobs.capture_io.lines import JSON_SPACE, refusal_of
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.feature_table.json_values import TooWide, UnreadableJson, flattened, is_flat, json_value
from monitor_jobs.feature_table.names import KnownNames, name_at, parts_of_rows
from monitor_jobs.feature_table.opening import open_unpacked
from monitor_jobs.feature_table.table import FeatureTable
from monitor_jobs.feature_table.usual_json import UsualLines
from monitor_jobs.feature_table.values import Column, columns_by_name, columns_of_rows

CHUNK_BYTES: Final = 2 << 20

Row = dict[str, object]
_decoder: Final = msgspec.json.Decoder()


def read_json_lines(path: Path) -> Iterator[FeatureTable]:
    """The rows of one file. A line is at most blocks.MAX_LINE_BYTES long. Raises OSError."""
    names, usual = KnownNames(), UsualLines()
    for text, too_long in _chunks(path):
        typed = usual.columns(text)
        if typed is not None:
            yield _usual_table(typed, too_long)
            continue
        rows, unreadable = _rows(text, names)
        usual.learn(rows)
        unreadable[UnreadableReason.TOO_LONG] += too_long
        for part in map(rows.__getitem__, parts_of_rows(rows)):
            columns, integral = columns_of_rows(part)
            yield FeatureTable(columns, len(part), integral, records=len(part), unreadable=+unreadable)
            unreadable.clear()


def _usual_table(typed: Mapping[str, Column], too_long: int) -> FeatureTable:
    columns, integral = columns_by_name(typed)
    rows = len(next(iter(columns.values())))
    unreadable = {UnreadableReason.TOO_LONG: too_long} if too_long else {}
    return FeatureTable(columns, rows, integral, records=rows, unreadable=unreadable)


def _chunks(path: Path) -> Iterator[tuple[bytes, int]]:
    """Whole lines of about CHUNK_BYTES, and how many between them were too long to hold."""
    held, held_bytes, too_long = list[bytes](), 0, 0
    with open_unpacked(path) as file:
        for block in blocks_in(file):
            if isinstance(block, LongLine):
                too_long += 1
                continue
            held.append(block.text)
            held_bytes += block.size_bytes
            if held_bytes >= CHUNK_BYTES:
                yield b"".join(held), too_long
                held, held_bytes, too_long = [], 0, 0
    if held or too_long:
        yield b"".join(held), too_long


def _rows(text: bytes, names: KnownNames) -> tuple[list[Row], Counter[UnreadableReason]]:
    rows: list[Row] = []
    unreadable: Counter[UnreadableReason] = Counter()
    for value in _values(text):
        row = value if isinstance(value, UnreadableReason) else _row(value)
        if isinstance(row, UnreadableReason):
            unreadable[row] += 1
        elif names.admit(row):
            rows.append(row)
        else:
            unreadable[UnreadableReason.WRONG_SCHEMA] += 1
    return rows, unreadable


def _values(text: bytes) -> Sequence[Any]:
    """The value of every line that is not blank, or the reason why it has none."""
    try:
        return _decoder.decode_lines(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [_value(raw) for raw in io.BytesIO(text) if raw.strip(JSON_SPACE)]


def _value(raw: bytes) -> Any:  # noqa: ANN401  any JSON value
    try:
        return json_value(raw)
    except UnreadableJson:
        return refusal_of(raw).reason


def _row(value: object) -> Row | UnreadableReason:
    if isinstance(value, list):
        if not is_flat(value):
            return UnreadableReason.WRONG_SCHEMA
        return {name_at(position): item for position, item in enumerate(value)}
    if not isinstance(value, dict):
        return UnreadableReason.WRONG_SCHEMA
    try:
        return flattened(value)
    except TooWide:
        return UnreadableReason.WRONG_SCHEMA
