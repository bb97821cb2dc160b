"""What was predicted in whole capture files, as Parquet: class, confidence, event id, time of each prediction.

What lives here: capture files to a table, tables to a file, a file to columns of predictions. What does not: where
index files lie (contract.side_index), when they are made (service.endpoint), and reading captures (capture_io), which
alone decides what a line means: a table holds what it answered, so that both give the same.
"""

import io
from binascii import hexlify, unhexlify
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from monitor_jobs.capture_io import PredictionColumns, Rows, Texts, labels_of, read_predictions
from monitor_jobs.contract.capture import UnreadableReason, opened_at_of
from monitor_jobs.contract.errors import BadInput
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.side_index import INDEX_SUFFIX, IndexedCapture, Totals, totals_of
from monitor_jobs.contract.window import HOUR, floor_hour

CAPTURES_KEY: Final = b"sextant.captures"
TOTALS_KEY: Final = b"sextant.totals"  # apart, so that reading predictions need not read every capture file's name
DICTIONARIES: Final = ["object_key", "class", "label"]
UUID_BYTES: Final = 16
UUID_CHARACTERS: Final = 36
DASHES: Final = (8, 13, 18, 23)  # where a UUID's text has them
_DASHED: Final = (8, 12, 16, 20)  # the digits that follow them
MILLISECONDS: Final = 1000
GROUP_BYTES: Final = 64 * 2**20  # of less than forty a prediction
READERS: Final = 2  # a file is read without the interpreter's lock
CLOSE: Final = 2**16  # class numbers that lie so close are counted, not sorted
NO_CARD: Final = ModelCard()

_EVENT_ID: Final = pa.binary(UUID_BYTES)
_TIME: Final = pa.timestamp("ms", tz="UTC")
_SCHEMA: Final = pa.schema(
    [
        pa.field("line", pa.int32(), nullable=False),
        pa.field("inference_time", _TIME, nullable=False),
        pa.field("event_id", _EVENT_ID, nullable=False),
        pa.field("inference_id", pa.string()),
        pa.field("class", pa.int64()),
        pa.field("label", pa.string()),
        pa.field("confidence", pa.float32(), nullable=False),
    ]
)
_captures: Final = TypeAdapter(tuple[IndexedCapture, ...])


@dataclass(frozen=True, slots=True)
class CaptureIndex:
    """One capture file, indexed: what it is, and a row for each of its predictions."""

    capture: IndexedCapture
    table: pa.Table


def index_capture(path: Path, object_key: str) -> CaptureIndex | None:
    """The index of one capture file; None where it is none of ours: event ids that are no UUIDs, times of other hours.

    Columns: line int32, inference_time timestamp[ms], event_id 16 bytes, inference_id text or null, class int64 where a
    number was answered, label text where a name was, confidence float32 (NaN where none came). Raises OSError.
    """
    chunks = list(read_predictions(path, object_key=object_key, window=None, card=NO_CARD))
    event_ids = [_packed(chunk.event_ids) for chunk in chunks]
    if None in event_ids or not all(_in_hour_of(object_key, chunk.times) for chunk in chunks):
        return None
    unreadable: Counter[UnreadableReason] = Counter()
    for chunk in chunks:
        unreadable.update(chunk.unreadable)
    records = sum(chunk.records for chunk in chunks)
    size_bytes = path.stat().st_size
    capture = IndexedCapture(object_key=object_key, size_bytes=size_bytes, records=records, unreadable=unreadable)
    parts = [_table(chunk, packed) for chunk, packed in zip(chunks, event_ids, strict=True) if packed is not None]
    return CaptureIndex(capture, pa.concat_tables(parts) if parts else _SCHEMA.empty_table())


