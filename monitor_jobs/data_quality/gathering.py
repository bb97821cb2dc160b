"""Small tables of one dataset gathered to larger ones, which are summarised in less time: a summary has its own price.

What lives here: `gathered`. What does not: reading tables (monitor_jobs.feature_table), summaries (summarising).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import pyarrow as pa

from monitor_jobs.feature_table import FeatureTable

GATHERED_BYTES = 32 * 2**20
SOURCE_BYTES = 400  # of a row's source, its texts included


def gathered(tables: Iterable[FeatureTable]) -> Iterator[FeatureTable]:
    """The rows of all tables in order; neighbours of the same columns and types are one table.

    Holds about GATHERED_BYTES at most, and one table more.
    """
    held: list[FeatureTable] = []
    size = 0
    for table in tables:
        if held and (size > GATHERED_BYTES or _schema(table) != _schema(held[-1])):
            yield _joined(held)
            held, size = [], 0
        held.append(table)
        size += sum(array.nbytes for array in table.columns.values()) + SOURCE_BYTES * len(table.sources)
    if held:
        yield _joined(held)


def _schema(table: FeatureTable) -> Sequence[tuple[str, pa.DataType]]:
    return [(name, array.type) for name, array in table.columns.items()]


def _joined(tables: Sequence[FeatureTable]) -> FeatureTable:
    integral: Counter[str] = sum((Counter(table.integral) for table in tables), Counter())
    return FeatureTable(
        columns={name: pa.concat_arrays([table.columns[name] for table in tables]) for name in tables[0].columns},
        rows=sum(table.rows for table in tables),
        integral=integral,
        records=sum(table.records for table in tables),
        sources=tuple(chain.from_iterable(table.sources for table in tables)),
        unreadable=sum((Counter(table.unreadable) for table in tables), Counter()),
        earliest=min((table.earliest for table in tables if table.earliest is not None), default=None),
        latest=max((table.latest for table in tables if table.latest is not None), default=None),
    )
