"""From a capture file's lines to rows of the side index, and from an hour's rows to one file.

What lives here: what is kept of each prediction. What does not: what a line means, which capture_io alone decides, so
that an index and its captures say the same; when an index is made (service.endpoint).
"""

import io
from binascii import hexlify, unhexlify
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from monitor_jobs.capture_io import (
    Gathering,
    PredictionColumns,
    Texts,
    predictions_in,
    read_contents,
    without_request,
)
from monitor_jobs.contract.capture import opened_at_of
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.side_index import IndexedCapture, Totals, totals_of
from monitor_jobs.contract.window import HOUR, floor_hour
from monitor_jobs.side_index.schema import (
    CAPTURES_KEY,
    DASHES,
    DICTIONARIES,
    EVENT_ID,
    MILLISECONDS,
    SCHEMA,
    TIME,
    TOTALS_KEY,
    UUID_CHARACTERS,
    captures_json,
)

BLOCK_BYTES: Final = 1 << 16
NO_CARD: Final = ModelCard()


@dataclass(frozen=True, slots=True)
class CaptureIndex:
    """One capture file, indexed: what it is, and a row for each of its predictions."""

    capture: IndexedCapture
    table: pa.Table


class AnswerLines:
    """The lines of one capture file on their way into an index, without their requests; `add` takes them in order."""

    def __init__(self) -> None:
        self._gathering = Gathering(first_line=1)
        self._held: list[bytes] = []
        self._held_bytes = 0

    def add(self, line: bytes) -> None:
        """Take the next line."""
        self._held.append(without_request(line))
        self._held_bytes += len(self._held[-1])
        if self._held_bytes >= BLOCK_BYTES:
            self._gather()

    def predictions(self, object_key: str) -> list[PredictionColumns]:
        """What was answered in them."""
        self._gather()
        return list(predictions_in([self._gathering.chunk()], object_key=object_key, window=None, card=NO_CARD))

    def _gather(self) -> None:
        self._gathering.add(b"".join(self._held))
        self._held, self._held_bytes = [], 0


def index_capture(path: Path, object_key: str) -> CaptureIndex | None:
    """The index of a capture file of ours, as `index_lines` makes it. Raises OSError."""
    lines = AnswerLines()
    contents = read_contents(path, lines.add)
    return index_lines(lines, object_key, contents.size_bytes)


def index_lines(lines: AnswerLines, object_key: str, size_bytes: int) -> CaptureIndex | None:
    """The index of one capture file; None where it is none of ours: event ids that are no UUIDs, times of other hours.

    Columns: line int32, inference_time timestamp[ms], event_id 16 bytes, inference_id text or null, class int64 where a
    number was answered, label text where a name was, confidence float32 (NaN where none came).
    """
    parts: list[pa.Table] = []
    totals: list[Totals] = []
    for columns in lines.predictions(object_key):
        event_ids = _packed(columns.event_ids)
        if event_ids is None or not _in_hour_of(object_key, columns.times):
            return None
        parts.append(_table(columns, event_ids))
        totals.append(Totals(records=columns.records, unreadable=columns.unreadable))
    total = totals_of(totals)
    capture = IndexedCapture(object_key=object_key, size_bytes=size_bytes, **total.model_dump())
    return CaptureIndex(capture, pa.concat_tables([SCHEMA.empty_table(), *parts]))


def index_file(indexes: Iterable[CaptureIndex]) -> bytes:
    """One index file of several capture files, uncompressed: what is read in a few milliseconds stays so."""
    ordered = sorted(indexes, key=lambda index: index.capture.object_key)
    keys = [index.capture.object_key for index in ordered]
    rows = [index.table.num_rows for index in ordered]
    files = pa.DictionaryArray.from_arrays(pa.array(np.repeat(np.arange(len(keys), dtype=np.int32), rows)), keys)
    table = pa.concat_tables([SCHEMA.empty_table(), *(index.table for index in ordered)])
    captures = tuple(index.capture for index in ordered)
    metadata = {CAPTURES_KEY: captures_json.dump_json(captures), TOTALS_KEY: totals_of(captures).model_dump_json()}
    stream = io.BytesIO()
    pq.write_table(
        table.add_column(0, "object_key", files).replace_schema_metadata(metadata),
        stream,
        compression="none",
        use_dictionary=list(DICTIONARIES),
        write_statistics=False,
        row_group_size=max(1, table.num_rows),
    )
    return stream.getvalue()


def _table(chunk: PredictionColumns, event_ids: pa.Array) -> pa.Table:
    answered = pa.array(chunk.classes)
    numbers = pa.array([each if isinstance(each, int) else None for each in chunk.answered], pa.int64())
    texts = pa.array([each if isinstance(each, str) else None for each in chunk.answered], pa.string())
    columns = {
        "line": pa.array(chunk.lines, pa.int32()),
        "inference_time": pa.array(chunk.times * MILLISECONDS, TIME),
        "event_id": event_ids,
        "inference_id": pa.array(chunk.inference_ids[np.arange(len(chunk.lines))], pa.string()),
        "class": numbers.take(answered),
        "label": texts.take(answered),
        "confidence": pa.array(chunk.confidences),
    }
    return pa.table(columns, schema=SCHEMA)


def _packed(event_ids: Texts) -> pa.Array | None:
    """Canonical UUIDs in 16 bytes each; None where one of them is none."""
    texts: list[str] = event_ids[np.arange(len(event_ids))].tolist()
    if not all(len(text) == UUID_CHARACTERS and text.isascii() for text in texts):
        return None
    characters = np.frombuffer("".join(texts).encode(), dtype="S1").reshape(-1, UUID_CHARACTERS)
    digits = np.delete(characters, DASHES, axis=1).tobytes()
    try:
        packed = unhexlify(digits)
    except ValueError:
        return None
    if hexlify(packed) != digits or not (characters[:, DASHES] == b"-").all():
        return None  # another way to write it, which could not be told from this one
    return pa.FixedSizeBinaryArray.from_buffers(EVENT_ID, len(texts), [None, pa.py_buffer(packed)])


def _in_hour_of(object_key: str, times: npt.NDArray[np.int64]) -> bool:
    opened_at = opened_at_of(object_key)
    if opened_at is None:
        return False
    start = floor_hour(opened_at).timestamp()
    return bool(((times >= start) & (times < start + HOUR.total_seconds())).all())
