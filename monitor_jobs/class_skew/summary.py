"""What class skew keeps of the predictions that it has seen: counts, and a bounded number of records to point at.

What lives here: `summarise`, `merge`, `empty`. What does not: reading files (capture_io) and judging (analysis).
The size of a summary grows with the number of classes, never with the number of predictions.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from monitor_jobs.capture_io import PredictionColumns, Rows
from monitor_jobs.contract.report import MAX_OFFENDING_RECORDS

RECENT_ROWS = 4096  # of a large file, that are looked through for the newest records of each class first


# One captured record: time in epoch seconds, object key, line, event id, inference id ("" where there is none), in that
# order. A plain tuple: hundreds of thousands are made in a large window, and a named one takes five times as long.
RecordRef = tuple[int, str, int, str, str]


class Doubt(NamedTuple):
    """One unsure prediction, ordered by its best score."""

    confidence: float
    record: RecordRef
    label: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A part of a window, in plain values that compare equal whatever shards they were merged from.

    recent: by label, the records that were last given it, newest first; doubtful: lowest best score first; both at most
    MAX_OFFENDING_RECORDS distinct records. earliest, latest: epoch seconds.
    """

    records: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    class_counts: Mapping[str, int] = field(default_factory=dict)
    scored: int = 0
    low_confidence: int = 0
    recent: Mapping[str, tuple[RecordRef, ...]] = field(default_factory=dict)
    doubtful: tuple[Doubt, ...] = ()
    earliest: int | None = None
    latest: int | None = None

    @property
    def predictions(self) -> int:
        """All predictions, those that are bare classes included."""
        return sum(self.class_counts.values())


def empty() -> Summary:
    """The summary of nothing, the identity of `merge`."""
    return Summary()


def summarise(columns: PredictionColumns, *, low_confidence_below: float) -> Summary:
    """The summary of some predictions.

    A prediction is unsure where its best score is below `low_confidence_below`; a bare class has no score and is
    neither sure nor unsure. Proved independent of sharding in tests/unit/test_class_skew_summary.py.
    """
    unsure = columns.confidences < low_confidence_below  # NaN, a bare class, is not below anything
    times = columns.times
    return Summary(
        records=columns.records,
        unreadable={reason.value: count for reason, count in columns.unreadable.items() if count},
        class_counts=_class_counts(columns),
        scored=int(np.count_nonzero(~np.isnan(columns.confidences))),
        low_confidence=int(np.count_nonzero(unsure)),
        recent=_recent(columns),
        doubtful=_doubtful(columns, np.flatnonzero(unsure)),
        earliest=int(times.min()) if times.size else None,
        latest=int(times.max()) if times.size else None,
    )


def merge(left: Summary, right: Summary) -> Summary:
    """The summary of two disjoint parts together; associative and commutative."""
    earliest = [moment for moment in (left.earliest, right.earliest) if moment is not None]
    latest = [moment for moment in (left.latest, right.latest) if moment is not None]
    return Summary(
        records=left.records + right.records,
        unreadable=_added(left.unreadable, right.unreadable),
        class_counts=_added(left.class_counts, right.class_counts),
        scored=left.scored + right.scored,
        low_confidence=left.low_confidence + right.low_confidence,
        recent=_newest_of_each(left.recent, right.recent),
        doubtful=_least_sure((*left.doubtful, *right.doubtful)),
        earliest=min(earliest, default=None),
        latest=max(latest, default=None),
    )


def _added(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(left) + Counter(right))


def _newest_of_each(
    left: Mapping[str, tuple[RecordRef, ...]], right: Mapping[str, tuple[RecordRef, ...]]
) -> dict[str, tuple[RecordRef, ...]]:
    both = {label: _newest(left[label], right[label]) for label in left.keys() & right.keys()}
    return {**left, **right, **both}


def _newest(left: tuple[RecordRef, ...], right: tuple[RecordRef, ...]) -> tuple[RecordRef, ...]:
    """The newest of two runs that are newest first; runs that do not overlap, as of files in turn, need no sorting."""
    if left[-1] > right[0]:
        return (left + right)[:MAX_OFFENDING_RECORDS]
    if right[-1] > left[0]:
        return (right + left)[:MAX_OFFENDING_RECORDS]
    return tuple(sorted({*left, *right}, reverse=True)[:MAX_OFFENDING_RECORDS])


def _least_sure(doubts: Iterable[Doubt]) -> tuple[Doubt, ...]:
    by_record: dict[RecordRef, Doubt] = {}
    for doubt in sorted(doubts):
        by_record.setdefault(doubt.record, doubt)
    return tuple(islice(by_record.values(), MAX_OFFENDING_RECORDS))


