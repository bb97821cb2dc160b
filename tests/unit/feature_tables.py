"""Feature tables made by hand, and of texts as a CSV file would hold them."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from monitor_jobs.feature_table import FeatureTable
from monitor_jobs.feature_table.values import column_of_texts


def table(**columns: Sequence[object] | pa.Array) -> FeatureTable:
    """A table of columns of one length; each value list gets the type that its values agree on."""
    arrays = {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()}
    rows = max(map(len, arrays.values()), default=0)
    return FeatureTable(arrays, rows=rows, records=rows)


def table_of_texts(rows: Sequence[Iterable[str | None]], *names: str) -> FeatureTable:
    """The table that a reader makes of rows of texts."""
    cells = zip(*rows, strict=True) if rows else ((),) * len(names)
    columns = {name: column_of_texts(pa.array(texts, pa.string())) for name, texts in zip(names, cells, strict=True)}
    return FeatureTable(
        {name: column.values for name, column in columns.items()},
        rows=len(rows),
        integral={name: column.integral for name, column in columns.items() if column.integral},
        records=len(rows),
    )
