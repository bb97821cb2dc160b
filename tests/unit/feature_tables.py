"""Feature tables made by hand, and cut into parts."""

from collections.abc import Sequence

import pyarrow as pa

from monitor_jobs.feature_table import FeatureTable


def table(**columns: Sequence[object] | pa.Array) -> FeatureTable:
    """A table of columns of one length; each value list gets the type that its values agree on."""
    arrays = {name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()}
    rows = max(map(len, arrays.values()), default=0)
    return FeatureTable(arrays, rows, records=rows)


def cut(whole: FeatureTable, *places: int) -> list[FeatureTable]:
    """The rows before, between and after the places."""
    edges = [0, *sorted(min(place, whole.rows) for place in places), whole.rows]
    return [
        FeatureTable(
            {name: array.slice(start, end - start) for name, array in whole.columns.items()}, end - start, end - start
        )
        for start, end in zip(edges, edges[1:], strict=False)
    ]