def index_file(indexes: Iterable[CaptureIndex]) -> bytes:
    """One index file of several capture files, uncompressed: what is read in a few milliseconds stays so."""
    ordered = sorted(indexes, key=lambda index: index.capture.object_key)
    keys = [index.capture.object_key for index in ordered]
    rows = [index.table.num_rows for index in ordered]
    files = pa.DictionaryArray.from_arrays(pa.array(np.repeat(np.arange(len(keys), dtype=np.int32), rows)), keys)
    table = pa.concat_tables([_SCHEMA.empty_table(), *(index.table for index in ordered)])
    captures = tuple(index.capture for index in ordered)
    metadata = {CAPTURES_KEY: _captures.dump_json(captures), TOTALS_KEY: totals_of(captures).model_dump_json()}
    stream = io.BytesIO()
    pq.write_table(
        table.add_column(0, "object_key", files).replace_schema_metadata(metadata),
        stream,
        compression="none",
        use_dictionary=DICTIONARIES,
        write_statistics=False,
        row_group_size=max(1, table.num_rows),
    )
    return stream.getvalue()


def read_covered(path: Path) -> tuple[IndexedCapture, ...]:
    """The capture files that an index file covers. Raises BadInput where it is no index file."""
    try:
        return _captures.validate_json(_metadata(pq.read_metadata(path), CAPTURES_KEY))
    except (pa.ArrowException, OSError, ValidationError) as error:
        raise BadInput(f"{path.name} is no side index: {error}") from error


def read_index(folder: Path, card: ModelCard) -> Iterator[PredictionColumns]:
    """The predictions of all capture files that a folder's index files cover, as `read_predictions` gives them.

    Files are put together up to GROUP_BYTES, which is faster than each alone; memory does not grow beyond. Raises
    BadInput where one is no index file. Proved by tests/unit/test_side_index.py.
    """
    with ThreadPoolExecutor(READERS) as readers:
        for group in _groups(index_files(folder)):
            tables, totals = zip(*readers.map(_read, group), strict=True)
            yield _columns(tables, totals_of(totals), card)


def index_files(folder: Path) -> list[Path]:
    """Every index file below a folder, by path; none where there is no folder."""
    return sorted(folder.rglob(f"*{INDEX_SUFFIX}"))


def _groups(paths: Iterable[Path]) -> Iterator[list[Path]]:
    group, size_bytes = [], 0
    for path in paths:
        group.append(path)
        size_bytes += path.stat().st_size
        if size_bytes >= GROUP_BYTES:
            yield group
            group, size_bytes = [], 0
    if group:
        yield group


def _read(path: Path) -> tuple[pa.Table, Totals]:
    try:
        metadata = pq.read_metadata(path)
        totals = Totals.model_validate_json(_metadata(metadata, TOTALS_KEY))
        file = pq.ParquetFile(path, metadata=metadata, read_dictionary=["object_key", "label"])
        return file.read(use_threads=False), totals
    except (pa.ArrowException, OSError, ValidationError) as error:
        raise BadInput(f"{path.name} is no side index: {error}") from error


def _columns(tables: Sequence[pa.Table], totals: Totals, card: ModelCard) -> PredictionColumns:
    table = _by_object_key(pa.concat_tables(tables).combine_chunks())
    column = {name: _array(table, name) for name in table.column_names}
    classes, answered = _answers(column["class"], column["label"])
    return PredictionColumns(
        object_keys=tuple(column["object_key"].dictionary.to_pylist()),
        files=_numbers(column["object_key"].indices),
        lines=_numbers(column["line"]).astype(np.int64),
        times=_numbers(column["inference_time"].view(pa.int64())) // MILLISECONDS,
        classes=classes,
        answered=answered,
        labels=labels_of(answered, card),
        confidences=_numbers(column["confidence"]),
        event_ids=_EventIds(np.frombuffer(column["event_id"].buffers()[1], dtype=f"V{UUID_BYTES}")),
        inference_ids=_InferenceIds(column["inference_id"]),
        records=totals.records,
        unreadable=totals.unreadable,
    )


def _by_object_key(table: pa.Table) -> pa.Table:
    """The rows by the keys of their capture files, as one file has them; those of several producers interleave."""
    keys = _array(table, "object_key")
    order = np.argsort(keys.dictionary.to_numpy(zero_copy_only=False))
    if (np.diff(order) == 1).all():
        return table
    files = np.argsort(order).astype(np.int32)[_numbers(keys.indices)]
    keys = pa.DictionaryArray.from_arrays(files, keys.dictionary.take(pa.array(order)))
    return table.set_column(0, "object_key", keys).take(pa.array(np.argsort(files, kind="stable")))


