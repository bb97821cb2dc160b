"""One captured body to rows of values.

CSV is a row a line; JSON is an object, a value, a row, or rows of either, bare or as `instances`, `inputs` or
`predictions`. Objects within objects and lists within objects get names such as `a.b` and `a.0`. BASE64 is read by its
content type where that is CSV or JSON. A body that is no table, such as a picture, is measured by a decoder that is
handed in, or by its size.

What lives here: text and bytes to rows. What does not: putting both halves together (rows), types of values (values).
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pybase64

from monitor_jobs.contract.capture import WITHHELD_CONTENT_TYPE, UnreadableReason, media_type
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table.captures.lines import Half
from monitor_jobs.feature_table.json_values import TooWide, UnreadableJson, flattened, is_flat, json_value
from monitor_jobs.feature_table.names import MAX_COLUMNS

# A body and its content type to the named numbers of each of its items; raises BadInput.
DecodeBytes = Callable[[bytes, str], Sequence[Mapping[str, float]]]

TABLE_TYPES: Final = frozenset({"text/csv", "application/json"})
WRAPPERS: Final = ("instances", "predictions", "inputs")


class Row(NamedTuple):
    """Values and their names; None for one that is known by its position."""

    names: tuple[str | None, ...]
    values: Sequence[object]


class UnreadableHalf(Exception):
    """A body that holds no values, and why."""

    def __init__(self, reason: UnreadableReason) -> None:
        super().__init__(reason)
        self.reason = reason


class _NoTable(Exception):
    """A body of more than two axes, or too wide."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one half; whether they were measured, because the body is no table."""

    rows: Sequence[Row]
    measured: bool = False


def rows_of_half(half: Half, name: str, decode: DecodeBytes | None) -> Rows:
    """The rows of a body, at least one; `name` (input, output) is put before what is measured of it.

    Raises UnreadableHalf. WRONG_ENCODING: what is declared CSV, JSON or BASE64 and is not, or the decoder's BadInput.
    WRONG_SCHEMA: empty, or rows of CSV that differ in length. WITHHELD: redaction left a marker in its place.
    """
    content_type = media_type(half.observed_content_type)
    if half.observed_content_type == WITHHELD_CONTENT_TYPE:
        raise UnreadableHalf(UnreadableReason.WITHHELD)
    try:
        if half.encoding == "BASE64":
            return _of_bytes(_unbase64(half.data), content_type, name, decode)
        return Rows(_of_csv(half.data) if half.encoding == "CSV" else _of_json(half.data))
    except _NoTable:
        return _measured(half.data.encode(), content_type, name, decode)


def _of_bytes(body: bytes, content_type: str, name: str, decode: DecodeBytes | None) -> Rows:
    if content_type not in TABLE_TYPES:
        return _measured(body, content_type, name, decode)
    try:
        text = body.decode()
        return Rows(_of_csv(text) if content_type == "text/csv" else _of_json(text))
    except UnicodeDecodeError as error:
        raise UnreadableHalf(UnreadableReason.WRONG_ENCODING) from error
    except _NoTable:
        return _measured(body, content_type, name, decode)


def _measured(body: bytes, content_type: str, name: str, decode: DecodeBytes | None) -> Rows:
    if decode is None:
        return Rows([Row((f"{name}_bytes",), [len(body)])], measured=True)
    try:
        items = decode(body, content_type)
    except BadInput as error:
        raise UnreadableHalf(UnreadableReason.WRONG_ENCODING) from error
    if not items:
        raise UnreadableHalf(UnreadableReason.WRONG_SCHEMA)
    return Rows([_measures(name, item) for item in items], measured=True)


def _measures(name: str, item: Mapping[str, float]) -> Row:
    return Row(tuple(f"{name}_{measure}" for measure in item), [*item.values()])


def _unbase64(data: str) -> bytes:
    try:
        return pybase64.b64decode(data, validate=True)
    except ValueError as error:
        raise UnreadableHalf(UnreadableReason.WRONG_ENCODING) from error


def _of_csv(text: str) -> list[Row]:
    try:
        rows = [row for row in _csv_rows(text) if row]
    except csv.Error as error:
        raise UnreadableHalf(UnreadableReason.WRONG_ENCODING) from error
    if len({len(row) for row in rows}) != 1:
        raise UnreadableHalf(UnreadableReason.WRONG_SCHEMA)
    return [_unnamed(row) for row in rows]


def _csv_rows(text: str) -> Iterable[list[str]]:
    if '"' in text or "\r" in text:
        return csv.reader(io.StringIO(text, newline=""), strict=True)
    return [line.split(",") for line in text.split("\n") if line]  # what the reader makes of it, three times as fast


def _of_json(text: str) -> list[Row]:
    try:
        value = json_value(text)
    except UnreadableJson as error:
        raise UnreadableHalf(error.reason) from error
    if isinstance(value, dict):
        value = next((value[key] for key in WRAPPERS if isinstance(value.get(key), list | dict)), value)
    if isinstance(value, dict):
        return [_of_object(value)]
    if not isinstance(value, list):
        return [_unnamed([value])]
    if not value:
        raise UnreadableHalf(UnreadableReason.WRONG_SCHEMA)
    kinds = {_kind(item) for item in value}
    if kinds == {dict}:
        return [_of_object(item) for item in value]
    if kinds == {list}:
        return [_of_array(row) for row in value]
    return [_of_array(value)]


def _kind(item: object) -> type | None:
    return type(item) if isinstance(item, dict | list) else None


def _of_array(items: list[Any]) -> Row:
    if not items:
        raise UnreadableHalf(UnreadableReason.WRONG_SCHEMA)
    if not is_flat(items):
        raise _NoTable
    return _unnamed(items)


def _unnamed(values: Sequence[object]) -> Row:
    if len(values) > MAX_COLUMNS:
        raise _NoTable
    return Row((None,) * len(values), values)


def _of_object(item: Mapping[str, Any]) -> Row:
    try:
        row = flattened(item)
    except TooWide as error:
        raise _NoTable from error
    if not row:
        raise UnreadableHalf(UnreadableReason.WRONG_SCHEMA)
    return Row(tuple(row), [*row.values()])
