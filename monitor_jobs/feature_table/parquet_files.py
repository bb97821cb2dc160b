"""Parquet files to tables, a batch of rows at a time.

Numbers and texts are what they are; decimals, dates and times are read as their text says. Structures get names such as
`a.b`, lists `a.0`. A column name that comes twice has its position put behind it.

What lives here: Parquet's types to ours. What does not: what a text is (values).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as kinds

from monitor_jobs.contract.errors import BadInput
from monitor_jobs.feature_table.json_values import TooWide, flattened
from monitor_jobs.feature_table.names import MAX_COLUMNS, refuse_too_many, rows_of_a_table, unique_names
from monitor_jobs.feature_table.table import FeatureTable
from monitor_jobs.feature_table.values import (
    Column,
    column_of_floats,
    column_of_integers,
    column_of_texts,
    columns_of_rows,
    text_of_bytes,
)

BATCH_ROWS: Final = 16_384
BYTES: Final = (  # texts too: a writer may have called bytes so that are no UTF-8
    kinds.is_binary,
    kinds.is_large_binary,
    kinds.is_fixed_size_binary,
    kinds.is_string,
    kinds.is_large_string,
)


def read_parquet(path: Path) -> Iterator[FeatureTable]:
    """The rows of one file; a file without rows is one table without rows.

    Raises OSError, and BadInput where the file is no Parquet, a row holds more than MAX_COLUMNS values in lists, or a
    structure's value would have the name of another column.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            refuse_too_many(len(file.schema_arrow), path)
            names = unique_names(file.schema_arrow.names)
            if not file.metadata.num_rows:
                yield _table(pa.RecordBatch.from_pylist([], file.schema_arrow), names, path)
            for batch in file.iter_batches(min(BATCH_ROWS, rows_of_a_table(len(names))), use_threads=False):
                yield _table(batch, names, path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the file system; the others are pyarrow's of what it reads
        raise BadInput(f"{path.name} is no Parquet file that can be read: {error}") from error


def _table(batch: pa.RecordBatch, names: tuple[str, ...], path: Path) -> FeatureTable:
    columns: dict[str, pa.Array] = {}
    integral: dict[str, int] = {}
    for name, values in zip(names, batch.columns, strict=True):
        if kinds.is_nested(values.type):
            _add_nested(
                columns, integral, [{} if value is None else {name: value} for value in values.to_pylist()], path
            )
            continue
        column = _column(values)
        _add(columns, {name: column.values}, path)
        if column.integral:
            integral[name] = column.integral
    return FeatureTable(columns, len(batch), integral, records=len(batch))


def _add_nested(
    columns: dict[str, pa.Array], integral: dict[str, int], rows: list[dict[str, object]], path: Path
) -> None:
    try:
        more, whole = columns_of_rows([flattened(row) for row in rows])
    except TooWide as error:
        raise BadInput(f"{path.name} holds lists of more than {MAX_COLUMNS} values: they are no features") from error
    _add(columns, more, path)
    integral.update(whole)


def _add(columns: dict[str, pa.Array], more: Mapping[str, pa.Array], path: Path) -> None:
    if twice := sorted(columns.keys() & more.keys()):
        raise BadInput(f"{path.name} has two columns named {twice[0]}, one of them inside another: rename one")
    columns.update(more)


def _column(values: pa.Array) -> Column:
    if kinds.is_dictionary(values.type):
        values = values.dictionary_decode()
    if kinds.is_floating(values.type):
        return column_of_floats(values.cast(pa.float64()))
    if kinds.is_integer(values.type) and not kinds.is_uint64(values.type):
        return column_of_integers(values.cast(pa.int64()))
    if any(holds(values.type) for holds in BYTES):
        return column_of_texts(text_of_bytes(values.cast(pa.binary())))
    return column_of_texts(values.cast(pa.string()))