def _class_counts(columns: PredictionColumns) -> dict[str, int]:
    counts: Counter[str] = Counter()
    per_index = np.bincount(columns.classes, minlength=len(columns.labels))
    for index in np.flatnonzero(per_index).tolist():
        counts[columns.labels[index]] += int(per_index[index])  # a model card may name two classes alike
    return dict(counts)


def _recent(columns: PredictionColumns) -> dict[str, tuple[RecordRef, ...]]:
    rows = _newest_rows(columns)
    records = _records_at(columns, rows)
    classes = columns.classes[rows]
    edges = [0, *(np.flatnonzero(np.diff(classes)) + 1).tolist(), rows.size]
    recent: dict[str, tuple[RecordRef, ...]] = {}
    for start, stop in pairwise(edges if rows.size else []):
        label = columns.labels[classes[start]]
        newest = tuple(reversed(records[start:stop]))
        recent[label] = _newest(recent[label], newest) if label in recent else newest
    return recent


def _newest_rows(columns: PredictionColumns) -> Rows:
    """The rows of the last records of every class, grouped by class."""
    order = _without_old(columns)
    order = order[np.argsort(_narrow(columns, order), kind="stable")]
    repeats = _repeats(columns.classes[order], columns.lines[order], columns.files[order])
    order = order[~repeats]  # one batch, one record
    classes = columns.classes[order]
    ends = np.cumsum(np.bincount(classes, minlength=len(columns.labels)))
    newest: Rows = order[np.arange(order.size) >= ends[classes] - MAX_OFFENDING_RECORDS]
    return newest


def _without_old(columns: PredictionColumns) -> Rows:
    """The rows, oldest first, less those of which enough newer ones of their class are certainly there.

    That leaves a few thousand of a million. Rows of one second stay by file and line, as they come.
    """
    times, classes = columns.times, columns.classes
    order = None if (times[1:] >= times[:-1]).all() else np.argsort(times, kind="stable")  # None: as they are
    by_time = classes if order is None else classes[order]
    tail = np.arange(max(0, times.size - RECENT_ROWS), times.size)
    rows = tail if order is None else order[tail]
    lately = np.bincount(classes[rows], minlength=len(columns.labels))
    batch = _largest_batch(columns.lines[rows], columns.files[rows]) if rows.size else 1
    wanted = lately < MAX_OFFENDING_RECORDS * batch  # rows of so many that hold 25 distinct records
    kept = np.concatenate((np.flatnonzero(wanted[by_time[: times.size - tail.size]]), tail))
    return kept if order is None else order[kept]


def _repeats(*values: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """True where a row has the same values as the row before it."""
    same = np.ones(len(values[0]), dtype=bool)
    same[:1] = False
    for value in values:
        same[1:] &= value[1:] == value[:-1]
    return same


def _narrow(columns: PredictionColumns, rows: Rows) -> npt.NDArray[np.integer]:
    """The class indices in 16 bits where they fit: NumPy then sorts them by counting, ten times faster."""
    return columns.classes[rows].astype(np.uint16 if len(columns.labels) <= 2**16 else np.int32)


def _doubtful(columns: PredictionColumns, unsure: Rows) -> tuple[Doubt, ...]:
    if not unsure.size:
        return ()
    # The lowest 25 x (largest batch) rows hold 25 distinct records, however the batches lie.
    wanted = MAX_OFFENDING_RECORDS * _largest_batch(columns.lines[unsure], columns.files[unsure])
    if unsure.size > wanted:
        bar = np.partition(columns.confidences[unsure], wanted)[wanted]
        unsure = unsure[columns.confidences[unsure] <= bar]
    keys = (columns.lines, columns.files, columns.times, columns.confidences)
    order = np.lexsort([key[unsure] for key in keys])
    rows = unsure[order[:wanted]]
    labels = [columns.labels[index] for index in columns.classes[rows]]
    doubts = zip(columns.confidences[rows].tolist(), _records_at(columns, rows), labels, strict=True)
    return _least_sure(map(Doubt._make, doubts))


def _largest_batch(lines: npt.NDArray[np.integer], files: npt.NDArray[np.int32]) -> int:
    starts = np.flatnonzero(~_repeats(lines, files))
    return int(np.diff(starts, append=len(lines)).max())


def _records_at(columns: PredictionColumns, rows: Rows) -> list[RecordRef]:
    inference_ids = (inference_id or "" for inference_id in columns.inference_ids[rows].tolist())
    object_keys = map(columns.object_keys.__getitem__, columns.files[rows].tolist())
    times, lines, event_ids = (column[rows].tolist() for column in (columns.times, columns.lines, columns.event_ids))
    return list(zip(times, object_keys, lines, event_ids, inference_ids, strict=True))
