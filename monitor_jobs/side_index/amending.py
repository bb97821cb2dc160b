"""An index file with some of its capture files indexed anew, and all others as they were."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitor_jobs.contract.side_index import IndexedCapture
from monitor_jobs.side_index.making import CaptureIndex, index_file
from monitor_jobs.side_index.schema import SCHEMA, read_covered


def replaced_captures(path: Path, changed: Mapping[str, CaptureIndex | None]) -> bytes | None:
    """The index file with other rows for these capture files, none for those that are None; None where none is left.

    Raises BadInput where it is no index file.
    """
    covered = read_covered(path)
    table = pq.read_table(path)
    kept = [_index_of(capture, table) for capture in covered if capture.object_key not in changed]
    indexes = [*kept, *(index for index in changed.values() if index is not None)]
    return index_file(indexes) if indexes else None


def _index_of(capture: IndexedCapture, table: pa.Table) -> CaptureIndex:
    mine = pc.equal(table.column("object_key").cast(pa.string()), capture.object_key)
    return CaptureIndex(capture, table.filter(mine).drop_columns(["object_key"]).cast(SCHEMA))
