"""CSV files to tables, a block at a time, in bounded memory.

RFC 4180 with commas: a quote within quotes is doubled, a quoted value may hold line ends. Rows end with LF, CRLF or CR;
blank lines and a byte order mark are passed over; bytes that are no UTF-8 become U+FFFD; a row with more or fewer
values than the first one is MALFORMED. Names as Spark's: without a header, and where the header's is empty, `_c0`,
`_c1`, ...; one that was there before has its position put behind it. `.gz` files are unpacked.

What lives here: files to columns of texts. What does not: what the texts are (values).
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.csv

from monitor_jobs.capture_io.blocks import UTF8_BOM
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.dataset_format import CsvFormat
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table.names import name_at, refuse_too_many, unique_names
from monitor_jobs.feature_table.opening import open_unpacked
from monitor_jobs.feature_table.replaced_text import ReplacedText
from monitor_jobs.feature_table.table import FeatureTable
from monitor_jobs.feature_table.values import column_of_texts, text_of_bytes

BLOCK_BYTES: Final = 2 << 20  # no row may be longer
csv.field_size_limit(BLOCK_BYTES - 1)  # a picture in base64 is longer than the 131,072 characters that csv allows
UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class _Opening:
    """The names of the columns, and where the first row of values begins."""

    names: tuple[str, ...]
    offset: int


def read_csv(path: Path, dataset_format: CsvFormat) -> Iterator[FeatureTable]:
    """The rows of one CSV file, and a table without rows, for a header may be all there is. An empty file is none.

    Where the output's column is said to be at the END it comes first all the same, as it does in captures. Raises
    OSError, and BadInput where the file is no UTF-8 CSV, or a row is longer than BLOCK_BYTES.
    """
    with open_unpacked(path) as file:
        opening = _opening(file.read(BLOCK_BYTES), dataset_format, path)
        if opening is None:
            return
        file.seek(opening.offset)
        for table in _tables(file, opening.names, path):
            yield _outputs_first(table, dataset_format)


def _opening(head: bytes, dataset_format: CsvFormat, path: Path) -> _Opening | None:
    if head.startswith(UTF16_MARKS) or b"\0" in head[:4]:
        raise BadInput(f"{path.name} is UTF-16 or UTF-32: write it as UTF-8")
    mark = len(UTF8_BOM) if head.startswith(UTF8_BOM) else 0
    # As Latin-1 a character is a byte, so that positions are offsets.
    text = io.StringIO(head[mark:].decode("latin-1"), newline="")
    try:
        first = next((row for row in csv.reader(text) if row), None)
    except csv.Error as error:
        raise BadInput(f"{path.name} does not begin with a row of CSV: {error}") from error
    if first is None:
        return None
    refuse_too_many(len(first), path)
    if not dataset_format.header:
        return _Opening(tuple(map(name_at, range(len(first)))), mark)
    names = [name.encode("latin-1").decode(errors="replace").strip() for name in first]
    return _Opening(unique_names(names), mark + text.tell())


def _tables(file: BinaryIO, names: tuple[str, ...], path: Path) -> Iterator[FeatureTable]:
    ragged = Counter[UnreadableReason]()
    try:
        for batch in _batches(file, names, ragged):
            yield _table(batch.columns, names, ragged)
            ragged.clear()
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise _bad_csv(path, error) from error
    yield _table([pa.nulls(0, pa.binary())] * len(names), names, ragged)


def _bad_csv(path: Path, error: pa.ArrowInvalid) -> BadInput:
    if "straddling" in str(error):
        return BadInput(f"{path.name} holds a row of more than {BLOCK_BYTES >> 20} MiB: is a quote left open?")
    return BadInput(f"{path.name} is no CSV: {error}")


def _batches(file: BinaryIO, names: tuple[str, ...], ragged: Counter[UnreadableReason]) -> Iterator[pa.RecordBatch]:
    def pass_over(_row: object) -> str:
        ragged[UnreadableReason.MALFORMED] += 1
        return "skip"

    positions = [str(position) for position in range(len(names))]
    yield from pa.csv.open_csv(
        pa.PythonFile(ReplacedText(file), "r"),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=positions),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=pass_over),
        convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(positions, pa.binary())),
    )


def _table(
    columns: Sequence[pa.BinaryArray], names: tuple[str, ...], ragged: Mapping[UnreadableReason, int]
) -> FeatureTable:
    typed = {name: column_of_texts(text_of_bytes(column)) for name, column in zip(names, columns, strict=True)}
    rows = len(columns[0])
    return FeatureTable(
        columns={name: column.values for name, column in typed.items()},
        rows=rows,
        integral={name: column.integral for name, column in typed.items() if column.integral},
        records=rows,
        unreadable=dict(ragged),
    )


def _outputs_first(table: FeatureTable, dataset_format: CsvFormat) -> FeatureTable:
    if dataset_format.output_columns_position == "START":
        return table
    *inputs, output = table.columns
    return replace(table, columns={name: table.columns[name] for name in (output, *inputs)})
