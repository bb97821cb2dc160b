"""Datasets of lines to tables by a user's script, which is handed each line as a text.

AWS does so with CSV where a baseline has a preprocessing script. Lines end with LF or CRLF whatever quotes say; blank
ones, a header and a byte order mark are passed over; bytes that are no UTF-8 become U+FFFD.

What lives here: lines to the script, its rows to columns. What does not: the script's process
(monitor_jobs.record_scripts).
"""

import io
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from monitor_jobs.capture_io.blocks import LongLine, blocks_in
from monitor_jobs.contract.capture import UnreadableReason
from monitor_jobs.contract.dataset_format import CsvFormat, DatasetFormat
from monitor_jobs.feature_table.opening import open_unpacked
from monitor_jobs.feature_table.table import FeatureTable
from monitor_jobs.feature_table.values import columns_of_rows
from monitor_jobs.record_scripts import RecordScript, shared_preprocessor


def read_scripted_lines(path: Path, dataset_format: DatasetFormat, script: RecordScript) -> Iterator[FeatureTable]:
    """The rows that a script makes of a file's lines. Raises OSError, and ScriptFailed."""
    preprocessor = shared_preprocessor(script)
    header = isinstance(dataset_format, CsvFormat) and dataset_format.header
    with open_unpacked(path) as file:
        for block in blocks_in(file):
            if isinstance(block, LongLine):
                yield FeatureTable({}, 0, unreadable=Counter({UnreadableReason.TOO_LONG: 1}))
                continue
            lines = _lines(block.text)[1:] if header else _lines(block.text)
            header = False
            rows = list(preprocessor.rows_of_many(lines))
            columns, integral = columns_of_rows(list(chain.from_iterable(rows)))
            yield FeatureTable(columns, sum(map(len, rows)), integral, records=len(lines))


def _lines(text: bytes) -> list[str]:
    lines = (line.decode(errors="replace").rstrip("\r\n") for line in io.BytesIO(text))
    return [line for line in lines if line.strip()]
