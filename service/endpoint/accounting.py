"""Where every captured record is: one state behind one lock, so that no moment shows a record twice or nowhere.

    captured = stored + backlog + dropped + quarantined

What lives here: the counts, the byte budget, the gaps not yet written down, and the time up to which all is safe. What
does not: files, threads, the store. The identity is tested as a state machine in tests/unit/test_accounting.py.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from monitor_jobs.capture_io import Contents
from monitor_jobs.contract.watermark import SECOND, Gap, floor_second
from monitor_jobs.contract.window import floor_hour
from service.endpoint.segment import SegmentName
from service.endpoint.snapshot import OK, REFUSED, DropReason, Snapshot, Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A record that was taken into the queue: its time, and the bytes it holds there. It equals no other."""

    moment: datetime
    size_bytes: int


class Line(NamedTuple):
    """A record that was taken, as the line that is to be written of it."""

    ticket: Ticket
    content: bytes


@dataclass(slots=True)
class _Holding:
    """Records of one segment that wait for the store."""

    oldest: datetime
    newest: datetime
    own: bool
    records: int = 0
    size_bytes: int = 0
    contents: Contents | None = None


@dataclass(frozen=True, slots=True)
class _Loss:
    """Records of one hour dropped for one reason since the last gap was written down."""

    first: datetime
    last: datetime
    records: int

    def merged(self, other: "_Loss") -> "_Loss":
        return _Loss(min(self.first, other.first), max(self.last, other.last), self.records + other.records)


