"""The usual JSON lines, fast: flat objects of the same names, every name's values of one kind.

What lives here: taking what is certainly understood, and nothing else. What does not: every other text (json_lines),
which also defines what these mean; tests/unit/test_feature_table_json_lines.py holds the two to the same tables.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.json

from monitor_jobs.feature_table.values import Column, column_of_floats, column_of_integers, column_of_texts

LEARNED_ROWS: Final = 100
KINDS: Final = {int: pa.int64(), float: pa.float64(), str: pa.string()}


class UsualLines:
    """Reads lines whose names and kinds are those of rows that it was shown before."""

    def __init__(self) -> None:
        self._schema: pa.Schema | None = None

    def learn(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Take names and kinds from rows; none where they are of several shapes or kinds."""
        seen = rows[:LEARNED_ROWS]
        names = tuple(seen[0]) if seen else ()
        kinds = [{type(row.get(name)) for row in seen} - {type(None)} for name in names]
        alike = names and all(tuple(row) == names for row in seen) and all(len(kind) == 1 for kind in kinds)
        types = [KINDS.get(next(iter(kind))) for kind in kinds] if alike else [None]
        self._schema = None if None in types else pa.schema(list(zip(names, types, strict=True)))

    def columns(self, text: bytes) -> Mapping[str, Column] | None:
        """The columns of whole lines, None where any of them is not as it was learned."""
        if self._schema is None or not _is_plain(text):
            return None
        try:
            table = pa.json.read_json(
                io.BytesIO(text),
                read_options=pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1),
                parse_options=pa.json.ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="error"),
            )
        except pa.ArrowInvalid:
            return None
        read = {name: _column(table[name].combine_chunks()) for name in self._schema.names}
        columns = {name: column for name, column in read.items() if column is not None}
        return columns if len(columns) == len(read) else None


def _is_plain(text: bytes) -> bool:
    """True where every line is one object and no more, of whole characters."""
    lines = text.removesuffix(b"\n")
    objects = lines.startswith(b"{") and lines.endswith(b"}") and lines.count(b"}\n{") == lines.count(b"\n")
    return objects and b"\\u" not in text and b"\0" not in text and _is_utf8(text)


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or bool(text.decode())
    except UnicodeDecodeError:
        return False


def _column(values: pa.Array) -> Column | None:
    """The column of values; None where fractions may have been written as whole numbers."""
    if values.type == pa.string():
        return column_of_texts(values)
    if values.type == pa.int64():
        return column_of_integers(values)
    numbers = values.drop_null().to_numpy()
    return None if (numbers == np.floor(numbers)).any() else column_of_floats(values)
