"""From files of the side index to columns of predictions, as reading their capture files gives them.

What lives here: reading, fast. What does not: the format (schema).
"""

from binascii import hexlify
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from monitor_jobs.capture_io import PredictionColumns, Rows, labels_of
from monitor_jobs.contract.model_package import ModelCard
from monitor_jobs.contract.side_index import INDEX_SUFFIX, Totals, totals_of
from monitor_jobs.side_index.schema import (
    DASHED,
    MILLISECONDS,
    TOTALS_KEY,
    UUID_BYTES,
    UUID_CHARACTERS,
    no_index,
    told,
)

GROUP_BYTES: Final = 64 * 2**20  # of less than forty a prediction
READERS: Final = 2  # a file is read without the interpreter's lock
CLOSE: Final = 2**16  # class numbers that lie so close are counted, not sorted


def read_index(folder: Path, card: ModelCard) -> Iterator[PredictionColumns]:
    """The predictions of all capture files that a folder's index files cover, as `read_predictions` gives them.

    Files are put together up to GROUP_BYTES, which is faster than each alone; memory does not grow beyond. Raises
    BadInput where one is no index file. Proved by tests/unit/test_side_index.py.
    """
    with ThreadPoolExecutor(READERS) as readers:
        for group in _groups(sorted(folder.rglob(f"*{INDEX_SUFFIX}"))):
            tables, totals = zip(*readers.map(_read, group), strict=True)
            yield _columns(tables, totals_of(totals), card)


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
        file = pq.ParquetFile(path, read_dictionary=["object_key", "label"])
        totals = Totals.model_validate_json(told(file.metadata, TOTALS_KEY))
        return file.read(use_threads=False), totals
    except (pa.ArrowException, OSError, ValidationError, KeyError) as error:  # KeyError: it has no such column
        raise no_index(path, error) from error


def _columns(tables: Sequence[pa.Table], totals: Totals, card: ModelCard) -> PredictionColumns:
    table = _by_object_key(pa.concat_tables(tables).combine_chunks())
    column = {name: _array(table, name) for name in table.column_names}
    classes, answered = _answers(column["class"], column["label"])
    return PredictionColumns(
        object_keys=tuple(column["object_key"].dictionary.to_pylist()),
        files=_numbers(column["object_key"].indices),
        lines=_numbers(column["line"]),
        times=_numbers(column["inference_time"].view(pa.int64())) // MILLISECONDS,
        classes=classes,
        answered=answered,
        labels=labels_of(answered, card),
        confidences=_numbers(column["confidence"]),
        event_ids=_EventIds(_bytes(column["event_id"])),
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
        texts = np.insert(digits, DASHED, ord("-"), axis=1).tobytes().decode("ascii")
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


def _array(table: pa.Table, name: str) -> pa.Array:
    chunks = table.column(name)
    return chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()


def _numbers(array: pa.Array) -> npt.NDArray[Any]:
    numbers: npt.NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return numbers


def _bytes(array: pa.FixedSizeBinaryArray) -> npt.NDArray[np.void]:
    values = np.frombuffer(array.buffers()[1], dtype=f"V{UUID_BYTES}")
    return values[array.offset : array.offset + len(array)]