class Ledger:
    """Counts of one capturing process. Every method may be called from any thread, and none does I/O under the lock."""

    def __init__(self, *, budget_bytes: int, queue_bytes: int) -> None:
        self._settled = threading.Condition()
        self._budget_bytes = budget_bytes
        self._queue_limit_bytes = queue_bytes
        self._promised = EPOCH
        self._closed = False
        self._queued: set[Ticket] = set()
        self._queued_bytes = 0
        self._holdings: dict[SegmentName, _Holding] = {}
        self._held_bytes = 0  # of all holdings
        self._others_bytes = 0
        self._largest_bytes = 0
        self._captured: Counter[Source] = Counter()
        self._stored = 0
        self._dropped: Counter[DropReason] = Counter()
        self._quarantined = 0
        self._losses: dict[tuple[DropReason, datetime], _Loss] = {}  # by reason and hour
        self._requests: Counter[tuple[str, ...]] = Counter()
        self._store_refuses = False

    def admit(self, moment: datetime, size_bytes: int) -> Ticket | None:
        """Count one record, and take it into the queue, or drop it and return None.

        A moment before the promised watermark (the clock was set back, the process had stopped) becomes the promised
        one: whoever reads the window that holds it has not read it yet.
        """
        with self._settled:
            ticket = Ticket(max(moment, self._promised), size_bytes)
            self._captured[Source.REQUEST] += 1
            self._largest_bytes = max(self._largest_bytes, size_bytes)
            reason = self._refusal(size_bytes)
            if reason is not None:
                self._count_loss(reason, _Loss(ticket.moment, ticket.moment, 1))
                return None
            self._queued.add(ticket)
            self._queued_bytes += size_bytes
            return ticket

    @property
    def has_room(self) -> bool:
        """True while enough is free for what is being answered already.

        That is half of the queue, and a tenth of the budget or twice the largest record. An empty spool has room.
        """
        with self._settled:
            kept_free = min(self._budget_bytes / 2, max(self._budget_bytes / 10, 2 * self._largest_bytes))
            free = self._budget_bytes - self._spent_bytes()
            return free >= kept_free and self._queued_bytes <= self._queue_limit_bytes / 2

    def fit(self, lines: Sequence[Line]) -> bool:
        """True where the budget holds the records' lines in place of the queued records."""
        grown = sum(len(line.content) - line.ticket.size_bytes for line in lines)
        with self._settled:
            return self._spent_bytes() + grown <= self._budget_bytes

    def write(self, name: SegmentName, lines: Sequence[Line]) -> None:
        """Queued records have become lines of a segment of our own."""
        moments, size_bytes = [line.ticket.moment for line in lines], sum(len(line.content) for line in lines)
        oldest, newest = min(moments), max(moments)
        with self._settled:
            for line in lines:
                self._unqueue(line.ticket)
            holding = self._holdings.setdefault(name, _Holding(oldest, newest, own=True))
            holding.oldest, holding.newest = min(holding.oldest, oldest), max(holding.newest, newest)
            holding.records += len(lines)
            holding.size_bytes += size_bytes
            self._held_bytes += size_bytes

    def finish(self, name: SegmentName, contents: Contents) -> None:
        """A segment of our own is sealed with these contents, and the disk refused none of it: it changes no more."""
        with self._settled:
            if name in self._holdings:  # else it is stored already
                self._holdings[name].contents = contents

    def contents_of(self, name: SegmentName) -> Contents | None:
        """What was said of a segment when it was finished; None where it never was, or somebody had to mend it."""
        with self._settled:
            return self._holdings[name].contents if name in self._holdings else None

    def drop(self, ticket: Ticket, reason: DropReason) -> None:
        """A queued record was given up."""
        with self._settled:
            self._unqueue(ticket)
            self._count_loss(reason, _Loss(ticket.moment, ticket.moment, 1))

    def adopt(self, name: SegmentName, records: int, size_bytes: int) -> None:
        """A segment of so many whole records was found in the spool; one of our own may have lost or kept some.

        An empty one waits for the store too, which is told of it.
        """
        with self._settled:
            known = self._released(name) or _Holding(name.opened_at, name.opened_at, own=False)
            if records < known.records:
                self._count_loss(DropReason.DISK_ERROR, _loss_of(known, known.records - records))
            self._captured[Source.ADOPTED] += max(0, records - known.records)
            self._holdings[name] = replace(known, records=records, size_bytes=size_bytes, contents=None)
            self._held_bytes += size_bytes

    def store(self, name: SegmentName) -> None:
        """A segment is in the object store."""
        with self._settled:
            holding = self._released(name)
            self._stored += holding.records if holding else 0

    def lose(self, name: SegmentName, reason: DropReason) -> None:
        """A segment can never reach the object store. Its manifest tells so, no gap does."""
        with self._settled:
            holding = self._released(name)
            self._dropped[reason] += holding.records if holding else 0

    def quarantine(self, name: SegmentName, records: int) -> None:
        """A segment was set aside; `records` is how many it seems to hold where it was not counted before."""
        with self._settled:
            known = self._released(name)
            if known is None:
                self._captured[Source.ADOPTED] += records
            self._quarantined += records if known is None else known.records

    def note_others(self, size_bytes: int) -> None:
        """Others that live in the same spool folder hold so many bytes of its budget."""
        with self._settled:
            self._others_bytes = size_bytes

    def note_request(self, operation: str, outcome: str) -> None:
        """One request to the object store has ended."""
        with self._settled:
            self._requests[operation, outcome] += 1
            if outcome in (REFUSED, OK):
                self._store_refuses = outcome == REFUSED

    def promise(self, limit: datetime) -> datetime:
        """The whole second before which each record of our own is stored, or in a gap that was taken; never goes back.

        From now on `admit` gives out no earlier moment. `limit` is the time up to which no more records are expected.
        """
        with self._settled:
            own = (holding.oldest for holding in self._holdings.values() if holding.own)
            losses = (loss.first for loss in self._losses.values())
            safe = floor_second(min((limit, *self._queued_times(), *own, *losses)))
            self._promised = max(self._promised, safe)
            return self._promised

    @property
    def promised(self) -> datetime:
        """What `promise` said last; the year 1970 before the first time."""
        with self._settled:
            return self._promised

    def take_gaps(self) -> list[Gap]:
        """What was dropped since the last call, a gap a reason and hour; the caller writes it down or gives it back."""
        with self._settled:
            losses, self._losses = self._losses, {}
        return [_gap_of(reason, loss) for (reason, _), loss in losses.items()]

    def give_back(self, gaps: Iterable[Gap]) -> None:
        """Gaps that could not be written down are told again by the next `take_gaps`."""
        with self._settled:
            for gap in gaps:
                self._note_loss(DropReason(gap.reason), _Loss(gap.start, gap.end - SECOND, gap.dropped))

    def close(self) -> None:
        """Drop whatever is offered from now on."""
        with self._settled:
            self._closed = True

    def wait_until_written(self, timeout_seconds: float) -> bool:
        """True once the queue is empty: every record admitted before is in a file, or dropped."""
        with self._settled:
            return self._settled.wait_for(lambda: not self._queued, timeout_seconds)

    @property
    def is_written_down(self) -> bool:
        """True where no record is in memory only, and no dropped one without a gap that was taken."""
        with self._settled:
            return not self._queued and not self._losses

    def records_of(self, name: SegmentName) -> int:
        """How many records of a segment wait for the store."""
        with self._settled:
            return self._holdings[name].records if name in self._holdings else 0

    @property
    def queued_records(self) -> int:
        """Records that are in memory only."""
        with self._settled:
            return len(self._queued)

    def names_of(self, producer: str) -> set[SegmentName]:
        """Every segment of one producer that waits for the store."""
        with self._settled:
            return {name for name in self._holdings if name.producer == producer}

    def __contains__(self, name: SegmentName) -> bool:
        with self._settled:
            return name in self._holdings

    def snapshot(self) -> Snapshot:
        """All counts at this instant."""
        with self._settled:
            holdings = self._holdings.values()
            moments = (*self._queued_times(), *(holding.oldest for holding in holdings))
            return Snapshot(
                captured={source: self._captured[source] for source in Source},
                stored=self._stored,
                dropped={reason: self._dropped[reason] for reason in DropReason},
                quarantined=self._quarantined,
                backlog_records=len(self._queued) + sum(holding.records for holding in holdings),
                backlog_bytes=self._queued_bytes + self._held_bytes,
                oldest_backlog=min(moments, default=None),
                store_requests=dict(self._requests),
                store_refuses=self._store_refuses,
            )

    def _refusal(self, size_bytes: int) -> DropReason | None:
        if self._closed:
            return DropReason.CLOSED
        if self._spent_bytes() + size_bytes > self._budget_bytes:
            return DropReason.SPOOL_FULL
        return DropReason.QUEUE_FULL if self._queued_bytes + size_bytes > self._queue_limit_bytes else None

    def _spent_bytes(self) -> int:
        return self._queued_bytes + self._held_bytes + self._others_bytes

    def _queued_times(self) -> Iterator[datetime]:
        return (ticket.moment for ticket in self._queued)

    def _unqueue(self, ticket: Ticket) -> None:
        self._queued_bytes -= ticket.size_bytes
        self._queued.remove(ticket)
        if not self._queued:
            self._settled.notify_all()

    def _released(self, name: SegmentName) -> _Holding | None:
        holding = self._holdings.pop(name, None)
        if holding is not None:
            self._held_bytes -= holding.size_bytes
        return holding

    def _count_loss(self, reason: DropReason, loss: _Loss) -> None:
        self._dropped[reason] += loss.records
        self._note_loss(reason, loss)

    def _note_loss(self, reason: DropReason, loss: _Loss) -> None:
        key = reason, floor_hour(loss.first)
        earlier = self._losses.get(key)
        self._losses[key] = loss if earlier is None else earlier.merged(loss)


def _loss_of(holding: _Holding, records: int) -> _Loss:
    return _Loss(holding.oldest, holding.newest, records)


def _gap_of(reason: DropReason, loss: _Loss) -> Gap:
    return Gap(
        start=floor_second(loss.first), end=floor_second(loss.last) + SECOND, dropped=loss.records, reason=reason
    )
