"""Which of a window's records are asked again: those whose event ids have the lowest digests.

So the choice is the same whatever shards a window is read in, and whoever reads it; and as good as drawn by lot.

What lives here: `summarise`, `merge`, `empty`. What does not: reading files (capture_io), asking (asking).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from operator import attrgetter

from monitor_jobs.capture_io import UnreadableLine
from monitor_jobs.contract.capture import CaptureRecord
from monitor_jobs.contract.window import Window


@dataclass(frozen=True, slots=True)
class SampledRecord:
    """A record, where it lies, and its lot: the lower, the sooner it is asked again."""

    lot: int
    object_key: str
    line: int
    record: CaptureRecord

    @property
    def event_id(self) -> str:
        """The record's own name."""
        return self.record.event_metadata.event_id

    @property
    def order(self) -> tuple[int, str, str, int]:
        """By lot; of one event that was delivered twice, by where it lies."""
        return self.lot, self.event_id, self.object_key, self.line


@dataclass(frozen=True, slots=True)
class Summary:
    """A part of a window: how much is in it, and the records that are asked again, by their lots."""

    records: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    sample: tuple[SampledRecord, ...] = ()
    earliest: int | None = None
    latest: int | None = None

    @property
    def predictions(self) -> int:
        """Those that are judged: one of each record that is asked again."""
        return len(self.sample)


def empty() -> Summary:
    """The summary of nothing, the identity of `merge`."""
    return Summary()


def summarise(
    lines: Iterable[CaptureRecord | UnreadableLine], *, object_key: str, window: Window | None, most: int
) -> Summary:
    """The summary of one file's lines, of which those outside of the window do not count; at most `most` in the sample.

    Proved independent of sharding in tests/unit/test_saliency_drift_sample.py.
    """
    unreadable: Counter[str] = Counter()
    summary = empty()
    chunk: list[SampledRecord] = []
    for number, line in enumerate(lines, start=1):
        if isinstance(line, UnreadableLine):
            unreadable[line.reason.value] += 1
        elif window is None or line.event_metadata.inference_time in window:
            chunk.append(SampledRecord(lot_of(line.event_metadata.event_id), object_key, number, line))
        if len(chunk) >= most:  # so that no more than twice as many are held
            summary, chunk = merge(summary, _of(chunk, most), most=most), []
    counted = Summary(unreadable=dict(unreadable))
    return merge(merge(summary, _of(chunk, most), most=most), counted, most=most)


def merge(left: Summary, right: Summary, *, most: int) -> Summary:
    """The summary of two disjoint parts together; associative and commutative."""
    earliest = [moment for moment in (left.earliest, right.earliest) if moment is not None]
    latest = [moment for moment in (left.latest, right.latest) if moment is not None]
    return Summary(
        records=left.records + right.records,
        unreadable=dict(Counter(left.unreadable) + Counter(right.unreadable)),
        sample=_lowest((*left.sample, *right.sample), most),
        earliest=min(earliest, default=None),
        latest=max(latest, default=None),
    )


def lot_of(event_id: str) -> int:
    """A number of 64 bits that an event's id alone decides."""
    return int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=8).digest())


def _of(chunk: list[SampledRecord], most: int) -> Summary:
    times = [int(one.record.event_metadata.inference_time.timestamp()) for one in chunk]
    return Summary(
        records=len(chunk),
        sample=_lowest(chunk, most),
        earliest=min(times, default=None),
        latest=max(times, default=None),
    )


def _lowest(records: Iterable[SampledRecord], most: int) -> tuple[SampledRecord, ...]:
    by_event: dict[str, SampledRecord] = {}
    for one in sorted(records, key=attrgetter("order")):
        by_event.setdefault(one.event_id, one)
    return tuple(nsmallest(most, by_event.values(), key=attrgetter("order")))