def _answers(numbers: pa.Int64Array, texts: pa.DictionaryArray) -> tuple[npt.NDArray[np.int32], tuple[int | str, ...]]:
    """The index of each row's answer, and the distinct answers: class numbers, then texts."""
    distinct, ranks = _ranked(_numbers(numbers.drop_null() if numbers.null_count else numbers))
    if numbers.null_count:
        is_number, ranks_of_numbers = _numbers(numbers.is_valid()), ranks
        ranks = np.empty(len(numbers), dtype=np.int32)
        ranks[is_number] = ranks_of_numbers
        ranks[~is_number] = len(distinct) + _numbers(texts.indices.drop_null())
    return ranks, (*distinct.tolist(), *texts.dictionary.to_pylist())


def _ranked(numbers: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """The distinct numbers, ascending, and the place of each number among them; unsorted where they lie close."""
    if not numbers.size or np.ptp(numbers) > CLOSE:
        distinct, places = np.unique(numbers, return_inverse=True)
        return distinct, places.astype(np.int32)
    above = numbers - numbers.min()
    seen = np.bincount(above) > 0
    return np.flatnonzero(seen) + numbers.min(), (np.cumsum(seen, dtype=np.int32) - 1)[above]


@dataclass(frozen=True, slots=True)
class _EventIds:
    """Event ids as text, of 16 bytes each."""

    packed: npt.NDArray[np.void]

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, rows: Rows, /) -> npt.NDArray[np.object_]:
        digits = np.frombuffer(hexlify(self.packed[rows].tobytes()), dtype=np.uint8).reshape(-1, 2 * UUID_BYTES)
        texts = np.insert(digits, _DASHED, ord("-"), axis=1).tobytes().decode("ascii")
        starts = range(0, len(texts), UUID_CHARACTERS)
        return np.array([texts[start : start + UUID_CHARACTERS] for start in starts], dtype=object)


@dataclass(frozen=True, slots=True)
class _InferenceIds:
    """Inference ids, likewise."""

    texts: pa.StringArray

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, rows: Rows, /) -> npt.NDArray[np.object_]:
        return np.array(self.texts.take(pa.array(rows)).to_pylist(), dtype=object)


def _table(chunk: PredictionColumns, event_ids: pa.Array) -> pa.Table:
    answered = pa.array(chunk.classes)
    numbers = pa.array([each if isinstance(each, int) else None for each in chunk.answered], pa.int64())
    texts = pa.array([each if isinstance(each, str) else None for each in chunk.answered], pa.string())
    columns = {
        "line": pa.array(chunk.lines, pa.int32()),
        "inference_time": pa.array(chunk.times * 1000, _TIME),
        "event_id": event_ids,
        "inference_id": pa.array(chunk.inference_ids[np.arange(len(chunk.lines))], pa.string()),
        "class": numbers.take(answered),
        "label": texts.take(answered),
        "confidence": pa.array(chunk.confidences),
    }
    return pa.table(columns, schema=_SCHEMA)


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
    return pa.FixedSizeBinaryArray.from_buffers(_EVENT_ID, len(texts), [None, pa.py_buffer(packed)])


def _in_hour_of(object_key: str, times: npt.NDArray[np.int64]) -> bool:
    opened_at = opened_at_of(object_key)
    if opened_at is None:
        return False
    start = floor_hour(opened_at).timestamp()
    return bool(((times >= start) & (times < start + HOUR.total_seconds())).all())


def _array(table: pa.Table, name: str) -> pa.Array:
    chunks = table.column(name)
    return chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()


def _numbers(array: pa.Array) -> npt.NDArray[Any]:
    numbers: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return numbers


def _metadata(file: pq.FileMetaData, key: bytes) -> bytes:
    found: bytes | None = (file.metadata or {}).get(key)
    if found is None:
        raise pa.ArrowInvalid(f"nothing is said of {key.decode()}")
    return found
